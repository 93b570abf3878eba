"""Fine-tuning: each loss by hand and by loops, the loops of a small model cut, runs resumed."""

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from nlgnotes.batches import Batch, document_batch
from nlgnotes.equations.metrics import seq_rep_n_per_document
from nlgnotes.equations.repetition import repeated_ngrams, times_before
from nlgnotes.equations.unlikelihood import repetition_loss
from nlgnotes.languages import Markov
from nlgnotes.networks.transformer import Decoder, DecoderConfig
from nlgnotes.randomness import generator
from nlgnotes.training.likelihood import next_token_loss
from nlgnotes.training.loop import fit
from nlgnotes.training.unlikelihood import (
    Continuations,
    continue_greedily,
    sequence_unlikelihood,
    token_unlikelihood,
)

CONFIG = DecoderConfig(vocab_size=12, context=32, width=16, layers=1, heads=2, hidden=32)
LANGUAGE = Markov.even(12, generator(0, "finetuning"))
OPTIONS = {"learning_rate": 3e-3, "progress": False}


def draw(g):
    return document_batch(LANGUAGE.sample(8, g, max_length=24))


def fresh(seed=0, config=CONFIG):
    return Decoder(config, generator(seed, "weights"))


def same(a, b):
    return all(torch.equal(p, q) for p, q in zip(a.parameters(), b.parameters(), strict=True))


@pytest.fixture(scope="module")
def learned():
    """Weights of a small model that has learned its language, and loops when it writes greedily."""
    model = fresh()
    fit(model, draw, steps=120, learning_rate=1e-2, generator=generator(0, "learn"), progress=False)
    return model.state_dict()


def with_weights(weights, config=CONFIG):
    model = fresh(config=config)
    model.load_state_dict(weights)
    return model


def test_greedy_continuations_are_the_most_likely_tokens_of_one_reading():
    model, prefixes = fresh(), torch.tensor([[0, 3, 4], [0, 5, 1]])
    written = continue_greedily(model, prefixes, 6)
    assert written.inputs.shape == (2, 8) and written.lengths.tolist() == [6, 6]
    assert torch.equal(written.inputs, torch.cat([prefixes, written.tokens], 1)[:, :-1])
    with torch.no_grad():
        assert torch.equal(model(written.inputs)[:, -6:].argmax(-1), written.tokens)
    stopped = continue_greedily(model, prefixes, 6, stop_token=int(written.tokens[0, 2]))
    first = written.tokens[0].tolist().index(int(written.tokens[0, 2]))
    assert stopped.lengths[0] == first + 1 and not stopped.tokens[0, first + 1 :].any()


def test_repetition_loss_by_loops():
    g = generator(0, "loops")
    tokens, lengths = torch.randint(3, (5, 12), generator=g), torch.tensor([12, 7, 3, 12, 1])
    logits = torch.randn(5, 12, 3, generator=g, dtype=torch.float64)
    total = 0.0
    for row, length in enumerate(lengths.tolist()):
        ids = tokens[row, :length].tolist()
        grams = [tuple(ids[i : i + 2]) for i in range(length - 1)]
        for t in range(length):
            if any(grams[i] in grams[:i] for i in (t - 1, t) if 0 <= i < len(grams)):
                total -= math.log(1 - float(logits[row, t].softmax(-1)[ids[t]]))
    assert float(repetition_loss(logits, tokens, lengths, n=2)) == pytest.approx(
        total / 35, rel=1e-9
    )


def test_what_does_not_repeat_costs_nothing_and_teaches_nothing():
    logits = torch.randn(1, 5, 9, generator=generator(0)).requires_grad_()
    loss = repetition_loss(logits, torch.tensor([[1, 2, 3, 4, 5]]), torch.tensor([5]))
    loss.backward()
    assert loss.item() == 0 and not logits.grad.any()


def test_the_mixed_loss_is_the_weighted_sum_and_its_ends_are_the_parts(learned):
    text = draw(generator(3, "batch"))
    text.mask[0, 4:] = False  # too short to be continued
    model = with_weights(learned)
    prefixes = text.inputs[text.mask[:, 5]][:3, :6]
    inputs, tokens, lengths = continue_greedily(model, prefixes, 20)
    assert bool(repeated_ngrams(tokens, lengths, 3).any())
    with torch.no_grad():
        parts = (
            next_token_loss(model(text.inputs), text.targets, text.mask),
            repetition_loss(model(inputs)[:, 5:], tokens, lengths, 3),
        )
    for share in (0, 0.25, 1):
        run = sequence_unlikelihood(
            with_weights(learned),
            lambda g: text,
            prefix=6,
            new=20,
            n=3,
            share=share,
            rows=3,
            steps=1,
            generator=generator(0),
            **OPTIONS,
        )
        assert run.losses[0] == pytest.approx(
            (1 - share) * float(parts[0]) + share * float(parts[1]), rel=1e-5
        )
    assert parts[1] > 0


def test_without_unlikelihood_it_is_plain_training():
    for learn, extra in ((sequence_unlikelihood, {"share": 0}), (token_unlikelihood, {"alpha": 0})):
        ours, plain = fresh(), fresh()
        run = learn(ours, draw, steps=6, generator=generator(0, "x"), **extra, **OPTIONS)
        expected = fit(plain, draw, steps=6, generator=generator(0, "x"), **OPTIONS)
        assert run.tokens == expected.tokens and run.losses == pytest.approx(
            expected.losses, rel=1e-5
        )
        assert all(
            torch.allclose(p, q, atol=1e-5)
            for p, q in zip(ours.parameters(), plain.parameters(), strict=True)
        )


def test_it_cuts_the_loops_of_a_small_model(learned):
    model, prefixes = (
        with_weights(learned),
        LANGUAGE.sample(400, generator(5, "prefixes"), max_length=4),
    )
    prompts = F.pad(prefixes.tokens[prefixes.lengths == 4][:32, :3], (1, 0))

    def repeats():
        written = continue_greedily(model, prompts, 24)
        return float(seq_rep_n_per_document(written.tokens, written.lengths, 4).mean())

    before = repeats()
    run = sequence_unlikelihood(
        model,
        draw,
        prefix=4,
        new=24,
        steps=80,
        generator=generator(0, "ul"),
        learning_rate=1e-2,
        progress=False,
    )
    assert len(run.losses) == 80 and before > 0.5 and repeats() < before - 0.25


def test_token_level_loss_by_hand():
    tokens = torch.tensor([[2, 1, 2, 0]])
    batch = Batch(F.pad(tokens[:, :-1], (1, 0)), tokens, torch.tensor([[True, True, True, False]]))
    model = fresh()
    with torch.no_grad():
        p = model(batch.inputs)[0].softmax(-1).double()
    # Candidates: none, then 2, then 1 (2 is the right one).
    pushed = math.log(1 - p[1, 2]) + math.log(1 - p[2, 1])
    right = math.log(p[0, 2]) + math.log(p[1, 1]) + math.log(p[2, 2])
    run = token_unlikelihood(
        model, lambda g: batch, alpha=0.5, steps=1, generator=generator(0), **OPTIONS
    )
    assert run.losses[0] == pytest.approx(-(right + 0.5 * pushed) / 3, rel=1e-5) and run.tokens == 3


@pytest.mark.parametrize("kind", ["sequence", "token"])
def test_interrupted_and_resumed_equals_uninterrupted(tmp_path, kind):
    def start(model, path=None, callback=None):
        options = {
            "steps": 7,
            "generator": generator(0, "run"),
            "checkpoint": path,
            "checkpoint_every": 3,
            "callback": callback,
            **OPTIONS,
        }
        if kind == "sequence":
            return sequence_unlikelihood(model, draw, prefix=3, new=8, n=2, **options)
        return token_unlikelihood(model, draw, **options)

    def interrupt(step, loss):
        if step == 4:
            raise KeyboardInterrupt

    whole, cut = fresh(), fresh()
    expected = start(whole)
    with pytest.raises(KeyboardInterrupt):
        start(cut, tmp_path / "run", interrupt)
    other = fresh()
    assert start(other, tmp_path / "run").losses == expected.losses and same(whole, other)


def test_unlikelihood_refuses_what_makes_no_sense():
    for wrong, message in (
        ({"share": 1.5}, "share"),
        ({"prefix": 0}, "prefix"),
        ({"new": 0}, "new"),
        ({"n": 0}, "n must"),
        ({"rows": 0}, "rows"),
    ):
        with pytest.raises(ValueError, match=message):
            sequence_unlikelihood(
                fresh(), draw, steps=1, generator=generator(0), **wrong, **OPTIONS
            )
    with pytest.raises(
        ValueError, match="draw must give rows of at least prefix = 30 tokens; got at most"
    ):
        sequence_unlikelihood(
            fresh(), draw, prefix=30, new=2, steps=1, generator=generator(0), **OPTIONS
        )
    with pytest.raises(ValueError, match="alpha must lie in"):
        token_unlikelihood(fresh(), draw, alpha=-1, steps=1, generator=generator(0), **OPTIONS)


def test_continuations_hold_what_repeats():
    """The logits at the last positions of ``inputs`` are those of ``tokens``."""
    model = fresh()
    written = continue_greedily(model, torch.tensor([[0, 1]]), 15)
    assert isinstance(written, Continuations)
    with torch.no_grad():
        scores = model(written.inputs)[:, -written.tokens.shape[1] :]
    assert (
        scores.shape == (1, 15, 12)
        and int(times_before(written.tokens, written.lengths, 1).max()) > 0
    )


ANOTHER = [{"n": 3}, {"new": 7}, {"share": 0.25}, {"rows": 4}, {"prefix": 2}, {"stop_token": 0}]


@pytest.mark.parametrize("other", [*ANOTHER, {"alpha": 0.5}], ids=str)
def test_another_setting_of_the_loss_is_another_run(tmp_path, other):
    def start(**changed):
        options = {"steps": 2, "checkpoint": tmp_path / "run", "generator": generator(0), **OPTIONS}
        if "alpha" in other:
            return token_unlikelihood(fresh(), draw, **options, **changed)
        choice = {"prefix": 3, "new": 8, "n": 2} | changed
        return sequence_unlikelihood(fresh(), draw, **options, **choice)

    assert start() == start()
    with pytest.raises(ValueError, match="other sizes or settings"):
        start(**other)


@pytest.mark.parametrize("value", [math.nan, math.inf])
@pytest.mark.parametrize("learn", [sequence_unlikelihood, token_unlikelihood])
def test_ill_weights_are_refused(learn, value):
    model = fresh()
    with torch.no_grad():
        model.norm[0] = value
    extra = {"prefix": 3, "new": 4} if learn is sequence_unlikelihood else {}
    with pytest.raises((FloatingPointError, ValueError), match=r"finite|NaN|inf"):
        learn(model, draw, steps=2, generator=generator(0), **extra, **OPTIONS)


@pytest.mark.parametrize("integer", [np.int64, np.uint8, torch.tensor])
def test_numbers_of_numpy_are_the_same_numbers(integer):
    choice = {"prefix": 3, "new": 8, "n": 2, "rows": 4, "stop_token": 0}
    given = {k: integer(v) for k, v in choice.items()} | {"share": np.float32(0.5)}
    first, second = (
        sequence_unlikelihood(fresh(), draw, steps=2, generator=generator(0), **c, **OPTIONS)
        for c in (choice, given)
    )
    assert first.losses == second.losses
    for alpha in (np.float32(0.5), np.array(0.5)):
        options = {"steps": 2, "generator": generator(0), **OPTIONS}
        found = token_unlikelihood(fresh(), draw, alpha=alpha, **options)
        options["generator"] = generator(0)
        assert found.losses == token_unlikelihood(fresh(), draw, alpha=0.5, **options).losses
