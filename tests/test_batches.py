"""Batches by hand: what goes in, what should come out, and which positions count."""

from types import SimpleNamespace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from nlgnotes.batches import decoder_batch, document_batch, encoder_decoder_batch, reply_batch
from nlgnotes.documents import Documents

TOKENS = torch.tensor([[3, 4, 0, 0], [2, 0, 0, 0]])
DOCUMENTS = Documents(TOKENS, torch.tensor([3, 2]))


def test_document_batch_by_hand():
    batch = document_batch(DOCUMENTS)
    assert batch.inputs.tolist() == [[0, 3, 4], [0, 2, 0]]
    assert batch.targets.tolist() == [[3, 4, 0], [2, 0, 0]]
    assert batch.mask.tolist() == [[True, True, True], [True, True, False]]
    with pytest.raises(ValueError, match="at least one token"):
        document_batch(SimpleNamespace(tokens=TOKENS, mask=torch.zeros(2, 4).bool()))


def test_a_mask_that_is_none_is_refused():
    for mask in (DOCUMENTS.mask.float(), DOCUMENTS.mask.long(), DOCUMENTS.mask[:, :2], None):
        with pytest.raises(ValueError, match="mask of the documents must be a boolean tensor"):
            document_batch(SimpleNamespace(tokens=TOKENS, mask=mask))


def test_layouts_by_hand():
    sources, targets = [[5, 6, 7], [5]], [[8], [9, 4]]
    p = encoder_decoder_batch(sources, targets)
    assert p.inputs.source.tolist() == [[5, 6, 7], [5, 0, 0]]
    assert p.inputs.mask.tolist() == [[True, True, True], [True, False, False]]
    assert p.inputs.target.tolist() == [[0, 8, 0], [0, 9, 4]]
    assert p.targets.tolist() == [[8, 0, 0], [9, 4, 0]]
    assert p.mask.tolist() == [[True, True, False], [True, True, True]]
    j, only = decoder_batch(sources, targets), decoder_batch(sources, targets, signal="target")
    assert j.inputs.tolist() == [[5, 6, 7, 0, 8], [5, 0, 9, 4, 0]]
    assert j.targets.tolist() == [[6, 7, 0, 8, 0], [0, 9, 4, 0, 0]]
    assert j.mask.tolist() == [[True] * 5, [True] * 4 + [False]]
    assert only.mask.tolist() == [[False] * 3 + [True] * 2, [False, True, True, True, False]]
    assert torch.equal(j.inputs, only.inputs) and torch.equal(j.targets, only.targets)


@settings(max_examples=20, deadline=None)
@given(st.lists(st.tuples(st.integers(1, 6), st.integers(0, 6)), min_size=1, max_size=5))
def test_both_layouts_hold_the_same_signals(shapes):
    sources, targets = [[3] * s for s, _ in shapes], [[*range(1, t + 1)] for _, t in shapes]
    p, j = encoder_decoder_batch(sources, targets), decoder_batch(sources, targets)
    only = decoder_batch(sources, targets, signal="target")
    assert p.targets[p.mask].tolist() == only.targets[only.mask].tolist()
    signals = sum(s + t + 1 for s, t in shapes)
    assert int(j.mask.sum()) == signals == int(p.inputs.mask.sum() + p.mask.sum())


def test_a_reply_batch_by_hand():
    queries, replies = Documents.from_lists([[5], [6, 7]]), Documents.from_lists([[8, 9], [4]])
    batch = reply_batch(queries, replies)
    assert batch.inputs.tolist() == [[0, 5, 8], [0, 6, 7]]
    assert batch.targets.tolist() == [[5, 8, 9], [6, 7, 4]]
    assert batch.mask.tolist() == [[False, True, True], [False, False, True]]
    with pytest.raises(ValueError, match="pairs; got 2 and 1"):
        reply_batch(queries, replies.select(torch.tensor([0])))


def test_bad_arguments_are_named():
    with pytest.raises(ValueError, match="signal must be 'all' or 'target'; got 'some'"):
        decoder_batch([[1]], [[1]], signal="some")
    for make in (decoder_batch, encoder_decoder_batch):
        with pytest.raises(ValueError, match="equally many, at least one; got 1 and 2"):
            make([[1]], [[1], [2]])
        with pytest.raises(ValueError, match="equally many, at least one; got 0 and 0"):
            make([], [])
        with pytest.raises(ValueError, match="at least one token each; got 1 empty"):
            make([[]], [[1]])
