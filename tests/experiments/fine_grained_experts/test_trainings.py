"""The shipped measurement of fine-grained experts: seeds, parts, and what the settings say."""

from nlgnotes.experiments.fine_grained_experts import segmentation, trainings

TINY = {
    "runs": 2,
    "choice": trainings.EXPERIMENT.settings["choice"]
    | {"steps": 2, "documents": 9, "width": 8, "hidden": 8},
    "segmentation": trainings.EXPERIMENT.settings["segmentation"]
    | {"steps": 2, "documents": 4, "batch": 2, "width": 16, "hidden": 16, "length": 10},
}


def test_each_seed_and_arm_is_a_part_of_its_own():
    parts = []

    def keep(part, compute):
        parts.append(part)
        return compute()

    found = trainings.measure(TINY, 5, progress=False, keep=keep)
    arms = segmentation.ARMS
    assert parts == [f"{what}-{s}" for s in (5, 6) for what in ("choice", *arms)]
    assert list(found["choice"]) == list(found["segmentation"]) == ["5", "6"]
    assert all(list(run) == list(arms) for run in found["segmentation"].values())
    losses = [run["experts"]["whole"]["mean"] for run in found["choice"].values()]
    assert trainings.EXPERIMENT.headline(found) == sum(losses) / 2 and losses[0] != losses[1]
