"""Prompts by hand, and the two stages on a model whose next token is known."""

from types import SimpleNamespace

import pytest
import torch

from nlgnotes.decoding.prompting import few_shot_prompt, two_stage_answers
from nlgnotes.equations.sampling import Sampler, TopK
from nlgnotes.randomness import generator

VOCAB, REASON, CONCLUDE, STOP = 12, 9, 10, 11
GREEDY = {"sampler": Sampler((TopK(1),)), "generator": generator(0)}


class Counter:
    """After a token t it writes t + 1; after the reason 0; it stops after its row's first token.

    After the conclusion it writes how many tokens it has read.
    """

    config = SimpleNamespace(context=40, vocab_size=VOCAB)

    def empty_cache(self, batch, capacity):
        return torch.zeros(batch, 0, dtype=torch.long)

    def step(self, tokens, cache):
        read = torch.cat([cache, tokens], 1)
        last, first = read[:, -1], read[:, 0]
        after = torch.where(last == REASON, 0, last + 1)
        after = torch.where(last == first, STOP, after)
        after = torch.where(last == CONCLUDE, read.shape[1] - 1, after)
        logits = torch.nn.functional.one_hot(after.clamp(max=STOP), VOCAB).float() * 50
        return logits[:, None].expand(-1, tokens.shape[1], -1), read


def two_stages(questions, **others):
    options = {"reason": [REASON], "conclude": [CONCLUDE], "stop_tokens": [STOP], "max_reasons": 5}
    return two_stage_answers(Counter(), questions, **options | others, **GREEDY)


def test_reasons_are_cut_at_the_stop_and_the_answer_reads_all_of_them():
    found = two_stages(torch.tensor([[2, 7], [0, 7], [4, 7]]))
    # The first row writes 0 1 2 and stops, the second 0, the third is cut after five tokens.
    assert found.reasons.tolist() == [[0, 1, 2, 0, 0], [0, 0, 0, 0, 0], [0, 1, 2, 3, 4]]
    assert found.lengths.tolist() == [3, 1, 5]
    # Two tokens of the question, one that asks for reasons, the reasons.
    assert found.answers.tolist() == [2 + 1 + 3, 2 + 1 + 1, 2 + 1 + 5]


def test_the_demonstrations_come_first():
    parts = [torch.tensor([[1, 2], [3, 4]]), torch.tensor([[5], [6]])]
    prompt = few_shot_prompt(parts, torch.tensor([[7, 8], [9, 10]]))
    assert prompt.tolist() == [[1, 2, 5, 7, 8], [3, 4, 6, 9, 10]]
    asked = torch.tensor([[7, 8]])
    assert few_shot_prompt([], asked).equal(asked)


def test_ill_arguments_are_named():
    with pytest.raises(ValueError, match=r"demonstrations must have the rows of questions; got"):
        few_shot_prompt([torch.tensor([[1]])], torch.tensor([[1], [2]]))
    questions = torch.tensor([[2, 7]])
    with pytest.raises(ValueError, match="conclude must hold at least one token; got none"):
        two_stages(questions, conclude=[])
    with pytest.raises(ValueError, match="max_reasons must"):
        two_stages(questions, max_reasons=0)
