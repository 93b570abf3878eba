"""Early stopping returns the weights that were best."""

import pytest

from nlgnotes.experiments.language_gans import adversarial_training
from nlgnotes.languages import LSTMOracle
from nlgnotes.networks.lstm import LSTMConfig
from nlgnotes.randomness import generator
from nlgnotes.training.likelihood import token_nll

TINY = {
    "language_seed": 0,
    "vocab_size": 8,
    "length": 5,
    "documents": 60,
    "width": 4,
    "mle_steps": 6,
    "mle_batch": 8,
    "mle_learning_rate": 0.03,
    "mle_check": 3,
    "temperatures": [0.5, 0.8, 1.0, 1.3],
    "samples": 40,
    "steps": 3,
    "batch": 8,
    "control_learning_rate": 0.003,
    "judge_width": 6,
    "judge_dropout": 0.1,
    "judge_warmup": 2,
    "judge_steps": 1,
    "learning_rate": 0.01,
    "judge_learning_rate": 0.005,
    "discount": 0.5,
    "look_every": 2,
    "checkpoints": [2],
    "beam": 5,
    "runs": 2,
}


def test_early_stopping_returns_the_best_weights():
    oracle = LSTMOracle(8, generator(0))
    train, valid = oracle.sample(20, generator(1), 5), oracle.sample(300, generator(2), 5)
    hard = TINY | {"mle_steps": 150, "mle_learning_rate": 0.05, "mle_check": 10}
    best, looks = adversarial_training.train_likelihood_model(
        train, valid, LSTMConfig(8, 5, 16), hard, 0
    )
    nats = [n for _, n in looks]
    assert float(token_nll(best, valid).sum() / valid.total) == pytest.approx(min(nats), abs=1e-5)
    assert nats[-1] > min(nats) + 0.1  # 20 texts are soon learned by heart
