"""The ledger of one lecture: claims, their margins and controls, and what this run says."""

import json
import os
from collections.abc import Mapping
from pathlib import Path

from nlgnotes.claims.margins import Margin
from nlgnotes.claims.row import (
    KINDS,
    REPLICATED,
    Claim,
    Control,
    Measured,
    Number,
    finite,
    saved_row,
)
from nlgnotes.claims.table import ClaimTable
from nlgnotes.files import write_whole
from nlgnotes.intervals import Interval
from nlgnotes.validation import check_count, check_path

__all__ = ["Ledger"]

MARKS = {"V": "seen at the source", "V2": "seen in a secondary source", "T": "ours"}


class Ledger:
    """The claims of one lecture under one seed.

    A claim that fails is recorded like any other; only a malformed row raises.

    >>> ledger = Ledger("sampling", seed=0)
    >>> sentence = "Top-1 is greedy."
    >>> ledger.record("top-1-is-greedy", "identity", sentence, holds=True, ours=0.0, margin="equal")
    >>> ledger.verdicts()
    sampling.top-1-is-greedy  holds
    """

    def __init__(self, lecture: str, seed: int):
        """Args: the lecture's noun, and the seed of this run."""
        if not isinstance(lecture, str) or not lecture.strip() or "/" in lecture:
            raise ValueError(f"lecture must be the noun of a lecture; got {lecture!r}")
        check_count("seed", seed, 0)
        self.lecture, self.seed = lecture, seed
        self.claims: list[Claim] = []

    def record(
        self,
        id: str,
        kind: str,
        sentence: str,
        *,
        ours,
        holds=None,
        margin: str | Margin | Mapping[str, Margin] = "",
        control: tuple[str, object] | None = None,
        replicated: str | None = None,
        paper: str | None = None,
        source: str | None = None,
        unit: str = "",
    ) -> None:
        """Add one claim.

        A finding holds if its whole interval lies in its margin and that of its control does not:
        what the control passes too is no claim. Identities and checks say themselves whether they
        hold.

        Args:
            id: a short name without spaces, once per lecture, without the lecture's noun.
            kind: ``"finding"`` (an experiment), ``"identity"`` (mathematics: must hold to
                rounding) or ``"check"`` (our lines equal the package's, or a library's).
            sentence: what is claimed.
            ours: an :class:`Interval`, a number, or a mapping of several of them by name; of
                identities and checks also words.
            holds: of identities and checks only: whether this run agrees (a bool, or a tensor or
                array of one).
            margin: of a finding a :class:`Margin` that was fixed beforehand, or a mapping of
                them with the names of ``ours``; otherwise words.
            control: of a finding: what stands against it, and its number, in the form of ``ours``.
            replicated: of a finding: what every seed makes anew, ``"fresh data"``, ``"fresh
                training"``, or nothing, ``"fixed"``.
            paper: the paper's figure of the same quantity, with its table or section.
            source: how well that figure is known; the marks V, V2 and T, alone or as "[V]" in a
                sentence, are spelt "seen at the source", "seen in a secondary source" and "ours".
            unit: of ``ours``.

        Raises:
            ValueError: a duplicate or ill-formed id, an unknown kind, no sentence, a finding
                without margin, control or replication, or from fresh data without interval, a
                paper's figure without source or from memory ([M]), ``holds`` that is not one truth
                value, or ``ours`` of another kind.
        """
        self._check_words(id, kind, sentence)
        mark = _source(id, paper, source)
        if kind == "finding":
            if holds is not None:
                raise ValueError(f"holds follows from the margin of a finding ({id}); got {holds}")
            if replicated not in REPLICATED:
                words = ", ".join(REPLICATED)
                raise ValueError(f"replicated must be one of {words} ({id}); got {replicated!r}")
            number = _measured(id, "ours", ours)
            _check_uncertainty(id, number, replicated)
            asked = _margins(id, number, margin)
            against = _control(id, number, asked, control)
            truth = _passes(number, asked) and not against.passes
            first, *others = asked.values()
            parts = [f"{name}: {part}" for name, part in asked.items()]
            words = "; ".join(parts) if any(part != first for part in others) else str(first)
        else:
            truth, words, against = _truth(id, holds), margin, None
            number = ours if isinstance(ours, str) else _measured(id, "ours", ours)
            if not isinstance(margin, str):
                raise ValueError(
                    f"margin must be words where it is no finding ({id}); got {margin!r}"
                )
            if control is not None or replicated is not None:
                raise ValueError(f"control and replicated belong to findings ({id}); got {kind}")
        self.claims.append(
            Claim(id, kind, sentence, truth, number, words, against, replicated, paper, mark, unit)
        )

    def _check_words(self, id: str, kind: str, sentence: str) -> None:
        if not isinstance(id, str) or not id or any(c.isspace() for c in id):
            raise ValueError(f"id must be a name without spaces; got {id!r}")
        if id.startswith(f"{self.lecture}."):
            raise ValueError(f"id must not repeat its lecture; got {id!r}")
        if id in {claim.id for claim in self.claims}:
            raise ValueError(f"id must be new in its lecture; {id!r} is already recorded")
        if kind not in KINDS:
            raise ValueError(f"kind must be one of {', '.join(KINDS)}; got {kind!r}")
        if not isinstance(sentence, str) or not sentence.strip():
            raise ValueError(f"sentence must say what is claimed; got {sentence!r}")

    def table(self) -> ClaimTable:
        """The full table, with numbers: HTML in a notebook, text elsewhere.

        Findings come first, those that fail marked; identities and checks are folded.
        """
        return ClaimTable(self.lecture, self.seed, tuple(self.claims))

    def verdicts(self) -> None:
        """Print ``lecture.id  holds`` or ``fails`` for each claim, in the order of recording.

        If the environment names a folder in ``NLGNOTES_LEDGER``, the ledger is also saved there.
        """
        for claim in self.claims:
            print(f"{self.lecture}.{claim.id}  {claim.verdict}")
        if folder := os.environ.get("NLGNOTES_LEDGER"):
            self.save(folder)

    def save(self, folder: str | Path) -> Path:
        """Write ``<lecture>-<seed>.json`` whole (written beside, then renamed); return its path."""
        rows = [saved_row(claim) for claim in self.claims]
        path = check_path("folder", folder) / f"{self.lecture}-{self.seed}.json"
        # JSON has no NaN: a number that is not finite is written as its name.
        run = {"lecture": self.lecture, "seed": self.seed, "rows": finite(rows)}
        write_whole(path, json.dumps(run, indent=1, ensure_ascii=False, allow_nan=False) + "\n")
        return path


def _check_uncertainty(id: str, ours: Measured, replicated: str) -> None:
    parts = ours.values() if isinstance(ours, dict) else [ours]
    if replicated == "fresh data" and not all(isinstance(part, Interval) for part in parts):
        raise ValueError(f"ours must be an Interval where data are fresh ({id}); got {ours!r}")


def _margins(id: str, ours: Measured, margin: object) -> dict[str, Margin]:
    names = list(ours) if isinstance(ours, dict) else [""]
    given = dict.fromkeys(names, margin)
    if isinstance(margin, Mapping):
        given = {str(part): asked for part, asked in margin.items()}
    if given.keys() != set(names) or not all(isinstance(part, Margin) for part in given.values()):
        raise ValueError(f"margin must be stated for each part of a finding ({id}); got {margin!r}")
    return given


def _control(id: str, ours: Measured, asked: dict[str, Margin], control: object) -> Control:
    if not (isinstance(control, tuple) and len(control) == 2 and str(control[0]).strip()):
        raise ValueError(f"control must be what it is and its number ({id}); got {control!r}")
    number = _measured(id, "control", control[1])
    if isinstance(ours, dict) != isinstance(number, dict) or (
        isinstance(ours, dict) and ours.keys() != number.keys()
    ):
        raise ValueError(f"control must have the parts of ours ({id}); got {control[1]!r}")
    return Control(str(control[0]), number, _passes(number, asked))


def _passes(ours: Measured, asked: dict[str, Margin]) -> bool:
    parts = ours if isinstance(ours, dict) else {"": ours}
    return all(asked[name].holds(part) for name, part in parts.items())


def _truth(id: str, holds: object) -> bool:
    if hasattr(holds, "item") and getattr(holds, "size", None) is not None:
        try:
            holds = holds.item()
        except (RuntimeError, ValueError):
            pass
    if not isinstance(holds, bool):
        raise ValueError(f"holds must be one truth value ({id}); got {holds!r}")
    return holds


def _source(id: str, paper: str | None, source: str | None) -> str | None:
    if source is None:
        if paper is not None:
            raise ValueError(f"source must be stated for a paper's figure ({id}); got None")
        return None
    if source == "M" or "[M]" in source:
        raise ValueError(f"source must not be memory ({id}); got {source!r}")
    for mark, words in MARKS.items():
        source = words if source == mark else source.replace(f"[{mark}]", words)
    return source


def _measured(id: str, name: str, ours: object) -> Measured:
    if isinstance(ours, Mapping) and ours:
        if len(ours) != len({str(part) for part in ours}):
            raise ValueError(f"{name} must have one name for each part ({id}); got {list(ours)}")
        return {str(part): _number(id, name, number) for part, number in ours.items()}
    return _number(id, name, ours)


def _number(id: str, name: str, ours: object) -> Number:
    if isinstance(ours, Interval):
        return ours
    try:
        if not isinstance(ours, str):
            return float(ours)
    except (TypeError, ValueError, RuntimeError, OverflowError):
        pass
    raise ValueError(f"{name} must be an Interval, a number or words ({id}); got {ours!r}")
