"""DPO's loss and gradient: by hand, from their parts against autograd, and by the exact optimum."""

import inspect
import math

import pytest
import torch
import torch.nn.functional as F

from nlgnotes.equations.divergences import kl_divergence
from nlgnotes.equations.dpo import (
    chosen_law,
    dpo_gradient,
    dpo_loss,
    dpo_weight,
    implicit_reward,
    ipo_loss,
)
from nlgnotes.randomness import generator

BETA = 0.3


def four(n=20, scale=3.0, seed=0):
    """Four rows of log-probabilities: of chosen and rejected, by policy and by reference."""
    chance = generator(seed, "four rows")
    return tuple(-scale * torch.rand(4, n, generator=chance, dtype=torch.float64))


def answers(seed=0, answers=7, pairs=40):
    """Logits over a few answers of policy and reference, and pairs of them."""
    chance = generator(seed, "a table of answers")
    policy, reference = torch.randn(2, answers, generator=chance, dtype=torch.float64)
    chosen, rejected = torch.randint(answers, (2, pairs), generator=chance)
    return policy.requires_grad_(), reference.log_softmax(-1), chosen, rejected


def test_loss_and_weight_by_hand():
    # Ratios 2 and 1/2 with beta 1: the odds of the right order are 4 to 1.
    p, q, ref = (torch.tensor([x]).double().log() for x in (0.4, 0.1, 0.2))
    assert float(dpo_loss(p, q, ref, ref, 1)) == pytest.approx(math.log(1 + 1 / 4))
    rewards = implicit_reward(p, ref, 1), implicit_reward(q, ref, 1)
    assert [float(r) for r in rewards] == pytest.approx([math.log(2), -math.log(2)])
    assert float(dpo_weight(*rewards)) == pytest.approx(1 / 5)
    smooth = 0.9 * math.log(1.25) + 0.1 * math.log(5)
    assert float(dpo_loss(p, q, ref, ref, 1, smoothing=0.1)) == pytest.approx(smooth)
    assert float(ipo_loss(p, q, ref, ref, 1)) == pytest.approx((math.log(4) - 0.5) ** 2)


def test_loss_is_the_paper_s_ratio_of_powers():
    # An independent road: sigma(b log x) = x^b / (1 + x^b), with no logarithm in between.
    w, lose, rw, rl = (x.exp() for x in four())
    power = ((w / rw) / (lose / rl)) ** BETA
    torch.testing.assert_close(dpo_loss(*four(), BETA), (1 + 1 / power).log(), rtol=0, atol=1e-12)


def test_loss_is_that_of_a_classifier_with_two_classes():
    w, lose, rw, rl = four()
    logits = torch.stack((BETA * (w - rw), BETA * (lose - rl)), -1)
    first = torch.zeros(len(w), dtype=torch.long)
    expected = F.cross_entropy(logits, first, reduction="none")
    torch.testing.assert_close(dpo_loss(w, lose, rw, rl, BETA), expected, rtol=0, atol=1e-12)
    smooth = F.cross_entropy(logits, first, reduction="none", label_smoothing=0.2)
    got = dpo_loss(w, lose, rw, rl, BETA, smoothing=0.1)  # torch spreads its 0.2 over both classes
    torch.testing.assert_close(got, smooth, rtol=0, atol=1e-12)


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_gradient_from_its_parts_is_autograd_s(smoothing):
    policy, reference, chosen, rejected = answers()
    log_p = policy.log_softmax(-1)
    loss = dpo_loss(
        log_p[chosen], log_p[rejected], reference[chosen], reference[rejected], BETA,
        smoothing=smoothing,
    ).mean()  # fmt: skip
    (expected,) = torch.autograd.grad(loss, policy)
    # Of a softmax, by hand: the gradient of log p(y) in the logits is e_y - p.
    p = policy.detach().softmax(-1)
    direction = torch.eye(len(p), dtype=p.dtype) - p
    reward = implicit_reward(p.log(), reference, BETA)
    weight = dpo_weight(reward[chosen], reward[rejected], smoothing=smoothing)
    got = dpo_gradient(direction[chosen], direction[rejected], weight, BETA)
    torch.testing.assert_close(got, expected, rtol=0, atol=1e-10)


def test_at_the_start_every_pair_weighs_one_half():
    same = four()[0]
    assert dpo_loss(same, same - 1, same, same - 1, BETA).tolist() == pytest.approx(
        [math.log(2)] * len(same)
    )
    reward = implicit_reward(same, same, BETA)
    assert dpo_weight(reward, reward).tolist() == [0.5] * len(same)


def test_identical_answers_cost_log_two_whatever_the_policy():
    w, _, rw, _ = four()
    assert dpo_loss(w, w, rw, rw, BETA).tolist() == pytest.approx([math.log(2)] * len(w))


def test_the_optimum_of_the_objective_is_the_optimum_of_the_loss():
    # Labels by Bradley-Terry, all pairs at their exact shares: the gradient vanishes at the tilt
    # ref exp(r / beta), and its implicit reward is r up to a constant.
    _, reference, *_ = answers()
    r = torch.randn(len(reference), generator=generator(1, "rewards"), dtype=torch.float64)
    tilt = (reference + r / BETA).log_softmax(-1).requires_grad_()
    first, second = torch.cartesian_prod(torch.arange(len(r)), torch.arange(len(r))).T
    share = reference.exp()[first] * reference.exp()[second] * (r[first] - r[second]).sigmoid()
    rows = tilt[first], tilt[second], reference[first], reference[second]
    (gradient,) = torch.autograd.grad((share * dpo_loss(*rows, BETA)).sum(), tilt)
    assert float(gradient.abs().max()) < 1e-12
    off = implicit_reward(tilt.detach(), reference, BETA) - r
    torch.testing.assert_close(off, off[:1].expand_as(off))


def test_smoothing_and_ipo_have_a_best_margin():
    zero, best = torch.zeros(1), torch.tensor([math.log(0.9 / 0.1) / BETA], requires_grad=True)
    smooth = dpo_loss(best, zero, zero, zero, BETA, smoothing=0.1)
    assert float(torch.autograd.grad(smooth.sum(), best)[0]) == pytest.approx(0, abs=1e-7)
    assert float(dpo_weight(BETA * best.detach(), zero, smoothing=0.1)) == pytest.approx(
        0, abs=1e-7
    )
    best = torch.tensor([1 / (2 * BETA)])
    assert float(ipo_loss(best, zero, zero, zero, BETA)) == pytest.approx(0, abs=1e-12)
    assert float(ipo_loss(best + 2, zero, zero, zero, BETA)) == pytest.approx(4, rel=1e-6)


def test_law_of_the_chosen_is_a_sum_over_all_pairs():
    chance = generator(5, "laws")
    law = torch.randn(2, 9, generator=chance, dtype=torch.float64).log_softmax(-1)
    reward = torch.randint(4, (2, 9), generator=chance).double()  # with ties
    slow = torch.zeros(2, 9, dtype=torch.float64)
    for x in range(2):
        for y in range(9):
            for other in range(9):
                both = float((law[x, y] + law[x, other]).exp())
                wins = 1 / (1 + math.exp(float(reward[x, other] - reward[x, y])))
                slow[x, y] += both * wins  # as the first of the pair
                slow[x, y] += both * wins  # as the second
    got = chosen_law(law, reward)
    torch.testing.assert_close(got.exp(), slow)
    lost = chosen_law(law, -reward)
    torch.testing.assert_close((got.exp() + lost.exp()) / 2, law.exp())


def test_chosen_log_probability_is_entropy_and_divergence():
    chance = generator(6, "laws")
    law, policy = torch.randn(2, 1, 30, generator=chance, dtype=torch.float64).log_softmax(-1)
    p_w = chosen_law(law, torch.randn(1, 30, generator=chance, dtype=torch.float64))
    entropy = -(p_w.exp() * p_w).sum()
    mean = (p_w.exp() * policy).sum()
    torch.testing.assert_close(mean, -entropy - kl_divergence(p_w, policy).sum())


def test_large_margins_stay_finite():
    far, zero = torch.tensor([1e4, -1e4]), torch.zeros(2)
    assert dpo_loss(far, zero, zero, zero, 1).tolist() == pytest.approx([0, 1e4])


ROWS = {name: torch.zeros(2) for name in ("chosen", "rejected")}
ROWS |= {f"reference_{name}": torch.zeros(2) for name in ("chosen", "rejected")}
ILL = [
    (dpo_loss, ROWS | {"beta": 0}, "beta must lie in (0, inf); got 0"),
    (ipo_loss, ROWS | {"beta": -1}, "beta must lie in (0, inf); got -1"),
    (dpo_loss, ROWS | {"beta": 1, "smoothing": 0.5}, "smoothing must lie in [0, 0.5); got 0.5"),
    (
        dpo_loss,
        ROWS | {"beta": 1, "rejected": torch.zeros(1)},
        "rejected must have the shape of chosen, (2,)",
    ),
    (
        ipo_loss,
        ROWS | {"beta": 1, "rejected": torch.tensor([0.0, -math.inf])},
        "rejected must be finite; got 1 that are not",
    ),
    (
        dpo_loss,
        ROWS | {"beta": 1, "chosen": torch.zeros(2, dtype=torch.long)},
        "chosen must hold numbers of floating point",
    ),
    (
        implicit_reward,
        {"log_probs": torch.zeros(2), "reference": torch.zeros(2), "beta": "x"},
        "beta must lie in (0, inf)",
    ),
    (
        dpo_weight,
        {"chosen_reward": torch.zeros(2), "rejected_reward": torch.zeros(3)},
        "rejected_reward must have the shape of chosen_reward, (2,)",
    ),
    (
        dpo_weight,
        {"chosen_reward": torch.zeros(2), "rejected_reward": torch.zeros(2), "smoothing": -1},
        "smoothing must lie in [0, 0.5); got -1",
    ),
    (
        dpo_gradient,
        {
            "chosen_direction": torch.zeros(2, 3),
            "rejected_direction": torch.zeros(2, 3),
            "weight": torch.zeros(3),
            "beta": 1,
        },
        "weight must hold one number for each row of the directions",
    ),
]


@pytest.mark.parametrize(("function", "arguments", "message"), ILL)
def test_bad_input_is_refused(function, arguments, message):
    with pytest.raises(ValueError) as error:
        inspect.unwrap(function)(**arguments)  # without the check of shapes
    assert message in str(error.value)
