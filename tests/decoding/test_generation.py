"""Cached generation is the uncached one; its evidence is what the model says."""

import copy
import re
from functools import partial
from types import SimpleNamespace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from nlgnotes.decoding.generation import generate
from nlgnotes.equations.penalties import presence_penalty, seen_tokens
from nlgnotes.equations.sampling import Sampler, Temperature, TopK
from nlgnotes.equations.sampling_variants import RandomMask
from nlgnotes.networks.transformer import Decoder, DecoderConfig
from nlgnotes.randomness import generator

MODEL = Decoder(
    DecoderConfig(vocab_size=11, context=13, width=12, layers=2, heads=3, hidden=20), generator(0)
)
for p in MODEL.parameters():
    p.data.mul_(6)  # decided opinions: a fresh model's are near uniform
PROMPT = torch.randint(11, (5, 3), generator=generator(1))


class Uncached:
    """The slow road: read everything again for every token."""

    config = MODEL.config

    def empty_cache(self, batch, capacity):
        return torch.zeros(batch, 0, dtype=torch.long)

    def step(self, tokens, cache):
        read = torch.cat((cache, tokens), 1)
        return MODEL(read)[:, -tokens.shape[1] :], read


PLAIN = Sampler()


def go(model=MODEL, seed=0, sampler=PLAIN, new=11, stop=None, prompt=PROMPT):
    return generate(
        model,
        prompt,
        max_new_tokens=new,
        sampler=sampler,
        generator=generator(seed),
        stop_token=stop,
    )


def test_cached_equals_uncached_and_seeds_reproduce():
    a, b, c, other = go(), go(), go(Uncached()), go(seed=1)
    assert (
        torch.equal(a.tokens, b.tokens)
        and torch.equal(a.tokens, c.tokens)
        and not torch.equal(a.tokens, other.tokens)
    )
    torch.testing.assert_close(a.log_probs, c.log_probs, atol=1e-4, rtol=0)


def test_top_1_is_greedy():
    tokens = PROMPT
    for _ in range(11):
        tokens = torch.cat((tokens, MODEL(tokens)[:, -1].argmax(-1, keepdim=True)), 1)
    written = go(sampler=Sampler((TopK(1),)))
    assert torch.equal(written.tokens, tokens[:, 3:]) and (written.sampler_log_probs == 0).all()


def test_evidence_is_the_models_own():
    out = go(sampler=Sampler((Temperature(0.5),)))
    logits = MODEL(torch.cat((PROMPT, out.tokens), 1)[:, :-1])[:, 2:].detach()
    for scores, said in ((logits, out.log_probs), (2 * logits, out.sampler_log_probs)):
        expected = scores.log_softmax(-1).gather(-1, out.tokens[..., None])[..., 0]
        torch.testing.assert_close(said, expected, atol=1e-4, rtol=0)


def test_what_was_written_can_be_learned_from():
    out = go(new=4)
    MODEL(out.tokens).log_softmax(-1).gather(-1, out.tokens[..., None]).mul(
        out.log_probs[..., None]
    ).sum().backward()
    assert MODEL.embedding.grad is not None
    MODEL.zero_grad()


def test_stop_token_ends_rows():
    free, stopped = go(seed=3), go(seed=3, stop=int(go(seed=3).tokens[0, 2]))
    stop = int(free.tokens[0, 2])
    for row in range(5):
        n = int(stopped.lengths[row])
        assert (stopped.tokens[row, : n - 1] != stop).all() and (
            n == 11 or stopped.tokens[row, n - 1] == stop
        )
        assert (stopped.tokens[row, n:] == 0).all() and (stopped.log_probs[row, n:] == 0).all()
        assert (stopped.sampler_log_probs[row, n:] == 0).all()
    assert stopped.lengths[0] <= 3


def test_all_stopped_ends_early():
    calls = []

    def step(tokens, cache):
        calls.append(1)
        return torch.tensor([0.0, 50.0]).expand(2, tokens.shape[1], 2), cache

    model = SimpleNamespace(
        config=SimpleNamespace(vocab_size=2, context=9), empty_cache=lambda b, c: None, step=step
    )
    out = go(model, prompt=torch.zeros(2, 1, dtype=torch.long), new=8, stop=1)
    assert (
        len(calls) == 1
        and out.lengths.tolist() == [1, 1]
        and out.tokens.tolist() == [[1] + [0] * 7] * 2
    )


class Watched:
    """The model; it notes how many rows each step reads."""

    config, reads_rows_alike = MODEL.config, True

    def __init__(self):
        self.rows = []

    def empty_cache(self, batch, capacity):
        return MODEL.empty_cache(batch, capacity)

    def step(self, tokens, cache):
        self.rows.append(len(tokens))
        return MODEL.step(tokens, cache)


@pytest.mark.parametrize("batch", [8, 40])
@pytest.mark.parametrize("sampler", [Sampler(), Sampler((Temperature(0.8), TopK(5)))])
@pytest.mark.parametrize("penalty", [None, partial(presence_penalty, amount=1.0)])
def test_rows_that_have_stopped_leave_and_change_no_draw_of_the_others(batch, sampler, penalty):
    prompt = torch.randint(11, (batch, 3), generator=generator(batch))
    options = {"max_new_tokens": 11, "stop_token": 4, "sampler": sampler, "penalty": penalty}
    watched, chance, other = Watched(), generator(5), generator(5)
    out = generate(watched, prompt, generator=chance, **options)
    stay = generate(Uncached(), prompt, generator=other, **options)  # its cache gives no rows
    assert watched.rows[0] == batch > watched.rows[-1]
    assert torch.equal(out.tokens, stay.tokens) and torch.equal(out.lengths, stay.lengths)
    torch.testing.assert_close(out.log_probs, stay.log_probs, atol=1e-5, rtol=0)
    torch.testing.assert_close(out.sampler_log_probs, stay.sampler_log_probs, atol=1e-5, rtol=0)
    assert torch.equal(chance.get_state(), other.get_state())


@pytest.mark.parametrize("sampler", [Sampler((RandomMask(0.3),)), lambda x, g: x])
def test_rows_stay_where_a_rule_could_tell(sampler):
    """A random transform would draw other numbers; what a plain function does is not known."""
    watched = Watched()
    out = go(watched, sampler=sampler, stop=4, prompt=PROMPT.repeat(4, 1))
    assert (out.lengths < 6).any() and set(watched.rows[1:]) == {20}


def test_equal_prompts_are_read_once():
    watched, prompt = Watched(), PROMPT[[0, 1, 1, 0, 1, 1]]
    out, whole = go(watched, prompt=prompt), go(Uncached(), prompt=prompt)
    assert watched.rows == [2, *[6] * 10]
    assert torch.equal(out.tokens, whole.tokens)
    torch.testing.assert_close(out.log_probs, whole.log_probs, atol=1e-5, rtol=0)
    watched.rows, watched.reads_rows_alike = [], False
    go(watched, prompt=prompt)
    assert watched.rows == [6] * 11


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"new": 12}, "context of 13; got 3 \\+ 12"),
        ({"new": 0}, "max_new_tokens must be an integer of at least 1; got 0"),
        ({"stop": 11}, "stop_token must lie in \\[0, 11\\); got 11"),
        ({"prompt": torch.zeros(1, 0, dtype=torch.long)}, "prompt must not be empty"),
        ({"prompt": torch.tensor([[11]])}, "prompt must hold ids in \\[0, 11\\)"),
        ({"sampler": 3}, "sampler must transform logits; got 3"),
    ],
)
def test_bad_arguments_are_named(changes, message):
    with pytest.raises(ValueError, match=message):
        go(**changes)


@pytest.mark.parametrize("prompt_counts", [True, False])
def test_a_penalty_sees_what_was_said(prompt_counts):
    # The slow road: greedy, reading everything again, the set of tokens said made anew each time.
    rule = partial(presence_penalty, amount=4.0)
    out = generate(
        MODEL,
        PROMPT,
        max_new_tokens=11,
        sampler=Sampler.greedy(),
        generator=generator(0),
        penalty=rule,
        penalise_prompt=prompt_counts,
    )
    tokens = PROMPT
    for i in range(11):
        logits = MODEL(tokens)[:, -1].detach()
        said = seen_tokens(tokens if prompt_counts else tokens[:, 3:], 11)
        assert torch.equal(out.tokens[:, i], rule(logits, said).argmax(-1))
        # The evidence is the model's own, without the penalty.
        torch.testing.assert_close(
            out.log_probs[:, i],
            logits.log_softmax(-1).gather(-1, out.tokens[:, i, None])[:, 0],
            atol=1e-4,
            rtol=0,
        )
        tokens = torch.cat((tokens, out.tokens[:, i, None]), 1)
    assert not torch.equal(out.tokens, go(sampler=Sampler.greedy()).tokens)


def test_no_penalty_and_an_empty_one_are_the_same():
    plain = go()
    nothing = generate(
        MODEL,
        PROMPT,
        max_new_tokens=11,
        sampler=Sampler(),
        generator=generator(0),
        penalty=lambda x, seen: x,
    )
    assert torch.equal(plain.tokens, nothing.tokens) and torch.equal(
        plain.sampler_log_probs, nothing.sampler_log_probs
    )


@pytest.mark.parametrize("batch", [1, 5])
def test_a_float64_model_keeps_its_precision(batch):
    exact, sharp = copy.deepcopy(MODEL).double(), Sampler((Temperature(0.5),))
    out = go(exact, prompt=PROMPT[:batch], sampler=sharp)
    assert out.log_probs.dtype == out.sampler_log_probs.dtype == torch.float64
    logits = exact(torch.cat((PROMPT[:batch], out.tokens), 1)[:, :-1])[:, 2:].detach()
    for scores, said in ((logits, out.log_probs), (2 * logits, out.sampler_log_probs)):
        expected = scores.log_softmax(-1).gather(-1, out.tokens[..., None])[..., 0]
        torch.testing.assert_close(said, expected, atol=1e-12, rtol=0)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_a_half_precision_model_is_scored_in_float32(dtype):
    half = copy.deepcopy(MODEL).to(dtype)
    out = go(half, new=1, sampler=Sampler((TopK(3),)))
    assert out.log_probs.dtype == out.sampler_log_probs.dtype == torch.float32
    logits = half.step(PROMPT, half.empty_cache(5))[0][:, -1].double()
    expected = logits.log_softmax(-1).gather(-1, out.tokens)
    torch.testing.assert_close(out.log_probs.double(), expected, atol=1e-6, rtol=0)
    assert go(half, stop=3).tokens.max() < 11


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from((torch.float16, torch.bfloat16, torch.float32, torch.float64)),
    st.floats(1e-38, 1e-3),
    st.integers(0, 99),
    st.booleans(),
)
def test_a_very_low_temperature_writes_the_likeliest_or_says_why_not(dtype, T, seed, negative):
    """Never an id outside the vocabulary."""
    sign = -1 if negative else 1
    logits = sign * torch.tensor([10.0, 30.0, 20.0]).to(dtype)
    model = constant(logits.expand(2, 1, 3))
    try:
        out = go(model, seed, Sampler((Temperature(T),)), new=2, prompt=torch.zeros(2, 1).long())
    except ValueError as error:
        assert "T" in str(error) or "scores" in str(error) or "logits" in str(error)
    else:
        assert (out.tokens == int(logits.argmax())).all()
        assert torch.isfinite(out.sampler_log_probs).all()


def constant(logits):
    """A model that gives these logits ``[batch, 1, vocab]`` at every step."""
    return SimpleNamespace(
        config=SimpleNamespace(vocab_size=logits.shape[-1], context=9),
        empty_cache=lambda batch, capacity: None,
        step=lambda tokens, cache: (logits.expand(-1, tokens.shape[1], -1), cache),
    )


class Spoilt:
    """The model; from its n-th step on, something is done to its logits."""

    config = MODEL.config

    def __init__(self, change, first=0):
        self.change, self.wait = change, first

    def empty_cache(self, batch, capacity):
        return MODEL.empty_cache(batch, capacity)

    def step(self, tokens, cache):
        logits, cache = MODEL.step(tokens, cache)
        self.wait -= 1
        return (self.change(logits.clone()) if self.wait < 0 else logits), cache


def one_nan(x):
    x[..., 2] = torch.nan
    return x


def one_inf(x):
    x[..., 2] = torch.inf
    return x


def none_left(x):
    return torch.full_like(x, -torch.inf)


ILL = [
    (one_nan, "must not hold NaN"),
    (one_inf, "must not hold [+]inf"),
    (none_left, "must have a finite entry in every row"),
]


@pytest.mark.parametrize(("change", "message"), ILL)
@pytest.mark.parametrize("first", [0, 1, 5])
@pytest.mark.parametrize(
    "sampler", [Sampler(), Sampler.greedy(), TopK(1), lambda x, g: torch.zeros_like(x)]
)
def test_ill_logits_are_errors_at_every_step(change, message, first, sampler):
    """Whatever the sampler makes of them: the last one hides them all."""
    with pytest.raises(ValueError, match=f"logits {message}"):
        go(Spoilt(change, first), sampler=sampler)


@pytest.mark.parametrize(("change", "message"), ILL)
def test_ill_scores_of_a_penalty_or_a_sampler_are_errors(change, message):
    with pytest.raises(ValueError, match=f"the penalty's scores {message}"):
        penalised(lambda x, seen: change(x.clone()))
    with pytest.raises(ValueError, match=message):
        go(sampler=lambda x, g: change(x.clone()))
    with pytest.raises(ValueError, match=f"logits {message}"):
        penalised(lambda x, seen: torch.zeros_like(x), Spoilt(change))


@pytest.mark.parametrize(
    "shorter",
    [lambda x: x[:, :-1], lambda x: x[:2], lambda x: x[0], lambda x: x.tolist(), lambda x: None],
)
def test_scores_of_another_shape_are_errors(shorter):
    with pytest.raises(ValueError, match=r"sampler must give scores .* shape \(5, 11\); got"):
        go(sampler=lambda x, g: shorter(x))
    with pytest.raises(ValueError, match=r"penalty must give scores .* shape \(5, 11\); got"):
        penalised(lambda x, seen: shorter(x))


@pytest.mark.parametrize(
    "logits", [torch.zeros(5, 3, 12), torch.zeros(5, 11), torch.zeros(5, 3, 11).long(), None]
)
def test_logits_of_another_kind_are_errors(logits):
    with pytest.raises(ValueError, match="model.step must give floating-point logits of shape"):
        go(Spoilt(lambda x: logits))


def penalised(penalty, model=MODEL):
    return generate(
        model,
        PROMPT,
        max_new_tokens=3,
        sampler=Sampler(),
        generator=generator(0),
        penalty=penalty,
    )


def test_a_row_that_has_ended_may_draw_what_is_impossible():
    """Its log-probability is 0 by definition, not 0 times -inf."""
    # The sampler always draws the word 1, which the model forbids, and which ends the row.
    model = constant(torch.tensor([[[0.0, -torch.inf]], [[0.0, 0.0]]]))
    draws = iter(([1, 0], [1, 1]))

    def sampler(x, g):
        return torch.full((2, 2), -torch.inf).scatter(1, torch.tensor(next(draws))[:, None], 0.0)

    out = go(model, sampler=sampler, new=2, stop=1, prompt=torch.zeros(2, 1).long())
    assert out.log_probs[0].tolist() == [-torch.inf, 0.0] and out.lengths.tolist() == [1, 2]
    assert not out.log_probs.isnan().any() and out.tokens.tolist() == [[1, 0], [0, 1]]


SETUP = """
import numpy as np
import torch
from nlgnotes.decoding.generation import generate
from nlgnotes.equations.sampling import Sampler
from nlgnotes.networks.transformer import Decoder, DecoderConfig
model = Decoder(DecoderConfig(7, 9, 8, 1, 2, 8), torch.Generator().manual_seed(0)).train()
def go(prompt, **changes):
    options = {"max_new_tokens": 2, "sampler": Sampler(), "generator": torch.Generator()}
    return generate(model, prompt, **{**options, **changes}).tokens.shape
ok = torch.tensor([[0, 1]])
"""
PROMPTS = {
    "int32": (
        "go(ok.int())",
        r"prompt must be an int64 tensor .*; got torch.int32 of shape \(1, 2\)",
    ),
    "float": ("go(ok.float())", r"prompt must be an int64 tensor .*; got torch.float32"),
    "bool": ("go(ok > 0)", r"prompt must be an int64 tensor .*; got torch.bool"),
    "flat": ("go(ok[0])", r"prompt must be an int64 tensor of shape \[batch, time\]"),
    "list": ("go([[0, 1]])", r"prompt must be an int64 tensor"),
    "no generator": ("go(ok, generator=None)", "generator must be a torch.Generator; got None"),
    "half a token": ("go(ok, max_new_tokens=1.5)", "max_new_tokens must be an integer"),
    "stop at True": ("go(ok, stop_token=np.bool_(True))", "stop_token must be an integer"),
    "a seed": ("go(ok, generator=0)", "generator must be a torch.Generator; got 0"),
}


NUMBERS = ("np.int64(3)", "np.uint8(3)", "torch.tensor(3)")


def test_arguments_of_another_kind_are_named_and_numbers_of_numpy_taken(plain):
    good = {n: f"go(ok, max_new_tokens={n}, stop_token={n} * 2)" for n in ("3", *NUMBERS)}
    answers = plain(SETUP, {name: code for name, (code, _) in PROMPTS.items()} | good)
    for number in good:  # the model is in training mode, which changes nothing
        assert answers[number] == ["value", "torch.Size([1, 3])"]
    for name, (_, message) in PROMPTS.items():
        kind, said = answers[name]
        assert kind == "ValueError" and re.search(message, said), (name, said)


def test_a_rule_that_writes_into_what_it_is_given_changes_no_evidence():
    found = [go(sampler=rule) for rule in (lambda x, _: x.mul_(3), lambda x, _: x * 3)]
    assert torch.equal(found[0].tokens, found[1].tokens)
    assert torch.equal(found[0].log_probs, found[1].log_probs)
    assert not torch.equal(found[0].log_probs, found[0].sampler_log_probs)
