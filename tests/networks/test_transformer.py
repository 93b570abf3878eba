"""The decoder is causal, draws its own weights, and reads the same with a cache as without."""

from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from nlgnotes.networks.transformer import Decoder, DecoderConfig
from nlgnotes.randomness import generator

SMALL = DecoderConfig(vocab_size=11, context=13, width=12, layers=2, heads=3, hidden=20)


def make(seed=0, config=SMALL):
    return Decoder(config, generator(seed, "weights"))


def tokens(batch, time, seed=0):
    return torch.randint(11, (batch, time), generator=generator(seed, "tokens"))


def test_weights_come_from_the_generator_only():
    before = torch.get_rng_state()
    a, b, c = make(0), make(0), make(1)
    assert torch.equal(before, torch.get_rng_state())
    assert all(torch.equal(x, y) for x, y in zip(a.parameters(), b.parameters(), strict=True))
    assert not torch.equal(a.embedding, c.embedding)


def test_parameter_count_by_hand():
    d, layers, hidden, vocab = 128, 4, 512, 256
    model = Decoder(DecoderConfig(vocab, 64), generator(0))
    assert (
        model.parameter_count
        == vocab * d + layers * (4 * d * d + 2 * d * hidden + 2 * d) + d
        == 820352
    )


@settings(max_examples=25, deadline=None)
@given(
    st.lists(st.integers(1, 5), min_size=1, max_size=6),
    st.integers(0, 99),
    st.sampled_from(("rotary", "learned", "none")),
)
def test_cached_equals_uncached_for_any_split(parts, seed, positions):
    parts = parts[: next((i for i in range(len(parts)) if sum(parts[: i + 1]) > 13), len(parts))]
    if not parts:
        return
    model, t = make(seed, replace(SMALL, positions=positions)), tokens(3, sum(parts), seed)
    cache, out, start = model.empty_cache(3), [], 0
    for part in parts:
        logits, cache = model.step(t[:, start : start + part], cache)
        out.append(logits)
        start += part
    torch.testing.assert_close(torch.cat(out, 1), model(t).detach(), atol=1e-5, rtol=0)


def test_causality_is_exact():
    model, a = make(), tokens(2, 13)
    b = a.clone()
    b[:, 7:] = (b[:, 7:] + 1) % 11
    assert torch.equal(model(a)[:, :7], model(b)[:, :7])
    assert not torch.equal(model(a)[:, 7:], model(b)[:, 7:])


def test_attention_weights_are_causal_distributions():
    weights = make().attention_weights(tokens(2, 5))
    assert weights.shape == (2, 2, 3, 5, 5)
    torch.testing.assert_close(weights.sum(-1), torch.ones(2, 2, 3, 5))
    assert (weights.triu(1) == 0).all()


def test_an_old_cache_can_be_continued_again():
    model, t = make(), tokens(1, 6)
    _, prefix = model.step(t[:, :5], model.empty_cache(1))
    first, _ = model.step(t[:, 5:], prefix)
    model.step((t[:, 5:] + 1) % 11, prefix)
    assert torch.equal(first, model.step(t[:, 5:], prefix)[0])


@settings(max_examples=50, deadline=None)
@given(st.data())
def test_every_branch_of_a_prefix_gives_its_own_logits(data):
    """Continue any cache there is, in any order: its logits are those of its tokens, read whole."""
    model = make(data.draw(st.integers(0, 3)))
    known = [(model.empty_cache(2, 12), tokens(2, 0))]
    for n in range(data.draw(st.integers(2, 8))):
        cache, read = data.draw(st.sampled_from(known))
        time = data.draw(st.integers(1, 3))
        if cache.length + time > 12:
            continue
        new = tokens(2, time, n)
        if data.draw(st.booleans()):
            cache = cache.rows(torch.tensor([0, 1]))
        logits, after = model.step(new, cache)
        known.append((after, torch.cat((read, new), 1)))
        whole = model(known[-1][1]).detach()[:, -time:]
        torch.testing.assert_close(logits, whole, atol=1e-5, rtol=0)


@pytest.mark.parametrize("positions", ["rotary", "learned", "none"])
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_other_dtypes_read_and_step(dtype, positions):
    model, t = make(config=replace(SMALL, positions=positions)), tokens(3, 6)
    for p in model.parameters():
        p.data.mul_(4)
    exact = model.double()(t).detach()
    model = model.to(dtype)
    first, cache = model.step(t[:, :4], model.empty_cache(3))
    second, cache = model.step(t[:, 4:5], cache)
    third, cache = model.step(t[:, 5:], cache)
    stepped, slack = torch.cat((first, second, third), 1), 60 * torch.finfo(dtype).eps
    assert stepped.dtype == cache.dtype == model(t).dtype == dtype
    for logits in (stepped, model(t).detach()):
        torch.testing.assert_close(logits.double(), exact, atol=slack, rtol=slack)


def test_a_step_of_float64_is_exact_where_the_scale_is_not():
    """Heads of width 6: the root of 6 rounded to float32 would be seen at 1e-8."""
    model = make(config=replace(SMALL, heads=2)).double()
    for p in model.parameters():
        p.data.mul_(6)
    t, cache = tokens(3, 6), model.empty_cache(3)
    steps = []
    for at in range(6):
        logits, cache = model.step(t[:, at : at + 1], cache)
        steps.append(logits)
    torch.testing.assert_close(torch.cat(steps, 1), model(t).detach(), atol=1e-12, rtol=1e-12)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_scores_beyond_float16_do_not_spoil_a_step(dtype):
    """Queries and keys of some hundreds: scaled, a score is beyond 65,504 still."""
    model, t = make(), tokens(3, 4)
    for block in model.blocks:
        block.qkv.data[:24].mul_(2e4)
    model = model.to(dtype)
    _, cache = model.step(t[:, :3], model.empty_cache(3))
    logits, _ = model.step(t[:, 3:], cache)
    q, k, _ = model.blocks[0].queries_keys_values(model.embedding[t], model.cos[:4], model.sin[:4])
    assert (q.double() @ k.double().mT).max() / 2 > 65504 and torch.isfinite(logits).all()
    torch.testing.assert_close(logits[:, 0], model(t)[:, -1].detach(), atol=0.02, rtol=0.02)


@settings(max_examples=20, deadline=None)
@given(
    st.integers(1, 9),
    st.integers(1, 9),
    st.integers(1, 3),
    st.integers(1, 3),
    st.sampled_from(("rotary", "learned", "none")),
)
def test_the_shapes_of_the_weights_follow_from_the_sizes(vocab, hidden, heads, layers, positions):
    config = DecoderConfig(vocab, 7, 4 * heads, layers, heads, hidden, positions=positions)
    named = {k: tuple(v.shape) for k, v in make(config=config).state_dict().items()}
    assert dict(config.weight_shapes()) == named


def test_positions_by_kind():
    """Without positions the past is a bag: two earlier tokens can change places unseen."""
    t = torch.tensor([[3, 1, 4, 5, 9]])
    swapped = t[:, [1, 0, 2, 3, 4]]
    for kind in ("rotary", "learned", "none"):
        model = make(config=replace(SMALL, positions=kind, layers=1)).double()
        same = torch.allclose(model(t)[:, -1], model(swapped)[:, -1], atol=1e-12, rtol=0)
        assert same == (kind == "none")
    rotary, learned = make(), make(config=replace(SMALL, positions="learned"))
    assert all(
        torch.equal(p, dict(learned.named_parameters())[name])
        for name, p in rotary.named_parameters()
    )
    assert learned.parameter_count == rotary.parameter_count + SMALL.context * SMALL.width
    # Learned positions are added to the embedding: at zero, the model is the one that has none.
    learned.places.data.zero_()
    assert torch.equal(learned(t), make(config=replace(SMALL, positions="none"))(t))


def test_a_config_from_before_positions_is_rotary():
    values = SMALL.to_dict()
    del values["positions"]
    assert DecoderConfig.from_dict(values) == SMALL


def test_bad_arguments_are_named():
    with pytest.raises(
        ValueError, match="positions must be one of rotary, learned, none; got 'sinusoidal'"
    ):
        replace(SMALL, positions="sinusoidal")
    model = make()
    with pytest.raises(ValueError, match="width must be a multiple of 2 \\* heads = 6; got 10"):
        DecoderConfig(11, 13, width=10, heads=3)
    with pytest.raises(ValueError, match="unknown \\['depth'\\], missing \\['width'\\]"):
        DecoderConfig.from_dict(
            {**{k: v for k, v in SMALL.to_dict().items() if k != "width"}, "depth": 2}
        )
    with pytest.raises(ValueError, match="context of 13; got 14"):
        model(tokens(1, 14))
    with pytest.raises(ValueError, match="\\[0, 11\\); got 0 to 11"):
        model(torch.tensor([[0, 11]]))
    with pytest.raises(ValueError, match="capacity must not exceed"):
        model.empty_cache(1, 14)
    with pytest.raises(ValueError, match="capacity of 4; got 5 after 0"):
        model.step(tokens(1, 5), model.empty_cache(1, 4))
    assert DecoderConfig.from_dict(SMALL.to_dict()) == SMALL
