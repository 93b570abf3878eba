"""Rated answers: gold by hand, the writer's law against its draws, rankings by Plackett–Luce."""

import math

import pytest
import torch
from jaxtyping import TypeCheckError

from nlgnotes.randomness import generator
from nlgnotes.tasks.comparisons import (
    Pairs,
    Rankings,
    RatedAnswers,
    draw_answers,
    draw_rankings,
    ranked_pairs,
    text_batch,
)

SMALL = RatedAnswers(
    words=("a", "b", "c"),
    prompts=2,
    read=2,
    values=(1.0, 3.0, 0.0),
    repetition=2.0,
    habits=(0.0, 0.5, 0.0),
    openings=(0.0, 1.0, 0.0),
)


def test_gold_reads_all_words_but_the_first_and_tires_of_repetition():
    number = SMALL.numbers(torch.tensor([[2, 0, 1], [2, 1, 1], [0, 1, 1], [1, 2, 2]]))
    assert number.tolist() == [19, 22, 4, 17]
    assert torch.equal(SMALL.answers[number[0]], torch.tensor([2, 0, 1]))
    # Prompt a: a is worth 1, b 3, c 0; prompt b: b 1, c 3, a 0. Twice the same costs 2.
    assert SMALL.gold[0, number].tolist() == [4, 4, 4, -2]
    assert SMALL.gold[1, number].tolist() == [1, 0, 0, 4]
    assert SMALL.text(1, 19) == "b: c a b"


def test_the_writer_s_law_is_that_of_its_texts():
    law = SMALL.writer_log_probs
    assert torch.allclose(law.logsumexp(-1), torch.zeros(2, dtype=torch.float64), atol=1e-12)
    texts = SMALL.draw_texts(40_000, 3, generator(1))
    seen = torch.zeros(2, 27).double()
    seen.index_put_((texts[:, 0], SMALL.numbers(texts[:, 1:])), torch.ones(1).double(), True)
    many = seen.sum(1, keepdim=True)
    error = (law.exp() * (1 - law.exp()) / many).sqrt()
    # 54 counts: beyond 6 standard errors with probability below 1e-6 in all.
    assert ((seen / many - law.exp()).abs() < 6 * error + 1e-3).all()


def test_the_writer_avoids_what_it_has_said():
    """Opening b, then b twice, worked by hand: a scores .25, b 1.25 and then 1.5 less, c 0."""
    e = math.exp
    first = e(1) / (2 + e(1)) * e(1.25) / (e(0.25) + e(1.25) + 1)
    again = e(-0.25) / (e(0.25) + e(-0.25) + 1)
    number = SMALL.numbers(torch.tensor([1, 1, 1]))
    assert SMALL.writer_log_probs[0, number].exp().item() == pytest.approx(first * again)


def test_the_writer_s_first_word_says_nothing_of_the_others():
    law = SMALL.writer_log_probs.view(2, 3, 9)
    first, rest = law.logsumexp(2, keepdim=True), law.logsumexp(1, keepdim=True)
    assert torch.allclose(law, first + rest, atol=1e-12)


def test_the_opening_score_is_standard_and_of_the_first_word_only():
    p, score = SMALL.writer_log_probs.exp(), SMALL.opening_score
    assert torch.allclose(p @ score, torch.zeros(2).double(), atol=1e-12)
    assert torch.allclose(p @ score**2, torch.ones(2).double(), atol=1e-12)
    assert all(part.unique().numel() == 1 for part in score.view(3, 9))


def test_answers_are_drawn_from_the_law_and_impossible_ones_never():
    law = torch.tensor([[0.5, 0.0, 0.5, 0.0], [0.1, 0.2, 0.3, 0.4]]).log()
    drawn = draw_answers(law, torch.tensor([0, 1]).repeat(20_000), generator(2)).view(-1, 2)
    shares = torch.stack([(drawn == y).double().mean(0) for y in range(4)], 1)
    assert (shares[0, [1, 3]] == 0).all()
    # The standard errors are below .0036; 6 of them.
    assert (shares - law.exp()).abs().max() < 0.022


def test_pairs_of_a_ranking_are_right_as_often_as_bradley_and_terry_say():
    law, gold = torch.tensor([[0.5, 0.5]]).log(), torch.tensor([[0.0, 1.0]])
    pairs = ranked_pairs(draw_rankings(law, gold, 30_000, 2, generator(3)))
    mixed = pairs.chosen != pairs.rejected
    right = (pairs.chosen == 1)[mixed].double().mean()
    # About 15,000 pairs of different answers: 6 standard errors are .022.
    assert abs(float(right) - 1 / (1 + math.exp(-1))) < 0.022


def test_rankings_of_three_follow_plackett_and_luce():
    law, gold = torch.full((1, 3), 1 / 3).log(), torch.tensor([[0.0, 1.0, 2.0]])
    _, answers = draw_rankings(law, gold, 60_000, 3, generator(4))
    answers = answers[(answers.sort(1).values == torch.arange(3)).all(1)]
    e = torch.tensor([1.0, math.e, math.e**2]).double()
    for order in ((2, 1, 0), (0, 1, 2), (1, 2, 0)):
        want = e[order[0]] / e.sum() * e[order[1]] / (e.sum() - e[order[0]])
        share = (answers == torch.tensor(order)).all(1).double().mean()
        # About 13,000 rankings of three different answers: 6 standard errors are .026.
        assert abs(float(share - want)) < 0.026


def test_without_noise_rankings_never_err():
    world = SMALL
    rankings = draw_rankings(world.writer_log_probs, world.gold, 200, 4, generator(5), noise=0)
    gold = world.gold[rankings.prompts[:, None], rankings.answers]
    assert (gold.diff(dim=1) <= 0).all() and (gold.diff(dim=1) < 0).any()


def test_a_ranking_of_four_is_six_pairs():
    rankings = Rankings(torch.tensor([1, 0]), torch.tensor([[5, 3, 9, 4], [0, 1, 2, 3]]))
    pairs = ranked_pairs(rankings)
    assert pairs.chosen[:6].tolist() == [5, 5, 5, 3, 3, 9]
    assert pairs.rejected[:6].tolist() == [3, 9, 4, 9, 4, 4]
    assert (
        pairs.prompts.tolist() == [1] * 6 + [0] * 6 and pairs.rankings.tolist() == [0] * 6 + [1] * 6
    )
    assert isinstance(pairs, Pairs)


def test_texts_are_read_to_the_last_word_but_one():
    batch = text_batch(torch.tensor([[0, 1, 2]]))
    assert batch.inputs.tolist() == [[0, 1]] and batch.targets.tolist() == [[1, 2]]
    assert batch.mask.all()
    assert SMALL.tokens(torch.tensor([1]), torch.tensor([19])).tolist() == [[1, 2, 0, 1]]


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"values": (1.0,)}, "values must be 8 finite numbers"),
        ({"prompts": 9}, "prompts must be an integer from 1 to 8"),
        ({"read": 6}, "answers, words"),
        ({"repetition": -1.0}, "repetition must lie in"),
        ({"variety": math.nan}, "variety must lie in"),
    ],
)
def test_worlds_that_cannot_be_are_refused(wrong, message):
    with pytest.raises(ValueError, match=message):
        RatedAnswers(**wrong)


def test_ill_arguments_of_draws_are_refused():
    law = SMALL.writer_log_probs
    with pytest.raises((ValueError, TypeCheckError)):
        draw_rankings(law, law[:1], 3, 2, generator(0))
    with pytest.raises(ValueError, match="ranked must be an integer of at least 2"):
        draw_rankings(law, law, 3, 1, generator(0))
    with pytest.raises(ValueError, match="noise must lie"):
        draw_rankings(law, law, 3, 2, generator(0), noise=-1)
    with pytest.raises(ValueError, match="prompts must hold ids"):
        draw_answers(law, torch.tensor([2]), generator(0))
    with pytest.raises(ValueError, match="log_probs must have a finite entry in every row"):
        draw_answers(torch.full((2, 3), -math.inf), torch.tensor([0]), generator(0))
    with pytest.raises(ValueError, match="tokens must be prompts"):
        text_batch(torch.zeros(3, 1, dtype=torch.long))
