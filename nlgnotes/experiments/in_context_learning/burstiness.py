"""In-context against in-weights learning: bursty or i.i.d. documents × mapping.

In the sense of Chan et al. 2022 (arXiv:2205.05055), with items that have no variation of their own,
so that the exact predictor of each cell is known.
Taught in: book/in-context-learning.ipynb.
"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import torch
from torch import Tensor

from nlgnotes import randomness
from nlgnotes.experiments.experiment import Experiment
from nlgnotes.experiments.in_context_learning.demonstrations import untrained_reader
from nlgnotes.networks.transformer import Decoder
from nlgnotes.tasks.item_labels import ItemDocuments, ItemLabels
from nlgnotes.training.history import History
from nlgnotes.training.loop import fit
from nlgnotes.validation import check_count

__all__ = ["CELLS", "EXPERIMENT", "cell_scores", "family_of_cell", "measure", "train_cell"]

CELLS = {
    f"{'bursty' if bursty else 'i.i.d.'}, {mapping}": {"bursty": bursty, "mapping": mapping}
    for bursty in (True, False)
    for mapping in ("fixed", "per document")
}
"""What the documents of training are like, by the name of the cell."""

Settings = Mapping[str, Any]


def family_of_cell(settings: Settings, cell: str) -> ItemLabels:
    """The documents of a cell.

    Args:
        settings: ``items``: the arguments of ``tasks.item_labels.ItemLabels`` that all cells share.
        cell: one of :data:`CELLS`.

    Raises:
        ValueError: another cell.
    """
    if cell not in CELLS:
        raise ValueError(f"cell must be one of {'; '.join(CELLS)}; got {cell!r}")
    return ItemLabels(**settings["items"], **CELLS[cell])


def train_cell(
    cell: str, settings: Settings, seed: int, progress: bool = False
) -> tuple[Decoder, History]:
    """A decoder, trained to predict the labels in documents of one cell.

    For one seed the decoders of all cells start from the same weights.

    Args:
        cell: one of :data:`CELLS`.
        settings: as in :func:`family_of_cell` and ``untrained_reader``; ``batch``,
            ``learning_rate``; ``steps`` by mapping.
        seed: of weights and documents.
        progress: show a bar.

    Raises:
        ValueError: as :func:`family_of_cell` and ``training.fit``.
    """
    family, s = family_of_cell(settings, cell), settings
    model = untrained_reader(family.vocab_size, family.length, s, seed)
    history = fit(
        model,
        lambda generator: family.batch(family.sample(s["batch"], generator)),
        steps=s["steps"][family.mapping],
        learning_rate=s["learning_rate"],
        generator=randomness.generator(seed, "burstiness", "documents", cell),
        progress=progress,
    )
    return model, history


@torch.no_grad()
def cell_scores(
    model: Callable[[Tensor], Tensor],
    family: ItemLabels,
    settings: Settings,
    seed: int,
) -> dict[str, dict[str, float]]:
    """The two tests of a model, and of the exact predictor of its training.

    Args:
        model: tokens to logits.
        family: the documents of its training.
        settings: ``documents``, of each test.
        seed: of the documents; for one seed all cells get the same.

    Returns:
        ``in context``: the share of queries answered with the label that their item has in the
        context, where it contradicts the fixed mapping; ``in weights``: the share answered with
        the fixed mapping, where the item is not in the context. Each for ``model``; ``exact``;
        and ``counting``, who says the context's most frequent label and reads no item. A predictor
        to whom several labels are alike is right by chance, with their share.
    """
    found = {}
    for name in ("in context", "in weights"):
        stream = randomness.generator(seed, "burstiness", name)
        draw = family.in_context_test if name == "in context" else family.in_weights_test
        documents = draw(settings["documents"], stream)
        beliefs = family.label_log_probs(model(family.batch(documents).inputs))
        found[name] = {
            "model": _right(beliefs.double().exp(), documents),
            "exact": _right(family.posterior(documents), documents),
            "counting": _right(_counted(documents, family.labels), documents),
        }
    return found


def _counted(documents: ItemDocuments, labels: int) -> Tensor:
    """How often each label stands in the context, at the query alone: ``[n, 1, labels]``."""
    shown = torch.nn.functional.one_hot(documents.labels[:, :-1], labels)
    return shown.sum(1, keepdim=True).double()


def measure(
    settings: Settings,
    seed: int,
    progress: bool = True,
    keep: Callable[[str, Callable[[], Any]], Any] = lambda part, compute: compute(),
) -> dict[str, Any]:
    """The two tests of every cell, over training seeds.

    Args:
        settings: as in the functions above, and ``runs``, how many training seeds (``seed``,
            ``seed + 1``, …).
        seed: the first training seed.
        progress: show bars.
        keep: see ``experiment.Experiment``.

    Returns:
        ``chance``, the share that guessing gets; ``runs``: for each seed and each of
        :data:`CELLS` its scores, ``loss`` (of each twentieth of the training, in nats) and
        ``seconds``.
    """
    check_count("runs", settings["runs"])
    runs: dict[str, dict[str, Any]] = {}
    for s in range(seed, seed + settings["runs"]):
        runs[str(s)] = {}
        for i, cell in enumerate(CELLS):
            one = partial(_one_cell, cell, settings, s, progress)
            runs[str(s)][cell] = keep(f"seed-{s}-cell-{i}", one)
    return {"chance": 1 / settings["items"]["labels"], "runs": runs}


def _one_cell(cell: str, settings: Settings, seed: int, progress: bool) -> dict[str, Any]:
    model, history = train_cell(cell, settings, seed, progress)
    scores = cell_scores(model, family_of_cell(settings, cell), settings, seed)
    return {**scores, **history.summary()}


def _right(beliefs: Tensor, documents: ItemDocuments) -> float:
    """The share of queries whose label is the likeliest; of several alike, each its share."""
    query = beliefs[:, -1]
    best = query == query.amax(-1, keepdim=True)
    hit = best.gather(1, documents.labels[:, -1:])[:, 0]
    return round(float((hit / best.sum(-1)).double().mean()), 6)


EXPERIMENT = Experiment(
    name="burstiness",
    summary="bursty or i.i.d. documents, by mapping: three training seeds (about 4 minutes)",
    measure=measure,
    seed=3,
    settings={
        "items": {"items": 32, "labels": 8, "pairs": 4, "copies": 2},
        "width": 64,
        "layers": 3,
        "heads": 4,
        "hidden": 128,
        "initial_scale": 6.0,
        "batch": 128,
        "steps": {"fixed": 200, "per document": 800},
        "learning_rate": 4e-3,
        "documents": 2000,
        "runs": 3,
    },
    headline=lambda data: (
        sum(run["bursty, per document"]["in context"]["model"] for run in data["runs"].values())
        / len(data["runs"])
    ),
    tolerance=0.15,
)
