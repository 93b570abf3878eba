"""Prompts of every order: which there are, how often a test asks them, and what is believed."""

import itertools

import pytest
import torch

from nlgnotes.experiments.calibration.prompts import (
    all_orders,
    answered,
    beliefs,
    draw_questions,
    empty_beliefs,
    order_weights,
    with_null,
)
from nlgnotes.networks.transformer import Decoder, DecoderConfig
from nlgnotes.randomness import generator
from nlgnotes.tasks.in_context import Examples, LabelledExamples

FAMILY = LabelledExamples(2, 6, 3, 1.5, "fixed", 2.0, 0.5, 0.4, (0.5, -0.5))


def test_all_orders_are_there_once():
    found = [tuple(row) for row in all_orders(3, 3).tolist()]
    assert found == sorted(itertools.product(range(3), repeat=3))
    assert all_orders(0).shape == (1, 0)


def test_weights_are_those_of_the_urn_and_of_the_documents():
    orders = all_orders(2)
    even = order_weights(orders, FAMILY, balanced=True)
    assert even.shape == (4, 2) and bool((even == 1 / 8).all())
    bursty = order_weights(orders, FAMILY, balanced=False)
    assert float(bursty.sum()) == pytest.approx(1)
    # 0, 0, 0: a half, then (1 + 2) of (2 + 2), then (1 + 2 + 1) of (2 + 3).
    assert float(bursty[0, 0]) == pytest.approx(1 / 2 * 3 / 4 * 4 / 5)
    # 0, 1, 0: a half, then 1 of 4, then 1 + 1 of 2 + 3.
    assert float(bursty[1, 0]) == pytest.approx(1 / 2 * 1 / 4 * 2 / 5)
    n = 20_000
    drawn = FAMILY.sample(n, 3, generator(100, "urn")).labels
    for o, order in enumerate(orders):
        for k in (0, 1):
            count = int((drawn == torch.tensor([*order.tolist(), k])).all(1).sum())
            p = float(bursty[o, k])
            assert abs(count - n * p) < 6 * (n * p * (1 - p)) ** 0.5  # 2e-9 in each of 8


def test_the_same_questions_stand_after_every_order():
    orders = all_orders(2)
    words, labels = draw_questions(orders, 5, FAMILY, generator(100, "questions"))
    assert words.shape == (4, 2, 5, 3, 3) and labels.shape == (4, 2, 5, 3)
    assert bool((words < FAMILY.first_null).all()), "no example is null"
    assert bool((words[:, :, :, -1] == words[:1, :, :, -1]).all())
    assert not bool((words[0, :, :, 0] == words[1, :, :, 0]).all())
    for o, k in itertools.product(range(4), (0, 1)):
        wanted = torch.tensor([*orders[o].tolist(), k]).expand(5, 3)
        assert torch.equal(labels[o, k], wanted)
    # Words follow the label: 2,000 drawn for one label are as frequent as they should be.
    many = draw_questions(orders[:1], 2000, FAMILY, generator(100, "many")).words[0, 1, :, -1]
    p = float(FAMILY.word_log_probs().exp()[1, 5])
    count, n = int((many == FAMILY.first_word + 5).sum()), many.numel()
    assert abs(count - n * p) < 6 * (n * p * (1 - p)) ** 0.5


def test_a_null_takes_the_questions_place_and_nothing_else():
    questions = draw_questions(all_orders(1), 3, FAMILY, generator(100, "null"))
    null = with_null(questions, FAMILY.first_null + 1)
    assert bool((null.words[..., -1, :] == FAMILY.first_null + 1).all())
    assert torch.equal(null.words[..., 0, :], questions.words[..., 0, :])
    assert torch.equal(null.labels, questions.labels)
    assert bool((questions.words < FAMILY.first_null).all())


def test_beliefs_are_those_of_a_batch_and_of_the_posterior():
    questions = draw_questions(all_orders(2), 3, FAMILY, generator(100, "beliefs"))
    words, labels = (part.flatten(0, 2) for part in questions)
    sizes = {"width": 8, "layers": 1, "heads": 2, "hidden": 8}
    model = Decoder(DecoderConfig(FAMILY.vocab_size, 20, **sizes), generator(0, "model"))
    with torch.no_grad():
        batch = FAMILY.batch(Examples(words, labels, labels))
        slow = FAMILY.label_log_probs(model(batch.inputs))[:, -1].exp()
    found = beliefs(model, FAMILY, questions, rows_at_once=7)
    torch.testing.assert_close(found.flatten(0, 2), slow.double(), rtol=0, atol=1e-6)
    exact = beliefs(FAMILY.log_posterior, FAMILY, questions)
    torch.testing.assert_close(
        exact[2, 1, 0], FAMILY.log_posterior(words, labels)[2 * 6 + 3, -1].exp()
    )


def test_an_empty_question_is_the_prompt_and_a_separator():
    questions = draw_questions(all_orders(1), 2, FAMILY, generator(100, "empty"))
    sizes = {"width": 8, "layers": 1, "heads": 2, "hidden": 8}
    model = Decoder(DecoderConfig(FAMILY.vocab_size, 20, **sizes), generator(0, "model"))
    found = empty_beliefs(model, FAMILY, questions, rows_at_once=3)
    shown, label = questions.words[1, 0, 1, 0].tolist(), 1
    tokens = [0, *shown, FAMILY.separator, label + 1, FAMILY.separator]
    with torch.no_grad():
        logits = model(torch.tensor([tokens]))[0, -1, 1:3].double()
    torch.testing.assert_close(found[1, 0, 1], logits.softmax(-1), rtol=0, atol=1e-6)


def test_an_answer_is_the_likeliest_label():
    probs = torch.tensor([[[[0.6, 0.4], [0.1, 0.9]], [[0.7, 0.3], [0.8, 0.2]]]])
    assert answered(probs).tolist() == [[[0.5, 0.5], [1.0, 0.0]]]


def test_bad_questions_are_refused():
    with pytest.raises(ValueError, match="rows must be an integer of at least 1; got 0"):
        draw_questions(all_orders(1), 0, FAMILY, generator(0))
    other = LabelledExamples(2, 4, 2)
    with pytest.raises(ValueError, match="family must have a fixed mapping; got 'per document'"):
        draw_questions(all_orders(1), 1, other, generator(0))
    with pytest.raises(ValueError, match="shots must be an integer of at least 0; got -1"):
        all_orders(-1)
