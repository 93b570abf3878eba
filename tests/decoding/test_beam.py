"""Beam search against every continuation there is; spans against reading token by token."""

import copy
import itertools
import re
from types import SimpleNamespace

import pytest
import torch

from nlgnotes.decoding.beam import beam_search, span_log_probs
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


def test_a_cache_must_give_its_rows():
    model = SimpleNamespace(config=MODEL.config, step=lambda t, c: (MODEL(t), c))
    model.empty_cache = lambda batch, capacity: None
    with pytest.raises(ValueError, match="NoneType without rows"):
        go(4, model=model)


class Ill(torch.nn.Module):
    """The model, with one score in every row (or all of them) replaced, from a step on."""

    def __init__(self, value, word=2, first=0):
        super().__init__()
        self.config, self.value, self.word, self.wait = MODEL.config, value, word, first

    def empty_cache(self, *sizes):
        return MODEL.empty_cache(*sizes)

    def spoilt(self, logits):
        logits = logits.clone()
        self.wait -= 1
        if self.wait < 0:
            logits[..., self.word] = self.value
        return logits

    def forward(self, tokens):
        return self.spoilt(MODEL(tokens))

    def step(self, tokens, cache):
        logits, cache = MODEL.step(tokens, cache)
        return self.spoilt(logits), cache


ILL = {
    "NaN": (torch.nan, 2, "logits must not hold NaN"),
    "+inf": (torch.inf, 2, "logits must not hold [+]inf"),
    "all -inf": (-torch.inf, slice(None), "logits must have a finite entry in every row"),
    "all NaN": (torch.nan, slice(None), "logits must not hold NaN"),
}


@pytest.mark.parametrize("kind", ILL)
@pytest.mark.parametrize("first", [0, 1, 3])
@pytest.mark.parametrize("beams", [1, 2, 7])
def test_ill_logits_are_errors_at_every_step(kind, first, beams):
    value, word, message = ILL[kind]
    with pytest.raises(ValueError, match=message):
        go(beams, model=Ill(value, word, first), stop=None)


@pytest.mark.parametrize("kind", ILL)
def test_ill_logits_in_a_span_are_errors_and_outside_of_it_are_not(kind):
    value, word, message = ILL[kind]
    tokens, three = torch.tensor([[0, 3, 2, 1]]), torch.tensor([3])
    with pytest.raises(ValueError, match=message):
        span_log_probs(Ill(value, word), tokens, torch.tensor([1]), torch.tensor([4]))
    assert float(span_log_probs(Ill(value, word), tokens, three, three)[0]) == 0.0


def test_what_the_model_forbids_is_no_error():
    """A word of -inf is never written, and a span with it has log-probability -inf."""
    found = go(7, model=Ill(-torch.inf), stop=None)
    assert not (found.tokens == 2).any() and torch.isfinite(found.log_probs).all()
    tokens = torch.tensor([[0, 3, 2, 1]])
    spans = [(3, 4), (2, 4)]
    scores = [
        float(span_log_probs(Ill(-torch.inf), tokens, *map(torch.tensor, ([a], [b])))[0])
        for a, b in spans
    ]
    assert scores[0] < 0 and scores[0] > -torch.inf and scores[1] == -torch.inf


@pytest.mark.parametrize("shape", [(3, 1, 6), (2, 1, 5), (5,)])
def test_logits_of_another_shape_are_errors(shape):
    model = Ill(0.0)
    model.step = lambda tokens, cache: (torch.zeros(shape), cache)
    with pytest.raises(ValueError, match=r"model.step must give .* of shape \(3, 3, 5\); got"):
        go(2, model=model)


def test_scores_keep_the_models_precision():
    exact = copy.deepcopy(MODEL).double()
    found, tokens = go(3, model=exact), PROMPT[:, :2]
    assert found.log_probs.dtype == torch.float64
    whole = torch.cat([PROMPT[:, None].expand(-1, 3, -1), found.tokens], -1).flatten(0, 1)
    starts = torch.full((9,), 3)
    spans = span_log_probs(exact, whole, starts, starts + found.lengths.flatten())
    torch.testing.assert_close(spans.view(3, 3), found.log_probs, atol=1e-12, rtol=0)
    for dtype in (torch.float16, torch.bfloat16):
        half = copy.deepcopy(MODEL).to(dtype)
        assert go(3, model=half).log_probs.dtype == torch.float32
        one = torch.tensor([1] * 3)
        score = span_log_probs(half, tokens, one, one + 1)
        logits = half(tokens[:, :1])[:, 0].detach().double()
        expected = logits.log_softmax(-1).gather(-1, tokens[:, 1:])[:, 0]
        torch.testing.assert_close(score.double(), expected, atol=1e-6, rtol=0)


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


SETUP = """
import torch
from nlgnotes.decoding.beam import span_log_probs
from nlgnotes.networks.transformer import Decoder, DecoderConfig
model = Decoder(DecoderConfig(5, 9, 8, 1, 2, 8), torch.Generator().manual_seed(0))
rows, one, two = torch.tensor([[0, 1, 2]]), torch.tensor([1]), torch.tensor([2])
"""
SPANS = {
    "no rows": ("span_log_probs(model, rows[:0], one[:0], two[:0])", "tokens must not be empty"),
    "foreign ids": (
        "span_log_probs(model, rows + 5, one, two)",
        r"tokens must hold ids in \[0, 5\)",
    ),
    "int32 rows": ("span_log_probs(model, rows.int(), one, two)", "tokens must be an int64 tensor"),
    "float starts": (
        "span_log_probs(model, rows, one.float(), two)",
        "starts must be .*torch.float32",
    ),
    "list of ends": ("span_log_probs(model, rows, one, [2])", "ends must be an int64 .*; got list"),
    "two ends": (
        "span_log_probs(model, rows, one, rows[0, 1:])",
        "one place per row .1.; got 1 and 2",
    ),
}


def test_bad_spans_are_named(plain):
    answers = plain(SETUP, {name: code for name, (code, _) in SPANS.items()})
    for name, (_, message) in SPANS.items():
        kind, said = answers[name]
        assert kind == "ValueError" and re.search(message, said), (name, said)
