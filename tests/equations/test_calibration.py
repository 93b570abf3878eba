"""Contextual calibration: by hand, by Bayes' rule, and the official code's decision."""

import math
from inspect import unwrap

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from nlgnotes.equations.calibration import (
    calibrate,
    null_weights,
    prior_correction,
    prompt_bias,
    softmax_calibration,
)
from nlgnotes.randomness import generator


def rows(seed, n=50, labels=4):
    """Random distributions, none of which has a zero."""
    drawn = torch.rand(n, labels, generator=generator(seed, "rows"), dtype=torch.float64) + 0.01
    return drawn / drawn.sum(-1, keepdim=True)


def test_by_hand():
    p, null = torch.tensor([0.9, 0.1]), torch.tensor([0.6, 0.4])
    # 0.9 / 0.6 = 1.5 and 0.1 / 0.4 = 0.25.
    torch.testing.assert_close(prior_correction(p, null), torch.tensor([1.5, 0.25]) / 1.75)
    e = math.exp(1.5) / (math.exp(1.5) + math.exp(0.25))
    torch.testing.assert_close(softmax_calibration(p, null), torch.tensor([e, 1 - e]))
    assert float(prompt_bias(null)) == pytest.approx(0.1)
    assert float(prompt_bias(torch.full((5,), 0.2))) == pytest.approx(0, abs=1e-7)


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 1000), st.integers(2, 6))
def test_the_null_comes_out_even_and_the_decisions_agree(seed, labels):
    p, null = rows(seed, 20, labels), rows(seed + 5000, 20, labels)
    even = torch.full_like(null, 1 / labels)
    torch.testing.assert_close(prior_correction(null, null), even)
    torch.testing.assert_close(softmax_calibration(null, null), even)
    general = calibrate(p, null_weights(null))
    torch.testing.assert_close(general, softmax_calibration(p, null))
    # The official code: the largest entry of inv(diag(p_null)) p, without a softmax.
    for i in range(20):
        decided = int(np.argmax(np.linalg.inv(np.diag(null[i].numpy())) @ p[i].numpy()))
        assert decided == int(general[i].argmax()) == int(prior_correction(p, null)[i].argmax())


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 1000))
def test_a_correction_takes_the_prior_out_of_bayes_rule(seed):
    prior, likelihood = rows(seed, 1), rows(seed + 5000)
    p = prior * likelihood
    p = p / p.sum(-1, keepdim=True)
    even = likelihood / likelihood.sum(-1, keepdim=True)
    torch.testing.assert_close(prior_correction(p, prior), even)
    assert float((softmax_calibration(p, prior) - even).abs().max()) > 0.01


def test_a_bias_is_added():
    p, W = torch.tensor([0.7, 0.3]), torch.eye(2)
    torch.testing.assert_close(
        calibrate(p, W, torch.tensor([0.0, 0.4])), torch.full((2,), 0.5), rtol=0, atol=1e-6
    )


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda p: prior_correction(p, torch.tensor([1.0, 0.0])), "p_null must be above 0 every"),
        (lambda p: softmax_calibration(p, torch.tensor([0.9, 0.2])), "p_null must be distrib"),
        (lambda p: null_weights(torch.tensor([0.0, 1.0])), "p_null must be above 0 everywhere"),
        (lambda p: prior_correction(2 * p, p), "p must be distributions .* 1 away from 1"),
        (lambda p: prompt_bias(p * math.nan), "p_null must be distributions"),
        (lambda p: unwrap(prompt_bias)(torch.tensor([1, 0])), "p_null must hold probabilities"),
        (lambda p: calibrate(p, torch.eye(2) / 0), "weights must be finite; "),
        (lambda p: calibrate(p, torch.eye(2), p * math.inf), "bias must be finite; 2 are not"),
    ],
)
def test_what_is_no_distribution_is_refused(call, words):
    with pytest.raises((ValueError, TypeError), match=words):
        call(torch.tensor([0.6, 0.4]))


def test_a_null_that_no_weight_can_undo_is_refused():
    p, null = torch.tensor([0.5, 0.5]), torch.tensor([-95.0, 0.0]).softmax(-1)
    for call in (prior_correction, softmax_calibration):
        with pytest.raises(ValueError, match="no weight can undo it"):
            call(p, null)
