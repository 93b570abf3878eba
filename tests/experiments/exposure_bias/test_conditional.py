"""Divergences after prefixes: by enumeration on a toy language, by the definition, and for a model
that knows the truth."""

import math

import numpy as np
import pytest
import torch
from exact_models import ExactModel, every_prefix
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn.functional import pad

from nlgnotes.decoding.documents import generate_documents
from nlgnotes.documents import Documents
from nlgnotes.equations.divergences import jensen_shannon, kl_divergence, total_variation
from nlgnotes.experiments.exposure_bias import conditional, prefixes
from nlgnotes.languages import Newswire
from nlgnotes.networks.transformer import Decoder, DecoderConfig
from nlgnotes.randomness import generator

TOY = Newswire.toy()


V = TOY.vocab_size


MODEL = Decoder(DecoderConfig(V, context=16, width=12, layers=1, heads=2, hidden=16), generator(0))


# Two-sided normal tail 4e-8: with the few dozen comparisons here, false alarms below 1e-6.
FIVE_SIGMA_AND_MORE = 5.5


def test_a_model_that_knows_the_truth_is_nowhere_wrong():
    texts = generate_documents(ExactModel(TOY), 50, max_new_tokens=6, generator=generator(7))
    found = conditional.divergences_after(ExactModel(TOY), TOY, texts, range(6))
    for values in found.values():
        assert float(values.nan_to_num().abs().max()) < 1e-12
        assert values.isnan().equal(~prefixes.alive_before(texts)[:, :6])


def test_divergences_agree_with_the_definition_row_by_row():
    prefix = prefixes.random_words(7, 3, V, generator(8))
    text = prefixes.continue_prefixes(MODEL, prefix, 4, generator(8))
    found = conditional.divergences_after(MODEL, TOY, text, [3, 5, 7])
    for column, t in enumerate((3, 5, 7)):
        p, q = (
            TOY.next_log_probs(text.tokens[:, :t]),
            MODEL(pad(text.tokens[:, :t], (1, 0)))[:, -1].detach().double().log_softmax(-1),
        )
        alive = prefixes.alive_before(text)[:, t]
        for name, f in (("tv", total_variation), ("js", jensen_shannon), ("kl", kl_divergence)):
            assert torch.allclose(found[name][alive, column], f(p, q)[alive], atol=1e-9)
            assert found[name][~alive, column].isnan().all()
    assert torch.allclose(
        conditional.divergences_after(MODEL, TOY, text, [3])["js"], found["js"][:, :1]
    )  # the road for one place
    for at in ([8], [-1], []):
        with pytest.raises(ValueError, match="at must hold places"):
            conditional.divergences_after(MODEL, TOY, text, at)


def test_cgd_after_data_prefixes_is_the_enumerated_expectation():
    rows, weight = every_prefix(TOY, 2)
    each = conditional.divergences_after(
        MODEL, TOY, Documents(rows, torch.full((len(rows),), 2)), [2]
    )["tv"][:, 0]
    exact, spread = float(weight @ each), float((weight @ each**2 - (weight @ each) ** 2).sqrt())
    drawn = prefixes.four_prefixes(MODEL, TOY, 5000, 2, generator(9))["data"]
    found = conditional.divergences_after(
        MODEL, TOY, Documents(drawn, torch.full((5000,), 2)), [2]
    )["tv"].mean()
    assert abs(float(found) - exact) < FIVE_SIGMA_AND_MORE * spread / math.sqrt(5000)


def test_eb_c_by_hand_with_a_missing_value_and_pairs_that_are_equal():
    after, data = (
        torch.tensor([[2.0, 4.0], [6.0, torch.nan]]),
        torch.tensor([[1.0, 1.0], [3.0, 3.0]]),
    )
    assert conditional.eb_c(after, data, generator(0), resamples=10)[0].tolist() == [2.0, 2.0]
    x = torch.rand(20, 3, generator=generator(1))
    assert np.allclose(conditional.eb_c(2 * x, x, generator(2), paired=True, resamples=50), 2)
    spread = conditional.eb_c(2 * x, x, generator(2), resamples=50).std(0)
    assert (spread > 0).all()


def test_kinds_are_resampled_apart_but_shuffled_with_the_data_they_come_from():
    x = torch.rand(30, 2, generator=generator(1))
    table = {
        "data": {"tv": x, "js": x**2},
        "model": {"tv": x, "js": x},
        "shuffled": {"tv": 3 * x[:20], "js": x[:20]},
    }
    draws = conditional.bootstrap_kinds(table, generator(2), resamples=40)
    for kind, tables in table.items():
        for f, values in tables.items():
            assert draws[kind][f].shape == (41, 2)
            assert draws[kind][f][0] == pytest.approx(values.double().mean(0).numpy())
    whole = conditional.bootstrap_kinds(
        table | {"shuffled": {"tv": 3 * x}}, generator(2), resamples=40
    )
    assert np.allclose(whole["shuffled"]["tv"], 3 * whole["data"]["tv"])
    assert (np.abs(whole["model"]["tv"] / whole["data"]["tv"] - 1)[1:] > 1e-6).all()
    assert np.allclose(draws["model"]["tv"], draws["model"]["js"])


def test_the_share_of_the_harm_of_shuffled_words_by_hand():
    share = conditional.excess_share(
        np.array([3.0, 1.0]), np.array([1.0, 1.0]), np.array([5.0, 2.0])
    )
    assert share.tolist() == [0.5, 0.0]


@settings(max_examples=25, deadline=None)
@given(st.floats(0.01, 3), st.integers(0, 99))
def test_growth_is_one_in_proportion_to_the_length_and_none_where_the_harm_is_constant(harm, seed):
    lengths = torch.rand(4, generator=generator(seed)).add(0.1).cumsum(0).tolist()
    proportional, constant = 1 + harm * np.array(lengths), np.full(4, 1 + harm)
    found = conditional.relative_growth(np.stack([proportional, constant]), lengths)
    assert found == pytest.approx([1, 0], abs=1e-9)
    falling = conditional.relative_growth(1 + harm / np.array([lengths]), lengths)
    assert falling < 0


def test_intervals_and_slopes_read_the_draws():
    draws = np.array([[1.0, 2.0, 3.0]] * 3 + [[1.0, 1.0, 1.0]])
    assert conditional.slopes(draws, [0, 10, 20]).tolist() == pytest.approx([0.1, 0.1, 0.1, 0])
    first = conditional.intervals(draws, 9)[1]
    assert first.value == 2 and first.n == 9 and first.low < 2 == first.high
    with pytest.raises(ValueError, match="one column per x"):
        conditional.slopes(draws, [1, 2])


def test_accumulated_error_by_hand():
    after, data = (
        torch.tensor([[1.0, 3.0], [3.0, torch.nan]]),
        torch.tensor([[1.0, 2.0], [1.0, 0.0]]),
    )
    found = conditional.accumulated_error(after, data, generator(0), resamples=10)
    # R = 2, 2 + 3; l epsilon = 1, 1 + 1; AccErr = R / epsilon = 2, 5 / 1; excess 100 %, 150 %.
    assert found["regret"][0].tolist() == [2, 5]
    assert found["accumulated"][0].tolist() == [2, 5]
    assert found["excess"][0].tolist() == [100, 150]


@settings(max_examples=25, deadline=None)
@given(st.integers(2, 6), st.integers(0, 99))
def test_the_accumulated_excess_is_a_weighted_mean_of_eb_c(steps, seed):
    own, true = (
        torch.rand(9, steps, generator=generator(seed, which)) + 0.1 for which in ("own", "true")
    )
    excess = conditional.accumulated_error(own, true, generator(seed), resamples=4)["excess"][0]
    ratio, weight = (
        conditional.eb_c(own, true, generator(seed), resamples=4)[0],
        true.double().mean(0).numpy(),
    )
    by_hand = [100 * ((ratio[:i] @ weight[:i]) / weight[:i].sum() - 1) for i in range(1, steps + 1)]
    assert excess == pytest.approx(by_hand)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("at", [[0], [2], [1, 3], [4]])
def test_ill_logits_are_refused_where_a_document_still_runs(value, at):
    """NaN stands for a document that has ended: an ill model must not look like one."""

    class Ill(ExactModel):
        def __call__(self, tokens):
            logits = super().__call__(tokens).clone()
            logits[0] = value
            return logits

    text = Documents.from_lists([[1, 2, 3, 4], [2, 1, 4, 3]])
    with pytest.raises(ValueError, match="the model's logits must"):
        conditional.divergences_after(Ill(TOY), TOY, text, at)
    ended = Documents.from_lists([[0], [2, 1, 4, 3]])  # ill only where nothing is compared
    later = [t for t in at if t]
    if later:
        found = conditional.divergences_after(Ill(TOY), TOY, ended, later)
        assert all(x[0].isnan().all() and not x[1].isnan().any() for x in found.values())


@pytest.mark.parametrize("x", [[1, 1, 1], [1, 2, math.nan], [0, math.inf, 1]])
def test_a_slope_over_no_spread_is_refused(x):
    with pytest.raises(ValueError, match="x must hold finite numbers, two of them different"):
        conditional.slopes(np.ones((4, 3)), x)
