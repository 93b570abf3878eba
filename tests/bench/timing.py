"""How two programs are timed against each other, and how a cost grows: the measures of the bench.

A file of comparisons in this folder is a group. It has one function, ``comparisons()``, which
yields :class:`Comparison` and :class:`Curve` one after the other, so that the weights and inputs
of a row are made when it is reached. It imports its peers inside that function, by :func:`peer`.
"""

import gc
import importlib
import math
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import packages_distributions, version
from types import ModuleType
from typing import Any

import numpy as np
import torch

from nlgnotes.intervals import mean_interval
from nlgnotes.validation import check_count, check_positive

# A sample lasts at least so many seconds: what is faster is called several times in it.
SHORTEST = 0.02


@dataclass(frozen=True)
class Comparison:
    """One row: the same work done by ours and by a peer.

    Args:
        name: what is done, with the sizes that matter ("sampled, batch 32").
        unit: what a rate counts, in the plural ("tokens").
        work: how many of them one call of ``ours`` does.
        ours: does it once; what it returns goes to ``agree``.
        peer: does it once; None where nothing stands beside ours, which is then only timed.
        peer_name: who the peer is, with its version where that is not pinned elsewhere.
        peer_work: how many units one call of ``peer`` does; None: as many. (For training, whose
            unit is FLOP, beside a matrix product of another size.)
        aim: the ratio that is wanted; None for none.
        agree: is called once with both results, before anything is timed, and raises
            AssertionError where the two did not do the same. Where results are drawn and so
            differ, it compares what they were drawn from.
        note: what a reader must know to judge the row fairly, as one sentence, or nothing.
    """

    name: str
    unit: str
    work: float
    ours: Callable[[], Any]
    peer: Callable[[], Any] | None = None
    peer_name: str = ""
    peer_work: float | None = None
    aim: float | None = None
    agree: Callable[[Any, Any], None] | None = None
    note: str = ""

    def __post_init__(self) -> None:
        check_positive("work", self.work)
        if (self.peer is None) != (not self.peer_name):
            raise ValueError(f"peer and peer_name must be given together; got {self.peer_name!r}")
        if self.peer is not None and self.agree is None:
            raise ValueError(f"agree must show that {self.peer_name} does the same; got None")


@dataclass(frozen=True)
class Curve:
    """A cost at several sizes, for the exponent k of seconds ~ size**k.

    Args:
        name: what is done ("new tokens of one row").
        variable: what the size counts ("new tokens").
        sizes: at least three, rising.
        prepare: from a size, what does the work once.
    """

    name: str
    variable: str
    sizes: Sequence[int]
    prepare: Callable[[int], Callable[[], Any]]

    def __post_init__(self) -> None:
        if len(self.sizes) < 3 or sorted(set(self.sizes)) != list(self.sizes):
            raise ValueError(f"sizes must be three or more, rising; got {list(self.sizes)}")


# The packages of the peers that were imported, each with its version.
VERSIONS: dict[str, str] = {}


def peer(name: str) -> ModuleType:
    """A module of a peer, whose version is then noted in :data:`VERSIONS`.

    Raises:
        ImportError: it is not installed, with the command that does it.
    """
    try:
        module = importlib.import_module(name)
        for package in packages_distributions()[name.split(".")[0]]:
            VERSIONS[package] = version(package)
        return module
    except ImportError as error:
        raise ImportError(
            f"the bench compares with {name}, which cannot be imported ({error}); `make bench` "
            "installs it, of the extra `peers`"
        ) from error


@contextmanager
def threads(count: int) -> Iterator[None]:
    """Torch computes with so many threads inside, and with as many as before afterwards.

    One process can do this: the pool of OpenMP is asked anew at every operation. So weights and
    inputs are the same ones for every number of threads.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(check_count("threads", count))
    try:
        yield
    finally:
        torch.set_num_threads(before)


def measure(
    comparison: Comparison,
    repeats: int,
    clock: Callable[[], float] = time.perf_counter,
    progress: Callable[[], Any] = lambda: None,
) -> dict[str, Any]:
    """Time both, one after the other, ``repeats`` times; the first of a pair changes each time.

    A machine that slows down for a while then slows both, and the ratio of a pair stays what it
    is. The first call of each warms up, and is checked by ``agree``; the second says how many
    calls make a sample of at least :data:`SHORTEST`.

    Args:
        comparison: the row.
        repeats: how many pairs.
        clock: seconds.
        progress: called after each pair.

    Returns:
        The row as JSON holds it: the seconds of one call, pair by pair, for ``ours`` and ``peer``
        (empty without one), and what :func:`summary` makes of them.
    """
    check_count("repeats", repeats)
    sides = {"ours": comparison.ours}
    if comparison.peer is not None:
        sides["peer"] = comparison.peer
    results = [call() for call in sides.values()]
    if comparison.agree is not None:
        comparison.agree(*results)
    del results
    calls = {side: _calls(call, clock) for side, call in sides.items()}
    seconds: dict[str, list[float]] = {"ours": [], "peer": []}
    gc.collect()  # so that no side pays for what was made before
    for i in range(repeats):
        for side in sorted(sides, reverse=bool(i % 2)):
            seconds[side].append(_sample(sides[side], calls[side], clock))
        progress()
    row = {
        "name": comparison.name,
        "unit": comparison.unit,
        "work": comparison.work,
        "peer_name": comparison.peer_name,
        "peer_work": comparison.peer_work or comparison.work,
        "aim": comparison.aim,
        "note": comparison.note,
        "seconds": {side: [_short(x) for x in values] for side, values in seconds.items()},
    }
    return row | summary(row)


def summary(row: dict[str, Any]) -> dict[str, Any]:
    """Rates from medians, and the ratio of rates: its median over the pairs and their quartiles.

    A ratio above 1 says that ours does more in a second.

    Returns:
        ``rate`` and ``peer_rate`` in units per second, ``ratio`` as [lower quartile, median, upper
        quartile]; the last two are None without a peer.
    """
    ours, theirs = row["seconds"]["ours"], row["seconds"]["peer"]
    rate = _short(row["work"] / statistics.median(ours))
    if not theirs:
        return {"rate": rate, "peer_rate": None, "ratio": None}
    share = row["work"] / row["peer_work"]
    ratios = [share * b / a for a, b in zip(ours, theirs, strict=True)]
    return {
        "rate": rate,
        "peer_rate": _short(row["peer_work"] / statistics.median(theirs)),
        "ratio": [_short(x) for x in np.quantile(ratios, (0.25, 0.5, 0.75))],
    }


def measure_curve(
    curve: Curve,
    repeats: int,
    clock: Callable[[], float] = time.perf_counter,
    progress: Callable[[], Any] = lambda: None,
) -> dict[str, Any]:
    """Time every size in turn, ``repeats`` times, so that each round has a slope of its own.

    Returns:
        The curve as JSON holds it: ``seconds``, a list for each round with one number per size, and
        what :func:`exponents` makes of them.
    """
    check_count("repeats", repeats)
    work = [curve.prepare(size) for size in curve.sizes]
    for call in work:
        call()
    calls = [_calls(call, clock) for call in work]
    seconds = []
    gc.collect()
    for _ in range(repeats):
        rounds = [_sample(call, many, clock) for call, many in zip(work, calls, strict=True)]
        seconds.append([_short(x) for x in rounds])
        progress()
    row = {
        "name": curve.name,
        "variable": curve.variable,
        "sizes": list(curve.sizes),
        "seconds": seconds,
    }
    return row | exponents(row)


def exponents(row: dict[str, Any]) -> dict[str, Any]:
    """The exponent k of seconds ~ size**k, by least squares of the logarithms in each round.

    A cost that has a fixed part is no power: its slope rises with the size. So there are two
    exponents: over all the sizes, and over the last three, which is nearer to the law of growth.

    Returns:
        ``exponent`` and ``last_exponent``, each [low, value, high]: the mean over the rounds with
        its 95 % interval of Student; a single round has no interval, and gives the value thrice.
    """
    x, y = np.log(row["sizes"]), np.log(row["seconds"])
    return {
        "exponent": _slope(x, y),
        "last_exponent": _slope(x[-3:], y[:, -3:]),
    }


def _slope(x: np.ndarray, y: np.ndarray) -> list[float]:
    centred = x - x.mean()
    slopes = y @ centred / (centred @ centred)
    if len(set(slopes.tolist())) == 1:
        return [_short(slopes[0])] * 3
    interval = mean_interval(slopes)
    return [_short(each) for each in (interval.low, interval.value, interval.high)]


def _calls(call: Callable[[], Any], clock: Callable[[], float]) -> int:
    """How many calls last :data:`SHORTEST`."""
    return math.ceil(SHORTEST / max(_sample(call, 1, clock), 1e-7))


def _sample(call: Callable[[], Any], calls: int, clock: Callable[[], float]) -> float:
    """Seconds of one call, from that many."""
    start = clock()
    for _ in range(calls):
        call()
    return (clock() - start) / calls


def _short(number: float) -> float:
    """Five digits: a clock on a shared machine gives no more."""
    return float(f"{number:.5g}")
