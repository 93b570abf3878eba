"""The largest of every row and the dropping below a threshold, against torch's own calls."""

import math

import pytest
import torch

from nlgnotes.equations.largest import drop_below, largest, sorted_downwards
from nlgnotes.randomness import generator

INF = math.inf
DTYPES = [torch.float16, torch.bfloat16, torch.float32, torch.float64]
# Narrow and wide rows, one fold and several, with and without a remainder, one part and several.
VOCABULARIES = [1, 2, 300, 4096, 4999, 30_000, 65_537]


def rows(vocab, dtype, name="largest"):
    """Three rows: distinct numbers, many equals, and mostly -inf."""
    x = 3 * torch.randn(3, vocab, generator=generator(100, name), dtype=torch.float64)
    x[1] = x[1].round()
    x[2, 2:] = x[2, 2:].masked_fill(x[2, 2:] < 6, -INF)
    return x.to(dtype)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("vocab", VOCABULARIES)
@pytest.mark.parametrize("k", [1, 2, 51, 257, 40_000])
def test_the_largest_are_those_of_topk(dtype, vocab, k):
    x = rows(vocab, dtype)
    k = min(k, vocab)
    assert torch.equal(largest(x, k), x.topk(k).values)


@pytest.mark.parametrize("bad", [math.nan, INF])
@pytest.mark.parametrize("place", [0, 7, 4998])
def test_an_ill_entry_comes_first_wherever_it_stands(bad, place):
    x = rows(4999, torch.float32)
    x[0, place] = bad
    first = largest(x, 3)[0, 0]
    assert first.isnan() if math.isnan(bad) else first == INF


@pytest.mark.parametrize("dtype", DTYPES)
def test_sorted_downwards_is_torchs_sort(dtype):
    x = rows(300, dtype)
    assert torch.equal(sorted_downwards(x), x.sort(-1, descending=True).values)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("vocab", VOCABULARIES)
def test_what_is_below_is_dropped_as_where_does(dtype, vocab):
    x = rows(vocab, dtype)
    before = x.clone()
    # At an entry that is there, above all of them, and at what every row has: the last keeps all.
    limits = torch.finfo(dtype)
    for least in (
        x[:, :1],
        x.amax(-1, keepdim=True),
        *(torch.full((3, 1), v) for v in (-INF, 0.0)),
    ):
        for value in (least.to(dtype), least.to(dtype).clamp(limits.min, limits.max)):
            assert torch.equal(drop_below(x, value), torch.where(x < value, -INF, x))
    assert torch.equal(x, before)


def test_the_neighbours_of_the_threshold_in_the_last_place():
    for dtype in (torch.float32, torch.float64):
        for value in (0.0, 1.0, -3.0, torch.finfo(dtype).tiny, torch.finfo(dtype).min):
            t = torch.tensor(value, dtype=dtype)
            around = [torch.nextafter(t, torch.full_like(t, s * INF)) for s in (-1, 1)]
            x = torch.stack([around[0], t, around[1]]).repeat(2000)[None]
            assert (drop_below(x, t[None, None]) > -INF)[0, :3].tolist() == [False, True, True]


def test_a_gradient_passes_what_stays():
    x = rows(5000, torch.float64)[:1].requires_grad_()
    y = drop_below(x, torch.zeros(1, 1, dtype=torch.float64))
    y.masked_fill(y == -INF, 0).sum().backward()
    assert torch.equal(x.grad != 0, x.detach() >= 0)


def test_the_graph_is_kept_on_every_road():
    x = torch.randn(1, 16, generator=generator(0, "graph")).requires_grad_()
    for values in (largest(x, 1), largest(x, 2), sorted_downwards(x)):
        assert values.requires_grad
