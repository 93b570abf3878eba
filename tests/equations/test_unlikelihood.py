"""The losses by hand, against autograd in float64, and at probabilities 0 and 1."""

import inspect
import math

import numpy as np
import pytest
import torch

from nlgnotes.equations.unlikelihood import (
    log_complement,
    negative_training_loss,
    repetition_loss,
    unlikelihood,
    unlikelihood_loss,
)
from nlgnotes.randomness import generator

INF = math.inf
DTYPES = [torch.float16, torch.bfloat16, torch.float32, torch.float64]


def scores(seed, rows, vocab):
    return 3 * torch.randn(rows, vocab, generator=generator(seed, "scores"), dtype=torch.float64)


def test_complement_and_its_gradient():
    x = scores(3, rows=10, vocab=6).requires_grad_()
    plain = (1 - x.softmax(-1)).log()
    torch.testing.assert_close(log_complement(x), plain)
    weights = torch.randn(10, 6, generator=generator(3, "weights"), dtype=x.dtype)
    (ours,) = torch.autograd.grad((log_complement(x) * weights).sum(), x)
    (naive,) = torch.autograd.grad((plain * weights).sum(), x)
    torch.testing.assert_close(ours, naive)


def test_complement_where_float32_has_nothing_left():
    x = torch.tensor([40.0, 0.0, 0.0], requires_grad=True)
    # So 1 - p = 0, and a clamp would stop the gradient.
    assert float(x.detach().softmax(-1)[0]) == 1.0
    loss = unlikelihood(x, torch.tensor([True, False, False]))
    assert float(loss.detach()) == pytest.approx(40 - math.log(2), rel=1e-6)
    # The gradient of -log(1 - p_c): p_c at c, -p_i p_c / (1 - p_c) at i.
    loss.backward()
    torch.testing.assert_close(x.grad, torch.tensor([1.0, -0.5, -0.5]))


def test_token_loss_by_hand():
    p = torch.tensor([[0.5, 0.25, 0.125, 0.125]], dtype=torch.float64)
    candidates = torch.tensor([[False, True, True, False]])
    got = unlikelihood_loss(p.log(), torch.tensor([0]), candidates, alpha=2)
    assert float(got) == pytest.approx(-2 * (math.log(0.75) + math.log(0.875)) - math.log(0.5))
    assert float(unlikelihood_loss(p.log(), torch.tensor([0]), candidates, 0)) == pytest.approx(
        math.log(2)
    )
    assert float(unlikelihood(p.log(), torch.zeros_like(candidates))) == 0.0


def test_the_gradient_is_that_of_the_paper():
    # The gradient analysis of Welleck et al.: with one candidate, the gradient in the logits is
    # m p - [i = target], where m is 1 - alpha p_neg / (1 - p_neg) for all but the candidate and
    # 1 + alpha for it.
    x = scores(4, rows=5, vocab=6).requires_grad_()
    target, bad, alpha = torch.zeros(5, dtype=torch.long), 3, 0.7
    candidates = torch.zeros(5, 6, dtype=torch.bool)
    candidates[:, bad] = True
    (got,) = torch.autograd.grad(unlikelihood_loss(x, target, candidates, alpha).sum(), x)
    p = x.detach().softmax(-1)
    m = (1 - alpha * p[:, bad, None] / (1 - p[:, bad, None])).expand(5, 6).clone()
    m[:, bad] = 1 + alpha
    expected = m * p
    expected[:, 0] -= 1
    torch.testing.assert_close(got, expected)


def test_one_loss_has_a_floor_and_the_other_has_not():
    x = torch.tensor([0.0, -200.0], dtype=torch.float64)
    assert float(unlikelihood(x, torch.tensor([False, True]))) == pytest.approx(0, abs=1e-80)
    for depth in (1e2, 1e4):
        loss = negative_training_loss(torch.tensor([-1.0]), torch.tensor([-depth]))
        assert float(loss) == 1 - depth


def test_negative_training():
    positive, negative = torch.tensor([-2.0, -4.0]), torch.tensor([-1.0, -2.0, -6.0])
    assert float(negative_training_loss(positive, negative, 0.5)) == 3 - 1.5
    assert float(negative_training_loss(None, negative)) == -3
    with pytest.raises(ValueError, match="negative must hold at least 1 log-probability; got 0"):
        negative_training_loss(positive, torch.zeros(0))
    with pytest.raises(ValueError, match="weight must lie in"):
        negative_training_loss(positive, negative, -1)


def forbidden_last(loss, logits):
    """The gradient with one more token, forbidden, and that of the logits as they are."""
    wide = torch.cat([logits, logits.new_full((1,), -INF)]).requires_grad_()
    plain = logits.clone().requires_grad_()
    return [torch.autograd.grad(loss(x), x)[0] for x in (wide, plain)]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("chosen", [(), (0,), (1,), (0, 1)])
def test_a_forbidden_token_takes_no_part_in_the_gradient(dtype, chosen):
    logits = torch.tensor([1.0, 2.0], dtype=dtype)

    def loss(x):
        candidates = torch.zeros(len(x), dtype=torch.bool)
        candidates[list(chosen)] = True
        target = torch.tensor(0)
        return unlikelihood(x, candidates) + unlikelihood_loss(x, target, candidates, 0.7)

    wide, plain = forbidden_last(loss, logits)
    assert torch.equal(wide[:2], plain) and wide[2] == 0 and wide.isfinite().all()


@pytest.mark.parametrize("dtype", DTYPES)
def test_one_possible_token_has_finite_gradients(dtype):
    for candidates in ([False, True], [True, False], [False, False], [True, True]):
        x = torch.tensor([1.0, -INF], dtype=dtype, requires_grad=True)
        loss = unlikelihood(x, torch.tensor(candidates))
        assert float(loss.detach()) == (INF if candidates[0] else 0)
        assert torch.autograd.grad(loss, x)[0].tolist() == [0, 0]
    x = torch.tensor([[7.0]], dtype=dtype, requires_grad=True)  # a vocabulary of one
    assert torch.autograd.grad(log_complement(x).exp().sum(), x)[0].tolist() == [[0]]


def test_gradients_are_those_of_finite_differences():
    x = scores(5, 4, 5).requires_grad_()
    candidates = torch.rand(4, 5, generator=generator(5, "candidates")) < 0.5
    targets = torch.tensor([0, 1, 2, 3])
    assert torch.autograd.gradcheck(lambda z: log_complement(z), (x,))
    assert torch.autograd.gradcheck(lambda z: unlikelihood_loss(z, targets, candidates, 0.3), (x,))


def test_weight_zero_leaves_a_term_out():
    certain, candidates = torch.tensor([1.0, -INF]), torch.tensor([True, False])
    assert unlikelihood_loss(certain, torch.tensor(0), candidates, alpha=0) == 0
    bad = torch.tensor([-INF, -1.0], requires_grad=True)
    loss = negative_training_loss(torch.tensor([-2.0]), bad, 0)
    assert loss == 2 and torch.autograd.grad(loss, bad)[0].tolist() == [0, 0]
    assert negative_training_loss(None, bad, weight=0) == 0
    assert negative_training_loss(torch.tensor([-2.0]), bad, 1) == -INF


def test_an_undefined_difference_is_refused():
    bad = torch.tensor([-INF])
    with pytest.raises(ValueError, match="must not both hold -inf"):
        negative_training_loss(bad, bad)
    for ill in (math.nan, INF):
        with pytest.raises(ValueError, match="negative must hold log-probabilities, no NaN"):
            negative_training_loss(None, torch.tensor([ill]))
        with pytest.raises(ValueError, match="positive must hold log-probabilities, no NaN"):
            negative_training_loss(torch.tensor([ill]), torch.tensor([-1.0]))


@pytest.mark.parametrize("dtype", DTYPES[:2])
def test_sums_in_half_precision(dtype):
    """100,000 terms of 1: their sum is beyond float16, and bfloat16 stops adding at 256."""
    ones = torch.full((100_000,), -1.0, dtype=dtype)
    assert negative_training_loss(None, ones) == -1
    # V tokens of equal probability, all of them candidates: -V log(1 - 1/V), which is about 1.
    x = torch.zeros(70_000, dtype=dtype)
    assert float(unlikelihood(x, torch.ones(70_000, dtype=torch.bool))) == pytest.approx(
        1, rel=0.01
    )


def test_sequence_loss_by_hand_and_without_repetition():
    tokens, lengths = torch.tensor([[1, 2, 1, 2]]), torch.tensor([4])
    x = torch.zeros(1, 4, 4)
    x[..., 3] = -INF  # three possible tokens: -log(2/3) at each of the two repeated ones
    x.requires_grad_()
    loss = repetition_loss(x, tokens, lengths, n=2)
    assert float(loss.detach()) == pytest.approx(-2 * math.log(2 / 3) / 4)
    assert torch.autograd.grad(loss, x)[0].isfinite().all()
    none = repetition_loss(x, tokens, lengths, n=np.int64(4))
    assert none == 0 and not torch.autograd.grad(none, x)[0].any()


@pytest.mark.parametrize("f", [log_complement, lambda x: unlikelihood(x, x > 9)])
def test_ill_rows_are_refused(f):
    for bad in (math.nan, INF, -INF):
        with pytest.raises(ValueError, match="logits must"):
            f(torch.full((2, 3), bad))


def test_ill_arguments_are_refused():
    x, targets, none = torch.zeros(2, 3), torch.zeros(2).long(), torch.zeros(2, 3) > 0
    loss = inspect.unwrap(unlikelihood_loss)
    for alpha in (-1, INF, math.nan, True, "1", None, 10**400):
        with pytest.raises(ValueError, match=r"alpha must lie in \[0, inf\); got"):
            loss(x, targets, none, alpha)
    for mask in (none[:, :2], none.float(), none.long(), None):
        with pytest.raises(ValueError, match="candidates must be a boolean tensor of shape"):
            loss(x, targets, mask)
    for ids in (targets.int(), targets[:1], targets + 3, targets - 1, [0, 0], None):
        with pytest.raises(ValueError, match="targets must"):
            loss(x, ids, none)
    with pytest.raises(ValueError, match=r"tokens must hold ids in \[0, 3\)"):
        repetition_loss(x[None], torch.tensor([[0, 3]]), torch.tensor([2]))
