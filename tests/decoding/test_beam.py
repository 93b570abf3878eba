"""Beam search against every continuation there is; the scores of spans against the model read token by token."""

import itertools
from types import SimpleNamespace
from typing import NamedTuple

import pytest
import torch
from jaxtyping import TypeCheckError

from nlgnotes.decoding.beam import (
    Beams,
    beam_search,
    length_normalised_scores,
    rerank,
    span_log_probs,
)
from nlgnotes.decoding.generation import generate
from nlgnotes.equations.sampling import Sampler
from nlgnotes.networks.transformer import Decoder, DecoderConfig
from nlgnotes.randomness import generator

VOCAB, STOP = 5, 3
MODEL = Decoder(
    DecoderConfig(vocab_size=VOCAB, context=9, width=12, layers=2, heads=3, hidden=20), generator(0)
)
for p in MODEL.parameters():
    p.data.mul_(6)
PROMPT = torch.randint(VOCAB, (3, 3), generator=generator(1))


def go(beams, new=4, stop=STOP, model=MODEL, prompt=PROMPT):
    return beam_search(model, prompt, beams=beams, max_new_tokens=new, stop_token=stop)


def everything(new, stop):
    """Every continuation: those that stop, and those that are cut."""
    words = [w for w in range(VOCAB) if w != stop]
    cut = [list(t) for t in itertools.product(words, repeat=new)]
    if stop is None:
        return cut
    return cut + [[*t, stop] for n in range(new) for t in itertools.product(words, repeat=n)]


def log_prob(row, ids):
    """By the model's uncached road, in one piece."""
    tokens = torch.cat([PROMPT[row], torch.tensor(ids)])[None]
    scores = MODEL(tokens[:, :-1]).log_softmax(-1)[0, 2:].detach()
    return float(scores.gather(-1, torch.tensor(ids)[:, None]).sum())


@pytest.mark.parametrize("stop", [None, STOP])
def test_a_wide_beam_is_exhaustive_search(stop):
    every = everything(3, stop)
    got = go(len(every) + 10, new=3, stop=stop)
    for row in range(3):
        wanted = sorted(((log_prob(row, ids), ids) for ids in every), reverse=True)
        for k, (score, _) in enumerate(wanted):
            n = int(got.lengths[row, k])
            assert float(got.log_probs[row, k]) == pytest.approx(score, abs=1e-3)
            assert log_prob(row, got.tokens[row, k, :n].tolist()) == pytest.approx(score, abs=1e-3)
            assert not got.tokens[row, k, n:].any()
        found = {
            tuple(t[:n].tolist())
            for t, n in zip(got.tokens[row], got.lengths[row], strict=True)
            if n
        }
        assert found == {tuple(ids) for ids in every}
        assert (got.lengths[row, -10:] == 0).all() and (
            got.log_probs[row, -10:] == -torch.inf
        ).all()
        assert not got.tokens[row, -10:].any()


@pytest.mark.parametrize("stop", [None, STOP, 0])
def test_one_beam_is_greedy(stop):
    greedy = generate(
        MODEL,
        PROMPT,
        max_new_tokens=7,
        sampler=Sampler.greedy(),
        generator=generator(0),
        stop_token=stop,
    )
    got = go(1, new=7, stop=stop)
    assert torch.equal(got.tokens[:, 0], greedy.tokens) and torch.equal(
        got.lengths[:, 0], greedy.lengths
    )
    torch.testing.assert_close(got.log_probs[:, 0], greedy.log_probs.sum(-1), atol=1e-3, rtol=0)


@pytest.mark.parametrize("beams", [2, 3, 7])
def test_every_step_keeps_the_best(beams):
    # The textbook's loop over lists, on the uncached model.
    for row in range(3):
        kept = [(0.0, [])]
        for _ in range(4):
            longer = [(s, ids) for s, ids in kept if ids[-1:] == [STOP]]
            for _, ids in (k for k in kept if k[1][-1:] != [STOP]):
                longer += [(log_prob(row, [*ids, w]), [*ids, w]) for w in range(VOCAB)]
            kept = sorted(longer, reverse=True)[:beams]
        got = go(beams)
        for k, (score, ids) in enumerate(kept):
            assert got.tokens[row, k, : got.lengths[row, k]].tolist() == ids
            assert float(got.log_probs[row, k]) == pytest.approx(score, abs=1e-3)


def test_rows_do_not_disturb_each_other():
    together = go(4)
    for row in range(3):
        alone = go(4, prompt=PROMPT[row : row + 1])
        assert torch.equal(alone.tokens[0], together.tokens[row])


class State(NamedTuple):
    """A cache of the other kind: what was read, as a NamedTuple."""

    read: torch.Tensor
    length: int


def test_a_named_tuple_is_a_cache_too():
    def step(tokens, cache):
        read = torch.cat([cache.read, tokens], 1)
        return MODEL(read)[:, -tokens.shape[1] :], State(read, read.shape[1])

    model = SimpleNamespace(
        config=MODEL.config,
        step=step,
        empty_cache=lambda b, c: State(torch.zeros(b, 0, dtype=torch.long), 0),
    )
    assert torch.equal(go(4, model=model).tokens, go(4).tokens)
    model.empty_cache, model.step = lambda b, c: None, lambda t, c: (MODEL(t), c)
    with pytest.raises(ValueError, match="NoneType without rows"):
        go(4, model=model)


def test_transformers_caches_can_be_searched(tmp_path):
    transformers = pytest.importorskip("transformers")
    from nlgnotes.checkpoints import load

    torch.manual_seed(0)  # theirs draws its weights from the global generator
    config = transformers.GPT2Config(
        vocab_size=11,
        n_positions=16,
        n_embd=12,
        n_layer=2,
        n_head=2,
        bos_token_id=0,
        eos_token_id=0,
    )
    theirs = transformers.GPT2LMHeadModel(config).eval()
    for p in theirs.parameters():
        p.data.mul_(8)
    theirs.save_pretrained(tmp_path)
    prompt = torch.tensor([[0, 4, 2]])
    ours = beam_search(load(f"hf:{tmp_path}").model, prompt, beams=3, max_new_tokens=5)
    wanted = theirs.generate(
        prompt,
        attention_mask=torch.ones_like(prompt),
        num_beams=3,
        num_return_sequences=3,
        max_new_tokens=5,
        do_sample=False,
        eos_token_id=None,
        pad_token_id=0,
    )
    assert torch.equal(ours.tokens[0], wanted[:, 3:])


def test_what_was_found_can_be_learned_from():
    got = go(2)
    (MODEL(got.tokens[:, 0]).log_softmax(-1).sum() * got.log_probs.sum()).backward()
    assert MODEL.embedding.grad is not None
    MODEL.zero_grad()


def test_reranking():
    beams = Beams(
        torch.tensor([[[1, 2], [3, 0], [0, 0]]]),
        torch.tensor([[-1.0, -2.0, -torch.inf]]),
        torch.tensor([[2, 1, 0]]),
    )
    again = rerank(beams, torch.tensor([[5.0, 7.0, 9.0]]))
    assert again.tokens.tolist() == [[[3, 0], [1, 2], [0, 0]]] and again.lengths.tolist() == [
        [1, 2, 0]
    ]
    assert again.log_probs.tolist() == [[-2.0, -1.0, -torch.inf]]
    assert torch.equal(rerank(beams, torch.zeros(1, 3)).tokens, beams.tokens)
    assert length_normalised_scores(beams).tolist() == [[-0.5, -2.0, -torch.inf]]
    assert torch.equal(length_normalised_scores(beams, 0), beams.log_probs)
    with pytest.raises(ValueError, match="scores must not hold NaN; got 1"):
        rerank(beams, torch.tensor([[5.0, torch.nan, 9.0]]))
    with pytest.raises((ValueError, TypeCheckError)):
        rerank(beams, torch.zeros(1, 2))
    with pytest.raises(ValueError, match=r"exponent must lie in \[0, inf\); got -1"):
        length_normalised_scores(beams, -1)


def test_spans_against_reading_on():
    tokens = torch.randint(VOCAB, (7, 8), generator=generator(2))
    starts, ends = torch.tensor([1, 2, 3, 4, 8, 1, 5]), torch.tensor([8, 4, 3, 8, 8, 2, 6])
    got = span_log_probs(MODEL, tokens, starts, ends, batch_size=3)
    for row in range(7):
        total = 0.0
        for t in range(int(starts[row]), int(ends[row])):
            total += float(
                MODEL(tokens[row : row + 1, :t]).log_softmax(-1)[0, -1, tokens[row, t]].detach()
            )
        assert float(got[row]) == pytest.approx(total, abs=1e-4)
    # A beam's own score is the span of what it wrote.
    found = go(4)
    rows = torch.cat([PROMPT[:, None].expand(-1, 4, -1), found.tokens], -1).flatten(0, 1)
    again = span_log_probs(MODEL, rows, torch.full((12,), 3), 3 + found.lengths.flatten()).view(
        3, 4
    )
    torch.testing.assert_close(again, found.log_probs, atol=1e-3, rtol=0)
    for start, end in ((0, 3), (4, 3), (1, 9)):
        with pytest.raises(ValueError, match="spans must have 1 <= start <= end <= 8"):
            span_log_probs(MODEL, tokens[:1], torch.tensor([start]), torch.tensor([end]))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"beams": 0}, "beams must be an integer of at least 1; got 0"),
        ({"beams": 2, "new": 0}, "max_new_tokens must be an integer of at least 1; got 0"),
        ({"beams": 2, "new": 8}, "context of 9; got 3 \\+ 8"),
        ({"beams": 2, "stop": 5}, "stop_token must lie in \\[0, 5\\); got 5"),
        ({"beams": 2, "prompt": torch.tensor([[5]])}, "prompt must hold ids in \\[0, 5\\)"),
    ],
)
def test_bad_arguments_are_named(changes, message):
    with pytest.raises(ValueError, match=message):
        go(**changes)
