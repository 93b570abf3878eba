"""Quality and diversity: what is written is what is scored, by enumeration and for the language
itself."""

import math

import numpy as np
import pytest
import torch

from nlgnotes.decoding.documents import generate_documents
from nlgnotes.documents import Documents
from nlgnotes.experiments.language_gans.comparison import difference_at_equal_diversity
from nlgnotes.experiments.language_gans.quality_diversity import (
    Point,
    Tempered,
    at_equal_diversity,
    branch,
    likeliest_text,
    per_token_kl,
    quality_diversity,
)
from nlgnotes.intervals import Interval
from nlgnotes.languages import LSTMOracle
from nlgnotes.networks.lstm import LSTMConfig, LSTMModel
from nlgnotes.randomness import generator
from nlgnotes.training.likelihood import token_nll


def model(seed=0, vocab=6, length=4):
    return LSTMModel(LSTMConfig(vocab, length, 5), generator(seed, "w"))


def points(*rows):
    return [Point(t, Interval(o, o, o, 9), Interval(d, d, d, 9)) for t, o, d in rows]


def all_texts(vocab, length):
    """Every text of ``length`` words or shorter with its end."""
    lists, open_ = [], [[]]
    for _ in range(length):
        lists += [[*ids, 0] for ids in open_]
        open_ = [[*ids, w] for ids in open_ for w in range(1, vocab)]
    return Documents.from_lists(lists + open_)


def test_a_tempered_model_writes_what_it_scores():
    """Frequencies of 20,000 texts against exact probabilities: false alarm below 1e-8."""
    for temperature in (0.5, 1.7):
        m, every = Tempered(model(vocab=3, length=3), temperature), all_texts(3, 3)
        p = (-token_nll(m, every).double().sum(-1)).exp()
        assert float(p.sum()) == pytest.approx(1, abs=1e-5)
        made = generate_documents(m, 20_000, max_new_tokens=3, generator=generator(1))
        keys = {tuple(t): i for i, t in enumerate(every.tokens.tolist())}
        counts = torch.bincount(
            torch.tensor([keys[tuple(t)] for t in made.tokens.tolist()]), minlength=len(every)
        ).double()
        z = (counts - 20_000 * p) / (20_000 * p * (1 - p)).sqrt()
        assert float(z.abs().max()) < 6.5


def test_both_axes_are_the_language_s_entropy_for_the_language_itself():
    class Itself(torch.nn.Module):
        def __init__(self, language, length):
            super().__init__()
            self.language, self.config = language, LSTMConfig(language.vocab_size, length)

        def forward(self, tokens):
            return self.language.all_next_log_probs(tokens[:, 1:]).float()

        def empty_cache(self, batch, capacity):
            return None

        def step(self, tokens, cache):
            cache = tokens if cache is None else torch.cat([cache, tokens], 1)
            return self(cache)[:, -1:], cache

    oracle = LSTMOracle(8, generator(0))
    test = oracle.sample(3000, generator(1), 5)
    (point,) = quality_diversity(
        Itself(oracle, 5), oracle, test, [1.0], samples=3000, generator=generator(2)
    )
    assert point.test.value == pytest.approx(
        float(-oracle.log_prob(test).sum() / test.total), abs=1e-5
    )
    assert (
        abs(point.oracle.value - point.test.value) < 6 * (point.oracle.high - point.oracle.low) / 2
    )  # two samples of one mean


def test_both_axes_by_enumeration():
    """Another model than the language: nearly 8 standard errors each, false alarm below 1e-13."""
    oracle, m, every = (
        LSTMOracle(4, generator(2), end=0.1),
        Tempered(model(0, 4, 3), 0.7),
        all_texts(4, 3),
    )
    log_g, log_p, lengths = (
        -token_nll(m, every).double().sum(-1),
        oracle.log_prob(every),
        every.lengths.double(),
    )
    quality = float(-(log_g.exp() * log_p).sum() / (log_g.exp() * lengths).sum())
    diversity = float(-(log_p.exp() * log_g).sum() / (log_p.exp() * lengths).sum())
    test = oracle.sample(5000, generator(6), 3)
    (point,) = quality_diversity(m.model, oracle, test, [0.7], samples=5000, generator=generator(7))
    for found, exact in ((point.oracle, quality), (point.test, diversity)):
        assert abs(found.value - exact) < 4 * (found.high - found.low) / 2
    assert abs(quality - diversity) > 8 * (
        point.oracle.high - point.oracle.low
    )  # the two are not mixed up


def test_the_divergence_by_the_chain_rule_is_that_of_the_distributions_over_texts():
    """Against the sum over texts of every kind, each weighted by its probability."""
    a, b, every = model(0, 4, 3), model(1, 4, 3), all_texts(4, 3)
    log_a, log_b = (-token_nll(m, every).double().sum(-1) for m in (a, b))
    exact = float((log_a.exp() * (log_a - log_b)).sum())
    made = generate_documents(a, 20_000, max_new_tokens=3, generator=generator(5))
    moved = per_token_kl(a, b, made)
    mean_length = made.total / len(made)
    assert (
        abs(moved.value * mean_length - exact) < 4 * (moved.high - moved.low) / 2 * mean_length
    )  # nearly 8 standard errors
    assert per_token_kl(a, a, made).value == 0


def test_equal_diversity_by_hand_and_without_the_branch_that_turns_back():
    sweep = points((1.0, 3.0, 2.0), (0.5, 1.0, 4.0), (1.5, 9.0, 3.0))
    np.testing.assert_allclose(at_equal_diversity(sweep, [2.0, 3.0, 4.0]), [3.0, 2.0, 1.0])
    assert np.isnan(at_equal_diversity(sweep, [1.9, 4.1])).all()


def test_the_branch_is_the_cold_side_and_rises():
    assert branch(points((1.0, 3.0, 2.0), (0.5, 1.0, 4.0), (1.5, 9.0, 3.0))) == (
        (2.0, 4.0),
        (3.0, 1.0),
    )
    noisy = points((1.0, 3.0, 2.0), (0.8, 2.0, 2.7), (0.5, 1.0, 2.5))
    for f in (
        branch,
        lambda p: at_equal_diversity(p, [2.1]),
        lambda p: difference_at_equal_diversity([p], [p]),
    ):
        with pytest.raises(
            ValueError, match=r"must rise as the temperature falls; got 2\.0000, 2\.7000, 2\.5000"
        ):
            f(noisy)


def test_on_one_set_of_texts_the_test_loss_is_convex_in_the_inverse_temperature():
    """Why a real sweep never meets that error: chords lie above the curve at every inner point."""
    oracle, inverse = LSTMOracle(6, generator(1)), np.linspace(0.4, 4, 10)
    texts, temperatures = oracle.sample(50, generator(2), 4), (1 / inverse).tolist()
    sweep = quality_diversity(
        model(3), oracle, texts, temperatures, samples=2, generator=generator(3)
    )
    assert (np.diff([p.test.value for p in sweep], 2) > 0).all()


def test_the_likeliest_text_by_enumeration():
    oracle = LSTMOracle(5, generator(3))
    grid = torch.cartesian_prod(*[torch.arange(1, 5)] * 4)
    scores = oracle.log_prob(Documents(grid, torch.full((len(grid),), 4)))
    text, score = likeliest_text(oracle, 4, beam=256)
    assert text.tolist() == grid[scores.argmax()].tolist() and score == pytest.approx(
        float(scores.max())
    )
    assert likeliest_text(oracle, 4, beam=1)[1] <= score + 1e-12


def test_errors_speak():
    oracle = LSTMOracle(6, generator(0))
    test = oracle.sample(5, generator(1), 4)
    with pytest.raises(ValueError, match="temperature"):
        Tempered(model(), 0.0)
    with pytest.raises(ValueError, match="temperatures must hold at least one"):
        quality_diversity(model(), oracle, test, [], samples=5, generator=generator(0))
    with pytest.raises(ValueError, match="samples"):
        quality_diversity(model(), oracle, test, [1.0], samples=1, generator=generator(0))
    with pytest.raises(ValueError, match="points"):
        at_equal_diversity([], [1.0])
    with pytest.raises(ValueError, match="beam"):
        likeliest_text(oracle, 3, 0)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("first", [True, False])
def test_a_divergence_of_ill_logits_is_refused(value, first):
    class Ill(torch.nn.Module):
        def forward(self, tokens):
            return torch.full((*tokens.shape, 6), value)

    texts = Documents.from_lists([[1, 2], [3, 0]])
    models = (Ill(), model()) if first else (model(), Ill())
    with pytest.raises(ValueError, match=f"the logits of {'before' if first else 'after'} must"):
        per_token_kl(*models, texts)


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_sweep_of_an_ill_model_is_refused(value):
    ill, oracle = model(), LSTMOracle(6, generator(0))
    with torch.no_grad():
        ill.output.bias[2] = value
    test = oracle.sample(5, generator(1), 4)
    with pytest.raises(ValueError, match=r"NaN|inf"):
        quality_diversity(ill, oracle, test, [1.0], samples=5, generator=generator(0))
