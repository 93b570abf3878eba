"""Scores of heads: by hand, by slow loops, and on heads that are built to have them."""

import pytest
import torch
import torch.nn.functional as F

from nlgnotes.equations.induction import (
    copying_score,
    in_context_learning_score,
    prefix_matching_score,
    previous_token_score,
)
from nlgnotes.randomness import generator


def random_patterns(*shape, seed=0):
    time = shape[-1]
    scores = torch.randn(*shape, time, generator=generator(seed, "patterns"), dtype=torch.double)
    hidden = ~torch.ones(time, time, dtype=torch.bool).tril()
    return scores.masked_fill(hidden, -torch.inf).softmax(-1)


def random_tokens(batch, time, symbols=5, seed=0):
    return torch.randint(1, symbols + 1, (batch, time), generator=generator(seed, "tokens"))


def slow_prefix_matching(weights, tokens):
    """One head, by the words of the definition."""
    found, queries = 0.0, 0
    for row, looks in zip(tokens.tolist(), weights, strict=True):
        for i, token in enumerate(row):
            after_copies = [j for j in range(1, i + 1) if row[j - 1] == token]
            if after_copies:
                queries += 1
                found += sum(float(looks[i, j]) for j in after_copies)
    return found / queries


def test_prefix_matching_equals_the_slow_loop():
    tokens, weights = random_tokens(4, 9), random_patterns(2, 4, 3, 9)
    scores = prefix_matching_score(weights, tokens)
    assert scores.shape == (2, 3)
    for layer in range(2):
        for head in range(3):
            slow = slow_prefix_matching(weights[layer, :, head], tokens)
            assert float(scores[layer, head]) == pytest.approx(slow, abs=1e-12)


def test_prefix_matching_of_built_heads():
    """25 different tokens four times: what looks 24 back has score 1, and what looks 25 back 0."""
    block = torch.randperm(64, generator=generator(1))[:25] + 1
    tokens = F.pad(block.repeat(4), (1, 0))[None]
    time, place = tokens.shape[1], torch.arange(tokens.shape[1])

    def looking_back(distance):
        return F.one_hot((place - distance).clamp(min=0), time).double()[None, None]

    assert prefix_matching_score(looking_back(24), tokens) == 1
    assert prefix_matching_score(looking_back(25), tokens) == 0
    # The paper's average of single entries, over 25 * (1 + 2 + 3) of them, is half of it.
    entries = [
        looking_back(24)[0, 0, i, i - 25 * k + 1]
        for i in range(26, 101)
        for k in (1, 2, 3)
        if i - 25 * k >= 1
    ]
    assert len(entries) == 150 and sum(entries) / len(entries) == 0.5


def test_a_token_right_after_itself_may_look_at_itself():
    """In A A the second A follows a copy of itself."""
    weights = torch.tensor([[1.0, 0.0], [0.25, 0.75]])[None, None]
    assert prefix_matching_score(weights, torch.tensor([[3, 3]])) == 0.75


def test_previous_token_by_hand_and_on_all_heads():
    weights = random_patterns(2, 4, 3, 9)
    slow = torch.stack([weights[..., i, i - 1] for i in range(1, 9)]).mean(0).mean(1)
    torch.testing.assert_close(previous_token_score(weights), slow)


def slow_copying(logits, weights, tokens):
    """One head and one text."""
    attended = total = 0.0
    for i in range(len(tokens)):
        for j in range(i + 1):
            centred = logits[j] - logits[j].mean()
            raised = centred.clamp(min=0)
            attended += float(weights[i, j] * raised[tokens[j]])
            total += sum(float(weights[i, j] * raised[x]) for x in set(tokens.tolist()))
    return 4 * attended / (attended + total) - 1


def test_copying_equals_the_slow_loop():
    tokens, weights = random_tokens(3, 7), random_patterns(2, 3, 2, 7)
    logits = torch.randn(2, 3, 2, 7, 6, generator=generator(3), dtype=torch.double)
    scores = copying_score(logits, weights, tokens)
    for layer in range(2):
        for head in range(2):
            slow = [
                slow_copying(logits[layer, b, head], weights[layer, b, head], tokens[b])
                for b in range(3)
            ]
            assert float(scores[layer, head]) == pytest.approx(sum(slow) / 3, abs=1e-12)


def test_copying_at_its_ends():
    tokens = torch.arange(1, 6)[None]
    weights = random_patterns(1, 1, 5)
    own = F.one_hot(tokens, 9).double()[:, None]
    assert copying_score(own, weights, tokens) == 1
    others = F.one_hot(tokens.roll(1, 1), 9).double()[:, None]
    assert copying_score(others, weights, tokens) == -1
    absent = F.one_hot(torch.full_like(tokens, 8), 9).double()[:, None]
    assert copying_score(absent, weights, tokens) == 0  # it raises no token of the text
    # A constant on all logits changes no distribution, and no score.
    assert copying_score(own + 7, weights, tokens) == 1


def test_the_score_of_in_context_learning_is_negative_where_reading_on_helps():
    nats = torch.tensor([[4.0, 3.0, 2.0, 1.0], [4.0, 4.0, 2.0, 2.0]])
    assert in_context_learning_score(nats, 1, 3) == -2.0
    assert in_context_learning_score(nats.flip(1), 0, 2) == 2.0


def test_errors_say_what_is_wrong(plain):
    setup = (
        "import torch\n"
        "from nlgnotes.equations.induction import *\n"
        "w, t = torch.zeros(2, 3, 5, 5), torch.zeros(2, 5, dtype=torch.long)"
    )
    wanted = {
        "prefix_matching_score(w, t[:, :4])": "weights must be",
        "prefix_matching_score(w, t[:1])": "weights must be",
        "prefix_matching_score(w, t.float())": "tokens must be int64",
        "prefix_matching_score(w, torch.arange(5).repeat(2, 1))": "earlier copy; got none",
        "previous_token_score(w[..., :1, :1])": "at least 2 positions",
        "copying_score(torch.zeros(2, 3, 4, 9), w, t)": "logits must be",
        "in_context_learning_score(torch.zeros(2), 0, 1)": "nats must be [texts, time]",
        "in_context_learning_score(torch.zeros(2, 5), 3, 3)": "early must be",
        "in_context_learning_score(torch.zeros(2, 5), 1, 5)": "late must be",
    }
    answers = plain(setup, {case: case for case in wanted})
    for case, words in wanted.items():
        assert answers[case][0] == "ValueError" and words in answers[case][1], answers[case]
