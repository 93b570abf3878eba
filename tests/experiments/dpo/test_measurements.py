"""The measurements of DPO: their parts, and short runs of pairs, labels and the five methods."""

import pytest

from nlgnotes.experiments.dpo import displacement, labels, methods, pairs

QUICK = {"steps": 2, "stops": [0, 2], "batch": 8, "runs": 1}
SHORT = {
    "pairs": (pairs, {"pairs": [50], **QUICK}),
    "labels": (
        labels,
        {
            "pairs": 60,
            "betas": [1.0],
            "flips": [0.3],
            "long": {"betas": [4.0], "pairs": 60, **QUICK},
            **QUICK,
        },
    ),
}


def test_the_parts_are_named_and_put_together():
    for module, count in ((pairs, 10), (labels, 17), (displacement, 1), (methods, 2)):
        names = []

        def keep(part, compute, names=names):
            names.append(part)
            return {"DPO": {}}

        data = module.measure({**module.EXPERIMENT.settings, "runs": 1}, 7, keep=keep)
        assert list(data["runs"]) == ["7"]
        assert len(names) == len(set(names)) == count


@pytest.mark.parametrize("kind", SHORT)
def test_a_short_run_has_a_row_at_each_stop(kind):
    module, own = SHORT[kind]
    data = module.measure({**module.EXPERIMENT.settings, **own}, 9)["runs"]["9"]
    rows = [data[w]["50"] for w in pairs.WRITERS] if kind == "pairs" else [
        data["betas"]["1.0"], data["flips"]["0.3"], *(arm["4.0"] for arm in data["arms"].values())
    ]  # fmt: skip
    assert all([at["step"] for at in row] == [0, 2] for row in rows)
    assert all(row[0]["kl"] == 0 and row[1]["kl"] > 0 for row in rows)


def test_five_methods_in_a_short_run():
    own = {
        "pairs": 40,
        "reward": {"epochs": 1, "batch": 8, "learning_rate": 1e-3},
        "numbers": [1, 4],
        "tuning": {"texts": 16, "passes": 1, "batch": 8, "learning_rate": 1e-3},
        "ppo": {"updates": 1, "batch": 12, "epochs": 1},
        "dpo": {"steps": 2, "learning_rate": 1e-3, "batch": 8},
        "betas": [1.0],
        "runs": 1,
    }
    data = methods.measure({**methods.EXPERIMENT.settings, **own}, 9)["runs"]["9"]
    assert data["best-of-N"]["1"]["kl"] == pytest.approx(0, abs=1e-9)
    assert data["best-of-N"]["4"]["kl"] > 0.3
    assert data["DPO"]["1.0"]["kl"] > 0 and data["PPO"]["1.0"]["kl"] > 0
    assert data["reward model"]["seconds"] > 0
