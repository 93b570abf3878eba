"""Repetition against loops over lists and sets, over random texts."""

import inspect

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from nlgnotes.equations.metrics import seq_rep_n_per_document
from nlgnotes.equations.repetition import (
    loop_period,
    previous_tokens,
    repeated_ngrams,
    times_before,
)

texts = st.lists(st.lists(st.integers(0, 2), min_size=0, max_size=14), min_size=1, max_size=4)


def padded(lists):
    time = max(1, *(len(x) for x in lists))
    tokens = torch.tensor([x + [0] * (time - len(x)) for x in lists])
    return tokens, torch.tensor([len(x) for x in lists])


@settings(max_examples=200, deadline=None)
@given(texts, st.integers(1, 4))
def test_repetition_against_lists(lists, n):
    tokens, lengths = padded(lists)
    times, inside = times_before(tokens, lengths, n), repeated_ngrams(tokens, lengths, n)
    for row, ids in enumerate(lists):
        count, covered = [0] * tokens.shape[1], [False] * tokens.shape[1]
        for end in range(n, len(ids) + 1):
            gram = ids[end - n : end]
            count[end - 1] = sum(ids[k - n : k] == gram for k in range(n, end))
            if count[end - 1]:
                covered[end - n : end] = [True] * n
        assert times[row].tolist() == count and inside[row].tolist() == covered
    # Another road: the n-grams that are not new are what seq-rep-n counts.
    rate = (times > 0).sum(-1).double() / (lengths - n + 1).clamp(min=1)
    torch.testing.assert_close(rate, seq_rep_n_per_document(tokens, lengths, n))


@settings(max_examples=200, deadline=None)
@given(texts, st.integers(2, 4))
def test_loops_against_lists(lists, times):
    tokens, lengths = padded(lists)
    for ids, got in zip(lists, loop_period(tokens, lengths, times).tolist(), strict=True):
        periods = [
            p for p in range(1, len(ids) // times + 1) if ids[-p:] * times == ids[-p * times :]
        ]
        assert got == min(periods, default=0)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.lists(st.integers(0, 4), min_size=6, max_size=6), min_size=1, max_size=3))
def test_candidates_against_sets(lists):
    got = previous_tokens(torch.tensor(lists), 5)
    for row, ids in enumerate(lists):
        for t in range(6):
            assert set(got[row, t].nonzero().flatten().tolist()) == set(ids[:t]) - {ids[t]}


def test_lengths_that_do_not_fit():
    for lengths in (torch.tensor([4]), torch.tensor([-1])):
        with pytest.raises(ValueError, match=r"lengths must lie in \[0, 3\]"):
            times_before(torch.zeros(1, 3, dtype=torch.long), lengths, 2)
    with pytest.raises(ValueError, match="one per text"):
        inspect.unwrap(loop_period)(torch.zeros(1, 3, dtype=torch.long), torch.tensor([1, 1]))
    with pytest.raises(ValueError, match="n must be an integer of at least 1; got 0"):
        repeated_ngrams(torch.zeros(1, 3, dtype=torch.long), torch.tensor([1]), 0)
    with pytest.raises(ValueError, match="times must be an integer of at least 2; got 1"):
        loop_period(torch.zeros(1, 3, dtype=torch.long), torch.tensor([1]), 1)


@pytest.mark.parametrize("f", [times_before, repeated_ngrams, loop_period])
def test_what_is_no_text_is_refused(f):
    plain, tokens, lengths = inspect.unwrap(f), torch.zeros(2, 3).long(), torch.tensor([1, 3])
    for bad in (tokens.float(), tokens.bool(), tokens[0], tokens[:0], [[1, 2]], None):
        with pytest.raises(ValueError, match="tokens must be an integer tensor of shape"):
            plain(bad, lengths, 2)
    for bad in (lengths.float(), lengths[:1], [1, 3], None):
        with pytest.raises(ValueError, match="lengths must be an integer tensor of 2 lengths"):
            plain(tokens, bad, 2)


def test_a_huge_n_is_longer_than_every_text():
    tokens, lengths = torch.zeros(1, 3).long(), torch.tensor([3])
    assert not times_before(tokens, lengths, 10**30).any()
    assert not repeated_ngrams(tokens, lengths, 10**30).any()
    assert loop_period(tokens, lengths, 10**30).tolist() == [0]


def test_scalars_of_numpy_and_torch_are_numbers():
    tokens, lengths = torch.tensor([[5, 6, 5, 6, 5, 6]]), torch.tensor([6])
    for two in (np.int64(2), np.int8(2), np.array(2), torch.tensor(2)):
        assert torch.equal(times_before(tokens, lengths, two), times_before(tokens, lengths, 2))
        assert torch.equal(
            repeated_ngrams(tokens, lengths, two), repeated_ngrams(tokens, lengths, 2)
        )
        assert loop_period(tokens, lengths, two).tolist() == [2]
        assert previous_tokens(torch.tensor([[1, 0]]), two).shape == (1, 2, 2)
