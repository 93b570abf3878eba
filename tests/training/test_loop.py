"""Training learns, stops clearly, and an interrupted run ends where an uninterrupted one does."""

import math
from types import SimpleNamespace

import pytest
import torch
from torch import nn

from nlgnotes.batches import Batch, document_batch
from nlgnotes.networks.transformer import Decoder, DecoderConfig
from nlgnotes.randomness import generator
from nlgnotes.training.likelihood import next_token_loss, token_nll
from nlgnotes.training.loop import History, fit, learning_rate_at

CONFIG = DecoderConfig(vocab_size=7, context=8, width=8, layers=1, heads=2, hidden=16)
TOKENS = torch.tensor([[3, 4, 0, 0], [2, 0, 0, 0]])
DOCUMENTS = SimpleNamespace(tokens=TOKENS, mask=torch.tensor([[1, 1, 1, 0], [1, 1, 0, 0]]).bool())


def draw(g):
    start = torch.randint(7, (6, 1), generator=g)
    t = (start + torch.arange(9)) % 7  # counting: the next token is certain
    return Batch(t[:, :-1], t[:, 1:], torch.ones(6, 8, dtype=torch.bool))


def run(model, path=None, callback=None, steps=20, every=7):
    return fit(
        model,
        draw,
        steps=steps,
        learning_rate=1e-2,
        generator=generator(0, "draw"),
        checkpoint=path,
        checkpoint_every=every,
        progress=False,
        callback=callback,
    )


def test_loss_and_token_nll_are_two_roads():
    model, batch = Decoder(CONFIG, generator(0)), document_batch(DOCUMENTS)
    nll = token_nll(model, DOCUMENTS, batch_size=1)
    assert nll.shape == (2, 4) and (nll[~DOCUMENTS.mask] == 0).all()
    loss = next_token_loss(model(batch.inputs), batch.targets, batch.mask)
    assert loss.item() == pytest.approx(nll.sum().item() / 5, rel=1e-5)
    assert next_token_loss(
        torch.zeros(1, 2, 4), torch.tensor([[3, 1]]), torch.ones(1, 2).bool()
    ).item() == pytest.approx(math.log(4))
    with pytest.raises(ValueError, match="mask must be True somewhere"):
        next_token_loss(torch.zeros(1, 2, 4), torch.tensor([[3, 1]]), torch.zeros(1, 2).bool())


def test_learning_rate_is_one_cycle():
    rates = [learning_rate_at(s, 100, 2.0, 0.1) for s in range(100)]
    assert (
        max(rates) == rates[9] == 2.0
        and rates[0] == pytest.approx(0.2)
        and rates[-1] == pytest.approx(0.0, abs=1e-12)
    )
    assert rates[:10] == sorted(rates[:10]) and rates[9:] == sorted(rates[9:], reverse=True)


def test_it_learns_to_count():
    history = run(Decoder(CONFIG, generator(0)), steps=150)
    assert len(history.losses) == history.steps == 150 and history.tokens == 150 * 48
    assert history.losses[0] == pytest.approx(math.log(7), abs=0.1) and history.losses[-1] < 0.1
    assert History.from_json(history.to_json()) == history


@pytest.mark.parametrize("stop", [1, 7, 11])
def test_interrupted_and_resumed_equals_uninterrupted(tmp_path, stop):
    whole, parts = Decoder(CONFIG, generator(0)), Decoder(CONFIG, generator(0))
    expected = run(whole)

    def interrupt(step, loss):
        if step == stop:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(parts, tmp_path / "run.partial", interrupt)
    fresh = Decoder(CONFIG, generator(5))
    history = run(fresh, tmp_path / "run.partial")
    assert history.losses == expected.losses
    assert all(torch.equal(a, b) for a, b in zip(whole.parameters(), fresh.parameters()))
    assert [p.name for p in tmp_path.iterdir()] == ["run.partial"]


def test_interrupted_while_drawing_resumes_exactly(tmp_path):
    expected, calls, model = run(Decoder(CONFIG, generator(0))), [], Decoder(CONFIG, generator(0))

    def broken(g):
        calls.append(draw(g))  # the generator has moved on when the interrupt comes
        if len(calls) == 5:
            raise KeyboardInterrupt
        return calls[-1]

    with pytest.raises(KeyboardInterrupt):
        fit(
            model,
            broken,
            steps=20,
            learning_rate=1e-2,
            generator=generator(0, "draw"),
            checkpoint=tmp_path / "r",
            progress=False,
        )
    assert run(Decoder(CONFIG, generator(5)), tmp_path / "r").losses == expected.losses


def test_foreign_and_truncated_runs_are_refused(tmp_path):
    path = tmp_path / "run.partial"
    run(Decoder(CONFIG, generator(0)), path)
    with pytest.raises(ValueError, match="other sizes or settings"):
        run(Decoder(CONFIG, generator(0)), path, steps=21)
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(ValueError, match="run.partial is not a whole training checkpoint"):
        run(Decoder(CONFIG, generator(0)), path)


def test_a_loss_that_is_not_finite_names_its_step():
    model = Decoder(CONFIG, generator(0))

    def spoil(step, loss):
        if step == 3:
            nn.init.constant_(model.norm, math.nan)

    with pytest.raises(FloatingPointError, match="got nan at step 3"):
        run(model, callback=spoil)


def test_decay_shrinks_matrices_only():
    model = Decoder(CONFIG, generator(0))
    for p in model.parameters():
        p.requires_grad_(True)
    before = model.blocks[0].norm1.detach().clone()

    class Silent(nn.Module):  # a loss that no weight changes: only decay can move them
        def __init__(self):
            super().__init__()
            self.inner = model

        def forward(self, t):
            return sum(p.sum() * 0 for p in model.parameters()) + torch.zeros(*t.shape, 7)

    size = model.blocks[0].up.norm().item()
    fit(
        Silent(),
        draw,
        steps=5,
        learning_rate=1e-2,
        generator=generator(0),
        weight_decay=1.0,
        progress=False,
    )
    assert model.blocks[0].up.norm().item() < size and torch.equal(model.blocks[0].norm1, before)
