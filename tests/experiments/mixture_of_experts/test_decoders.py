"""The decoders' measurement on a small scale: equal starts, gradients, labels in their places."""

import json
from dataclasses import replace

import pytest
import torch

from nlgnotes.batches import document_batch
from nlgnotes.experiments.mixture_of_experts import decoders
from nlgnotes.experiments.mixture_of_experts.balance import ARMS
from nlgnotes.experiments.mixture_of_experts.decoders import (
    EXPERIMENT,
    gradient_norms,
    measure,
    one_run,
    specialisation,
    trained_decoder,
)
from nlgnotes.experiments.mixture_of_experts.specialisation import explained_share
from nlgnotes.languages.newswire import Newswire
from nlgnotes.randomness import generator
from nlgnotes.training.likelihood import next_token_loss

SMALL = {
    **EXPERIMENT.settings,
    "sizes": {**EXPERIMENT.settings["sizes"], "context": 12, "width": 16, "experts": 4},
    "batch": 4,
    "steps": 2,
    "test": 6,
    "seeds": 1,
}
NEWS = Newswire.standard()


def test_gradients_are_those_of_the_task_and_zero_where_nothing_was_sent():
    documents = NEWS.sample(8, generator(0), 12)
    model, _ = trained_decoder(ARMS["none"], documents, SMALL, 1)
    with torch.no_grad():
        model.blocks[0].moe.bias.copy_(torch.tensor([50.0, 40.0, 0.0, 0.0]))
    batch = document_batch(NEWS.sample(6, generator(1), 12))
    found = gradient_norms(model, batch)
    assert found[0][2:] == [0.0, 0.0] and min(found[0][:2]) > 0
    loss = next_token_loss(model(batch.inputs), batch.targets, batch.mask)
    moe = model.blocks[1].moe
    up, down = torch.autograd.grad(loss, [moe.up, moe.down])
    expected = [
        float((u.square().sum() + d.square().sum()).sqrt()) for u, d in zip(up, down, strict=True)
    ]
    assert found[1] == pytest.approx(expected, rel=1e-3)
    assert all(p.grad is None or not p.grad.any() for p in model.parameters())


def test_a_word_and_its_class_stand_at_the_same_place():
    sample = NEWS.sample_hidden(6, generator(2), 12)
    batch = document_batch(sample.documents)
    documents = sample.documents
    model, _ = trained_decoder(ARMS["none"], NEWS.sample(8, generator(0), 12), SMALL, 1)
    _, routings = model.routed(batch.inputs)
    found = specialisation(routings[0], batch, sample, NEWS.slot_class, 3)
    chosen, classes, topics = [], [], []
    first = routings[0].chosen[:, 0].view(batch.inputs.shape)
    for row in range(6):
        for t in range(1, int(documents.lengths[row])):
            assert int(batch.inputs[row, t]) == int(documents.tokens[row, t - 1])
            chosen.append(int(first[row, t]))
            classes.append(int(NEWS.slot_class[sample.slots[row, t - 1]]))
            topics.append(int(sample.topics[row]))
    ids = torch.tensor(chosen)
    for name, labels in (("word class", classes), ("topic", topics)):
        expected = float(explained_share(ids, torch.tensor(labels)))
        assert found[name]["share"] == pytest.approx(expected, abs=1e-4)
        assert len(found[name]["control"]) == 20


def test_the_control_of_the_classes_knows_what_a_word_alone_tells():
    """Of experts that go by the word, labels that words have as a whole are told, and no topic."""
    sample = NEWS.sample_hidden(6, generator(2), 12)
    batch = document_batch(sample.documents)
    model, _ = trained_decoder(ARMS["none"], NEWS.sample(8, generator(0), 12), SMALL, 1)
    _, routings = model.routed(batch.inputs)
    by_word = replace(routings[0], chosen=batch.inputs.flatten()[:, None].repeat(1, 2))
    found = specialisation(by_word, batch, sample, NEWS.slot_class, 3)
    assert found["word class"]["control"] == [1.0] * 20
    assert max(found["topic"]["control"]) < 1


def test_the_measurement_runs_through(monkeypatch):
    arms = {name: ARMS[name] for name in ("none", "both", "bias")}
    monkeypatch.setattr(decoders, "ARMS", arms)
    parts = {}

    def keep(part, compute):
        assert part not in parts
        parts[part] = compute()
        return parts[part]

    data = measure(SMALL, 4, progress=False, keep=keep)
    assert json.loads(json.dumps(data)) == data and len(parts) == 3
    assert data["runs"]["none"][0]["layers"][0]["noisy"] is None
    assert data["runs"]["both"][0]["layers"][1]["noisy"]["counts"]
    assert data["runs"]["none"][0]["gap"] > 1  # hardly trained
    again = one_run(NEWS, ARMS["bias"], SMALL, 4)
    assert again["gap"] == data["runs"]["bias"][0]["gap"]
