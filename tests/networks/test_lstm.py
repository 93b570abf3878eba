"""The recurrent model reads the same in one go, word by word and by its equations; it learns."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from nlgnotes.batches import document_batch
from nlgnotes.decoding.generation import generate
from nlgnotes.documents import Documents
from nlgnotes.equations.sampling import Sampler
from nlgnotes.networks.lstm import LSTMConfig, LSTMModel
from nlgnotes.randomness import generator
from nlgnotes.training.likelihood import token_nll
from nlgnotes.training.loop import fit

SMALL = LSTMConfig(vocab_size=7, context=9, width=5)


def make(seed=0, config=SMALL):
    return LSTMModel(config, generator(seed, "weights"))


def tokens(batch, time, seed=0):
    return torch.randint(7, (batch, time), generator=generator(seed, "tokens"))


def test_weights_come_from_the_generator_only():
    before = torch.get_rng_state()
    a, b, c = make(0), make(0), make(1)
    assert torch.equal(before, torch.get_rng_state())
    assert all(torch.equal(x, y) for x, y in zip(a.parameters(), b.parameters(), strict=True))
    assert not torch.equal(a.embedding, c.embedding) and not torch.equal(
        a.lstm.weight_hh_l0, c.lstm.weight_hh_l0
    )
    assert all(p.isfinite().all() and p.device.type == "cpu" for p in a.parameters())


def test_parameter_count_by_hand():
    v, d = 7, 5
    assert make().parameter_count == v * d + 2 * 4 * d * d + 2 * 4 * d + d * v + v


def test_agrees_with_the_equations():
    """Hochreiter and Schmidhuber's cell with a forget gate, written out."""
    model, t = make(), tokens(3, 6)
    w, u = model.lstm.weight_ih_l0, model.lstm.weight_hh_l0
    b = model.lstm.bias_ih_l0 + model.lstm.bias_hh_l0
    h = c = torch.zeros(3, 5)
    out = []
    for x in t.T:
        i, f, g, o = (model.embedding[x] @ w.T + h @ u.T + b).chunk(4, -1)
        c = f.sigmoid() * c + i.sigmoid() * g.tanh()
        h = o.sigmoid() * c.tanh()
        out.append(h @ model.output.weight.T + model.output.bias)
    torch.testing.assert_close(model(t), torch.stack(out, 1), atol=1e-6, rtol=1e-5)


@settings(max_examples=25, deadline=None)
@given(
    st.lists(st.integers(1, 4), min_size=1, max_size=4).filter(lambda parts: sum(parts) <= 9),
    st.integers(0, 99),
)
def test_cached_equals_uncached_for_any_split(parts, seed):
    model, t = make(seed), tokens(3, sum(parts), seed)
    cache, out, start = model.empty_cache(3), [], 0
    for part in parts:
        logits, cache = model.step(t[:, start : start + part], cache)
        out.append(logits)
        start += part
    torch.testing.assert_close(torch.cat(out, 1), model(t).detach(), atol=1e-6, rtol=0)


def test_a_state_is_a_value():
    model = make()
    _, first = model.step(tokens(2, 2), model.empty_cache(2))
    kept = first.hidden.clone()
    a, _ = model.step(tokens(2, 1, 1), first)
    model.step(tokens(2, 1, 2), first)
    assert torch.equal(first.hidden, kept) and first.length == 2
    assert torch.equal(model.step(tokens(2, 1, 1), first)[0], a)


def test_the_log_probabilities_of_what_it_writes_are_those_it_scores():
    model = make()
    start = torch.zeros(40, 1, dtype=torch.long)
    made = generate(
        model, start, max_new_tokens=9, sampler=Sampler(), generator=generator(3), stop_token=0
    )
    scored = token_nll(model, Documents(made.tokens, made.lengths))
    torch.testing.assert_close(-scored, made.log_probs, atol=1e-5, rtol=0)


def test_it_learns():
    """Words that count upwards, modulo 6: only the first is open, log 6 / 9 per token."""
    starts = torch.arange(6).repeat(4)
    texts = Documents((starts[:, None] + torch.arange(9)) % 6 + 1, torch.full((24,), 9))
    model = LSTMModel(LSTMConfig(7, 9, 12), generator(0))
    before = float(token_nll(model, texts).mean())
    fit(
        model,
        lambda g: document_batch(texts),
        steps=150,
        learning_rate=0.05,
        generator=generator(1),
        progress=False,
    )
    assert before > 1.5 and float(token_nll(model, texts).mean()) < 0.3


def test_config_goes_to_json_and_back():
    assert LSTMConfig.from_dict(SMALL.to_dict()) == SMALL
    with pytest.raises(ValueError, match="unknown \\['depth'\\], missing \\['width'\\]"):
        LSTMConfig.from_dict({"vocab_size": 7, "context": 9, "depth": 1})


def test_the_shapes_of_the_weights_follow_from_the_sizes():
    for config in (SMALL, LSTMConfig(1, 1, 1), LSTMConfig(3, 2, 11)):
        named = {k: tuple(v.shape) for k, v in make(config=config).state_dict().items()}
        assert dict(config.weight_shapes()) == named


def test_rows_of_a_state():
    model = make()
    _, state = model.step(tokens(2, 3), model.empty_cache(2))
    next_token = tokens(2, 1, 1)
    straight, _ = model.step(next_token, state)
    swapped, _ = model.step(next_token[[1, 1, 0]], state.rows(torch.tensor([1, 1, 0])))
    torch.testing.assert_close(swapped, straight[[1, 1, 0]], atol=1e-6, rtol=0)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_other_dtypes_read_and_step(dtype):
    model, t = make().to(dtype), tokens(3, 6)
    stepped, state = model.step(t, model.empty_cache(3))
    assert stepped.dtype == state.dtype == model(t).dtype == dtype
    torch.testing.assert_close(stepped, model(t).detach())


def step(tokens, batch, capacity=None):
    model = make()
    return model.step(tokens, model.empty_cache(batch, capacity))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: LSTMConfig(0, 9), "vocab_size"),
        (lambda: make()(tokens(1, 10)), "context of 9; got 10"),
        (lambda: make()(torch.full((1, 2), 7)), "tokens"),
        (lambda: make().empty_cache(2, 10), "context of 9; got 10"),
        (lambda: make().empty_cache(0), "batch"),
        (lambda: step(tokens(3, 1), 2), "shape \\[2, time\\]"),
        (lambda: step(tokens(2, 3), 2, 2), "capacity of 2; got 0 read and 3 new"),
    ],
)
def test_errors_speak(call, message):
    with pytest.raises(ValueError, match=message):
        call()
