"""Prefix switching: the long experiment on exposure bias, cell by cell, on three languages.

A cell is raw: one row per prefix, so that whoever asks for it chooses the statistic.
:func:`measure` is the long version that ships as the measurement ``exposure-bias``; the lecture
runs the same cells live with fewer prefixes.

Taught in: book/exposure-bias.ipynb.
"""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from nlgnotes import checkpoints, randomness
from nlgnotes.experiments.experiment import Experiment
from nlgnotes.experiments.exposure_bias.after_prefixes import (
    DECODERS,
    Table,
    after_gaps,
    along_texts,
    at_length,
    written_after,
)
from nlgnotes.experiments.exposure_bias.conditional import (
    DIVERGENCES,
    accumulated_error,
    eb_c,
    intervals,
    slopes,
)
from nlgnotes.experiments.exposure_bias.marginal import SCORES, eb_m
from nlgnotes.experiments.exposure_bias.prefixes import KINDS, four_prefixes
from nlgnotes.intervals import Interval, bootstrap_means, percentile_interval
from nlgnotes.languages.base import Language
from nlgnotes.languages.registry import language_for

__all__ = ["EXPERIMENT", "measure"]

GAP_DECODERS = ("ancestral", "greedy")


def measure(
    settings: Mapping[str, Any],
    seed: int,
    *,
    progress: bool,
    keep: Callable[[str, Callable[[], Any]], Any],
) -> dict[str, Any]:
    """Every cell, for every learner of ``settings["models"]`` on its own language.

    Args:
        settings: ``models`` (name of a language -> of a checkpoint), ``prefixes`` (in each cell),
            ``lengths``, ``gap_length`` (language -> length of the prefix in the gap version),
            ``gaps``, ``new`` (words that are scored), ``texts`` and ``steps`` (of the accumulated
            measure), ``start``, ``resamples``.
        seed: of all its chance.
        progress: show a bar.
        keep: ``keep(part, compute)`` remembers what a part gave.

    Returns:
        For each language the intervals, [value, low, high, n] each, of everything: see the keys.
    """
    bar = tqdm(
        total=len(settings["models"]) * (len(settings["lengths"]) + 3),
        disable=not progress,
        desc="exposure-bias",
    )
    data: dict[str, Any] = {}
    for name, checkpoint in settings["models"].items():
        chosen = {**settings, "gap_length": settings["gap_length"][name]}
        data[name] = _one_language(name, checkpoint, chosen, seed, keep, bar)
    bar.close()
    return data


def _one_language(
    name: str, checkpoint: str, settings: Mapping[str, Any], seed: int, keep: Any, bar: tqdm
) -> dict[str, Any]:
    loaded = checkpoints.load(checkpoint)
    language = language_for(loaded.recipe)

    def part(label: str, cell: Callable[..., Any], *choice: Any) -> Any:
        def compute() -> Any:
            stream = randomness.generator(seed, "exposure-bias", name, label)
            return cell(loaded.model, language, *choice, settings, stream)

        value = keep(f"{name}-{label}", compute)
        bar.update()
        return value

    cells = [part(f"length-{n}", _length_cell, n) for n in settings["lengths"]]
    gaps = {decoder: part(f"gap-{decoder}", _gap_cell, decoder) for decoder in GAP_DECODERS}
    along = part("along", _along_cell)
    return _join(cells, settings) | {"model": checkpoint, "gap": gaps, "along": along}


def _row(interval: Interval) -> list[float | int]:
    return [float(f"{x:.6g}") for x in (interval.value, interval.low, interval.high)] + [interval.n]


def _rows(draws: np.ndarray, values: Any) -> list[list[float | int]]:
    """One row for each column, with the number of prefixes that are in it."""
    there = (~np.isnan(np.asarray(values))).sum(0)
    return [
        _row(percentile_interval(column, int(n))) for column, n in zip(draws.T, there, strict=True)
    ]


def _means(
    values: Any, generator: torch.Generator, settings: Mapping[str, Any]
) -> list[list[float | int]]:
    return _rows(
        bootstrap_means(np.asarray(values), generator, resamples=settings["resamples"]), values
    )


def _ratios(
    table: Table, generator: torch.Generator, settings: Mapping[str, Any]
) -> dict[str, dict[str, np.ndarray]]:
    """Draws of EB-C of every kind but data, column by column."""

    def draws(kind: str, f: str) -> np.ndarray:
        return eb_c(
            table[kind][f],
            table["data"][f],
            generator,
            paired=kind == "shuffled",
            resamples=settings["resamples"],
        )

    return {kind: {f: draws(kind, f) for f in DIVERGENCES} for kind in KINDS[1:]}


def _top_share(x: Tensor) -> float:
    """The share of the sum that the largest hundredth holds."""
    largest = x.flatten().sort(descending=True).values[: max(1, len(x) // 100)]
    return float(largest.sum() / x.sum())


def _length_cell(
    model: Any,
    language: Language,
    length: int,
    settings: Mapping[str, Any],
    generator: torch.Generator,
) -> dict[str, Any]:
    prefixes = four_prefixes(model, language, settings["prefixes"], length, generator)
    after = at_length(model, language, prefixes)
    scored = (
        prefixes
        if length == settings["gap_length"]
        else {kind: prefixes[kind] for kind in ("data", "model")}
    )
    written = written_after(model, language, scored, settings["new"], generator)
    many = {"resamples": settings["resamples"]}
    top = {k: {f: _top_share(x) for f, x in after[k].items()} for k in KINDS}
    ratio = _ratios(after, generator, settings)
    bias: dict[str, dict[str, np.ndarray]] = {}
    for k in list(written)[1:]:
        bias[k] = {
            s: eb_m(s, x, written["data"][s], generator, paired=k == "shuffled", **many)
            for s, x in written[k].items()
        }
    score = {
        k: {s: SCORES[s].of(bootstrap_means(x, generator, **many)) for s, x in written[k].items()}
        for k in written
    }
    return {
        "cgd": {
            k: {f: _means(after[k][f], generator, settings)[0] for f in DIVERGENCES} for k in KINDS
        },
        "top_share": top,
        "eb_c": {k: {f: ratio[k][f][:, 0].tolist() for f in DIVERGENCES} for k in ratio},
        "score": {
            k: {s: _row(percentile_interval(d, settings["prefixes"])) for s, d in score[k].items()}
            for k in score
        },
        "eb_m": {k: {s: d.tolist() for s, d in bias[k].items()} for k in bias},
    }


def _join(cells: list[dict[str, Any]], settings: Mapping[str, Any]) -> dict[str, Any]:
    """Cells of several lengths side by side.

    The draws of the ratios become intervals, and those of their slope over 10 tokens. Shuffled and
    random prefixes are scored at one length only: those rows have one entry and no slope.
    """
    n, lengths = settings["prefixes"], settings["lengths"]
    full = max(cells, key=lambda cell: len(cell["score"]))

    def beside(key: str) -> dict[str, Any]:
        return {
            k: {f: [c[key][k][f] for c in cells if k in c[key]] for f in full[key][k]}
            for k in full[key]
        }

    out = {key: beside(key) for key in ("cgd", "top_share", "score")}
    for key in ("eb_c", "eb_m"):
        out[key], out[f"{key}_slope"] = {}, {}
        for k, names in full[key].items():
            draws = {f: np.stack([c[key][k][f] for c in cells if k in c[key]], 1) for f in names}
            out[key][k] = {f: [_row(i) for i in intervals(d, n)] for f, d in draws.items()}
            if len(next(iter(draws.values()))[0]) == len(lengths):
                slope = {
                    f: percentile_interval(10 * slopes(d, lengths), n) for f, d in draws.items()
                }
                out[f"{key}_slope"][k] = {f: _row(i) for f, i in slope.items()}
    return out


def _gap_cell(
    model: Any,
    language: Language,
    decoder: str,
    settings: Mapping[str, Any],
    generator: torch.Generator,
) -> dict[str, Any]:
    sampler, start = DECODERS[decoder], 0 if decoder == "ancestral" else settings["start"]
    prefixes = four_prefixes(
        model,
        language,
        settings["prefixes"],
        settings["gap_length"],
        generator,
        sampler=sampler,
        start=start,
    )
    table = after_gaps(model, language, prefixes, settings["gaps"], generator, sampler=sampler)
    ratio = _ratios(table, generator, settings)
    return {
        "cgd": {
            k: {f: _means(table[k][f], generator, settings) for f in DIVERGENCES} for k in KINDS
        },
        "eb_c": {k: {f: _rows(ratio[k][f], table[k][f]) for f in DIVERGENCES} for k in ratio},
    }


def _along_cell(
    model: Any, language: Language, settings: Mapping[str, Any], generator: torch.Generator
) -> dict[str, Any]:
    table = along_texts(
        model, language, settings["texts"], settings["steps"], generator, start=settings["start"]
    )
    out: dict[str, Any] = {
        "step": {k: {f: _means(x, generator, settings) for f, x in table[k].items()} for k in table}
    }
    for decoder in DECODERS:
        out[decoder] = {}
        for f in DIVERGENCES:
            found = accumulated_error(
                table[decoder][f], table["data"][f], generator, resamples=settings["resamples"]
            )
            out[decoder][f] = {key: _rows(draws, table[decoder][f]) for key, draws in found.items()}
    return out


EXPERIMENT = Experiment(
    name="exposure-bias",
    summary="prefix switching on three languages, 4,000 prefixes a cell (about 15 minutes)",
    measure=measure,
    seed=0,
    settings={
        "models": {"newswire": "newswire-lm", "oracle": "oracle-lm", "brackets": "brackets-lm"},
        "prefixes": 4000,
        "lengths": [5, 10, 20, 30, 40],
        "gap_length": {"newswire": 10, "oracle": 10, "brackets": 30},
        "gaps": [0, 1, 2, 3, 5, 10, 20],
        "new": 20,
        "texts": 5200,
        "steps": 30,
        "start": 5,
        "resamples": 1000,
    },
    headline=lambda data: data["newswire"]["eb_c"]["model"]["tv"][2][0],
    tolerance=0.1,
    models=("newswire-lm", "oracle-lm", "brackets-lm"),
)
