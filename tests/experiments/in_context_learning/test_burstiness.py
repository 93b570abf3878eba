"""The 2 × 2: its cells, its two tests, and what a known predictor gets in them."""

import json

import pytest
import torch

from nlgnotes.experiments.in_context_learning.burstiness import (
    CELLS,
    cell_scores,
    family_of_cell,
    measure,
    train_cell,
)
from nlgnotes.randomness import generator

SMALL = {
    "items": {"items": 9, "labels": 3, "pairs": 6, "copies": 2},
    "width": 16,
    "layers": 1,
    "heads": 2,
    "hidden": 32,
    "initial_scale": 4.0,
    "batch": 16,
    "steps": {"fixed": 3, "per document": 3},
    "learning_rate": 1e-2,
    "documents": 400,
}


def test_cells_cross_two_properties():
    assert list(CELLS) == [
        "bursty, fixed",
        "bursty, per document",
        "i.i.d., fixed",
        "i.i.d., per document",
    ]
    for cell in CELLS:
        family = family_of_cell(SMALL, cell)
        assert (family.bursty, family.mapping) == (cell[0] == "b", cell.split(", ")[1])
    with pytest.raises(ValueError, match="cell must be one of bursty, fixed; .*; got 'bursty'"):
        family_of_cell(SMALL, "bursty")


def counted(family):
    """The share that the most frequent label of the context gets, one document at a time."""
    documents = family.in_context_test(400, generator(3, "burstiness", "in context"))
    credit = 0.0
    for *context, query in documents.labels.tolist():
        best = [x for x in set(context) if context.count(x) == max(map(context.count, context))]
        credit += (query in best) / len(best)
    return credit / 400


def test_predictors_that_know_one_thing_pass_one_test():
    family = family_of_cell(SMALL, "bursty, per document")

    def by_weights(tokens):
        """The fixed mapping, for the query."""
        return last(tokens, (tokens[:, -1] - 4) % 3)

    def by_context(tokens):
        """The label of the latest equal item; the first label where there is none."""
        items, labels = tokens[:, 1::2], tokens[:, 2::2] - 1
        told = torch.zeros(len(tokens), dtype=torch.long)
        for place in range(items.shape[1] - 1):
            same = items[:, place] == items[:, -1]
            told = torch.where(same, labels[:, place], told)
        return last(tokens, told)

    def last(tokens, label):
        logits = torch.zeros(*tokens.shape, family.vocab_size)
        logits[torch.arange(len(tokens)), -1, label + 1] = 9.0
        return logits

    found = cell_scores(by_weights, family, SMALL, 3)
    assert found["in context"].pop("counting") == pytest.approx(counted(family), abs=1e-6)
    assert found["in context"] == {"model": 0.0, "exact": 1.0}
    assert 0.1 < found["in weights"].pop("counting") < 0.6
    assert found["in weights"] == {"model": 1.0, "exact": pytest.approx(1 / 3, abs=1e-6)}
    found = cell_scores(by_context, family, SMALL, 3)
    assert found["in context"]["model"] == 1.0
    # The first label's share of 400 queries, a third but for 5.3 standard errors.
    assert abs(found["in weights"]["model"] - 1 / 3) < 0.125
    fixed = cell_scores(by_weights, family_of_cell(SMALL, "i.i.d., fixed"), SMALL, 3)
    assert [fixed[test]["exact"] for test in fixed] == [0.0, 1.0]


def test_all_labels_alike_are_right_by_their_share():
    family = family_of_cell(SMALL, "i.i.d., per document")
    found = cell_scores(lambda t: torch.zeros(*t.shape, family.vocab_size), family, SMALL, 3)
    assert found["in context"]["model"] == found["in weights"]["model"] == pytest.approx(1 / 3)


def test_cells_start_from_the_same_weights():
    quiet = SMALL | {"learning_rate": 1e-12}
    a, b = (train_cell(cell, quiet, 5)[0] for cell in list(CELLS)[:2])
    assert torch.allclose(a.embedding, b.embedding, atol=1e-9)
    model, history = train_cell("bursty, fixed", SMALL, 5)
    assert history.steps == 3 and not torch.allclose(model.embedding, a.embedding, atol=1e-4)


def test_the_measurement_runs_through_in_parts():
    parts = []

    def keep(part, compute):
        parts.append(part)
        return json.loads(json.dumps(compute()))

    data = measure(SMALL | {"runs": 2}, 3, progress=False, keep=keep)
    assert parts == [f"seed-{s}-cell-{i}" for s in (3, 4) for i in range(4)]
    assert list(data["runs"]) == ["3", "4"] and list(data["runs"]["3"]) == list(CELLS)
    assert data["chance"] == 1 / 3
    json.dumps(data, allow_nan=False)
