"""The whole prefix-switching experiment on one model and its language, cell by cell, and on several for the book.

A cell is raw: one row per prefix, so that whoever asks for it chooses the statistic. :func:`measure` is the long version
that ships as the measurement ``exposure-bias``; the lecture runs the same cells live with fewer prefixes.

Taught in: book/exposure-bias.ipynb.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from nlgnotes import checkpoints
from nlgnotes.continuations import SCORES, continuation, eb_m, scores_of
from nlgnotes.estimate import Interval, bootstrap_means, percentile_interval
from nlgnotes.exposure_bias import (
    DIVERGENCES, KINDS, accumulated_error, continued, divergences_after, eb_c, four_prefixes, intervals, model_documents,
    slopes, survivors,
)  # fmt: skip
from nlgnotes.languages import Documents, Language, language_for
from nlgnotes.randomness import generator
from nlgnotes.sampling import Sampler, TopK

__all__ = ["DECODERS", "Table", "after_gaps", "along_texts", "at_length", "documents_of", "measure", "written_after"]

Table = dict[str, dict[str, Tensor]]
"""kind of prefix -> divergence or score -> [prefixes, columns]."""
DECODERS: dict[str, Any] = {"ancestral": Sampler(), "top-k": Sampler((TopK(10),)), "greedy": Sampler((TopK(1),))}


def documents_of(prefix: Tensor) -> Documents:
    """Prefixes as documents that are cut where they end."""
    return Documents(prefix, torch.full((len(prefix),), prefix.shape[1]))


def at_length(model: Any, language: Language, prefixes: Mapping[str, Tensor]) -> Table:
    """The divergences right after each prefix: one column."""
    return {kind: divergences_after(model, language, documents_of(p), [p.shape[1]]) for kind, p in prefixes.items()}


def after_gaps(
    model: Any, language: Language, prefixes: Mapping[str, Tensor], gaps: Sequence[int], chance: torch.Generator, *,
    sampler: Any = None,
) -> Table:  # fmt: skip
    """The divergences after each prefix and g more tokens of the model, for each g in ``gaps``; NaN where it ended before."""
    texts = {kind: continued(model, p, max(gaps), chance, sampler=sampler) for kind, p in prefixes.items()}
    return {k: divergences_after(model, language, texts[k], [p.shape[1] + g for g in gaps]) for k, p in prefixes.items()}


def written_after(
    model: Any, language: Language, prefixes: Mapping[str, Tensor], new: int, chance: torch.Generator, *,
    gap: int = 0, references: int = 2000,
) -> Table:  # fmt: skip
    """The scores of up to ``new`` tokens that the model writes after each prefix, from the (gap + 1)-th on.

    Texts that end before that are left out. A shuffled prefix is judged by what it was before, a random one by the
    data prefix of its row, which it has nothing to do with: the control.
    """
    length = prefixes["data"].shape[1]
    place, result = length + gap, {}
    held_out = language.sample(4 * references, chance, max_length=place + new)
    held_out = held_out.select((held_out.lengths > place).nonzero()[:references, 0])
    for kind, prefix in prefixes.items():
        text = continued(model, prefix, gap + new, chance)
        kept = text.lengths > place
        original = prefix if kind == "model" else prefixes["data"]
        scores = scores_of(language, text.select(kept), place, original[kept], continuation(held_out, place))
        result[kind] = {}
        for name, table in scores.items():
            result[kind][name] = torch.full((len(prefix), table.shape[1]), torch.nan, dtype=torch.float64)
            result[kind][name][kept] = table
    return result


def along_texts(
    model: Any, language: Language, n: int, steps: int, chance: torch.Generator, *,
    start: int = 5, decoders: Sequence[str] = tuple(DECODERS),
) -> Table:  # fmt: skip
    """The divergences at every step of ``n`` texts of the language ("data") and of the model with each decoder.

    All begin with ``start`` true words; column i is after start + i tokens, and NaN where the text has ended.
    """
    at = range(start, start + steps)
    texts = {"data": language.sample(n, chance, max_length=at[-1])}
    for name in decoders:
        context = survivors(lambda m: language.sample(m, chance, max_length=start), n, start)
        texts[name] = model_documents(model, n, at[-1], chance, sampler=DECODERS[name], context=context)
    return {name: divergences_after(model, language, text, at) for name, text in texts.items()}


def measure(
    settings: Mapping[str, Any], seed: int, *, progress: bool, keep: Callable[[str, Callable[[], Any]], Any]
) -> dict[str, Any]:
    """Every cell with ``settings["prefixes"]`` prefixes, for every learner of ``settings["models"]`` on its own language.

    Args:
        settings: ``models`` (name of a language -> of a checkpoint), ``prefixes``, ``lengths``, ``gap_length`` (language
            -> length of the prefix in the gap version), ``gaps``, ``new`` (words that are scored), ``texts`` and ``steps``
            (of the accumulated measure), ``start``, ``resamples``.
        seed: of all its chance.
        progress: show a bar.
        keep: ``keep(part, compute)`` remembers what a part gave.

    Returns:
        For each language the intervals, [value, low, high, n] each, of everything: see the keys.
    """
    data: dict[str, Any] = {}
    bar = tqdm(total=len(settings["models"]) * (len(settings["lengths"]) + 3), disable=not progress, desc="exposure-bias")
    for name, checkpoint in settings["models"].items():
        loaded = checkpoints.load(checkpoint)
        pair = loaded.model, language_for(loaded.recipe)
        chosen = {**settings, "gap_length": settings["gap_length"][name]}

        def part(label: str, compute: Callable[[torch.Generator], Any]) -> Any:
            value = keep(f"{name}-{label}", lambda: compute(generator(seed, "exposure-bias", name, label)))
            bar.update()
            return value

        cells = [part(f"length-{n}", lambda chance: _length_cell(*pair, n, chosen, chance)) for n in settings["lengths"]]
        data[name] = _joined(cells, chosen) | {"model": checkpoint}
        for decoder in ("ancestral", "greedy"):
            gap = part(f"gap-{decoder}", lambda chance: _gap_cell(*pair, decoder, chosen, chance))
            data[name].setdefault("gap", {})[decoder] = gap
        data[name]["along"] = part("along", lambda chance: _along_cell(*pair, settings, chance))
    bar.close()
    return data


def _row(interval: Interval) -> list[float | int]:
    return [float(f"{x:.6g}") for x in (interval.value, interval.low, interval.high)] + [interval.n]


def _rows(draws: np.ndarray, values: Any) -> list[list[float | int]]:
    """One row for each column, with the number of prefixes that are in it."""
    there = (~np.isnan(np.asarray(values))).sum(0)
    return [_row(percentile_interval(column, int(n))) for column, n in zip(draws.T, there, strict=True)]


def _means(values: Any, chance: torch.Generator, settings: Mapping[str, Any]) -> list[list[float | int]]:
    return _rows(bootstrap_means(np.asarray(values), chance, resamples=settings["resamples"]), values)


def _ratios(table: Table, chance: torch.Generator, settings: Mapping[str, Any]) -> dict[str, dict[str, np.ndarray]]:
    """Draws of EB-C of every kind but data, column by column."""
    def draws(kind: str, f: str) -> np.ndarray:
        return eb_c(table[kind][f], table["data"][f], chance, paired=kind == "shuffled", resamples=settings["resamples"])

    return {kind: {f: draws(kind, f) for f in DIVERGENCES} for kind in KINDS[1:]}


def _top_share(x: Tensor) -> float:
    """The share of the sum that the largest hundredth holds."""
    return float(x.flatten().sort(descending=True).values[: len(x) // 100].sum() / x.sum())


def _length_cell(
    model: Any, language: Language, length: int, settings: Mapping[str, Any], chance: torch.Generator
) -> dict[str, Any]:
    prefixes = four_prefixes(model, language, settings["prefixes"], length, chance)
    after = at_length(model, language, prefixes)
    scored = prefixes if length == settings["gap_length"] else {kind: prefixes[kind] for kind in ("data", "model")}
    written = written_after(model, language, scored, settings["new"], chance)
    many = {"resamples": settings["resamples"]}
    top = {k: {f: _top_share(x) for f, x in after[k].items()} for k in KINDS}
    ratio = _ratios(after, chance, settings)
    bias: dict[str, dict[str, np.ndarray]] = {}
    for k in list(written)[1:]:
        bias[k] = {s: eb_m(s, x, written["data"][s], chance, paired=k == "shuffled", **many) for s, x in written[k].items()}
    score = {k: {s: SCORES[s].of(bootstrap_means(x, chance, **many)) for s, x in written[k].items()} for k in written}
    return {
        "cgd": {k: {f: _means(after[k][f], chance, settings)[0] for f in DIVERGENCES} for k in KINDS},
        "top_share": top,
        "eb_c": {k: {f: ratio[k][f][:, 0].tolist() for f in DIVERGENCES} for k in ratio},
        "score": {k: {s: _row(percentile_interval(d, settings["prefixes"])) for s, d in score[k].items()} for k in score},
        "eb_m": {k: {s: d.tolist() for s, d in bias[k].items()} for k in bias},
    }


def _joined(cells: list[dict[str, Any]], settings: Mapping[str, Any]) -> dict[str, Any]:
    """Cells of several lengths side by side; the draws of the ratios become intervals, and those of their slope over 10 tokens.

    Shuffled and random prefixes are scored at one length only: those rows have one entry and no slope.
    """
    n, lengths = settings["prefixes"], settings["lengths"]
    full = max(cells, key=lambda cell: len(cell["score"]))

    def beside(key: str) -> dict[str, Any]:
        return {k: {f: [c[key][k][f] for c in cells if k in c[key]] for f in full[key][k]} for k in full[key]}

    out = {key: beside(key) for key in ("cgd", "top_share", "score")}
    for key in ("eb_c", "eb_m"):
        out[key], out[f"{key}_slope"] = {}, {}
        for k, names in full[key].items():
            draws = {f: np.stack([c[key][k][f] for c in cells if k in c[key]], 1) for f in names}
            out[key][k] = {f: [_row(i) for i in intervals(d, n)] for f, d in draws.items()}
            if len(next(iter(draws.values()))[0]) == len(lengths):
                slope = {f: percentile_interval(10 * slopes(d, lengths), n) for f, d in draws.items()}
                out[f"{key}_slope"][k] = {f: _row(i) for f, i in slope.items()}
    return out


def _gap_cell(
    model: Any, language: Language, decoder: str, settings: Mapping[str, Any], chance: torch.Generator
) -> dict[str, Any]:
    sampler, start = DECODERS[decoder], 0 if decoder == "ancestral" else settings["start"]
    prefixes = four_prefixes(model, language, settings["prefixes"], settings["gap_length"], chance, sampler=sampler, start=start)
    table = after_gaps(model, language, prefixes, settings["gaps"], chance, sampler=sampler)
    ratio = _ratios(table, chance, settings)
    return {
        "cgd": {k: {f: _means(table[k][f], chance, settings) for f in DIVERGENCES} for k in KINDS},
        "eb_c": {k: {f: _rows(ratio[k][f], table[k][f]) for f in DIVERGENCES} for k in ratio},
    }


def _along_cell(model: Any, language: Language, settings: Mapping[str, Any], chance: torch.Generator) -> dict[str, Any]:
    table = along_texts(model, language, settings["texts"], settings["steps"], chance, start=settings["start"])
    out: dict[str, Any] = {"step": {k: {f: _means(x, chance, settings) for f, x in table[k].items()} for k in table}}
    for decoder in DECODERS:
        out[decoder] = {}
        for f in DIVERGENCES:
            found = accumulated_error(table[decoder][f], table["data"][f], chance, resamples=settings["resamples"])
            out[decoder][f] = {key: _rows(draws, table[decoder][f]) for key, draws in found.items()}
    return out
