"""Reading demonstrations: equal starts, what is measured at each shot, and it learns."""

import math

import pytest
import torch
from jaxtyping import TypeCheckError

from nlgnotes.experiments.in_context_learning.demonstrations import (
    ARMS,
    Beliefs,
    beliefs,
    by_shots,
    family_of,
    random_labels,
    train_on_documents,
    untrained_reader,
)
from nlgnotes.randomness import generator

SMALL = {
    "family": {"kinds": 2, "words": 4, "words_per_example": 1, "tilt": 4.0},
    "arms": {
        "per document": {"family": {"mapping": "per document"}, "steps": 3},
        "fixed": {"family": {"mapping": "fixed"}, "steps": 60},
        "bursty": {"family": {"mapping": "fixed", "burst": 5.0, "decay": 0.5}, "steps": 3},
    },
    "examples": 3,
    "width": 16,
    "layers": 1,
    "heads": 2,
    "hidden": 32,
    "initial_scale": 4.0,
    "batch": 32,
    "learning_rate": 1e-2,
}


def test_the_initial_weights_are_those_of_the_decoder_times_the_scale():
    plain = untrained_reader(9, 12, SMALL | {"initial_scale": 1.0}, 3)
    wide = untrained_reader(9, 12, SMALL, 3)
    for (name, a), (_, b) in zip(plain.named_parameters(), wide.named_parameters(), strict=True):
        assert torch.equal(b, a * 4 if a.dim() > 1 else a), name
    assert wide.config.context == 12 and wide.config.vocab_size == 9
    other = untrained_reader(9, 12, SMALL, 4)
    assert not torch.equal(other.embedding, wide.embedding)


def test_arms_differ_in_their_documents_and_start_alike():
    families = {arm: family_of(SMALL, arm) for arm in ARMS}
    assert [f.mapping for f in families.values()] == ["per document", "fixed", "fixed"]
    assert [f.burst for f in families.values()] == [0.0, 0.0, 5.0]
    assert len({(f.vocab_size, f.length(3)) for f in families.values()}) == 1
    with pytest.raises(ValueError, match="arm must be one of per document, fixed, bursty; got 'x'"):
        family_of(SMALL, "x")


def test_a_decoder_learns_the_fixed_mapping_and_the_run_is_resumed(tmp_path):
    model, history = train_on_documents("fixed", SMALL, 5)
    assert history.steps == 60 and len(history.losses) == 60
    family = family_of(SMALL, "fixed")
    fresh = family.sample(300, 3, generator(6))
    read = beliefs(model, family, fresh.words, fresh.labels)
    shots = by_shots(read, fresh.labels)
    # 900 labels: guessing gets a half within .11 (false alarm below 1e-9).
    assert min(shots["right"]) > 0.65
    assert shots["kl"] == pytest.approx(read.distances()["kl"].mean(0).tolist(), abs=1e-6)
    again = [train_on_documents("fixed", SMALL, 5, work=tmp_path)[0] for _ in range(2)]
    for weights in zip(*(m.parameters() for m in (model, *again)), strict=True):
        assert all(torch.equal(weights[0], w) for w in weights[1:])


def test_beliefs_are_read_where_the_label_is_asked_for():
    """A model that says the last label that it read; the posterior is the family's own."""
    family = family_of(SMALL, "per document")
    fresh = family.sample(20, 3, generator(7))

    def parrot(tokens):
        last = torch.zeros_like(tokens)
        for t in range(tokens.shape[1]):
            here, label = tokens[:, t], (tokens[:, t] > 0) & (tokens[:, t] <= 2)
            last[:, t] = torch.where(label, here, last[:, t - 1] if t else 0)
        return 5.0 * torch.nn.functional.one_hot(last, family.vocab_size).float()

    read = beliefs(parrot, family, fresh.words, fresh.labels)
    assert read.model.dtype == torch.float64
    assert read.model[:, 0].exp().eq(0.5).all()
    assert read.model[:, 1:].argmax(-1).equal(fresh.labels[:, :-1])
    assert read.posterior.equal(family.log_posterior(fresh.words, fresh.labels))


def test_scores_by_hand():
    sure, even = torch.tensor([0.9, 0.1]).log(), torch.tensor([0.5, 0.5]).log()
    read = Beliefs(*(x.double()[None, None].repeat(1, 2, 1) for x in (sure, even)))
    labels = torch.tensor([[0, 1]])
    found = by_shots(read, labels)
    assert found["right"] == [1.0, 0.0]
    assert found["nats"] == pytest.approx([-math.log(0.9), -math.log(0.1)], abs=1e-6)
    assert found["posterior nats"] == pytest.approx([math.log(2)] * 2, abs=1e-6)
    kl = 0.5 * math.log(0.5 / 0.9) + 0.5 * math.log(0.5 / 0.1)
    assert found["kl"] == pytest.approx([kl] * 2, abs=1e-6)
    assert found["total variation"] == pytest.approx([0.4] * 2, abs=1e-6)


def test_random_labels_do_not_depend_on_the_true_ones():
    labels = torch.zeros(4000, 5, dtype=torch.long)
    drawn = random_labels(labels, 4, generator(8))
    assert drawn.shape == labels.shape
    # 20,000 draws: each share within 0.02 of a quarter (6.5 standard errors).
    assert (torch.bincount(drawn.flatten(), minlength=4) / 20000 - 0.25).abs().max() < 0.02
    assert drawn.equal(random_labels(labels + 1, 4, generator(8)))
    with pytest.raises((ValueError, TypeCheckError), match="generator"):
        random_labels(labels, 4, None)
