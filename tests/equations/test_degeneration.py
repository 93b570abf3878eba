"""Penalties by hand, as laws and against transformers; repetition against loops over lists; losses against autograd in float64."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from jaxtyping import TypeCheckError

from nlgnotes.equations.metrics import seq_rep_n_per_document
from nlgnotes.equations.penalties import (
    ctrl_penalty,
    presence_penalty,
    repetition_penalty,
    seen_tokens,
)
from nlgnotes.equations.repetition import (
    loop_period,
    previous_tokens,
    repeated_ngrams,
    times_before,
)
from nlgnotes.equations.unlikelihood import (
    log_complement,
    negative_training_loss,
    unlikelihood,
    unlikelihood_loss,
)
from nlgnotes.randomness import generator

WRONG_TYPE = (ValueError, TypeCheckError)
texts = st.lists(st.lists(st.integers(0, 2), min_size=0, max_size=14), min_size=1, max_size=4)


def scores(seed=0, rows=20, vocab=30, dtype=torch.float64):
    return 3 * torch.randn(rows, vocab, generator=generator(seed, "scores"), dtype=dtype)


def padded(lists):
    time = max(1, *(len(x) for x in lists))
    return torch.tensor([x + [0] * (time - len(x)) for x in lists]), torch.tensor(
        [len(x) for x in lists]
    )


# -- penalties --------------------------------------------------------------------------------


def test_the_counter_example_of_the_negative_logit():
    # Two tokens were said, one with a positive and one with a negative logit; every number is softmax by hand.
    x, seen = (
        torch.tensor([3.0, 1.0, -0.5, -2.0], dtype=torch.float64),
        torch.tensor([True, False, False, True]),
    )

    def softmax(logits):
        e = [math.exp(v) for v in logits]
        return pytest.approx([v / sum(e) for v in e])

    assert ctrl_penalty(x, seen, 1.2).softmax(-1).tolist() == softmax([3 / 1.2, 1, -0.5, -2 / 1.2])
    assert repetition_penalty(x, seen, 1.2).softmax(-1).tolist() == softmax(
        [3 / 1.2, 1, -0.5, -2 * 1.2]
    )
    assert presence_penalty(x, seen, 0.5).softmax(-1).tolist() == softmax([2.5, 1, -0.5, -2.5])
    before = float(x.softmax(-1)[3])
    assert (
        float(ctrl_penalty(x, seen, 1.2).softmax(-1)[3]) > 2 * before
    )  # the notes' rule rewards the repetition


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
    x, seen = torch.tensor([0.5, -math.inf, 1.0]), torch.tensor([True, True, False])
    for rule in (ctrl_penalty, repetition_penalty, presence_penalty):
        assert rule(x, seen).tolist()[1:] == [-math.inf, 1.0]


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


# -- repetition -------------------------------------------------------------------------------


@settings(max_examples=200, deadline=None)
@given(texts, st.integers(1, 4))
def test_repetition_against_lists(lists, n):
    tokens, lengths = padded(lists)
    times, inside = times_before(tokens, lengths, n), repeated_ngrams(tokens, lengths, n)
    for row, ids in enumerate(lists):
        count, covered = [0] * tokens.shape[1], [False] * tokens.shape[1]
        for end in range(n, len(ids) + 1):
            gram = ids[end - n : end]
            count[end - 1] = sum(ids[k - n : k] == gram for k in range(n, end))
            if count[end - 1]:
                covered[end - n : end] = [True] * n
        assert times[row].tolist() == count and inside[row].tolist() == covered
    # Another road: the n-grams that are not new are what seq-rep-n counts.
    rate = (times > 0).sum(-1).double() / (lengths - n + 1).clamp(min=1)
    torch.testing.assert_close(rate, seq_rep_n_per_document(tokens, lengths, n))


@settings(max_examples=200, deadline=None)
@given(texts, st.integers(2, 4))
def test_loops_against_lists(lists, times):
    tokens, lengths = padded(lists)
    for ids, got in zip(lists, loop_period(tokens, lengths, times).tolist(), strict=True):
        periods = [
            p for p in range(1, len(ids) // times + 1) if ids[-p:] * times == ids[-p * times :]
        ]
        assert got == min(periods, default=0)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.lists(st.integers(0, 4), min_size=6, max_size=6), min_size=1, max_size=3))
def test_candidates_against_sets(lists):
    got = previous_tokens(torch.tensor(lists), 5)
    for row, ids in enumerate(lists):
        for t in range(6):
            assert set(got[row, t].nonzero().flatten().tolist()) == set(ids[:t]) - {ids[t]}


def test_lengths_that_do_not_fit():
    for lengths in (torch.tensor([4]), torch.tensor([-1])):
        with pytest.raises(ValueError, match=r"lengths must lie in \[0, 3\]"):
            times_before(torch.zeros(1, 3, dtype=torch.long), lengths, 2)
    with pytest.raises(WRONG_TYPE):
        loop_period(torch.zeros(1, 3, dtype=torch.long), torch.tensor([1, 1]))
    with pytest.raises(ValueError, match="n must be an integer of at least 1; got 0"):
        repeated_ngrams(torch.zeros(1, 3, dtype=torch.long), torch.tensor([1]), 0)
    with pytest.raises(ValueError, match="times must be an integer of at least 2; got 1"):
        loop_period(torch.zeros(1, 3, dtype=torch.long), torch.tensor([1]), 1)


# -- losses -----------------------------------------------------------------------------------


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
    assert (
        float(x.detach().softmax(-1)[0]) == 1.0
    )  # so 1 - p = 0, and a clamp would stop the gradient
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
    # The gradient analysis of Welleck et al.: with one candidate, the gradient in the logits is m p - [i = target], where m is
    # 1 - alpha p_neg / (1 - p_neg) for all but the candidate and 1 + alpha for it.
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
        assert (
            float(negative_training_loss(torch.tensor([-1.0]), torch.tensor([-depth]))) == 1 - depth
        )


def test_negative_training():
    positive, negative = torch.tensor([-2.0, -4.0]), torch.tensor([-1.0, -2.0, -6.0])
    assert float(negative_training_loss(positive, negative, 0.5)) == 3 - 1.5
    assert float(negative_training_loss(None, negative)) == -3
    with pytest.raises(ValueError, match="negative must hold at least 1 log-probability; got 0"):
        negative_training_loss(positive, torch.zeros(0))
    with pytest.raises(ValueError, match="weight must lie in"):
        negative_training_loss(positive, negative, -1)


def test_errors():
    x, seen = torch.zeros(2, 3), torch.zeros(2, 3, dtype=torch.bool)
    for rule in (ctrl_penalty, repetition_penalty):
        with pytest.raises(ValueError, match="theta must be a finite number above 0; got 0"):
            rule(x, seen, 0)
    with pytest.raises(ValueError, match=r"amount must lie in \(-inf, inf\); got inf"):
        presence_penalty(x, seen, math.inf)
    for rule in (ctrl_penalty, repetition_penalty, presence_penalty, unlikelihood):
        with pytest.raises(ValueError, match="logits must not hold NaN"):
            rule(x * math.nan, seen)
        with pytest.raises(WRONG_TYPE):
            rule(x, seen[:, :2])
    with pytest.raises(ValueError, match=r"alpha must lie in \[0, inf\); got -1"):
        unlikelihood_loss(x, torch.zeros(2, dtype=torch.long), seen, -1)
    with pytest.raises(ValueError, match=r"ids in \[0, 3\)"):
        seen_tokens(torch.tensor([[3]]), 3)
