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
    accumulate,
    bootstrap_kinds,
    eb_c,
    excess_share,
    intervals,
    relative_growth,
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
        settings: ``models`` (name of a language -> of a checkpoint), ``prefixes`` (data and model,
            right after the switch), ``others`` (shuffled and random ones, those that are scored,
            and those of the gap version), ``lengths``, ``gap_length`` (language -> length of the
            prefix in the gap version), ``gaps``, ``new`` (words that are scored), ``texts`` and
            ``steps`` (of the accumulated measure), ``start``, ``resamples``.
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
    joined = _join(cells, settings["lengths"])
    return joined | {"model": checkpoint, "gap": gaps, "along": along}


def _row(interval: Interval) -> list[float | int]:
    return [float(f"{x:.6g}") for x in (interval.value, interval.low, interval.high)] + [interval.n]


def _rows(draws: np.ndarray, values: Any) -> list[list[float | int]]:
    """One row for each column, with the number of prefixes that are in it."""
    there = (~np.isnan(np.asarray(values))).sum(0)[: draws.shape[1]]
    return [
        _row(percentile_interval(column, int(n))) for column, n in zip(draws.T, there, strict=True)
    ]


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
    # The mean after bad prefixes is large and sure: it needs fewer of them than a small difference.
    few = {kind: prefix[: settings["others"]] for kind, prefix in prefixes.items()}
    after = at_length(model, language, few | {k: prefixes[k] for k in ("data", "model")})
    written = written_after(
        model, language, few, settings["new"], generator, group=settings["group"]
    )
    return _right_after(after, generator, settings) | _scored(written, generator, settings)


def _right_after(
    after: Table, generator: torch.Generator, settings: Mapping[str, Any]
) -> dict[str, Any]:
    """What the divergences right after the prefixes say; of EB-C the draws, for its slope."""
    many = {"resamples": settings["resamples"]}
    draws = bootstrap_kinds(after, generator, **many)
    ratio = {k: {f: draws[k][f] / draws["data"][f] for f in DIVERGENCES} for k in KINDS[1:]}

    def rows(kinds: tuple[str, ...], of: Callable[[str, str], np.ndarray]) -> dict[str, Any]:
        return {k: {f: _rows(of(k, f), after[k][f])[0] for f in DIVERGENCES} for k in kinds}

    def share(kind: str, f: str) -> np.ndarray:
        return excess_share(draws[kind][f], draws["data"][f], draws["shuffled"][f])

    def halves(kind: str, f: str) -> np.ndarray:
        return eb_c(after[kind][f][::2], after[kind][f][1::2], generator, **many)

    return {
        "cgd": rows(KINDS, lambda k, f: draws[k][f]),
        "top_share": {k: {f: _top_share(x) for f, x in after[k].items()} for k in KINDS},
        "eb_c": {k: {f: x[:, 0].tolist() for f, x in ratio[k].items()} for k in ratio},
        "units": {k: len(after[k]["tv"]) for k in ratio},
        "share": rows(("model", "random"), share),
        "over_next": {
            "random": rows(("random",), lambda k, f: draws[k][f] / draws["shuffled"][f])["random"],
            "shuffled": rows(("shuffled",), lambda k, f: draws[k][f] / draws["model"][f])[
                "shuffled"
            ],
        },
        "halves": rows(("data",), halves),
    }


def _scored(
    written: Table, generator: torch.Generator, settings: Mapping[str, Any]
) -> dict[str, Any]:
    """The scores of what was written after the prefixes, and EB-M."""
    many = {"resamples": settings["resamples"]}
    data = written["data"]

    def row(draws: np.ndarray, table: Tensor) -> list[float | int]:
        return _rows(draws[:, None], table[:, :1])[0]

    score = {
        k: {
            s: row(SCORES[s].of(bootstrap_means(x, generator, **many)), x)
            for s, x in scores.items()
        }
        for k, scores in written.items()
    }
    bias: dict[str, Any] = {}
    for k in KINDS[1:]:
        # The link of random words to any prefix is 0: no number to divide by.
        named = {s: x for s, x in written[k].items() if (k, s) != ("random", "link")}
        bias[k] = {
            s: row(eb_m(s, x, data[s], generator, paired=k == "shuffled", **many), x)
            for s, x in named.items()
        }
    return {"score": score, "eb_m": bias}


def _join(cells: list[dict[str, Any]], lengths: list[int]) -> dict[str, Any]:
    """Cells of several lengths side by side.

    The draws of EB-C become intervals, those of its slope over 10 tokens, and of its relative
    growth: None where it is not sure that there is a harm which could grow. They say how many
    prefixes of the kind are in them: those of the data, which they are divided by, can be more.
    """
    first = cells[0]
    place = np.array(lengths, dtype=float)

    def beside(key: str) -> dict[str, Any]:
        return {k: {f: [c[key][k][f] for c in cells] for f in first[key][k]} for k in first[key]}

    out: dict[str, Any] = {key: beside(key) for key in first if key not in ("eb_c", "units")}
    bias, slope, growth = {}, {}, {}
    for k, names in beside("eb_c").items():
        draws, n = {f: np.array(x).T for f, x in names.items()}, first["units"][k]
        bias[k] = {f: [_row(i) for i in intervals(d, n)] for f, d in draws.items()}
        slope[k] = {
            f: _row(percentile_interval(10 * slopes(d, lengths), n)) for f, d in draws.items()
        }
        growth[k] = {
            f: _row(percentile_interval(relative_growth(d, lengths), n))
            if _is_sure((d - 1) @ place, n)  # what the growth divides by
            else None
            for f, d in draws.items()
        }
    return out | {"eb_c": bias, "eb_c_slope": slope, "growth": growth}


def _is_sure(draws: np.ndarray, n: int) -> bool:
    """Whether the interval of what a ratio divides by is on one side of 0."""
    found = percentile_interval(draws, n)
    return found.low > 0 or found.high < 0


def _gap_cell(
    model: Any,
    language: Language,
    decoder: str,
    settings: Mapping[str, Any],
    generator: torch.Generator,
) -> dict[str, Any]:
    sampler, start = DECODERS[decoder], 0 if decoder == "ancestral" else settings["start"]
    n, length = settings["others"], settings["gap_length"]
    prefixes = four_prefixes(model, language, n, length, generator, sampler=sampler, start=start)
    table = after_gaps(model, language, prefixes, settings["gaps"], generator, sampler=sampler)
    draws = bootstrap_kinds(table, generator, resamples=settings["resamples"])

    def rows(kinds: tuple[str, ...], of: Callable[..., np.ndarray]) -> Any:
        return {k: {f: _rows(of(k, f), table[k][f]) for f in DIVERGENCES} for k in kinds}

    def left(kind: str, f: str) -> np.ndarray:
        extra = draws[kind][f] - draws["data"][f]
        return extra / extra[:, :1]

    def share(kind: str, f: str) -> np.ndarray:
        found = excess_share(draws[kind][f], draws["data"][f], draws["shuffled"][f])
        return found[:, :1]  # right after the switch: later the harm of all is small

    return {
        "cgd": rows(KINDS, lambda k, f: draws[k][f]),
        "eb_c": rows(KINDS[1:], lambda k, f: draws[k][f] / draws["data"][f]),
        "left": rows(("shuffled", "random"), left),
        "share": rows(("model", "random"), share),
    }


def _along_cell(
    model: Any, language: Language, settings: Mapping[str, Any], generator: torch.Generator
) -> dict[str, Any]:
    table = along_texts(
        model, language, settings["texts"], settings["steps"], generator, start=settings["start"]
    )
    draws = bootstrap_kinds(table, generator, resamples=settings["resamples"])
    step = {k: {f: _rows(draws[k][f], x) for f, x in table[k].items()} for k in table}
    out: dict[str, Any] = {"step": step}
    for decoder in DECODERS:
        found = {f: accumulate(draws[decoder][f], draws["data"][f]) for f in DIVERGENCES}
        out[decoder] = {
            f: {key: _rows(x, table[decoder][f]) for key, x in found[f].items()} for f in found
        }
        if decoder == "ancestral":  # the others' excess in TV may be 0
            last = {f: found[f]["excess"][:, -1:] for f in DIVERGENCES}
            out["times_tv"] = {
                f: _rows(last[f] / last["tv"], table[decoder][f][:, -1:])[0]
                for f in ("js", "kl")
                if _is_sure(last["tv"][:, 0], settings["texts"])
            }
    return out


EXPERIMENT = Experiment(
    name="exposure-bias",
    summary="prefix switching on three languages, 20,000 prefixes a cell (about 50 minutes)",
    measure=measure,
    seed=1,
    settings={
        "models": {"newswire": "newswire-lm", "oracle": "oracle-lm", "brackets": "brackets-lm"},
        "prefixes": 20000,
        "others": 4000,
        "lengths": [5, 10, 20, 30, 40],
        "gap_length": {"newswire": 10, "oracle": 10, "brackets": 30},
        "gaps": [0, 1, 2, 3, 5, 10, 20],
        "new": 20,
        "group": 50,
        "texts": 5200,
        "steps": 30,
        "start": 5,
        "resamples": 1000,
    },
    headline=lambda data: data["newswire"]["eb_c"]["model"]["tv"][2][0],
    tolerance=0.1,
    models=("newswire-lm", "oracle-lm", "brackets-lm"),
)
