"""The long measurement has a row for every run and look."""

from nlgnotes.experiments.generic_replies.safe_reply_and_mmi import measure

SIZES = {
    "width": 16,
    "layers": 1,
    "heads": 2,
    "hidden": 32,
    "context": 96,
    "batch": 16,
    "learning_rate": 1e-2,
}


def test_the_measurement_has_a_row_for_every_run_and_look():
    unsure = {**SIZES, "steps": 4, "runs": 2, "rare": 0.02, "looks": [2, 4], "samples": 2}
    mmi = {**SIZES, "steps": 2, "runs": 1, "beams": 4, "gamma": 2, "lams": [0, 1.0]}
    parts = []
    data = measure(
        {"unsure": unsure, "mmi": mmi},
        0,
        progress=False,
        keep=lambda part, compute: parts.append(part) or compute(),
    )
    assert parts == ["pairs-0", "pairs-1", "shuffled-0", "shuffled-1", "mmi-0"] and data[
        "topics_open"
    ] == [1, 5, 20]
    assert all(
        one["step"] == [2, 4] and len(one["lead"][1]) == 3
        for arm in ("pairs", "shuffled")
        for one in data[arm]
    )
    assert len(data["mmi"][0]["antiLM"]["20"]["pmi"]) == 2
