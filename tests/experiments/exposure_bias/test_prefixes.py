"""Prefixes: those of a toy language can all be listed, and their law is known."""

import itertools
import math

import pytest
import torch
from exact_models import ExactModel, every_prefix

from nlgnotes.decoding.documents import generate_documents
from nlgnotes.documents import Documents
from nlgnotes.equations.sampling import Sampler, TopK
from nlgnotes.experiments.exposure_bias import prefixes
from nlgnotes.languages import Newswire
from nlgnotes.networks.transformer import Decoder, DecoderConfig
from nlgnotes.randomness import generator

TOY = Newswire.toy()


V = TOY.vocab_size


MODEL = Decoder(DecoderConfig(V, context=16, width=12, layers=1, heads=2, hidden=16), generator(0))


# Two-sided normal tail 4e-8: with the few dozen comparisons here, false alarms below 1e-6.
FIVE_SIGMA_AND_MORE = 5.5


def test_alive_before_by_hand():
    documents = Documents.from_lists([[3, 1, 0], [2, 2], [1, 2, 3]])
    assert prefixes.alive_before(documents).int().tolist() == [
        [1, 1, 1, 0],
        [1, 1, 1, 0],
        [1, 1, 1, 1],
    ]


def test_survivors_follow_the_law_of_the_documents_that_go_on():
    n, (rows, weight) = 20_000, every_prefix(TOY, 2)
    drawn = prefixes.survivors(lambda m: TOY.sample(m, generator(1, "s"), max_length=2), 5, 2)
    assert drawn.shape == (5, 2)
    chance = generator(2, "survivors")
    drawn = prefixes.survivors(lambda m: TOY.sample(m, chance, max_length=2), n, 2)
    seen = torch.stack([(drawn == row).all(-1).double().mean() for row in rows])
    z = (seen - weight) / (weight * (1 - weight) / n).sqrt()
    assert (
        (drawn > 0).all() and float(seen.sum()) == 1 and float(z.abs().max()) < FIVE_SIGMA_AND_MORE
    )


def test_survivors_give_up_where_documents_end_too_early():
    short = Documents.from_lists([[1, 0], [2, 0]])
    with pytest.raises(
        ValueError, match="length must be one that documents reach; got 2, and 0 of 6"
    ):
        prefixes.survivors(lambda m: short, 2, 2, rounds=3)
    with pytest.raises(ValueError, match="n must be"):
        prefixes.survivors(lambda m: short, 0, 2)


def test_shuffling_keeps_the_words_and_likes_no_order():
    rows = torch.tensor([[1, 2, 3]]).repeat(12_000, 1)
    out = prefixes.shuffle_words(rows, generator(3))
    assert out.sort(-1).values.equal(rows)
    seen = torch.stack(
        [(out == torch.tensor(order)).all(-1).sum() for order in itertools.permutations((1, 2, 3))]
    )
    assert float(((seen - 2000) / math.sqrt(12_000 / 6 * 5 / 6)).abs().max()) < FIVE_SIGMA_AND_MORE


def test_random_words_are_uniform_without_the_end():
    out = prefixes.random_words(4000, 5, V, generator(4))
    seen = out.flatten().bincount(minlength=V)
    assert seen[0] == 0 and out.shape == (4000, 5)
    expected = 20_000 / (V - 1)
    assert float(((seen[1:] - expected) / math.sqrt(expected)).abs().max()) < FIVE_SIGMA_AND_MORE


def test_four_prefixes_are_alike_in_length_and_none_has_ended():
    four = prefixes.four_prefixes(MODEL, TOY, 40, 4, generator(5))
    assert tuple(four) == prefixes.KINDS
    assert all(p.shape == (40, 4) and (p > 0).all() for p in four.values())
    assert four["shuffled"].sort(-1).values.equal(four["data"].sort(-1).values)


def test_a_greedy_model_writes_one_prefix_from_nothing_and_many_from_true_words():
    greedy = Sampler((TopK(1),))
    alone = generate_documents(MODEL, 30, max_new_tokens=5, generator=generator(6), sampler=greedy)
    assert len(alone.tokens.unique(dim=0)) == 1
    context = torch.tensor([[1, 2], [3, 4], [1, 2]])
    text = prefixes.continue_prefixes(MODEL, context, 3, generator(6), sampler=greedy)
    assert text.tokens[:, :2].equal(context) and text.tokens[0].equal(text.tokens[2])


def test_continued_prefixes_are_as_wide_as_asked_for_whether_they_end_or_not():
    class Ends(ExactModel):
        def step(self, tokens, cache):
            logits, cache = super().step(tokens, cache)
            return torch.full_like(logits, -9.0).index_fill(-1, torch.tensor([0]), 99.0), cache

    text = prefixes.continue_prefixes(Ends(TOY), torch.tensor([[1, 2]]), 5, generator(0))
    assert text.tokens.shape == (1, 7) and text.lengths.tolist() == [3]


@pytest.mark.parametrize("size", [(0, 5, 9), (2, 0, 9), (2, 5, 1), (2, -1, 9)])
def test_words_that_cannot_be_drawn_are_refused(size):
    with pytest.raises(ValueError, match="must be an integer of at least"):
        prefixes.random_words(*size, generator(0))
