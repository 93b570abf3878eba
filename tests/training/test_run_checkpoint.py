"""A run goes on bit by bit where it was, and never in place of another."""

import itertools
import json
import math
import random
from typing import NamedTuple

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from nlgnotes.batches import Batch
from nlgnotes.networks.lstm import LSTMConfig, LSTMModel
from nlgnotes.networks.transformer import Decoder, DecoderConfig
from nlgnotes.randomness import generator
from nlgnotes.training.digest import batch_digest
from nlgnotes.training.likelihood import next_token_loss
from nlgnotes.training.loop import fit
from nlgnotes.training.run_checkpoint import FORMAT

CONFIG = DecoderConfig(vocab_size=7, context=8, width=8, layers=1, heads=2, hidden=16)


def fresh(seed=0):
    return Decoder(CONFIG, generator(seed))


def draw(g):
    tokens = torch.randint(7, (4, 7), generator=g)
    return Batch(tokens[:, :-1], tokens[:, 1:], torch.ones(4, 6, dtype=torch.bool))


def run(path=None, model=None, g=None, draw=draw, **options):
    model = fresh() if model is None else model
    options = {"steps": 12, "learning_rate": 1e-2, "checkpoint_every": 5} | options
    g = generator(0, "draw") if g is None else g
    history = fit(model, draw, generator=g, checkpoint=path, progress=False, **options)
    return model, history


def interrupt_at(stop):
    def callback(step, loss):
        if step == stop:
            raise KeyboardInterrupt

    return callback


def same(a, b):
    return all(torch.equal(x, y) for x, y in zip(a.parameters(), b.parameters(), strict=True))


@pytest.mark.parametrize("stop", [1, 4, 5, 6, 11, 12])
def test_interrupted_and_resumed_equals_uninterrupted(tmp_path, stop):
    whole, expected = run()
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "run", callback=interrupt_at(stop))
    model, history = run(tmp_path / "run")
    assert (history.losses, history.tokens) == (expected.losses, expected.tokens)
    assert same(whole, model)
    assert [p.name for p in tmp_path.iterdir()] == ["run"]
    # A finished run is at once what it was.
    model, again = run(tmp_path / "run", draw=draw)
    assert again == history and same(whole, model)


@pytest.mark.parametrize("stop", [1, 5, 8])
def test_the_very_objects_of_an_interrupted_call_go_on_too(tmp_path, stop):
    whole, expected = run()
    model, g = fresh(), generator(0, "draw")
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "run", model, g, callback=interrupt_at(stop))
    _, history = run(tmp_path / "run", model, g)
    assert history.losses == expected.losses and same(whole, model)
    with pytest.raises(ValueError, match="other data"):
        run(tmp_path / "run", model, g, draw=lambda g: draw(g)._replace(targets=draw(g).targets))


@pytest.mark.parametrize("call", [1, 2, 3, 7])
def test_interrupted_while_drawing_resumes_exactly(tmp_path, call):
    (whole, expected), count = run(), itertools.count(1)

    def broken(g):
        batch = draw(g)  # the generator has moved on when the interrupt comes
        if next(count) == call:
            raise KeyboardInterrupt
        return batch

    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "r", draw=broken)
    model, history = run(tmp_path / "r")
    assert history.losses == expected.losses and same(whole, model)


def test_the_very_generator_of_a_call_that_was_interrupted_while_drawing(tmp_path):
    (whole, expected), count = run(), itertools.count(1)
    model, g = fresh(), generator(0, "draw")

    def broken(g):
        batch = draw(g)
        if next(count) == 6:
            raise KeyboardInterrupt
        return batch

    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "r", model, g, broken)
    _, history = run(tmp_path / "r", model, g)
    assert history.losses == expected.losses and same(whole, model)


def test_a_file_that_is_too_large_is_not_read(tmp_path):
    path = tmp_path / "run.training"
    run(path)
    with path.open("r+b") as file:
        file.truncate(10**12)  # sparse: only its length is large
    with pytest.raises(ValueError, match=r"has 1000000000000 bytes, at most .* are expected"):
        run(path)


def test_a_checkpoint_changes_no_number(tmp_path):
    (plain, expected), (kept, history) = run(), run(tmp_path / "run")
    assert history.losses == expected.losses and same(plain, kept)


class Normed(nn.Module):
    """A model whose state changes as it reads (BatchNorm)."""

    def __init__(self):
        super().__init__()
        self.table = nn.Parameter(torch.randn(7, 4, generator=generator(0, "table")))
        self.norm, self.out = nn.BatchNorm1d(4), nn.Parameter(torch.ones(4, 7))

    def forward(self, x):
        rows = self.norm(self.table[x].flatten(0, 1)).view(*x.shape, 4)
        return rows @ self.out


def test_buffers_that_reading_changes_are_part_of_the_run(tmp_path):
    whole, expected = run(None, Normed())
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "run", Normed(), callback=interrupt_at(7))
    model, history = run(tmp_path / "run", Normed())
    assert history.losses == expected.losses and same(whole, model)
    assert all(map(torch.equal, whole.buffers(), model.buffers()))


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16])
def test_other_precisions_go_on_exactly(tmp_path, dtype):
    def small():
        return LSTMModel(LSTMConfig(7, 8, 4), generator(0)).to(dtype)

    whole, expected = run(None, small())
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "run", small(), callback=interrupt_at(7))
    model, history = run(tmp_path / "run", small())
    assert history.losses == expected.losses and same(whole, model)


def test_weights_without_a_gradient_need_no_moments(tmp_path):
    def loss(model, batch):
        return model.w.sum()

    class Half(nn.Module):
        def __init__(self):
            super().__init__()
            self.w, self.rest = nn.Parameter(torch.ones(2)), nn.Parameter(torch.ones(3, 3))
            self.fixed = nn.Parameter(torch.ones(3), requires_grad=False)

    whole, expected = run(None, Half(), loss=loss)
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "run", Half(), loss=loss, callback=interrupt_at(3))
    model, history = run(tmp_path / "run", Half(), loss=loss)
    assert history.losses == expected.losses and same(whole, model)


def negated(model, batch):
    return -next_token_loss(model(batch.inputs), batch.targets, batch.mask)


def tempered(model, batch):
    return next_token_loss(model(batch.inputs) / 1.01, batch.targets, batch.mask)


def same_value_other_gradient(model, batch):
    loss = next_token_loss(model(batch.inputs), batch.targets, batch.mask)
    return loss + 2 * (loss - loss.detach())


def penalised(model, batch):
    loss = next_token_loss(model(batch.inputs), batch.targets, batch.mask)
    return loss + 1e-3 * sum(p.square().sum() for p in model.parameters())


def constant(g):
    batch = draw(g)
    return Batch(batch.inputs * 0, batch.targets * 0, batch.mask)


def masked(g):
    batch = draw(g)
    batch.mask[0, -1] = False
    return batch


def fewer(g):
    return Batch(*(part[:3] for part in draw(g)))


def reordered(g):
    return Batch(*(part.flip(0) for part in draw(g)))


def moved(seed=0):
    model = fresh()
    with torch.no_grad():
        model.norm[0] += 1e-7 * (seed + 1)
    return model


OTHERS = {
    "weights of another seed": ({"model": lambda: fresh(1)}, "other weights"),
    "one weight a little off": ({"model": moved}, "other weights"),
    "another generator": ({"g": lambda: generator(1, "draw")}, "another generator"),
    "another seed": ({"model": lambda: fresh(1), "g": lambda: generator(1)}, "other weights"),
    "a generator that moved": ({"g": lambda: advanced()}, "another generator"),
    "constant data": ({"draw": constant}, "other data"),
    "another mask": ({"draw": masked}, "other data"),
    "fewer rows": ({"draw": fewer}, "other data"),
    "rows in another order": ({"draw": reordered}, "other data"),
    "the negative loss": ({"loss": negated}, "another loss"),
    "a temperature": ({"loss": tempered}, "another loss"),
    "three times the gradient": ({"loss": same_value_other_gradient}, "another loss"),
    "a penalty": ({"loss": penalised}, "another loss"),
    "more steps": ({"steps": 13}, "other sizes or settings"),
    "fewer steps": ({"steps": 11}, "other sizes or settings"),
    "another rate": ({"learning_rate": 2e-2}, "other sizes or settings"),
    "another decay": ({"weight_decay": 0.0}, "other sizes or settings"),
    "another warm-up": ({"warmup": 0.2}, "other sizes or settings"),
    "another clip": ({"clip": 0.5}, "other sizes or settings"),
    "another identity": ({"identity": "mine"}, "other sizes or settings"),
}


def advanced():
    g = generator(0, "draw")
    torch.rand(1, generator=g)
    return g


@pytest.mark.parametrize("stop", [1, 7, 12])
@pytest.mark.parametrize("name", OTHERS)
def test_another_run_is_refused_and_nothing_is_changed(tmp_path, name, stop):
    path = tmp_path / "run"
    with pytest.raises(KeyboardInterrupt):
        run(path, callback=interrupt_at(stop))
    other, message = OTHERS[name]
    made = {k: v() if k in ("model", "g") else v for k, v in other.items()}
    model, g = made.pop("model", None) or fresh(), made.pop("g", None) or generator(0, "draw")
    before, state, content = (
        [p.clone() for p in model.parameters()],
        g.get_state(),
        path.read_bytes(),
    )
    with pytest.raises(ValueError, match=message):
        run(path, model, g, **made)
    assert all(map(torch.equal, before, model.parameters()))
    assert torch.equal(state, g.get_state()) and path.read_bytes() == content
    _, history = run(path)  # and the right one goes on
    assert history.losses == run()[1].losses


def test_another_size_is_refused(tmp_path):
    run(tmp_path / "run")
    wide = DecoderConfig(vocab_size=7, context=8, width=12, layers=1, heads=2, hidden=16)
    with pytest.raises(ValueError, match="other sizes or settings"):
        run(tmp_path / "run", Decoder(wide, generator(0)))
    with pytest.raises(ValueError, match="other sizes or settings"):
        run(tmp_path / "run", fresh().double())


class Dropped(nn.Module):
    """Draws from torch's global generator while it learns."""

    def __init__(self, drop=None):
        super().__init__()
        self.table = nn.Parameter(torch.randn(7, 7, generator=generator(0, "table")))
        self.drop = nn.Dropout(0.5) if drop is None else drop

    def forward(self, x):
        return self.drop(self.table[x])


def own_noise():
    g = generator(3)
    return lambda x: x + torch.randn(x.shape, generator=g)


CHANCE = {
    "nn.Dropout": lambda: Dropped(),
    "numpy": lambda: Dropped(lambda x: x * float(np.random.random())),
    "Python": lambda: Dropped(lambda x: x * random.random()),
    "a generator of its own": lambda: Dropped(own_noise()),
    "rrelu": lambda: Dropped(nn.RReLU()),
}


@pytest.mark.parametrize("name", CHANCE)
def test_chance_that_is_not_in_the_file_is_refused_before_an_update(tmp_path, name):
    model = CHANCE[name]()
    before = model.table.detach().clone()
    with pytest.raises(ValueError, match="where a checkpoint is kept"):
        run(tmp_path / "run", model)
    assert torch.equal(before, model.table) and not (tmp_path / "run").exists()


def test_a_model_that_draws_globally_only_later_is_refused_then(tmp_path):
    count = itertools.count()

    def late(x):
        return nn.functional.dropout(x) if next(count) == 5 else x

    model = Dropped(late)
    with pytest.raises(ValueError, match="torch's global generator moved at step 4"):
        run(tmp_path / "run", model)


def test_dropout_that_reads_only_is_no_chance(tmp_path):
    class Sober(Dropped):
        def train(self, mode=True):
            super().train(mode)
            self.drop.eval()
            return self

    assert len(run(tmp_path / "run", Sober())[1].losses) == 12


ROWS = [draw(generator(i)) for i in range(40)]


def from_iterator():
    rows = iter(ROWS)
    return lambda g: next(rows)


def from_own_generator():
    own = generator(5)
    return lambda g: draw(own)


DRAWS = {
    "an iterator": from_iterator,
    "a generator of its own": from_own_generator,
    "torch's global one": lambda: lambda g: draw(torch.default_generator),
    "Python's": lambda: lambda g: random.choice(ROWS),
    "numpy's": lambda: lambda g: ROWS[np.random.randint(40)],
}


@pytest.mark.parametrize("name", DRAWS)
def test_batches_that_do_not_come_from_the_generator_are_refused(tmp_path, name):
    random.seed(0)
    with pytest.raises(ValueError, match="where a checkpoint is kept"):
        run(tmp_path / "run", draw=DRAWS[name]())
    assert len(run(draw=DRAWS[name]())[1].losses) == 12  # without one they are taken


def test_a_callback_may_draw_from_where_it_likes(tmp_path):
    run(tmp_path / "run", callback=lambda step, loss: (torch.rand(1), np.random.rand(1)))


class Odd(NamedTuple):
    rows: Tensor
    more: dict


def test_batches_of_any_kind_are_told_apart(tmp_path):
    def loss(model, batch):
        return (
            next_token_loss(
                model(batch.rows), batch.rows, torch.ones_like(batch.rows, dtype=torch.bool)
            )
            * batch.more["weight"]
        )

    def of(weight):
        return lambda g: Odd(
            torch.randint(7, (2, 4), generator=g), {"weight": weight, "none": None}
        )

    run(tmp_path / "run", draw=of(1.0), loss=loss)
    run(tmp_path / "run", draw=of(1.0), loss=loss)
    with pytest.raises(ValueError, match="other data"):
        run(tmp_path / "run", draw=of(2.0), loss=loss)


def damaged(path):
    """Files that are no whole checkpoint, by what was done to them."""
    whole = path.read_bytes()
    yield "empty", b""
    for end in (1, 7, 8, 9, 100, len(whole) // 2, len(whole) - 1):
        yield f"cut at {end}", whole[:end]
    yield "longer", whole + b"\0"
    for at in range(8, len(whole), len(whole) // 60):
        yield f"one bit at {at}", whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :]
    yield "a pickle", b"\x80\x04K\x05."
    yield "text", b"not a checkpoint"
    yield "JSON", b"{}"
    yield "a header of 2**60 bytes", (2**60).to_bytes(8, "little") + whole[8:]
    yield "zeros", bytes(len(whole))
    yield "deep JSON", (200_000).to_bytes(8, "little") + b"[" * 200_000
    yield "very long", bytes(50_000_000)


def test_a_damaged_file_is_a_value_error_that_names_it(tmp_path):
    path = tmp_path / "run.training"
    run(path)
    tried = 0
    for what, content in list(damaged(path)):
        path.write_bytes(content)
        model = fresh()
        with pytest.raises(ValueError, match=r"run\.training"):
            run(path, model)
            pytest.fail(what)
        assert same(model, fresh())
        tried += 1
    assert tried > 75


WRONG = {
    "generator.now": torch.zeros(5, dtype=torch.uint8),
    "generator.start": torch.zeros(5056),
    "model.norm": torch.ones(9),
    "start.norm": torch.ones(8, dtype=torch.float64),
    "optimizer.0.exp_avg": torch.ones(3),
    "optimizer.0.step": torch.ones(3),
    "optimizer.99.step": torch.ones(()),
    "optimizer.x.step": torch.ones(()),
    "optimizer.0": torch.ones(()),
    "model.strange": torch.ones(1),
}


@pytest.mark.parametrize("name", WRONG)
@pytest.mark.parametrize("forged", [False, True])
def test_contents_that_cannot_be_right_are_refused(tmp_path, name, forged):
    path = tmp_path / "run.training"
    run(path)
    rewrite(path, {name: WRONG[name]}, {}, forged)
    with pytest.raises(ValueError, match=r"run\.training is not a whole training checkpoint"):
        run(path)


HISTORY = {"steps": 1, "losses": [1.0], "tokens": 5, "seconds": 1.0}
ABOUT = [
    ("settings", None),
    ("settings", "x"),
    ("digest", None),
    ("digest", "x"),
    ("first", {}),
    ("first", None),
    ("first", [1]),
    ("first", {"batch": "", "loss": 1.0}),
    ("first", {"batch": 1, "loss": 1.0, "gradient": 1.0}),
    ("first", {"batch": "", "loss": [], "gradient": 1.0}),
    ("history", None),
    ("history", HISTORY),
    ("history", "{}"),
    ("history", "[" * 10_000),
    ("history", json.dumps({**HISTORY, "tokens": -1})),
    ("history", json.dumps({**HISTORY, "seconds": None})),
    ("history", json.dumps({**HISTORY, "losses": [math.nan]})),
    ("history", json.dumps({**HISTORY, "steps": 13, "losses": [1.0] * 13})),
]


@pytest.mark.parametrize("forged", [False, True])
@pytest.mark.parametrize(("key", "value"), ABOUT, ids=lambda x: repr(x)[:30])
def test_what_a_file_says_of_itself_is_checked(tmp_path, key, value, forged):
    path = tmp_path / "run.training"
    run(path)
    rewrite(path, {}, {key: value}, forged and key != "digest")
    with pytest.raises(ValueError, match=r"run\.training"):
        run(path)


def rewrite(path, tensors, about, forged):
    """The file with something else in it; ``forged`` gives it the digest of its own contents."""
    with safe_open(path, "pt") as file:
        said = json.loads(file.metadata()[FORMAT]) | about
    tensors = load_file(path) | tensors
    if forged:
        del said["digest"]
        said["digest"] = batch_digest([said, tensors])
    save_file(tensors, path, {FORMAT: json.dumps(said)})


@pytest.mark.parametrize("path", [5, "", b"run", 1.5, [], object()])
def test_a_path_that_is_none_is_named(path):
    plain = getattr(fit, "__wrapped__", fit)
    options = {"steps": 1, "learning_rate": 1e-2, "progress": False}
    with pytest.raises(ValueError, match="checkpoint must be"):
        plain(fresh(), draw, generator=generator(0), checkpoint=path, **options)


def test_a_folder_is_no_checkpoint(tmp_path):
    with pytest.raises(ValueError, match="checkpoint must be a file"):
        run(tmp_path)
