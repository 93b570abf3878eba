"""The penalties by hand, as laws over random rows, and against transformers."""

import inspect
import math

import numpy as np
import pytest
import torch
from jaxtyping import TypeCheckError

from nlgnotes.equations.penalties import (
    ctrl_penalty,
    presence_penalty,
    repetition_penalty,
    seen_tokens,
)
from nlgnotes.randomness import generator

INF = math.inf
RULES = [ctrl_penalty, repetition_penalty, presence_penalty]


def scores(seed=0, rows=20, vocab=30, dtype=torch.float64):
    return 3 * torch.randn(rows, vocab, generator=generator(seed, "scores"), dtype=dtype)


def test_the_counter_example_of_the_negative_logit():
    # Two tokens were said, one with a positive and one with a negative logit.
    x = torch.tensor([3.0, 1.0, -0.5, -2.0], dtype=torch.float64)
    seen = torch.tensor([True, False, False, True])

    def softmax(logits):
        e = [math.exp(v) for v in logits]
        return pytest.approx([v / sum(e) for v in e])

    assert ctrl_penalty(x, seen, 1.2).softmax(-1).tolist() == softmax([3 / 1.2, 1, -0.5, -2 / 1.2])
    assert repetition_penalty(x, seen, 1.2).softmax(-1).tolist() == softmax(
        [3 / 1.2, 1, -0.5, -2 * 1.2]
    )
    assert presence_penalty(x, seen, 0.5).softmax(-1).tolist() == softmax([2.5, 1, -0.5, -2.5])
    # The notes' rule rewards the repetition.
    assert float(ctrl_penalty(x, seen, 1.2).softmax(-1)[3]) > 2 * float(x.softmax(-1)[3])


@pytest.mark.parametrize("theta", [1.2, 0.7, 5])
def test_the_laws_of_the_rules(theta):
    x = scores()
    seen = torch.rand(x.shape, generator=generator(0, "seen")) < 0.3
    new = ~seen
    for rule in (ctrl_penalty, repetition_penalty):
        y = rule(x, seen, theta)
        assert torch.equal(y[new], x[new]) and torch.equal(rule(x, seen, 1), x)
        assert torch.equal(rule(x, torch.zeros_like(seen), theta), x)
    down = repetition_penalty(x, seen, theta)[seen] - x[seen]
    assert ((down < 0) == (theta > 1)).all()
    up = (ctrl_penalty(x, seen, theta) - x)[seen & (x < 0)]
    assert ((up > 0) == (theta > 1)).all()
    # The odds of a token that was said against a new one fall by exactly theta.
    p, q = x.softmax(-1), presence_penalty(x, seen, math.log(theta)).softmax(-1)
    expected = p / torch.where(seen, theta, 1.0)
    torch.testing.assert_close(q, expected / expected.sum(-1, keepdim=True))


def test_only_the_additive_rule_is_a_function_of_the_distribution():
    x, seen = scores(1), torch.rand(20, 30, generator=generator(1, "seen")) < 0.3
    moved = x + torch.randn(20, 1, generator=generator(1, "shift"), dtype=x.dtype) * 10
    torch.testing.assert_close(
        presence_penalty(x, seen).softmax(-1), presence_penalty(moved, seen).softmax(-1)
    )
    for rule in (ctrl_penalty, repetition_penalty):
        assert (
            (rule(x, seen).softmax(-1) - rule(moved, seen).softmax(-1)).abs().amax(-1) > 0.01
        ).float().mean() > 0.5


def test_what_is_impossible_stays_so():
    x, seen = torch.tensor([0.5, -INF, 1.0]), torch.tensor([True, True, False])
    for rule in RULES:
        assert rule(x, seen).tolist()[1:] == [-INF, 1.0]


@pytest.mark.parametrize("theta", [1.2, 0.8])
def test_the_sign_rule_is_that_of_transformers(theta):
    processors = pytest.importorskip("transformers.generation.logits_process")
    x = scores(2, rows=7, dtype=torch.float32)
    said = torch.randint(30, (7, 9), generator=generator(2, "said"))
    theirs = processors.RepetitionPenaltyLogitsProcessor(theta)(said, x.clone())
    assert torch.equal(repetition_penalty(x, seen_tokens(said, 30), theta), theirs)
    after = processors.RepetitionPenaltyLogitsProcessor(theta, prompt_ignore_length=4)(
        said, x.clone()
    )
    assert torch.equal(repetition_penalty(x, seen_tokens(said[:, 4:], 30), theta), after)


def test_nothing_said_yet():
    assert not seen_tokens(torch.zeros(2, 0, dtype=torch.long), 5).any()


@pytest.mark.parametrize("rule", RULES)
def test_ill_logits_and_masks_are_refused(rule):
    x, seen = torch.zeros(2, 3), torch.zeros(2, 3, dtype=torch.bool)
    for bad in (math.nan, INF, -INF):
        with pytest.raises(ValueError, match="logits must"):
            rule(torch.full((2, 3), bad), seen)
    for mask in (seen[:, :2], seen.float(), seen.long(), torch.tensor([0, 1]), None):
        with pytest.raises((ValueError, TypeCheckError)):
            rule(x, mask)
        with pytest.raises(ValueError, match="seen must be a boolean tensor of shape"):
            inspect.unwrap(rule)(x, mask)


@pytest.mark.parametrize("bad", [0, -1, math.nan, INF, True, "1", None, 10**400, 1e-300, 1e300])
def test_an_ill_theta_is_refused(bad):
    x, seen = torch.zeros(2, 3), torch.zeros(2, 3, dtype=torch.bool)
    for rule in RULES[:2]:
        with pytest.raises(ValueError, match="theta must"):
            inspect.unwrap(rule)(x, seen, bad)


@pytest.mark.parametrize("bad", [math.nan, INF, -INF, True, "1", None])
def test_an_ill_amount_is_refused(bad):
    with pytest.raises(ValueError, match=r"amount must lie in \(-inf, inf\)"):
        inspect.unwrap(presence_penalty)(torch.zeros(3), torch.zeros(3, dtype=torch.bool), bad)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
def test_a_penalty_that_overflows_says_so(dtype):
    big, seen = torch.tensor([3e4, -3e4], dtype=dtype), torch.tensor([True, True])
    with pytest.raises(
        ValueError, match=r"logits after the penalty of theta = 1e-36 must not hold"
    ):
        ctrl_penalty(big, seen, 1e-36)
    with pytest.raises(ValueError, match=r"logits after the penalty of amount = 1e\+300 must have"):
        presence_penalty(big, seen, 1e300)


@pytest.mark.parametrize("number", [np.float32(1.5), np.float64(1.5), torch.tensor(1.5)])
def test_scalars_of_numpy_and_torch_are_numbers(number):
    x, seen = scores(5), torch.ones(20, 30, dtype=torch.bool)
    for rule in RULES:
        assert torch.equal(rule(x, seen, number), rule(x, seen, 1.5))
    assert seen_tokens(torch.tensor([[1]]), np.int64(3)).tolist() == [[False, True, False]]


def test_ids_outside_the_vocabulary_are_refused():
    with pytest.raises(ValueError, match=r"ids in \[0, 3\)"):
        seen_tokens(torch.tensor([[3]]), 3)
    for bad in (0, 2.0, None):
        with pytest.raises(ValueError, match="vocab_size must be an integer of at least 1"):
            inspect.unwrap(seen_tokens)(torch.tensor([[0]]), bad)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
@pytest.mark.parametrize("share", [0.0, 0.1, 1.0])
def test_only_what_was_said_is_touched_as_where_says(dtype, share):
    x = scores(6).to(dtype)
    x[0, :15] = -INF
    seen = torch.rand(x.shape, generator=generator(6, "seen")) < share
    divided = torch.where(x < 0, x * 1.5, x / 1.5)
    assert torch.equal(ctrl_penalty(x, seen, 1.5), torch.where(seen, x / 1.5, x))
    assert torch.equal(repetition_penalty(x, seen, 1.5), torch.where(seen, divided, x))
    assert torch.equal(presence_penalty(x, seen, 1.5), torch.where(seen, x - 1.5, x))


def test_large_scores_whose_sum_overflows_are_no_fault():
    x = torch.tensor([[3e4, 2e4], [-3e4, 5e4]], dtype=torch.float16)
    seen = torch.ones(2, 2, dtype=torch.bool)
    for amount in (-100, 100):
        assert torch.equal(presence_penalty(x, seen, amount), x - amount)


def test_a_penalty_is_differentiable():
    x, seen = scores(7).requires_grad_(), torch.rand(20, 30, generator=generator(7, "s")) < 0.3
    ctrl_penalty(x, seen, 2).sum().backward()
    assert torch.equal(x.grad, torch.where(seen, 0.5, 1.0).double())


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
def test_scores_and_gradient_are_those_of_where(dtype, share):
    x, seen = torch.linspace(-3, 3, 35).view(5, 7).to(dtype), torch.linspace(0, 1, 35) < share
    found = []
    for act in (
        repetition_penalty,
        lambda a, g, t: torch.where(g, torch.where(a < 0, a * t, a / t), a),
    ):
        leaf = x.clone().requires_grad_()
        out = act(leaf, seen.view(5, 7), 1.5)
        found.append((out.detach(), *torch.autograd.grad(out.square().sum(), leaf)))
    assert all(map(torch.equal, *found))


def test_what_falls_out_of_the_precision_is_refused():
    said = torch.tensor([True, False])
    with pytest.raises(ValueError, match="theta must leave finite logits finite"):
        repetition_penalty(torch.tensor([-40000.0, 1.0]).half(), said, 2)
    with pytest.raises(ValueError, match="theta must leave finite logits finite"):
        ctrl_penalty(torch.tensor([-3e38, 1.0]), said, 0.1)
