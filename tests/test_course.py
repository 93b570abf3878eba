"""The lectures as a course: needs, optional sections, exercises and plans."""

import graphlib

import course
import nbformat.v4 as new
import pytest
import teaching

LECTURES = course.lectures()


def lecture(*text, needs="matrix products", failing=""):
    first = f"# A title: more\n\n**You need** {needs}.\n"
    cells = [new.new_markdown_cell(each) for each in (first, *text)]
    verdicts = new.new_output("stream", text=failing)
    return new.new_notebook(cells=[*cells, new.new_code_cell("", outputs=[verdicts])])


def words(minutes):
    return "word " * (teaching.WORDS_A_MINUTE * minutes)


BOOK = {
    "one": lecture(
        f"## First\n{words(30)}\n### Aside (optional)\n{words(5)}\n## Second (optional)\n"
        f"{words(9)}\n### Of the second\n{words(3)}"
    ),
    "two": lecture(
        f"## Long\n{words(48)}\n",
        "```{exercise} By hand (★, 5 min)\n:label: ex-two-1\nx\n```",
        "```{exercise} Of *two* (★★, 20 min, 4 points)\n:label: ex-two-2\nx\n```",
        "```{exercise} Project: all (★★★, 1-2 h, 10 points)\n:label: ex-two-3\nx\n```",
        needs="{doc}`one`, sums ({doc}`one`; more in {doc}`three`)",
        failing="two.a-claim  fails\ntwo.another  holds\n",
    ),
    "three": lecture(f"## All\n{words(9)}", needs="{doc}`two`, and {doc}`one`"),
}


def test_needs_are_the_links_of_the_line_and_lie_before():
    assert course.prerequisites(BOOK) == {"one": [], "two": ["one"], "three": ["two", "one"]}
    with pytest.raises(ValueError, match="three needs two, which is no lecture before it"):
        course.prerequisites(dict(reversed(BOOK.items())))


def test_a_need_that_follows_from_another_is_not_drawn():
    assert course.direct({"a": [], "b": ["a"], "c": ["b", "a"]}) == {
        "a": [],
        "b": ["a"],
        "c": ["b"],
    }
    with pytest.raises(graphlib.CycleError):
        course.direct({"a": ["b"], "b": ["a"]})


def test_what_is_optional_is_a_section_or_a_part_of_one():
    assert course.optional(BOOK["one"]) == {"Aside": 5, "Second": 12}
    minutes = teaching.plan(BOOK["one"])
    assert minutes == {"A title: more": (1, 1), "First": (35, 30), "Second": (12, 0)}
    assert "48 minutes to teach, 31 of them core (by section: 1, 35, 12)" in teaching.time_line(
        BOOK["one"]
    )


def test_an_hour_is_a_core_or_what_is_optional():
    core = course.hour("one", BOOK)
    assert core.core and core.sections == (("A title: more", 1), ("First", 30))
    assert course.hour("one: optional", BOOK).minutes == 17
    assert course.hour(" one:  Second ", BOOK).sections == (("Second", 12),)
    with pytest.raises(ValueError, match="no optional section 'First'"):
        course.hour("one: Aside; First", BOOK)
    with pytest.raises(ValueError, match="no lecture is called 'four'"):
        course.hour("four", BOOK)


def test_a_plan_fits_its_hours_and_the_needs():
    planned = course.plan(["one | one: Aside", "two"], BOOK)
    assert [[hour.minutes for hour in row] for row in planned] == [[31, 5], [49]]
    with pytest.raises(ValueError, match="two comes before one, which it needs"):
        course.plan(["two | one"], BOOK)
    longer = BOOK | {"two": lecture(f"## Long\n{words(50)}")}
    with pytest.raises(ValueError, match="takes 51 minutes; an hour has 50"):
        course.plan(["two"], longer)


def test_exercises_and_failing_claims_are_read():
    by_hand, coded, project = course.exercises(BOOK["two"])
    assert by_hand == course.Exercise("ex-two-1", "By hand", 1, 5, None)
    assert coded == course.Exercise("ex-two-2", "Of *two*", 2, 20, 4)
    assert (project.stars, project.minutes, project.points) == (3, None, 10)
    assert [each.label for each in course.fitting(BOOK["two"], 24)] == ["ex-two-1"]
    assert course.failing(BOOK["two"]) == ["a-claim"]


def test_every_lecture_has_a_core_of_an_hour():
    for name, notebook in LECTURES.items():
        core = course.hour(name, LECTURES)
        assert core.minutes >= 25, f"hardly anything of {name} is core"
        whole = sum(minutes for minutes, _ in teaching.plan(notebook).values())
        optional = sum(course.optional(notebook).values())
        assert abs(core.minutes + optional - whole) <= len(course.optional(notebook))


def test_the_graph_holds_every_lecture_and_no_cycle():
    needed = course.prerequisites(LECTURES)
    assert list(needed) == list(LECTURES) and needed["decoder"] == []
    assert all(needed[name] for name in needed if name != "decoder")
    direct = course.direct(needed)

    def behind(name, graph):
        return set(graph[name]).union(*(behind(each, graph) for each in graph[name]))

    assert {name: behind(name, direct) for name in needed} == {
        name: behind(name, needed) for name in needed
    }


@pytest.mark.parametrize("name", LECTURES)
def test_every_exercise_of_a_lecture_is_counted(name):
    cells = [cell.source for cell in LECTURES[name].cells if cell.cell_type == "markdown"]
    written = "\n".join(cells).count("```{exercise} ")
    assert len(course.exercises(LECTURES[name])) == written > 0
