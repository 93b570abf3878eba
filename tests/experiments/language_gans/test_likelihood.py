"""Early stopping returns the weights that were best."""

import pytest

from nlgnotes.experiments.language_gans.likelihood import batches_of, train_likelihood_model
from nlgnotes.languages import LSTMOracle
from nlgnotes.networks.lstm import LSTMConfig
from nlgnotes.randomness import generator
from nlgnotes.training.likelihood import token_nll


def test_early_stopping_returns_the_best_weights():
    oracle = LSTMOracle(8, generator(0))
    train, valid = oracle.sample(20, generator(1), 5), oracle.sample(300, generator(2), 5)
    hard = {"mle_steps": 150, "mle_batch": 8, "mle_learning_rate": 0.05, "mle_check": 10}
    best, looks = train_likelihood_model(train, valid, LSTMConfig(8, 5, 16), hard, 0)
    nats = [n for _, n in looks]
    assert float(token_nll(best, valid).sum() / valid.total) == pytest.approx(min(nats), abs=1e-5)
    assert nats[-1] > min(nats) + 0.1  # 20 texts are soon learned by heart


@pytest.mark.parametrize("batch", [1, 4, 50])
def test_batches_are_documents_of_the_collection(batch):
    documents = LSTMOracle(8, generator(0)).sample(9, generator(1), 5)
    rows = {tuple(row) for row in documents.tokens.tolist()}
    drawn = batches_of(documents, batch)(generator(2))
    assert len(drawn.targets) == batch
    width = drawn.targets.shape[1]
    assert {tuple(row) for row in drawn.targets.tolist()} <= {row[:width] for row in rows}
    with pytest.raises(ValueError, match="batch must be"):
        batches_of(documents, 0)
