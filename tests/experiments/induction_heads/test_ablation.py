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
        "prefix": torch.tensor([[0.1, 0.0, 0.2], [0.4, 0.1, 0.8]]),
        "previous": torch.tensor([[0.7, 0.2, 0.1], [0.95, 0.9, 0.1]]),
    }
    drawn = set()
    for seed in range(20):
        sets = head_sets(scores, generator(seed))
        # (1, 1) looks back one place, but no induction head comes after it.
        assert sets["induction"] == [(1, 2), (1, 0)] and sets["previous"] == [(0, 0)]
        others = {(0, 1), (0, 2), (1, 1)}
        assert set(sets["like induction"]) <= others and len(set(sets["like induction"])) == 2
        assert set(sets["like previous"]) <= others and len(sets["like previous"]) == 1
        drawn |= set(sets["like previous"])
    assert drawn == {(0, 1), (0, 2), (1, 1)}


def test_a_set_is_no_larger_than_what_it_is_compared_with():
    scores = {
        "prefix": torch.tensor([[0.0, 0.0, 0.0], [0.4, 0.9, 0.8]]),
        "previous": torch.tensor([[0.7, 0.2, 0.1], [0.0, 0.0, 0.0]]),
    }
    sets = head_sets(scores, generator(0))
    assert sets["induction"] == [(1, 1), (1, 2)] and sets["like induction"] == [(0, 1), (0, 2)]
    for name, least in (("prefix", 0.95), ("previous", 0.75)):
        with pytest.raises(ValueError, match=f"a head with {name} of at least {least}"):
            head_sets(scores, generator(0), **{name: least})
    with pytest.raises(ValueError, match="a head that is in neither set"):
        head_sets(scores, generator(0), previous=0.1)


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
