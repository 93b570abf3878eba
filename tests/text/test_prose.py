"""Cleaning a docstring: what is prose stays, what is not goes, marks are taken off."""

import pytest

from nlgnotes.text import prose

PROSE = (
    "The items of the list are added to each other from left to right, and the total is returned "
    "to the caller."
)
OTHER = (
    "This class keeps the names of all the files that have been opened, so that they can be closed "
    "at the end."
)


def test_prose_stays_and_the_rest_goes():
    raw = f"""Return the sum.

    {PROSE}

    >>> f([1])
    1

    .. note:: This is about nothing that a reader of the text would ever want to see.

       {OTHER}

    ====== =====
    column other
    ====== =====

    items : list
        The items to add to each other, in the order in which they are to be added.

    An example of the function in the use for which it was made::

        {OTHER}

    {OTHER}
    """
    assert prose.clean(f"Notes\n-----\n{OTHER}") == [OTHER]
    assert prose.clean(raw) == [
        PROSE,
        "The items to add to each other, in the order in which they are to be added.",
        OTHER,
    ]


@pytest.mark.parametrize(
    "marked, plain",
    [
        ("Call :func:`~os.path.join` on all of the parts.", "Call join on all of the parts."),
        (
            "Call :py:meth:`the method <A.m>` of all of the parts.",
            "Call the method of all of the parts.",
        ),
        ("Use ``x`` and *y* as the names of the axes.", "Use x and y as the names of the axes."),
        (
            "See the `manual <there.html>`_ for all that is to be said.",
            "See the manual for all that is to be said.",
        ),
        (
            "It is \u201cas if\u201d the file had been read \u2013 and it is not.",
            'It is "as if" the file had been read - and it is not.',
        ),
        (
            "This was found by the authors [1]_ in the year of the report.",
            "This was found by the authors in the year of the report.",
        ),
        (
            "Create a `.Line2D` with the data that is in a sequence.",
            "Create a Line2D with the data that is in a sequence.",
        ),
    ],
)
def test_marks_are_taken_off(marked, plain):
    # Behind each stands a sentence that makes it long enough for prose.
    assert prose.clean(f"{marked} {OTHER}") == [f"{plain} {OTHER}"]


def test_wrapped_lines_are_joined_and_bullets_are_texts():
    one, two = (
        "The first of the two is\n  on two lines of the list.",
        "The second of the two is on a line by itself.",
    )
    assert prose.clean(f"* {one}\n* {two}") == [" ".join(one.split()), two]


@pytest.mark.parametrize(
    "raw",
    [
        "",
        "Short.",
        "the first letter of this one is small, and it is of no use to us.",
        "This one has no full stop at the end of it and is cut off in the middle of the",
        "Для этого абзаца нужен другой корпус, и он не должен быть в нашем.",
        "The value is x_1 = 3*y + [4, 5, 6] - {7: 8} / 9 ** 10 of the 11, 12, 13.",
        "The energy is :math:`E = m c^2` in all of the units that are in use here.",
        "Windows numpy matplotlib scipy torch networkx sphinx docutils jinja.",
        "The call is in the middle of the text. >>> f([1]) and the rest of it is the output.",
    ],
)
def test_what_is_not_prose(raw):
    assert prose.clean(raw) == []
