"""Segmentation: equal budgets, what is switched off, and the measurement runs through."""

import json

import pytest
import torch

from nlgnotes.experiments.fine_grained_experts.segmentation import (
    ARMS,
    SWITCHES,
    measure_arm,
    switched_off,
    untrained_arm,
)
from nlgnotes.networks.flops import decoder_flops, moe_decoder_flops
from nlgnotes.networks.moe_decoder import MoEDecoder

SMALL = {
    "width": 16,
    "layers": 2,
    "heads": 2,
    "hidden": 16,
    "experts": 4,
    "k": 2,
    "parts": 2,
    "shared": 1,
    "length": 12,
    "batch": 4,
    "steps": 3,
    "learning_rate": 1e-3,
    "alpha": 0.01,
    "documents": 6,
}


@pytest.fixture(scope="module")
def arms():
    return {arm: untrained_arm(arm, SMALL, 50, 0) for arm in ARMS}


def test_all_arms_have_the_same_experts_and_the_sparse_ones_the_same_total(arms):
    matrices = {
        arm: sum(p.numel() for n, p in model.named_parameters() if "up" in n or "down" in n)
        for arm, model in arms.items()
    }
    assert matrices == {"dense": 2048, "coarse": 4096, "fine": 4096, "shared": 4096}
    work = {
        arm: moe_decoder_flops(model.config, 12) - 4 * 16 * 12 * model.config.experts
        for arm, model in arms.items()
        if isinstance(model, MoEDecoder)
    }
    assert set(work.values()) == {decoder_flops(arms["dense"].config, 12)}
    c = arms["shared"].config
    assert (c.hidden, c.experts, c.k, c.shared) == (8, 7, 3, 1)


def test_the_arms_differ_and_seeds_differ(arms):
    assert not arms["coarse"].embedding.equal(arms["fine"].embedding)
    assert not untrained_arm("fine", SMALL, 50, 1).embedding.equal(arms["fine"].embedding)


def experts_used(model, rows):
    return [each.chosen for each in model.routed(rows)[1]]


@torch.no_grad()
def test_switched_off(arms):
    model, rows = arms["shared"], torch.randint(50, (3, 12), generator=torch.Generator())
    before, first = model(rows), experts_used(model, rows)
    without = {switch: switched_off(model, switch, [2, 5]) for switch in SWITCHES}
    assert model(rows).equal(before), "the model itself stays"
    used = {switch: experts_used(each, rows) for switch, each in without.items()}
    assert used["shared"][0].shape == (36, 4) and used["shared"][0][:, :3].equal(first[0])
    assert without["shared"].blocks[1].moe.shared_up is None
    assert used["weakest"][0].equal(first[0][:, :2])
    for layer, expert in ((0, 2), (1, 5)):
        chosen = used["busiest"][layer]
        assert chosen.shape == (36, 3) and not (chosen == expert).any()
    assert all((each(rows) - before).abs().max() > 0 for each in without.values())


def test_the_measurement_runs_through_and_comes_out_the_same():
    for arm in ARMS:
        found, again = measure_arm(arm, SMALL, 0), measure_arm(arm, SMALL, 0)
        assert found.pop("seconds") >= 0 and again.pop("seconds") >= 0
        assert json.loads(json.dumps(found)) == found == again
        assert 1 < found["gap"] < 6 and len(found["loss"]) == 3
        asked = {"dense": set(), "shared": set(SWITCHES)}.get(arm, set(SWITCHES[1:]))
        assert set(found["off"]) == asked


def test_bad_input(arms):
    with pytest.raises(ValueError, match="arm must be one of dense, coarse, fine, shared"):
        untrained_arm("medium", SMALL, 50, 0)
    with pytest.raises(ValueError, match="switch must be one of busiest, weakest; got 'shared'"):
        switched_off(arms["fine"], "shared", [0, 0])
