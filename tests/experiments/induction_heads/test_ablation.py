"""Sets of heads by their scores, and a circuit that is built by hand and taken apart."""

import pytest
import torch

from nlgnotes.experiments.induction_heads.ablation import ablate, head_sets
from nlgnotes.experiments.induction_heads.training import untrained
from nlgnotes.experiments.induction_heads.watching import copying
from nlgnotes.randomness import generator
from nlgnotes.tasks.repeated_texts import RepeatedTexts


def test_sets_by_hand():
    scores = {
        "prefix": torch.tensor([[0.1, 0.0, 0.2], [0.9, 0.3, 0.8]]),
        "previous": torch.tensor([[0.7, 0.6, 0.1], [0.95, 0.0, 0.1]]),
    }
    assert head_sets(scores, 2) == {
        "induction": [(1, 0), (1, 2)],
        "previous": [(0, 0), (0, 1)],
        "others": [(0, 2), (1, 1)],
    }
    with pytest.raises(ValueError, match="heads of the network must be an integer of at least 9"):
        head_sets(scores, 3)


def test_ablate_reads_fresh_and_frozen_runs():
    settings = {"symbols": 9, "length": 30, "width": 16, "heads": 2}
    model = untrained(settings, 0, layers=2)
    with torch.no_grad():
        for p in model.parameters():
            p.mul_(20 if p.dim() > 1 else 1)
    drawn = RepeatedTexts(9, 30, 5, 9).draw(20, generator(0))
    sets = {"one": [(0, 0)], "all": [(0, 0), (0, 1), (1, 0), (1, 1)]}
    found = ablate(model, drawn, sets)
    inputs = drawn.batch.inputs
    whole = model.run(inputs)
    assert torch.equal(found["none"]["full"], copying(model(inputs).detach(), drawn))
    assert torch.equal(found["none"]["full"], found["none"]["frozen"])
    for how, patterns in (("full", None), ("frozen", whole.patterns)):
        logits = model.run(inputs, sets["one"], patterns).logits
        assert torch.equal(found["one"][how], copying(logits, drawn))
    assert torch.equal(found["all"]["full"], found["all"]["frozen"])  # the direct path is left
