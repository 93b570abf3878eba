"""A reader steps to the numbers of whole passes, for any rows, and its memory is a value."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from nlgnotes.decoding.beam import beam_search
from nlgnotes.decoding.generation import generate
from nlgnotes.equations.sampling import TopK
from nlgnotes.networks.encoder_decoder import EncoderDecoder, EncoderDecoderConfig
from nlgnotes.randomness import generator

SMALL = EncoderDecoderConfig(
    vocab_size=11, context=13, width=12, encoder_layers=3, layers=2, heads=3, hidden=20
)


def make(seed=0, std=0.1):
    """Weights large enough that every part matters."""
    model, g = EncoderDecoder(SMALL, generator(seed, "weights")), generator(seed, "large")
    for p in model.parameters():
        p.data.add_(torch.randn(p.shape, generator=g), alpha=std)
    return model


def tokens(batch, time, seed=0):
    return torch.randint(1, 11, (batch, time), generator=generator(seed, "tokens"))


def pair(seed=0, source=7, time=5):
    mask = torch.ones(2, source, dtype=torch.bool)
    mask[1, source // 2 + 1 :] = False
    return tokens(2, source, seed), mask, tokens(2, time, seed + 1)


@settings(max_examples=20, deadline=None)
@given(st.lists(st.integers(1, 4), min_size=1, max_size=4), st.integers(0, 99))
def test_cached_equals_uncached_for_any_split(parts, seed):
    parts = parts[: next((i for i in range(len(parts)) if sum(parts[: i + 1]) > 13), len(parts))]
    model, (source, mask, target) = make(seed), pair(seed, time=sum(parts))
    reader = model.read(source, mask)
    cache, out, start = reader.empty_cache(2), [], 0
    for part in parts:
        logits, cache = reader.step(target[:, start : start + part], cache)
        out.append(logits)
        start += part
    assert cache.past.length == sum(parts)
    torch.testing.assert_close(
        torch.cat(out, 1), model((source, mask, target)).detach(), atol=1e-5, rtol=0
    )


def test_generate_writes_from_a_source():
    """Greedy is what greedy by whole forward passes is; one source row serves many."""
    model, (source, mask, _) = make(std=0.2), pair()
    written = generate(
        model.read(source, mask),
        torch.zeros(2, 1, dtype=torch.long),
        max_new_tokens=6,
        sampler=TopK(1),
        generator=generator(0),
    )
    target = torch.zeros(2, 1, dtype=torch.long)
    for _ in range(6):
        target = torch.cat(
            (target, model((source, mask, target))[:, -1].argmax(-1, keepdim=True)), 1
        )
    assert torch.equal(written.tokens, target[:, 1:])
    reader = model.read(source[:1])
    again = generate(
        reader,
        torch.zeros(3, 1, dtype=torch.long),
        max_new_tokens=6,
        sampler=TopK(1),
        generator=generator(0),
    )
    assert torch.equal(again.tokens, written.tokens[:1].expand(3, 6))


def test_a_beam_writes_from_a_source():
    """Its scores are those of whole passes; as many beams as continuations search all of them."""
    model, (source, mask, _) = make(std=0.3), pair()
    found = beam_search(
        model.read(source, mask), torch.zeros(2, 1, dtype=torch.long), beams=121, max_new_tokens=2
    )
    every = torch.cartesian_prod(torch.arange(11), torch.arange(11))
    target = torch.cat((torch.zeros(121, 1, dtype=torch.long), every), 1)
    for row in range(2):
        given = source[row : row + 1].expand(121, -1), mask[row : row + 1].expand(121, -1)
        scores = (
            model((*given, target[:, :-1])).log_softmax(-1).gather(-1, every[..., None]).sum((1, 2))
        )
        torch.testing.assert_close(
            found.log_probs[row], scores.sort(descending=True).values, atol=1e-4, rtol=0
        )
        assert torch.equal(found.tokens[row, 0], every[scores.argmax()])


def test_rows_of_a_memory():
    model, (source, mask, target) = make(std=0.1), pair()
    reader = model.read(source, mask)
    _, cache = reader.step(target, reader.empty_cache(2))
    next_token = tokens(2, 1, 9)
    straight, _ = reader.step(next_token, cache)
    swapped, _ = reader.step(next_token[[1, 1, 0]], cache.rows(torch.tensor([1, 1, 0])))
    torch.testing.assert_close(swapped, straight[[1, 1, 0]], atol=1e-6, rtol=0)


def test_every_branch_of_a_source_keeps_its_own_tokens():
    model, (source, mask, target) = make(), pair()
    reader = model.read(source, mask)
    _, prefix = reader.step(target, reader.empty_cache(2))
    one, other = tokens(2, 1, 5), tokens(2, 1, 6) % 10 + 1
    _, a = reader.step(one, prefix)
    _, b = reader.step(other, prefix.rows(torch.tensor([0, 1])))
    _, c = reader.step(other, prefix)
    for branch, new in ((a, one), (b, other), (c, other)):
        got, _ = reader.step(target[:, :2], branch)
        whole = model((source, mask, torch.cat((target, new, target[:, :2]), 1))).detach()
        torch.testing.assert_close(got, whole[:, -2:], atol=1e-5, rtol=0)


def test_bad_arguments_are_named():
    model, (source, mask, target) = make(), pair()
    reader = model.read(source, mask)
    with pytest.raises(ValueError, match="batch must be the source's 2 rows; got 3"):
        reader.empty_cache(3)
    with pytest.raises(ValueError, match="capacity must not exceed"):
        reader.empty_cache(2, 14)
    with pytest.raises(ValueError, match="capacity of 4; got 5 after 0"):
        reader.step(target, reader.empty_cache(2, 4))
    with pytest.raises(ValueError, match="like the cache, .* shape \\(1, 5\\)"):
        reader.step(target[:1], reader.empty_cache(2))
