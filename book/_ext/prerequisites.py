"""The graph of which lecture needs which, drawn from left to right as SVG: each lecture a link.

A *stop* is where something stands in a column: ``(NAME,)`` a lecture, ``(FROM, TO, COLUMN)`` a line
that passes the column on its way.
"""

import itertools
import textwrap
from collections.abc import Callable
from html import escape

Stop = tuple
WIDTH, HEIGHT, LINE = 116, 58, 14  # of a lecture's box, and of a line of text in it
LETTERS = 17  # in such a line
ACROSS, BETWEEN = 22, 10  # from column to column, and from box to box
PASSING = 14  # the height that a line needs which passes a column
STARTS, SWEEPS = 12, 12  # of the search for an order with few crossings


def columns(needed: dict[str, list[str]]) -> dict[str, int]:
    """The column of every lecture: right of all that it needs.

    Args:
        needed: for each lecture those that it needs; these come before it.
    """
    found: dict[str, int] = {}
    for name, before in needed.items():
        found[name] = 1 + max((found[each] for each in before), default=-1)
    return found


def lines(needed: dict[str, list[str]]) -> list[list[Stop]]:
    """The way of every line, from a lecture to one that needs it, with a stop in each column."""
    at = columns(needed)
    return [
        [(each,), *((each, name, i) for i in range(at[each] + 1, at[name])), (name,)]
        for name, before in needed.items()
        for each in before
    ]


def places(needed: dict[str, list[str]]) -> dict[Stop, tuple[float, float]]:
    """The middle of every stop: x and y.

    Each is drawn towards the middle of those that it is joined to, as far as the others in its
    column leave room. Of many orders the one is taken in which the fewest lines cross.
    """
    ranks: dict[int, list[Stop]] = {}
    joined: dict[Stop, list[Stop]] = {}
    for name, column in columns(needed).items():
        ranks.setdefault(column, []).append((name,))
    for way in lines(needed):
        for stop in way[1:-1]:
            ranks[stop[2]].append(stop)
        for one, other in itertools.pairwise(way):
            joined.setdefault(one, []).append(other)
            joined.setdefault(other, []).append(one)
    best: dict[Stop, float] = {}
    for start in range(STARTS):
        y = {
            stop: 60.0 * i for rank in ranks.values() for i, stop in enumerate(turned(rank, start))
        }
        for sweep in range(SWEEPS):
            for column in sorted(ranks, reverse=sweep % 2 == 0):
                aim = {stop: _mean([y[each] for each in joined[stop]]) for stop in ranks[column]}
                y |= apart(sorted(ranks[column], key=aim.get), aim)
            if not best or disorder(needed, y) < disorder(needed, best):
                best = dict(y)
    y = best
    x = {stop: WIDTH / 2 + i * (WIDTH + ACROSS) for i, rank in ranks.items() for stop in rank}
    top = min(y[stop] - room(stop) / 2 for stop in y)
    return {stop: (x[stop], y[stop] - top) for stop in y}


def turned(rank: list[Stop], start: int) -> list[Stop]:
    """One of the orders that a column is tried in at first."""
    at = (start // 2) % len(rank)
    return (rank[at:] + rank[:at])[:: -1 if start % 2 else 1]


def disorder(needed: dict[str, list[str]], y: dict[Stop, float]) -> tuple[int, float]:
    """How often lines cross, and how far they climb and fall in all."""
    at = columns(needed)
    steps = [
        (at[one[0]] if len(one) == 1 else one[2], y[one], y[other])
        for way in lines(needed)
        for one, other in itertools.pairwise(way)
    ]
    crossed = sum(
        column == same and (left - up) * (right - down) < 0
        for (column, left, right), (same, up, down) in itertools.combinations(steps, 2)
    )
    return crossed, sum(abs(left - right) for _, left, right in steps)


def apart(rank: list[Stop], aim: dict[Stop, float]) -> dict[Stop, float]:
    """A column in its order, each stop as near to where it aims as the least distances allow.

    Those that would meet move as one block to the mean of their aims.
    """
    blocks: list[tuple[float, list[Stop]]] = []  # where the first stands, and who moves with it
    below: dict[Stop, float] = {}  # how far below the first of its block
    for stop in rank:
        below[stop] = 0.0
        blocks.append((aim[stop], [stop]))
        while len(blocks) > 1:
            (first, upper), (second, lower) = blocks[-2:]
            reach = below[upper[-1]] + (room(upper[-1]) + room(lower[0])) / 2 + BETWEEN
            if first + reach <= second:
                break
            below |= {each: below[each] + reach for each in lower}
            block = upper + lower
            blocks[-2:] = [(_mean([aim[each] - below[each] for each in block]), block)]
    return {stop: first + below[stop] for first, block in blocks for stop in block}


def room(stop: Stop) -> float:
    """The height of a lecture's box, or of a line that passes."""
    return HEIGHT if len(stop) == 1 else PASSING


def svg(needed: dict[str, list[str]], titles: dict[str, str], address: Callable[[str], str]) -> str:
    """The graph as an element ``svg`` of a page.

    Args:
        needed: for each lecture those that it needs: these come before it, and none that another
            of them needs is named.
        titles: the title of each lecture.
        address: where a lecture's page is.
    """
    at = places(needed)
    drawn = "".join(f'<path d="{_curve([at[stop] for stop in way])}"/>' for way in lines(needed))
    boxes = "".join(_box(name, needed[name], titles, address(name), *at[name,]) for name in needed)
    width = max(x for x, _ in at.values()) + WIDTH / 2 + 4
    height = max(y + room(stop) / 2 for stop, (_, y) in at.items()) + 4
    return (
        f'<svg class="prerequisites" viewBox="-2 -2 {width:.0f} {height:.0f}" '
        f'width="{width:.0f}" height="{height:.0f}" role="group" '
        'aria-label="Which lecture needs which">'
        f'<g aria-hidden="true">{drawn}</g>{boxes}</svg>'
    )


def _curve(middles: list[tuple[float, float]]) -> str:
    """A line from the right side of the first box to the left side of the last."""
    (x, y), *rest = middles
    x += WIDTH / 2
    path = f"M{x:.0f} {y:.1f}"
    for i, (middle, to) in enumerate(rest, 1):
        left = middle - WIDTH / 2
        half = (x + left) / 2
        path += f"C{half:.0f} {y:.1f} {half:.0f} {to:.1f} {left:.0f} {to:.1f}"
        x, y = left, to
        if i < len(rest):  # it passes this column
            x = middle + WIDTH / 2
            path += f"H{x:.0f}"
    return path


def _box(
    name: str, before: list[str], titles: dict[str, str], address: str, x: float, y: float
) -> str:
    """A lecture: a link whose name says what the lecture needs."""
    title = short(titles[name])
    needs = " and ".join(short(titles[each]) for each in before) or "no other lecture"
    rows = textwrap.wrap(title, LETTERS, break_on_hyphens=False)
    top = y - (len(rows) - 1) * LINE / 2
    text = "".join(
        f'<tspan x="{x:.0f}" y="{top + i * LINE:.1f}">{escape(row)}</tspan>'
        for i, row in enumerate(rows)
    )
    return (
        f'<a href="{escape(address)}" aria-label="{escape(title)}; needs {escape(needs)}">'
        f'<rect x="{x - WIDTH / 2:.0f}" y="{y - HEIGHT / 2:.1f}" width="{WIDTH}" '
        f'height="{HEIGHT}" rx="4"/><text>{text}</text></a>'
    )


def short(title: str) -> str:
    """A title up to its colon."""
    return title.partition(":")[0]


def _mean(numbers: list[float]) -> float:
    return sum(numbers) / len(numbers)
