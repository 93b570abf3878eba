"""The numbers of n-grams against sets and counters of tuples."""

import inspect
from collections import Counter

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from nlgnotes.equations.ngrams import ngram_counts, ngrams, two_largest

corpora = st.lists(st.lists(st.integers(0, 3), max_size=7), min_size=1, max_size=5)


def texts(lists):
    width = max(1, *map(len, lists))
    tokens = torch.tensor([t + [1] * (width - len(t)) for t in lists])
    return tokens, torch.tensor([len(t) for t in lists])


@settings(deadline=None)
@given(corpora, st.integers(1, 9))
def test_equal_ngrams_have_one_number_and_different_ones_two(lists, n):
    found = ngrams(*texts(lists), n)
    assert len(found) == min(n, max(1, *map(len, lists)) + 1)
    for m, (documents, numbers) in enumerate(found, 1):
        want = [
            (i, tuple(t[k : k + m])) for i, t in enumerate(lists) for k in range(len(t) - m + 1)
        ]
        assert documents.tolist() == [i for i, _ in want]
        kinds = {}
        for number, (_, gram) in zip(numbers.tolist(), want, strict=True):
            assert kinds.setdefault(gram, number) == number
        assert sorted(kinds.values()) == list(range(len(kinds)))


@settings(deadline=None)
@given(corpora, st.integers(1, 3))
def test_counts_and_the_two_largest_against_counters(lists, n):
    found = ngrams(*texts(lists), n)
    if len(found) < n:
        return
    documents, numbers = found[-1]
    owner, gram, count = ngram_counts(documents, numbers)
    want = Counter(zip(documents.tolist(), numbers.tolist(), strict=True))
    pairs = zip(owner.tolist(), gram.tolist(), strict=True)
    assert dict(zip(pairs, count.tolist(), strict=True)) == want
    best, holder, second = two_largest(owner, gram, count)
    for g in range(len(best)):
        each = {i: c for (i, x), c in want.items() if x == g}
        assert best[g] == max(each.values()) == each[holder[g]]
        assert second[g] == max((c for i, c in each.items() if i != holder[g]), default=0)


def test_what_is_no_text_is_refused():
    tokens, lengths = texts([[1, 2]])
    for arguments in ((tokens.float(), lengths, 1), (tokens, lengths[:0], 1), (tokens, lengths, 0)):
        with pytest.raises(ValueError, match="must be an integer"):
            inspect.unwrap(ngrams)(*arguments)


@settings(deadline=None)
@given(corpora, st.integers(1, 4))
def test_ids_far_apart_are_numbered_as_ids_side_by_side(lists, n):
    tokens, lengths = texts(lists)
    for far in (tokens * 10**15, tokens * 10**15 - 10**17):  # too far for a table
        pairs = zip(ngrams(tokens, lengths, n), ngrams(far, lengths, n), strict=True)
        for (documents, numbers), (others, codes) in pairs:
            assert documents.tolist() == others.tolist() and numbers.tolist() == codes.tolist()
