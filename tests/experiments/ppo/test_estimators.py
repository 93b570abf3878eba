"""Gradients of the estimators: against a slow sum, and against what theory says."""

import torch

from nlgnotes.experiments.ppo.estimators import (
    all_answers,
    answer_words,
    expected_gradients,
    small_decoder,
)


def test_the_answers_are_all_there_and_their_probabilities_add_up():
    tokens = all_answers(4, 3)
    assert tokens.shape == (64, 4) and len(tokens.unique(dim=0)) == 64
    p = answer_words(small_decoder(3, "policy"), tokens).sum(1).exp()
    assert abs(float(p.sum().detach()) - 1) < 1e-12
    assert float(p.max().detach()) > 0.1  # far from uniform


def test_whole_answers_have_the_gradients_of_the_divergences_and_words_have_not():
    policy, reference = small_decoder(3, "policy", 3, 2), small_decoder(3, "reference", 3, 2)
    tokens = all_answers(3, 2)
    found = expected_gradients(policy, reference, tokens)
    forward, backward = found["KL(policy, reference)"], found["KL(reference, policy)"]
    assert float(found["k1"].norm()) < 1e-10 * float(forward.norm())
    assert torch.allclose(found["k2"], forward, atol=1e-10 * float(forward.norm()))
    assert torch.allclose(found["k3"], backward, atol=1e-10 * float(backward.norm()))
    assert torch.allclose(found["k1 in the reward"], forward, atol=1e-10 * float(forward.norm()))
    assert float((found["k2 by word"] - forward).norm() / forward.norm()) > 0.001


def test_a_sum_by_word_is_a_slow_sum_over_prefixes():
    """k2 by word: of each prefix, weighted as it is, the gradient of the KL of its next word."""
    policy, reference = small_decoder(3, "policy", 3, 2), small_decoder(3, "reference", 3, 2)
    found = expected_gradients(policy, reference, all_answers(3, 2))["k2 by word"]
    total = 0.0
    with torch.no_grad():
        first = policy(torch.tensor([[0]]))[0, -1].softmax(-1)
    for prefix, weight in [([0], 1.0)] + [([0, a], float(first[a])) for a in range(3)]:
        read = torch.tensor([prefix])
        log_p = policy(read)[0, -1].log_softmax(-1)
        log_q = reference(read)[0, -1].log_softmax(-1).detach()
        total = total + weight * (log_p.exp() * (log_p - log_q)).sum()
    parts = torch.autograd.grad(total, list(policy.parameters()))
    assert torch.allclose(found, torch.cat([p.flatten() for p in parts]), atol=1e-9)
