"""The discriminator reads from left to right and draws only from its generator."""

import pytest
import torch

from nlgnotes.networks.discriminator import Discriminator
from nlgnotes.randomness import generator

TEXTS = torch.randint(9, (4, 7), generator=generator(1))


def make(seed=0, dropout=0.5):
    return Discriminator(9, generator(seed), width=8, dropout=dropout)


def test_it_reads_from_left_to_right():
    model, other = make(), TEXTS.clone()
    other[:, 5:] = (other[:, 5:] + 1) % 9
    assert torch.equal(model(TEXTS)[:, :5], model(other)[:, :5])
    assert not torch.equal(model(TEXTS)[:, 5:], model(other)[:, 5:])


def test_weights_and_dropout_come_from_the_generators_only():
    before = torch.get_rng_state()
    model = make()
    hidden = model(TEXTS, generator(2))
    assert torch.equal(hidden, model(TEXTS, generator(2)))
    assert not torch.equal(hidden, model(TEXTS))
    assert torch.equal(model(TEXTS), make()(TEXTS)) and not torch.equal(
        model(TEXTS), make(1)(TEXTS)
    )
    assert torch.equal(before, torch.get_rng_state())


def test_agrees_with_the_equations():
    """Cho et al.'s gated unit, written out."""
    model = make(dropout=0.0)
    w, u, b, c = (
        getattr(model.gru, f"{kind}_{of}_l0") for kind in ("weight", "bias") for of in ("ih", "hh")
    )
    h, scores = torch.zeros(4, 8), []
    for x in TEXTS.T:
        (r, z, n), (hr, hz, hn) = (
            part.chunk(3, -1) for part in (model.embedding[x] @ w.T + b, h @ u.T + c)
        )
        z = (z + hz).sigmoid()
        h = (1 - z) * (n + (r + hr).sigmoid() * hn).tanh() + z * h
        scores.append(h @ model.output.weight[0] + model.output.bias)
    torch.testing.assert_close(model(TEXTS), torch.stack(scores, 1), atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: Discriminator(1, generator(0)), "vocab_size"),
        (lambda: Discriminator(5, generator(0), dropout=1.0), "dropout"),
        (lambda: make()(TEXTS + 1), r"tokens must hold ids in \[0, 9\); got 1 to 9"),
    ],
)
def test_errors_speak(call, message):
    with pytest.raises(ValueError, match=message):
        call()
