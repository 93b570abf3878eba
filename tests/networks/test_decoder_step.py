"""The fast road of one position and the plain one are the same."""

from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from nlgnotes.networks import cache as caches
from nlgnotes.networks.decoder_step import paired
from nlgnotes.networks.transformer import Decoder, DecoderConfig
from nlgnotes.randomness import generator

SMALL = DecoderConfig(vocab_size=11, context=45, width=12, layers=2, heads=3, hidden=20)


def make(positions="rotary", dtype=torch.float32, plain=False):
    model = Decoder(replace(SMALL, positions=positions), generator(0, "weights")).to(dtype)
    for p in model.parameters():
        p.data.mul_(4)
    model.plain_steps = plain
    return model


def logits(model, tokens, parts, rows=None):
    """Of all positions, read in parts; after the first part the cache's rows are chosen anew."""
    cache, out = model.empty_cache(len(tokens)), []
    for i, part in enumerate(tokens.split(parts, 1)):
        if rows is not None and i:
            cache, part = (cache.rows(rows) if i == 1 else cache), part[rows]
        new, cache = model.step(part, cache)
        out.append(new if rows is None or i else new[rows])
    return torch.cat(out, 1)


@pytest.mark.parametrize("positions", ["rotary", "learned", "none"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("batch", [1, 3, 17])  # 17: the buffers stand in blocks
def test_one_position_at_a_time_is_the_whole_read_at_once(positions, dtype, batch):
    model = make(positions, dtype)
    tokens = torch.randint(11, (batch, 45), generator=generator(1))
    close = 1e-5 if dtype == torch.float32 else 1e-12
    torch.testing.assert_close(
        logits(model, tokens, [1] * 45), model(tokens).detach(), atol=close, rtol=0
    )


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_both_roads_give_the_same_for_any_split_and_rows(data):
    parts = data.draw(st.lists(st.sampled_from((1, 1, 1, 2, 9)), min_size=2, max_size=30))
    while sum(parts) > 45:
        parts.pop()
    batch = data.draw(st.sampled_from((1, 2, 16, 20)))
    tokens = torch.randint(11, (batch, sum(parts)), generator=generator(sum(parts)))
    rows = None
    if data.draw(st.booleans()):
        # Also across the number of rows from which on the buffers stand in blocks.
        count = data.draw(st.sampled_from((1, 15, 16, 33)))
        rows = torch.randint(batch, (count,), generator=generator(count))
    fast, plain = (logits(make(plain=p), tokens, parts, rows) for p in (False, True))
    torch.testing.assert_close(fast, plain, atol=1e-5, rtol=0)


def test_what_is_not_written_yet_is_not_looked_at():
    """Were it, the zeros would take a share of the attention."""
    model, tokens = make(), torch.randint(11, (1, 2), generator=generator(2))
    for capacity in (2, 3, 45):
        _, cache = model.step(tokens[:, :1], model.empty_cache(1, capacity))
        last, _ = model.step(tokens[:, 1:], cache)
        torch.testing.assert_close(last, model(tokens).detach()[:, 1:], atol=1e-5, rtol=0)


def test_logits_of_a_step_are_not_overwritten_by_the_next():
    model = make()
    first, cache = model.step(torch.tensor([[1]]), model.empty_cache(1))
    kept = first.clone()
    model.step(torch.tensor([[2]]), cache)
    assert torch.equal(first, kept)


def test_a_cache_begun_in_inference_mode_goes_on_outside_of_it():
    model, tokens = make(), torch.randint(11, (1, 4), generator=generator(3))
    with torch.inference_mode():
        _, cache = model.step(tokens[:, :1], model.empty_cache(1))
        _, cache = model.step(tokens[:, 1:2], cache)
    third, cache = model.step(tokens[:, 2:3], cache)
    with torch.inference_mode():
        fourth, _ = model.step(tokens[:, 3:], cache)
    read = torch.cat((third, fourth), 1)
    torch.testing.assert_close(read, model(tokens).detach()[:, 2:], atol=1e-5, rtol=0)


def test_a_model_that_has_learned_since_gives_new_caches_its_new_weights():
    model, tokens = make(), torch.tensor([[1, 2]])
    model.step(tokens[:, :1], model.empty_cache(1))
    with torch.no_grad():
        model.blocks[0].qkv.mul_(-2)
    torch.testing.assert_close(
        logits(model, tokens, [1, 1]), model(tokens).detach(), atol=1e-5, rtol=0
    )


@given(st.integers(1, 6), st.integers(1, 6))
def test_pairing_keeps_scores(half, count):
    q, k = torch.randn(2, count, 2 * half, generator=generator(half, count)).double()
    torch.testing.assert_close(paired(q) @ paired(k).T, q @ k.T)
    assert torch.equal(paired(q)[:, 0::2], q[:, :half])
    assert torch.equal(paired(q)[:, 1::2], q[:, half:])


def test_many_rows_stand_in_blocks():
    model = make()
    few, many = model.empty_cache(caches.MANY_ROWS - 1), model.empty_cache(caches.MANY_ROWS)
    assert (few.block, many.block) == (45, caches.BLOCK)
    assert many.rows(torch.tensor([0])).block == 45
    assert few.rows(torch.zeros(caches.MANY_ROWS, dtype=torch.long)).block == caches.BLOCK
