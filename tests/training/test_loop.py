"""Training learns, stops clearly, and an interrupted run ends where an uninterrupted one does."""

import math

import numpy as np
import pytest
import torch
from torch import nn

from nlgnotes.batches import Batch
from nlgnotes.networks.transformer import Decoder, DecoderConfig
from nlgnotes.randomness import generator
from nlgnotes.training.history import History
from nlgnotes.training.loop import fit, learning_rate_at

CONFIG = DecoderConfig(vocab_size=7, context=8, width=8, layers=1, heads=2, hidden=16)
INF, NAN = math.inf, math.nan


def draw(g):
    start = torch.randint(7, (6, 1), generator=g)
    t = (start + torch.arange(9)) % 7  # counting: the next token is certain
    return Batch(t[:, :-1], t[:, 1:], torch.ones(6, 8, dtype=torch.bool))


def fresh(seed=0):
    return Decoder(CONFIG, generator(seed))


def run(model, **options):
    options = {"steps": 20, "learning_rate": 1e-2, "progress": False} | options
    return fit(model, draw, generator=generator(0, "draw"), **options)


def test_learning_rate_is_one_cycle():
    rates = [learning_rate_at(s, 100, 2.0, 0.1) for s in range(100)]
    assert max(rates) == rates[9] == 2.0 and rates[0] == pytest.approx(0.2)
    assert rates[-1] == pytest.approx(0.0, abs=1e-12)
    assert rates[:10] == sorted(rates[:10]) and rates[9:] == sorted(rates[9:], reverse=True)


def test_it_learns_to_count():
    history = run(fresh(), steps=150)
    assert len(history.losses) == history.steps == 150 and history.tokens == 150 * 48
    assert history.losses[0] == pytest.approx(math.log(7), abs=0.1) and history.losses[-1] < 0.1
    assert History.from_json(history.to_json()) == history


def test_a_callback_that_says_true_ends_the_run_inside_its_cycle():
    whole, at_three = fresh(), []
    run(whole, callback=lambda step, _: step == 3 and at_three.extend(weights_of(whole)))
    model = fresh()
    history = run(model, callback=lambda step, _: step == 3)
    assert history.steps == len(history.losses) == 3 and history.tokens == 3 * 48
    assert all(torch.equal(a, b) for a, b in zip(at_three, weights_of(model), strict=True))
    assert History.from_json(history.to_json()) == history
    assert run(fresh(), steps=5, callback=lambda step, _: 1).steps == 5  # True, and nothing like it


def test_decay_shrinks_matrices_only():
    model = fresh()
    before, size = model.blocks[0].norm1.detach().clone(), model.blocks[0].up.norm().item()

    def silent(model, batch):  # a loss that no weight changes: only decay can move them
        return sum(p.sum() * 0 for p in model.parameters())

    run(model, steps=5, weight_decay=1.0, loss=silent)
    assert model.blocks[0].up.norm().item() < size and torch.equal(model.blocks[0].norm1, before)


class Weights(nn.Module):
    """One row of weights, which a loss may spoil."""

    def __init__(self, *values, dtype=torch.float32):
        super().__init__()
        self.w = nn.Parameter(torch.tensor([values], dtype=dtype))
        self.unused = nn.Parameter(torch.ones(2, 2))


def weights_of(model):
    return [p.detach().clone() for p in model.parameters()]


def spoiled(gradient, at):
    """A loss that is 1 and finite, but whose gradient is spoiled from one step on."""
    count = iter(range(1000))

    def loss(model, batch):
        factor = torch.ones_like(model.w)
        if next(count) >= at:
            factor[0, 0] = gradient
        return (model.w * factor.where(factor == 1, torch.zeros(()))).sum() * 0 + _Spoil.apply(
            model.w, factor
        )

    return loss


class _Spoil(torch.autograd.Function):
    @staticmethod
    def forward(ctx, w, factor):
        ctx.save_for_backward(factor)
        return torch.ones((), dtype=w.dtype)

    @staticmethod
    def backward(ctx, _):
        return ctx.saved_tensors[0], None


@pytest.mark.parametrize("at", [0, 1, 4])
@pytest.mark.parametrize("gradient", [NAN, INF, -INF])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_a_gradient_that_is_not_finite_is_refused_before_the_update(gradient, at, dtype):
    model, seen = Weights(1.0, 2.0, dtype=dtype), []

    def look(step, loss):
        seen.append(weights_of(model))

    seen.append(weights_of(model))
    with pytest.raises(FloatingPointError, match=f"gradient must be finite.*at step {at}$"):
        run(model, steps=5, loss=spoiled(gradient, at), callback=look)
    assert len(seen) == at + 1, "no step is reported that was not made"
    assert all(torch.equal(a, b) for a, b in zip(seen[-1], weights_of(model), strict=True))


@pytest.mark.parametrize("at", [0, 1, 4])
@pytest.mark.parametrize("value", [NAN, INF, -INF])
def test_a_loss_that_is_not_finite_names_its_step(value, at):
    count, model = iter(range(9)), Weights(1.0, 2.0)

    def loss(model, batch):
        return model.w.sum() + (value if next(count) == at else 0.0)

    with pytest.raises(FloatingPointError, match=f"loss must be finite; got .* at step {at}$"):
        run(model, steps=5, loss=loss)
    assert bool(model.w.isfinite().all())


def test_weights_that_are_spoiled_on_the_way_name_the_step():
    model = fresh()

    def spoil(step, loss):
        if step == 3:
            nn.init.constant_(model.norm, NAN)

    with pytest.raises(FloatingPointError, match="got nan at step 3"):
        run(model, callback=spoil)


@pytest.mark.parametrize("value", [NAN, INF, -INF])
def test_weights_that_are_ill_from_the_start_are_refused_used_or_not(value):
    for name in ("w", "unused"):
        model = Weights(1.0, 2.0)
        with torch.no_grad():
            getattr(model, name)[0, 0] = value
        with pytest.raises(
            FloatingPointError, match=f"weights must be finite; '{name}' is not at step 0"
        ):
            run(model, steps=2, loss=lambda m, b: m.w.sum().nan_to_num())


@pytest.mark.parametrize("steps", [1, 3])
def test_an_update_that_overflows_is_no_result(steps):
    with pytest.raises(FloatingPointError, match="must be finite"):
        run(Weights(1.0, 2.0), steps=steps, learning_rate=1e39, loss=lambda m, b: m.w.sum())


def test_the_entropy_of_a_choice_with_a_forbidden_token_leaves_weights_or_learns():
    """The fault as it was found: a finite loss whose gradient is NaN at probability 0."""

    def loss(model, batch):
        p = model.w.masked_fill(torch.tensor([[False, False, True]]), -INF).softmax(-1)
        return (p * p.log()).nan_to_num().sum()

    model = Weights(0.0, 0.0, 0.0)
    with pytest.raises(
        FloatingPointError, match="gradient must be finite; got length nan at step 0"
    ):
        run(model, steps=1, loss=loss)
    assert model.w.tolist() == [[0, 0, 0]]


def test_weights_without_a_gradient_stay_but_for_decay():
    model = Weights(1.0, 2.0)
    model.unused.requires_grad_(False)
    history = run(model, steps=4, loss=lambda m, b: m.w.square().sum())
    assert (model.unused == 1).all() and history.losses[-1] < history.losses[0]
    model = Weights(1.0, 2.0)  # now it takes a gradient, and the loss does not depend on it
    run(model, steps=4, loss=lambda m, b: m.w.square().sum())
    assert (model.unused == 1).all()


@pytest.mark.parametrize(
    ("loss", "message"),
    [
        (lambda m, b: 1.0, "loss must give one number.*got float"),
        (lambda m, b: None, "loss must give one number.*got NoneType"),
        (lambda m, b: m.w, r"loss must give one number.*got \(1, 2\)"),
        (lambda m, b: torch.ones(()), "loss must depend on the model's weights"),
        (lambda m, b: m.w.sum().detach(), "loss must depend on the model's weights"),
        (lambda m, b: torch.tensor(3), "loss must give one number, as a floating-point"),
    ],
)
def test_a_loss_that_is_none_is_named(loss, message):
    with pytest.raises(ValueError, match=message):
        run(Weights(1.0, 2.0), steps=1, loss=loss)


ARGUMENTS = [
    ("steps", [0, -1, 1.5, True, "3", None]),
    ("checkpoint_every", [0, 2.0, None]),
    ("learning_rate", [0.0, -1.0, NAN, INF, "1", None, True]),
    ("clip", [0.0, -1.0, NAN, INF, None]),
    ("weight_decay", [-0.1, NAN, INF, None]),
    ("warmup", [-0.1, 1.0, NAN, None]),
    ("generator", [None, 0, torch]),
]


@pytest.mark.parametrize(("name", "value"), [(n, v) for n, values in ARGUMENTS for v in values])
def test_an_argument_out_of_range_is_named(name, value):
    options = {"steps": 2, "learning_rate": 1e-2, "generator": generator(0), "progress": False}
    plain = getattr(fit, "__wrapped__", fit)  # without the tests' own check of types
    with pytest.raises(ValueError, match=f"{name} must"):
        plain(fresh(), draw, **{**options, name: value})


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (nn.Linear(2, 2), "model must give logits of the batch's inputs, .*; Linear failed with"),
        (Weights(1.0), "model must give logits of the batch's inputs, .*; Weights failed with"),
        (nn.LSTM(2, 2), "model must give logits of the batch's inputs, .*; LSTM failed with"),
    ],
    ids=["linear", "no forward", "lstm"],
)
def test_a_model_of_another_kind_is_named(model, message):
    with pytest.raises(ValueError, match=message):
        run(model)


def test_a_model_without_weights_is_named():
    with pytest.raises(ValueError, match="model must have weights"):
        run(nn.Identity(), loss=lambda m, b: torch.ones(()))


@pytest.mark.parametrize("integer", [np.int64, np.uint8, np.array, torch.tensor])
def test_numbers_of_numpy_are_the_same_numbers(tmp_path, integer):
    numbers = {"weight_decay": np.float64(0.25), "learning_rate": np.float32(0.5)}
    numbers |= {"clip": np.float16(2), "warmup": np.float64(0.25)}
    plain = {"learning_rate": 0.5, "weight_decay": 0.25, "clip": 2, "warmup": 0.25}
    expected = run(fresh(), steps=3, checkpoint=tmp_path / "run", checkpoint_every=2, **plain)
    counts = {"steps": integer(3), "checkpoint_every": integer(2)}
    assert run(fresh(), **counts, **numbers).losses == expected.losses
    history = run(fresh(), checkpoint=tmp_path / "run", **counts, **numbers)
    assert history == expected, "it is the same run, and finished"
    assert History.from_json(history.to_json()) == history


def test_what_counts_as_learned_from():
    """A mask's sum; else a number called tokens; else nothing is known."""

    class Masked:
        mask, tokens = torch.tensor([[True, False]]), torch.tensor([[5, 6]])

    class Counted:
        tokens = 7

    class Ids:
        tokens = torch.tensor([[5, 6]])

    for batch, count in ((Masked(), 1), (Counted(), 7), (Ids(), 0), (None, 0), ((1, 2), 0)):
        history = fit(
            Weights(1.0, 2.0),
            lambda g, b=batch: b,
            steps=3,
            learning_rate=1e-2,
            generator=generator(0),
            progress=False,
            loss=lambda m, b: m.w.sum(),
        )
        assert history.tokens == 3 * count
    assert run(fresh(), steps=3).tokens == 3 * 48


def test_the_mode_of_the_model_is_as_it_was():
    for training in (True, False):
        model = fresh().train(training)
        run(model, steps=1)
        with pytest.raises(FloatingPointError):
            run(model, loss=lambda m, b: m.norm.sum() * NAN)
        assert model.training == training


def test_without_a_checkpoint_a_model_may_draw_from_the_global_generator():
    model = nn.Sequential(nn.Embedding(7, 8), nn.Dropout(0.5), nn.Linear(8, 7))
    assert len(run(model, steps=3).losses) == 3
