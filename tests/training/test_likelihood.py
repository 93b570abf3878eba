"""The likelihood: two roads to the loss, and what is no likelihood."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from nlgnotes.batches import document_batch
from nlgnotes.documents import Documents
from nlgnotes.networks.transformer import Decoder, DecoderConfig
from nlgnotes.randomness import generator
from nlgnotes.training.likelihood import next_token_loss, target_log_probs, token_nll

CONFIG = DecoderConfig(vocab_size=7, context=8, width=8, layers=1, heads=2, hidden=16)
DOCUMENTS = Documents.from_lists([[3, 4, 0], [2, 0]])
INF, NAN = math.inf, math.nan


class Ill(torch.nn.Module):
    """Uniform logits, but for one position of the first row."""

    def __init__(self, row, at=1, dtype=torch.float32):
        super().__init__()
        self.row, self.at, self.dtype = torch.tensor(row, dtype=dtype), at, dtype

    def forward(self, tokens):
        logits = torch.zeros(*tokens.shape, 7, dtype=self.dtype)
        logits[0, self.at] = self.row
        return logits


def test_loss_and_token_nll_are_two_roads():
    model, batch = Decoder(CONFIG, generator(0)), document_batch(DOCUMENTS)
    nll = token_nll(model, DOCUMENTS, batch_size=1)
    assert nll.shape == (2, 3) and (nll[~DOCUMENTS.mask] == 0).all()
    loss = next_token_loss(model(batch.inputs), batch.targets, batch.mask)
    assert loss.item() == pytest.approx(nll.sum().item() / 5, rel=1e-5)


def test_the_loss_of_uniform_logits_is_the_logarithm_of_the_vocabulary():
    logits, targets = torch.zeros(1, 2, 4), torch.tensor([[3, 1]])
    assert next_token_loss(logits, targets, torch.ones(1, 2).bool()).item() == pytest.approx(
        math.log(4)
    )
    with pytest.raises(ValueError, match="mask must be True somewhere"):
        next_token_loss(logits, targets, torch.zeros(1, 2).bool())


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 4), st.integers(1, 5), st.integers(2, 9))
def test_target_log_probs_by_loops(seed, rows, time, vocab):
    logits = torch.randn(rows, time, vocab, generator=generator(seed, "logits")).double()
    targets = torch.randint(vocab, (rows, time), generator=generator(seed, "targets"))
    found = target_log_probs(logits, targets)
    for i in range(rows):
        for t in range(time):
            row = logits[i, t].tolist()
            total = math.log(sum(math.exp(x) for x in row))
            assert float(found[i, t]) == pytest.approx(row[targets[i, t]] - total, abs=1e-9)


ROWS = [
    [NAN, 0, 0, 0, 0, 0, 0],
    [0, 0, 0, 0, 0, 0, NAN],
    [NAN] * 7,
    [INF, 0, 0, 0, 0, 0, 0],
    [0, 0, 0, 0, INF, 0, 0],
    [INF] * 7,
    [-INF] * 7,
    [INF, -INF, 0, 0, NAN, 0, 0],
]


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
@pytest.mark.parametrize("row", ROWS)
def test_logits_that_are_no_distribution_are_refused(row, dtype):
    with pytest.raises(ValueError, match="model must give logits without NaN"):
        token_nll(Ill(row, dtype=dtype), DOCUMENTS)


@pytest.mark.parametrize("row", ROWS)
def test_ill_logits_behind_the_end_are_not_looked_at(row):
    documents = Documents.from_lists([[2, 0], [3, 4, 0]])
    nll = token_nll(Ill(row, at=2), documents)
    assert float(nll.sum()) == pytest.approx(5 * math.log(7))


def test_a_token_that_is_ruled_out_is_infinitely_surprising():
    nll = token_nll(Ill([0, 0, 0, 0, -INF, 0, 0]), DOCUMENTS)
    assert nll[0, 1] == INF and float(nll[0, 0]) == pytest.approx(math.log(7))


def test_a_double_model_is_scored_in_double():
    model = Decoder(CONFIG, generator(0)).double()
    assert token_nll(model, DOCUMENTS).dtype == torch.float64
    assert token_nll(model.float(), DOCUMENTS).dtype == torch.float32


def test_half_precision_logits_are_summed_in_single():
    class Wide(torch.nn.Module):
        def forward(self, tokens):
            return torch.zeros(*tokens.shape, 70_000, dtype=torch.float16)

    nll = token_nll(Wide(), Documents.from_lists([[5]]))
    assert float(nll[0, 0]) == pytest.approx(math.log(70_000), rel=1e-6)


@pytest.mark.parametrize("batch_size", [0, -1, 1.5, True, "2", None])
def test_a_batch_size_that_is_none_is_refused(batch_size):
    with pytest.raises((ValueError, TypeError)):
        token_nll(Decoder(CONFIG, generator(0)), DOCUMENTS, batch_size)


def test_documents_of_another_vocabulary_are_refused():
    class Small(torch.nn.Module):
        def forward(self, tokens):
            return torch.zeros(*tokens.shape, 4)

    with pytest.raises(ValueError, match=r"documents must hold ids in \[0, 4\); got 0 to 4"):
        token_nll(Small(), DOCUMENTS)


def test_no_target_is_left_out_without_a_word():
    """torch's own loss passes over -100."""
    for mask in ([[True, True]], [[True, False]]):
        targets = torch.tensor([[-100, 3]])
        with pytest.raises(ValueError, match="targets"):
            next_token_loss(torch.zeros(1, 2, 4), targets, torch.tensor(mask))
