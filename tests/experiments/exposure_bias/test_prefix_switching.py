"""The long experiment says everything with its intervals."""

import json

import pytest

from nlgnotes.experiments.exposure_bias import prefix_switching as ps
from nlgnotes.experiments.exposure_bias.conditional import DIVERGENCES
from nlgnotes.experiments.exposure_bias.prefixes import KINDS


@pytest.fixture(scope="module")
def measured():
    settings = {
        "models": {"newswire": "newswire-lm"},
        "prefixes": 30,
        "lengths": [3, 6],
        "gap_length": {"newswire": 3},
        "gaps": [0, 2],
        "new": 6,
        "texts": 20,
        "steps": 4,
        "start": 2,
        "resamples": 20,
    }
    parts = []

    def keep(part, compute):
        parts.append(part)
        return json.loads(json.dumps(compute(), allow_nan=False))

    return ps.measure(settings, 0, progress=False, keep=keep)["newswire"], parts


def test_the_long_form_holds_every_cell_with_its_interval(measured):
    data, parts = measured
    assert parts == [
        "newswire-length-3",
        "newswire-length-6",
        "newswire-gap-ancestral",
        "newswire-gap-greedy",
        "newswire-along",
    ]
    for kind in KINDS:
        assert (
            len(data["cgd"][kind]["tv"]) == 2 and len(data["gap"]["greedy"]["cgd"][kind]["js"]) == 2
        )
    for kind in KINDS[1:]:
        for key in ("eb_c", "eb_m"):
            for name, rows in data[key][kind].items():
                slope = (
                    [data[f"{key}_slope"][kind][name]] if kind == "model" or key == "eb_c" else []
                )
                assert len(rows) == (2 if slope else 1)
                assert all(low <= value <= high for value, low, high, _ in rows + slope), (
                    key,
                    name,
                )
    assert len(data["along"]["greedy"]["kl"]["excess"]) == 4


def test_the_ratio_is_that_of_the_means_beside_it(measured):
    data, _ = measured
    for kind in KINDS[1:]:
        for name in DIVERGENCES:
            for ratio, after, true in zip(
                data["eb_c"][kind][name],
                data["cgd"][kind][name],
                data["cgd"]["data"][name],
                strict=True,
            ):
                assert ratio[0] == pytest.approx(after[0] / true[0], rel=1e-4)
