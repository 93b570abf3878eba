"""The ledger of claims: the paper's figure, ours, its margin, and whether this run agrees."""

import html
import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

from nlgnotes.files import write_whole
from nlgnotes.intervals import Interval, binomial_interval
from nlgnotes.validation import check_count

__all__ = ["Claim", "Ledger", "Table", "gather"]

KINDS = ("identity", "finding")


MARKS = {"V": "seen at the source", "V2": "seen in a secondary source", "T": "ours"}


@dataclass(frozen=True)
class Claim:
    """One row of the ledger.

    ``ours`` is our number with its interval, a number, or words; ``source`` says how well
    ``paper`` is known.
    """

    id: str
    kind: str
    sentence: str
    holds: bool
    ours: Interval | float | str
    margin: str
    paper: str | None = None
    source: str | None = None
    unit: str = ""

    @property
    def verdict(self) -> str:
        """What this run says: "holds" or "fails"."""
        return "holds" if self.holds else "fails"


class Ledger:
    """The claims of one lecture under one seed.

    A claim that fails is recorded like any other; only a malformed row raises.

    >>> ledger = Ledger("sampling", seed=0)
    >>> sentence = "Top-1 is greedy."
    >>> ledger.record("top-1-is-greedy", "identity", sentence, holds=True, ours=0.0, margin="equal")
    >>> ledger.verdicts()
    top-1-is-greedy  holds
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
        holds,
        ours,
        margin: str = "",
        paper: str | None = None,
        source: str | None = None,
        unit: str = "",
    ) -> None:
        """Add one claim.

        Args:
            id: a short name without spaces, once per lecture.
            kind: ``"identity"`` (mathematics: must hold to rounding) or ``"finding"`` (an
                experiment).
            sentence: what is claimed.
            holds: whether this run agrees (a bool, or a tensor or array of one).
            ours: an :class:`Interval`, a number, or words.
            margin: the threshold that was fixed beforehand; a finding must state one.
            paper: the paper's figure, with its table or section.
            source: how well that figure is known; the marks V, V2 and T, alone or as "[V]" in a
                sentence, are spelt "seen at the source", "seen in a secondary source" and "ours".
            unit: of ``ours``.

        Raises:
            ValueError: a duplicate or ill-formed id, an unknown kind, no sentence, a finding
                without margin, a figure from memory ([M]), ``holds`` that is not one truth value,
                or ``ours`` of another kind.
        """
        if not isinstance(id, str) or not id or any(c.isspace() for c in id):
            raise ValueError(f"id must be a name without spaces; got {id!r}")
        if id in {claim.id for claim in self.claims}:
            raise ValueError(f"id must be new in its lecture; {id!r} is already recorded")
        if kind not in KINDS:
            raise ValueError(f"kind must be one of {', '.join(KINDS)}; got {kind!r}")
        if not isinstance(sentence, str) or not sentence.strip():
            raise ValueError(f"sentence must say what is claimed; got {sentence!r}")
        if kind == "finding" and not margin.strip():
            raise ValueError(f"margin must be stated for a finding ({id}); got {margin!r}")
        truth, number, mark = _truth(id, holds), _number(id, ours), _source(id, source)
        self.claims.append(Claim(id, kind, sentence, truth, number, margin, paper, mark, unit))

    def table(self) -> "Table":
        """The full table, with numbers: HTML in a notebook, text elsewhere."""
        head = ("claim", "this run", "ours", "margin", "the paper")
        rows = [
            (
                f"{c.sentence}\n{c.id} · {c.kind}",
                c.verdict,
                _shown(c.ours, c.unit),
                c.margin or "rounding",
                f"{c.paper} ({c.source or 'source not stated'})" if c.paper else "—",
            )
            for c in self.claims
        ]
        return Table(f"Claims of the lecture {self.lecture}, seed {self.seed}", head, tuple(rows))

    def verdicts(self) -> None:
        """Print one line ``id  holds`` or ``id  fails`` for each claim, in the order of recording.

        If the environment names a folder in ``NLGNOTES_LEDGER``, the ledger is also saved there.
        """
        for claim in self.claims:
            print(f"{claim.id}  {claim.verdict}")
        if folder := os.environ.get("NLGNOTES_LEDGER"):
            self.save(folder)

    def save(self, folder: str | Path) -> Path:
        """Write ``<lecture>-<seed>.json`` whole (written beside, then renamed); return its path."""
        rows = []
        for claim in self.claims:
            ours = claim.ours if isinstance(claim.ours, Interval) else None
            row = asdict(claim) | {"ours": _shown(claim.ours, "")}
            value = ours.value if ours else claim.ours if isinstance(claim.ours, float) else None
            row |= {
                "value": value,
                "low": ours and ours.low,
                "high": ours and ours.high,
                "n": ours and ours.n,
            }
            rows.append(row)
        path = Path(folder) / f"{self.lecture}-{self.seed}.json"
        # JSON has no NaN: a number that is not finite is written as its name.
        run = {"lecture": self.lecture, "seed": self.seed, "rows": _finite(rows)}
        write_whole(path, json.dumps(run, indent=1, ensure_ascii=False, allow_nan=False) + "\n")
        return path


@dataclass(frozen=True)
class Table:
    """A table that draws itself as HTML in a notebook and as text elsewhere.

    A second line of a cell is drawn small below the first.
    """

    caption: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]

    def _repr_html_(self) -> str:
        head = "".join(f'<th scope="col">{html.escape(h)}</th>' for h in self.head)
        body = ""
        for name, *cells in self.rows:
            data = "".join(f"<td>{_two_lines(cell)}</td>" for cell in cells)
            body += f'<tr><th scope="row">{_two_lines(name)}</th>{data}</tr>\n'
        caption = f"<caption>{html.escape(self.caption)}</caption>"
        table = f"<thead><tr>{head}</tr></thead>\n<tbody>\n{body}</tbody>"
        return f'<table class="claims">{caption}{table}</table>'

    def __repr__(self) -> str:
        lines = [self.head, *(tuple(cell.replace("\n", "  ") for cell in row) for row in self.rows)]
        widths = [max(len(line[i]) for line in lines) for i in range(len(self.head))]
        text = [
            "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
            for line in lines
        ]
        return "\n".join([self.caption, *text])


def gather(folder: str | Path) -> list[dict]:
    """The saved ledgers of several seeds as one row per claim, by lecture and order of recording.

    Each row holds lecture, id, kind, sentence, margin, paper, source, unit, ``seeds``, ``held``,
    the interval of the share that held (``low``, ``high``), the ``values`` by seed, and
    ``verdict``: "holds" if at least 95 % of the seeds did, "in part" if at least half did, else
    "not at this scale".

    Raises:
        ValueError: no ledger in the folder, a file that is not one, or a lecture whose runs
            recorded different claims.
    """
    found: dict[str, dict[int, list[dict]]] = {}
    for path in sorted(Path(folder).glob("*.json")):
        try:
            run = json.loads(path.read_text(encoding="utf-8"))
            found.setdefault(run["lecture"], {})[int(run["seed"])] = run["rows"]
        except (ValueError, KeyError, TypeError) as error:
            raise ValueError(
                f"folder must hold ledgers only; {path.name} is none ({error})"
            ) from error
    if not found:
        raise ValueError(f"folder must hold at least one ledger; got none in {Path(folder).name!r}")
    out = []
    for lecture, runs in sorted(found.items()):
        names = {seed: [row["id"] for row in rows] for seed, rows in runs.items()}
        if len({tuple(ids) for ids in names.values()}) > 1:
            raise ValueError(f"every seed of {lecture} must record the same claims; got {names}")
        for group in zip(*(runs[seed] for seed in sorted(runs)), strict=True):
            held = sum(row["holds"] for row in group)
            share = binomial_interval(held, len(group))
            word = (
                "holds"
                if share.value >= 0.95
                else "in part"
                if share.value >= 0.5
                else "not at this scale"
            )
            same = {
                key: group[0][key]
                for key in ("id", "kind", "sentence", "margin", "paper", "source", "unit")
            }
            out.append(
                {
                    "lecture": lecture,
                    **same,
                    "seeds": sorted(runs),
                    "held": held,
                    "low": share.low,
                    "high": share.high,
                    "values": [row["value"] for row in group],
                    "verdict": word,
                }
            )
    return out


def _truth(id: str, holds: object) -> bool:
    if hasattr(holds, "item") and getattr(holds, "size", None) is not None:
        try:
            holds = holds.item()
        except (RuntimeError, ValueError):
            pass
    if not isinstance(holds, bool):
        raise ValueError(f"holds must be one truth value ({id}); got {holds!r}")
    return holds


def _source(id: str, source: str | None) -> str | None:
    if source is None:
        return None
    if source == "M" or "[M]" in source:
        raise ValueError(f"source must not be memory ({id}); got {source!r}")
    for mark, words in MARKS.items():
        source = words if source == mark else source.replace(f"[{mark}]", words)
    return source


def _number(id: str, ours: object) -> Interval | float | str:
    if isinstance(ours, Interval | str):
        return ours
    try:
        return float(ours)
    except (TypeError, ValueError, RuntimeError):
        raise ValueError(
            f"ours must be an Interval, a number or words ({id}); got {ours!r}"
        ) from None


def _two_lines(cell: str) -> str:
    first, _, second = cell.partition("\n")
    return html.escape(first) + (f"<br><small>{html.escape(second)}</small>" if second else "")


def _shown(ours: Interval | float | str, unit: str) -> str:
    text = f"{ours:.4g}" if isinstance(ours, float) else str(ours)
    return f"{text} {unit}".rstrip()


def _finite(value):
    if isinstance(value, dict):
        return {k: _finite(v) for k, v in value.items()}
    if isinstance(value, list):
        return [_finite(v) for v in value]
    return str(value) if isinstance(value, float) and value - value != 0 else value
