"""Documents by hand, put together and taken apart, and what is none."""

import inspect
import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from jaxtyping import TypeCheckError

from nlgnotes.documents import Documents, concatenate, replace_rows

WRONG_TYPE = (ValueError, TypeCheckError)
texts = st.lists(st.lists(st.integers(0, 9), min_size=1, max_size=6), min_size=1, max_size=5)


def documents(*lists):
    return Documents.from_lists([list(x) for x in lists])


def as_lists(given):
    return [row[:n].tolist() for row, n in zip(given.tokens, given.lengths, strict=True)]


def test_documents():
    three = documents([3, 1, 0], [2, 0], [4, 5, 6, 0])
    assert three.lengths.tolist() == [3, 2, 4] and three.total == 9 and len(three) == 3
    assert three.mask.sum(-1).tolist() == [3, 2, 4]
    chosen = three.select(torch.tensor([1, 0]))
    assert chosen.tokens.tolist() == [[2, 0, 0], [3, 1, 0]] and chosen.lengths.tolist() == [2, 3]
    assert three.select(three.lengths > 3).tokens.tolist() == [[4, 5, 6, 0]]


@pytest.mark.parametrize(
    "tokens,lengths,match",
    [
        (torch.zeros(0, 2, dtype=torch.long), torch.zeros(0, dtype=torch.long), "non-empty"),
        (torch.zeros(1, 2, dtype=torch.long), torch.tensor([3]), r"\[1, 2\]; got 3"),
        (torch.zeros(1, 2, dtype=torch.long), torch.tensor([0]), r"got 0"),
        (torch.tensor([[1, 2]]), torch.tensor([1]), "must be 0"),
    ],
)
def test_documents_that_are_none(tokens, lengths, match):
    with pytest.raises(ValueError, match=match):
        Documents(tokens, lengths)


def test_documents_of_a_wrong_type():
    with pytest.raises(WRONG_TYPE):
        Documents(torch.zeros(1, 2, dtype=torch.int32), torch.tensor([1]))
    with pytest.raises(WRONG_TYPE):
        Documents(torch.tensor([[1, 2]]), torch.tensor([1, 2]))
    with pytest.raises(ValueError, match="at least 1 document"):
        Documents.from_lists([])


@given(texts)
def test_lists_come_back(lists):
    assert as_lists(documents(*lists)) == lists


def test_ids_of_numpy_and_torch_are_ids():
    for ids in (np.array([3, 1]), torch.tensor([3, 1]), [np.int64(3), torch.tensor(1)], (3, 1)):
        assert Documents.from_lists([ids]).tokens.tolist() == [[3, 1]]


@pytest.mark.parametrize("bad", [[1.5], [True], [[1, 2]], ["a"], [math.nan], [2**70], [None]])
def test_lists_of_something_else_are_refused(bad):
    with pytest.raises(ValueError, match="lists must hold lists of integers; got"):
        inspect.unwrap(Documents.from_lists.__func__)(Documents, [bad])


def test_an_empty_document_is_refused():
    for lists in ([[]], [[1], []]):
        with pytest.raises(ValueError, match=r"non-empty|lengths must lie in"):
            Documents.from_lists(lists)


def test_rows_that_are_none_are_refused():
    two, select = documents([1], [2, 3]), inspect.unwrap(Documents.select)
    for bad in (torch.tensor([2]), torch.tensor([-3])):
        with pytest.raises(ValueError, match=r"rows must lie in \[-2, 2\); got"):
            select(two, bad)
    for bad in (torch.tensor([0.0]), torch.tensor(0), [0], None, torch.tensor([0]).int()):
        with pytest.raises(ValueError, match="rows must be int64 ids in one dimension; got"):
            select(two, bad)
    with pytest.raises(ValueError, match="rows must be a boolean tensor of shape"):
        select(two, torch.tensor([True]))
    with pytest.raises(ValueError, match="non-empty"):
        select(two, torch.tensor([False, False]))


@given(texts, texts, st.data())
def test_concatenation_against_lists(first, second, data):
    n = min(len(first), len(second))
    first, second = first[:n], second[:n]
    where = data.draw(st.none() | st.lists(st.booleans(), min_size=n, max_size=n))
    mask = None if where is None else torch.tensor(where)
    whole = concatenate(documents(*first), documents(*second), mask)
    chosen = where or [True] * n if where is None else where
    want = [a + b * bool(c) for a, b, c in zip(first, second, chosen, strict=True)]
    assert as_lists(whole) == want


def test_replacing_rows_by_hand():
    new = replace_rows(documents([5], [6, 7], [8]), torch.tensor([1]), documents([9]))
    assert as_lists(new) == [[5], [9], [8]] and new.tokens.shape == (3, 1)


def test_pairs_and_rows_that_do_not_fit_are_refused():
    a, b = documents([5], [6, 7]), documents([1])
    with pytest.raises(ValueError, match="pairs; got 2 and 1"):
        concatenate(a, b)
    for bad in (torch.tensor([1, 0]), torch.tensor([True]), [True, True]):
        with pytest.raises(ValueError, match="where must be a boolean tensor of shape"):
            inspect.unwrap(concatenate)(a, a, bad)
    for bad in (torch.tensor([0, 1]), torch.tensor([2]), torch.tensor([True, False]), [0]):
        with pytest.raises(ValueError, match="rows must"):
            inspect.unwrap(replace_rows)(a, bad, b)
