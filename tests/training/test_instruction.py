"""Instruction tuning: the mask by hand, the loss where it counts, exact match; and it learns."""

import pytest
import torch

from nlgnotes.networks.transformer import Decoder, DecoderConfig
from nlgnotes.randomness import generator
from nlgnotes.tasks.instructions import WORDS, draw_instructed, encode
from nlgnotes.tasks.row_tasks import TASKS
from nlgnotes.training.instruction import (
    answer_batch,
    correct_answers,
    draw_answers,
    tune,
)
from nlgnotes.training.likelihood import next_token_loss


def a_model(seed=0, width=16):
    config = DecoderConfig(len(WORDS), 40, width=width, layers=1, heads=2, hidden=2 * width)
    return Decoder(config, generator(seed, "model"))


def test_the_mask_by_hand_with_rows_of_two_lengths():
    batch = answer_batch([[5, 6, 7], [4]], [[8], [9, 9]])
    assert batch.inputs.tolist() == [[0, 5, 6, 7, 8], [0, 4, 9, 9, 0]]
    assert batch.targets.tolist() == [[5, 6, 7, 8, 0], [4, 9, 9, 0, 0]]
    assert batch.mask.int().tolist() == [[0, 0, 0, 1, 1], [0, 1, 1, 1, 0]]
    every = answer_batch([[5, 6, 7], [4]], [[8], [9, 9]], "everything")
    assert every.mask.int().tolist() == [[1, 1, 1, 1, 1], [1, 1, 1, 1, 0]]


def test_the_loss_is_the_mean_surprise_of_answers_and_ends():
    model, prompts, answers = a_model(), [[5, 6, 7], [4]], [[8], [9, 9]]
    batch = answer_batch(prompts, answers)
    found = next_token_loss(model(batch.inputs), batch.targets, batch.mask)
    total = torch.zeros(())
    for prompt, answer in zip(prompts, answers, strict=True):
        text = [0, *prompt, *answer, 0]
        for place in range(len(prompt) + 1, len(text)):
            logits = model(torch.tensor([text[:place]]))[0, -1]
            total = total - logits.log_softmax(-1)[text[place]]
    assert float(found.detach()) == pytest.approx(float(total.detach()) / 5, abs=1e-5)


def test_no_gradient_comes_from_the_prompts_targets():
    """The loss does not change with the logits at places that predict the prompt."""
    batch = answer_batch([[5, 6, 7]], [[8]])
    logits = torch.randn(1, 5, 10, generator=generator(0, "logits"), requires_grad=True)
    next_token_loss(logits, batch.targets, batch.mask).backward()
    used = logits.grad.abs().sum((0, 2)) > 0
    assert used.tolist() == [False, False, False, True, True]


@pytest.mark.parametrize(
    ("prompts", "answers", "loss_on", "message"),
    [
        ([], [], "answer", "equally many, at least one; got 0 and 0"),
        ([[1]], [[1], [2]], "answer", "equally many, at least one; got 1 and 2"),
        ([[1], []], [[1], [2]], "answer", "prompts must hold at least one token each"),
        ([[1]], [[1]], "prompt", "loss_on must be one of answer, everything; got 'prompt'"),
    ],
)
def test_ill_batches_are_refused(prompts, answers, loss_on, message):
    with pytest.raises(ValueError, match=message):
        answer_batch(prompts, answers, loss_on)


def test_exact_match_is_what_greedy_decoding_writes():
    model, drawn = (
        a_model(),
        draw_instructed(TASKS, {task.name: range(10) for task in TASKS}, 30, generator(2, "asked")),
    )
    prompts = [encode(e.prompt) for e in drawn]
    written = []
    for prompt in prompts:
        text = [0, *prompt]
        while len(text) < 38 and not (len(text) > len(prompt) + 1 and text[-1] == 0):
            text.append(int(model(torch.tensor([text]))[0, -1].argmax()))
        written.append(text[len(prompt) + 1 :])
    whole = [w for w in written if w[-1] == 0]
    right = [w[:-1] if w[-1] == 0 else [*w, 1] for w in written]
    found = correct_answers(model, prompts, right, rows=7)
    assert found.tolist() == [w[-1] == 0 for w in written]
    wrong = [[*answer, 3] for answer in right]
    assert not correct_answers(model, prompts, wrong).any()
    assert len(found) == 30 and len(whole) == int(found.sum())


def test_a_drawn_batch_is_of_the_drawn_examples():
    templates = {task.name: range(10) for task in TASKS}
    batch = draw_answers(TASKS, templates, 20, generator(3, "batch"))
    same = draw_instructed(TASKS, templates, 20, generator(3, "batch"))
    for row, example in enumerate(same):
        prompt, answer = encode(example.prompt), encode(example.answer)
        assert batch.targets[row][batch.mask[row]].tolist() == [*answer, 0]
        assert batch.inputs[row, 1 : 1 + len(prompt)].tolist() == prompt


def test_it_learns_and_rehearsal_is_part_of_the_loss():
    first = [task for task in TASKS if task.name in ("first", "last")]
    templates = {task.name: (0, 1) for task in first}
    options = {"steps": 120, "learning_rate": 1e-2, "batch": 32}
    model = a_model(width=32)
    with torch.no_grad():
        for weight in model.parameters():
            if weight.dim() > 1:
                weight.mul_(4)
    history = tune(model, first, templates, generator=generator(0, "tune"), **options)
    assert sum(history.losses[-10:]) / 10 < 0.5 * history.losses[0]
    calls, few = [], {**options, "steps": 3}

    def rehearse(chance):
        calls.append(torch.rand(1, generator=chance))
        return answer_batch([[5]], [[6]])

    losses = [
        tune(a_model(), first, templates, generator=generator(0, "tune"), **few, **more).losses[0]
        for more in ({}, {"rehearse": rehearse})
    ]
    batch = answer_batch([[5]], [[6]])
    other = float(next_token_loss(a_model()(batch.inputs), batch.targets, batch.mask))
    assert len(calls) == 3 and losses[1] == pytest.approx((losses[0] + other) / 2, abs=1e-5)


def test_answers_are_as_many_as_prompts():
    with pytest.raises(ValueError, match="answers must be one for each of 2 prompts; got 3"):
        correct_answers(a_model(), [[1], [2]], [[3], [4], [5]], rows=2)
