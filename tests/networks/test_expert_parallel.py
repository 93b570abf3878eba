"""Experts on several processes: equal to the layer of one process, counted rows, clear ends."""

import subprocess
import time
from pathlib import Path

import pytest
import torch

from nlgnotes.networks import expert_parallel as module
from nlgnotes.networks.expert_parallel import expert_parallel, token_exchange
from nlgnotes.networks.moe import MoELayer
from nlgnotes.randomness import generator

TOKENS, EXPERTS, K = 24, 8, 2


@pytest.fixture(scope="module")
def routed():
    layer = MoELayer(16, 12, EXPERTS, K, generator(0, "layer"), out_std=0.3)
    for weight in (layer.gate, layer.up):
        weight.data.mul_(20)
    x = torch.randn(TOKENS, 16, generator=generator(0, "tokens"))
    with torch.no_grad():
        return layer, x, layer.route(x)


def act(routed, processes, **options):
    layer, x, routing = routed
    return expert_parallel(
        x, routing.chosen, routing.weights, layer.up, layer.down, processes, **options
    )


@pytest.fixture
def living(monkeypatch):
    """Gives the processes that live of those that were started, and of those that these started."""
    groups = []

    class Noted(subprocess.Popen):
        def __init__(self, *args, **options):
            super().__init__(*args, **options)
            groups.append(self.pid)

    monkeypatch.setattr(module.subprocess, "Popen", Noted)

    def look():
        assert groups, "something was started"
        found = []
        for file in Path("/proc").glob("[0-9]*/stat"):
            try:
                state, _, group = file.read_text().rpartition(")")[2].split()[:3]
            except OSError:
                continue
            if int(group) in groups and state != "Z":
                found.append(file.parent.name)
        return found

    return look


@pytest.mark.parametrize("processes", [2, 4])
def test_the_answer_is_that_of_one_process_and_the_rows_are_counted(routed, processes, living):
    layer, x, routing = routed
    run = act(routed, processes)
    with torch.no_grad():
        assert torch.allclose(run.output, layer.answer(x, routing), atol=1e-5)
    assert run.output.abs().mean() > 0.1
    assert run.sent.equal(token_exchange(routing.chosen, EXPERTS, processes))
    assert len(run.exchange_seconds) == len(run.expert_seconds) == processes
    assert living() == []


def test_rows_are_counted_one_by_one(routed):
    chosen = routed[2].chosen
    for processes in (1, 2, 4, 8):
        wanted = torch.zeros(processes, processes, dtype=torch.long)
        for token, experts in enumerate(chosen.tolist()):
            for expert in experts:
                there = expert // (EXPERTS // processes)
                wanted[token // (TOKENS // processes), there] += 1
        assert token_exchange(chosen, EXPERTS, processes).equal(wanted)


def test_all_tokens_may_go_to_one_expert(routed):
    layer, x, _ = routed
    chosen, gates = torch.full((TOKENS, 1), 5), torch.ones(TOKENS, 1)
    run = expert_parallel(x, chosen, gates, layer.up, layer.down, 2)
    with torch.no_grad():
        alone = torch.nn.functional.gelu(x @ layer.up[5]) @ layer.down[5]
    assert torch.allclose(run.output, alone, atol=1e-5)
    assert run.sent.tolist() == [[0, 12], [0, 12]]


def test_a_time_limit_ends_all(routed, living):
    began = time.perf_counter()
    with pytest.raises(RuntimeError, match="time_limit, 0.05 seconds; they were ended"):
        act(routed, 2, time_limit=0.05)
    assert time.perf_counter() - began < 2 and living() == []


def test_a_process_that_fails_is_named_and_the_others_end(tmp_path, living):
    torch.save({"x": torch.zeros(4, 2)}, tmp_path / "given.pt")  # no experts
    with pytest.raises(RuntimeError, match="one of 2 processes failed, exit 1: KeyError: 'chosen'"):
        module._run_processes(str(tmp_path), 2, 60.0)
    assert living() == []


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"processes": 5}, "processes must divide the tokens, 24, and the experts, 8; got 5"),
        ({"processes": 0}, "processes must be an integer of at least 1; got 0"),
        ({"time_limit": 0.0}, "time_limit must be a finite number above 0; got 0"),
        ({"chosen": torch.full((TOKENS, K), 8)}, "chosen must hold experts in"),
    ],
)
def test_bad_input(routed, change, words):
    layer, x, routing = routed
    given = {"x": x, "chosen": routing.chosen, "gates": routing.weights, "up": layer.up}
    given |= {"down": layer.down, "processes": 2}
    with pytest.raises(ValueError, match=words):
        expert_parallel(**given | change)
