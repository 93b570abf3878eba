"""The three designs read the same positions, and only the signal differs."""

import pytest
import torch

from nlgnotes.documents import Documents
from nlgnotes.experiments.architectures.training_signal import (
    DESIGNS,
    cut_documents,
    lay_out,
    measure,
)
from nlgnotes.languages import Newswire
from nlgnotes.randomness import generator

DOCUMENTS = Documents.from_lists([[5, 6, 7, 0], [8, 0], [9, 9, 9]])


def test_only_documents_that_ended_are_cut_and_never_at_their_ends():
    kept, cuts = cut_documents(DOCUMENTS, generator(0))
    assert kept.lengths.tolist() == [4, 2] and cuts[1] == 1 and 1 <= cuts[0] <= 3
    _, cuts = cut_documents(Documents.from_lists([[5, 6, 7, 0]] * 3000), generator(1))
    share = torch.bincount(cuts, minlength=5)[1:4] / 3000
    assert share.sum() == 1 and (share - 1 / 3).abs().max() < 0.05  # six standard deviations
    with pytest.raises(ValueError, match="got 1 that do not"):
        cut_documents(Documents.from_lists([[9, 9]]), generator(0))


def test_layouts_by_hand():
    kept = Documents.from_lists([[5, 6, 7, 0]])
    two = lay_out(kept, torch.tensor([1]), "encoder-decoder")
    assert (
        two.inputs.source.tolist() == [[5]]
        and two.inputs.target.tolist() == [[0, 6, 7]]
        and two.targets.tolist() == [[6, 7, 0]]
    )
    one = lay_out(kept, torch.tensor([1]), "target only")
    assert one.inputs.tolist() == [[0, 5, 6, 7]] and one.targets.tolist() == [[5, 6, 7, 0]]
    assert (
        one.mask.tolist() == [[False, True, True, True]]
        and lay_out(kept, torch.tensor([1]), "all positions").mask.all()
    )
    with pytest.raises(ValueError, match="got 'both'"):
        lay_out(kept, torch.tensor([1]), "both")


def test_equal_positions_and_the_share_of_signals():
    documents, cuts = cut_documents(
        Newswire.standard().sample(50, generator(2), max_length=96), generator(3)
    )
    words = int(documents.lengths.sum())
    for design in DESIGNS:
        batch = lay_out(documents, cuts, design)
        read = (
            batch.inputs.mask.sum() + batch.mask.sum()
            if design == "encoder-decoder"
            else documents.mask.sum()
        )
        assert int(read) == words
        assert int(batch.mask.sum()) == (
            words if design == "all positions" else words - int(cuts.sum())
        )


def test_the_measurement_is_whole_and_repeats():
    shared = {
        "width": 16,
        "heads": 2,
        "batch": 4,
        "steps": 4,
        "looks": 2,
        "learning_rate": 1e-3,
        "asked": 20,
        "context": 96,
    }
    settings = {
        "first_run": 7,
        "runs": 2,
        "dates": {**shared, "locales": ["en", "de"]},
        "newswire": shared,
    }
    first, second = (
        measure(settings, 0, progress=False, keep=lambda part, compute: compute()) for _ in range(2)
    )
    assert first == second and first.keys() == {"dates", "newswire"}
    for task in first.values():
        assert task["steps"] == [2, 4] and task["runs"].keys() == set(DESIGNS)
        sizes = [task["runs"][design][0]["parameters"] for design in DESIGNS]
        assert max(sizes) < 1.01 * min(sizes) and sizes[1] == sizes[2]
        signals = [task["runs"][design][1]["signals"] for design in DESIGNS]
        assert signals[0] == signals[1] < signals[2]
        assert all(len(run["scores"]) == 2 for runs in task["runs"].values() for run in runs)
