"""The long experiment says everything with its intervals."""

import json

import numpy as np
import pytest

from nlgnotes.experiments.exposure_bias import prefix_switching as ps
from nlgnotes.experiments.exposure_bias.conditional import DIVERGENCES
from nlgnotes.experiments.exposure_bias.marginal import SCORES
from nlgnotes.experiments.exposure_bias.prefixes import KINDS


@pytest.fixture(scope="module")
def measured():
    settings = {
        "models": {"newswire": "newswire-lm"},
        "prefixes": 50,
        "others": 40,
        "group": 5,
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
        for name, rows in data["eb_c"][kind].items():
            rows = [*rows, data["eb_c_slope"][kind][name]]
            assert len(rows) == 3 and all(low <= value <= high for value, low, high, _ in rows)
        scores = set(SCORES) - ({"link"} if kind == "random" else set())
        assert set(data["eb_m"][kind]) == scores
        assert all(len(rows) == 2 for rows in data["eb_m"][kind].values())
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


def test_the_share_of_the_harm_is_that_of_the_means_beside_it(measured):
    data, _ = measured
    for kind, table in (("model", data), ("random", data), ("model", data["gap"]["greedy"])):
        for name in DIVERGENCES:
            own, true, bad = (table["cgd"][k][name][0][0] for k in (kind, "data", "shuffled"))
            if table is not data or kind == "random":  # as many prefixes of each kind
                assert table["share"][kind][name][0][0] == pytest.approx(
                    (own - true) / (bad - true), rel=1e-3
                )
            assert table["share"][kind][name][0][1] < table["share"][kind][name][0][2]


def test_what_is_left_begins_with_all_of_it(measured):
    data, _ = measured
    for decoder in ("ancestral", "greedy"):
        for kind in ("shuffled", "random"):
            assert data["gap"][decoder]["left"][kind]["tv"][0][:3] == [1, 1, 1]


def test_each_number_says_on_how_many_units_it_rests(measured):
    data, _ = measured
    assert data["cgd"]["model"]["tv"][0][3] == 50 and data["cgd"]["random"]["tv"][0][3] == 40
    for kind, count in (("model", 50), ("shuffled", 40), ("random", 40)):
        rows = [*data["eb_c"][kind]["tv"], data["eb_c_slope"][kind]["tv"]]
        assert [row[3] for row in rows] == [count] * 3
    assert data["score"]["model"]["nats"][0][3] == 40
    assert data["score"]["model"]["distinct"][0][3] == 8  # groups of 5 texts


def test_a_growth_is_given_where_what_it_divides_by_is_surely_not_zero():
    """Of this harm the plain mean is surely above 0; weighed by the lengths it is not."""
    lengths = [5, 10, 20, 30, 40]
    noise = np.random.default_rng(0).normal(0, 0.03, (1001, 5))
    noise[0] = 0
    for harm, there in (([0.5, 0.3, 0, -0.02, -0.05], False), ([0.1, 0.2, 0.3, 0.4, 0.5], True)):
        draws = 1 + np.array(harm) + noise
        low, high = np.quantile(draws.mean(1) - 1, [0.025, 0.975])
        assert 0 < low < high
        cells = [{"eb_c": {"model": {"tv": x.tolist()}}, "units": {"model": 4000}} for x in draws.T]
        assert (ps._join(cells, lengths)["growth"]["model"]["tv"] is not None) == there
