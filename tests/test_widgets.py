"""Explorers: whole without a kernel, small, and clear about what is wrong."""

import io

import ipywidgets
import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ipywidgets.embed import dependency_state, embed_data
from PIL import Image

from nlgnotes.frames import FRAME_BYTES
from nlgnotes.widgets import MOST_FRAMES, explorer

matplotlib.use("agg")


def bars(height, count=3):
    figure, ax = plt.subplots(figsize=(3, 2))
    ax.bar(range(count), [height] * count)
    ax.set_ylim(0, 10)
    return figure


def text(**values):
    return "<b>" + " ".join(f"{name}={value}" for name, value in values.items()) + "</b>"


def embedded(box) -> dict[str, dict]:
    """The widgets' state as a page without a kernel holds it."""
    return embed_data(views=[box], state=dependency_state([box]))["manager_state"]["state"]


def models(state: dict, name: str) -> dict[str, dict]:
    return {key: each["state"] for key, each in state.items() if each["model_name"] == name}


def test_one_parameter_is_one_stack_with_one_link_in_the_page_state():
    state = embedded(
        explorer(bars, {"height": [1, 2, 3]}, alt=lambda height: f"bars of {height}", start=2)
    )
    (stack,) = models(state, "StackModel").values()
    (slider,) = models(state, "SelectionSliderModel").values()
    (link,) = models(state, "LinkModel").values()
    assert [link["source"][1], link["target"][1]] == ["index", "selected_index"]
    assert len(stack["children"]) == 3 and stack["selected_index"] == slider["index"] == 1
    assert list(slider["_options_labels"]) == ["1", "2", "3"] and slider["description"] == "height"
    pictures = [state[child.removeprefix("IPY_MODEL_")] for child in stack["children"]]
    assert [each["state"]["tooltip"] for each in pictures] == [
        "bars of 1",
        "bars of 2",
        "bars of 3",
    ]
    assert all(each["buffers"] for each in pictures)


def test_two_parameters_nest_their_stacks_and_every_inner_stack_has_its_link():
    box = explorer(bars, {"height": [1, 2], "count": [3, 4, 5]}, alt="bars", start=(2, 5))
    state = embedded(box)
    targets = [
        link["target"][0].removeprefix("IPY_MODEL_") for link in models(state, "LinkModel").values()
    ]
    assert sorted(targets) == sorted(models(state, "StackModel"))
    outer = box.children[1]
    assert outer.selected_index == 1 and [inner.selected_index for inner in outer.children] == [
        2,
        2,
    ]


def test_frames_stand_in_the_order_of_the_stops():
    outer = explorer(text, {"a": ["x", "y"], "b": [1, 2]}, alt="text").children[1]
    assert [frame.value for inner in outer.children for frame in inner.children] == [
        "<b>a=x b=1</b>",
        "<b>a=x b=2</b>",
        "<b>a=y b=1</b>",
        "<b>a=y b=2</b>",
    ]


def test_play_is_linked_to_the_first_control():
    state = embedded(explorer(text, {"a": [1, 2, 3]}, alt="text", play=True))
    ((key, player),) = models(state, "PlayModel").items()
    assert (player.get("min", 0), player["max"]) == (0, 2)  # the page state leaves defaults out
    assert [f"IPY_MODEL_{key}", "value"] in [
        link["source"] for link in models(state, "LinkModel").values()
    ]


@pytest.mark.parametrize(
    "stops, kind",
    [
        ({"low": 0.1, "high": 2.0}, ipywidgets.ToggleButtons),
        (["one", "two", "three", "four"], ipywidgets.ToggleButtons),
        (["one", "two", "three", "four", "five"], ipywidgets.Dropdown),
        (["short", "a label that has no place on a button"], ipywidgets.Dropdown),
        ([True, False], ipywidgets.ToggleButtons),
        ([10000, 100], ipywidgets.SelectionSlider),
        ([-0.5, 0.0, 0.5], ipywidgets.SelectionSlider),
        (["1 word", "12 words", "all"], ipywidgets.ToggleButtons),
        (["1 word", "12 words", "∞"], ipywidgets.SelectionSlider),
        (["T = 0.5", "T = .7", "T = 1"], ipywidgets.SelectionSlider),
        (["p", "q = x"], ipywidgets.ToggleButtons),
    ],
)
def test_the_stops_choose_the_control(stops, kind):
    (made,) = explorer(text, {"a": stops}, alt="text").children[0].children
    assert type(made) is kind


def test_labels_name_a_control_or_its_stops():
    box = explorer(
        text,
        {"a": {"low": 0.1, "high": 2.0}},
        alt="text",
        labels={"a": "method"},
        start="high",
    )
    (made,) = box.children[0].children
    assert made.description == "method" and made.index == 1
    assert [frame.value for frame in box.children[1].children] == ["<b>a=0.1</b>", "<b>a=2.0</b>"]
    (named,) = (
        explorer(text, {"a": [0.1, 2.0]}, alt="text", labels={"a": ["low", "high"]})
        .children[0]
        .children
    )
    assert [label for label, _ in named.options] == ["low", "high"]


SETTINGS = {"temperature": {"0.5": 0.5, "0.7": 0.7, "1": 1.0}, "top-k": [5, 50]}


def test_the_seconds_stops_may_depend_on_the_first():
    box = explorer(
        text,
        {"by": list(SETTINGS), "at": SETTINGS.get},
        alt=lambda by, at: f"{by} at {at}",
        labels={"at": {"temperature": "T", "top-k": "k"}.get},
        start=("temperature", 1.0),
    )
    first, second = box.children[0].children
    assert [
        (each.description, [label for label, _ in each.options]) for each in second.children
    ] == [
        ("T", ["0.5", "0.7", "1"]),
        ("k", ["5", "50"]),
    ]
    assert [[frame.value for frame in inner.children] for inner in box.children[1].children] == [
        [
            "<b>by=temperature at=0.5</b>",
            "<b>by=temperature at=0.7</b>",
            "<b>by=temperature at=1.0</b>",
        ],
        ["<b>by=top-k at=5</b>", "<b>by=top-k at=50</b>"],
    ]
    assert [each.index for each in second.children] == [2, 1]  # at the last where there are fewer
    assert [each.selected_index for each in box.children[1].children] == [2, 1]
    links = {(link.source[0].model_id, link.target[0].model_id) for link in box.links}
    wanted = [(first, second), (first, box.children[1])]
    wanted += list(zip(second.children, box.children[1].children, strict=True))
    assert links == {(a.model_id, b.model_id) for a, b in wanted}


def test_controls_that_depend_are_of_one_kind():
    mixed = {"words": ["few", "many"], "numbers": [1, 2]}
    box = explorer(text, {"by": list(mixed), "at": mixed.get}, alt="text")
    assert {type(each) for each in box.children[0].children[1].children} == {
        ipywidgets.ToggleButtons
    }


def test_the_place_of_the_tallest_picture_is_reserved():
    def tall(inches):
        return plt.figure(figsize=(4, inches))

    box = explorer(tall, {"inches": [2, 3, 1]}, alt="nothing")
    assert box.children[1].layout.min_height == "calc(min(100cqw, 400px) * 0.7500)"
    assert explorer(text, {"a": [1, 2]}, alt="text").children[1].layout.min_height is None


def test_frames_are_palette_pngs_small_and_every_figure_is_closed():
    before = plt.get_fignums()
    box = explorer(bars, {"height": [1, 2, 9]}, alt="bars", width=480)
    assert plt.get_fignums() == before
    for frame in box.children[1].children:
        image = Image.open(io.BytesIO(frame.value))
        assert image.mode == "P" and image.format == "PNG" and len(frame.value) <= FRAME_BYTES
        assert frame.layout.width == "480px" and frame.layout.max_width == "100%"
        assert image.convert("RGB").getpixel((0, 0)) == (255, 255, 255)


def test_all_frames_stand_in_the_first_ones_axes():
    """The left edge of the axes is the same column of dark pixels in every frame."""
    frames = explorer(bars, {"height": [1, 5, 9]}, alt="bars").children[1].children
    edges = set()
    for frame in frames:
        grey = np.asarray(Image.open(io.BytesIO(frame.value)).convert("L"))
        edges.add(int(((grey < 90).mean(0) > 0.5).argmax()))
    assert len(edges) == 1


@settings(max_examples=3, deadline=None, database=None)
@given(dots=st.integers(10, 400), seed=st.integers(0, 2**31))
def test_law_no_frame_is_larger_than_the_limit(dots, seed):
    places = np.random.default_rng(seed).normal(size=(2, dots))

    def scatter(shift):
        ax = plt.subplots(figsize=(5, 3))[1]
        ax.scatter(*(places + shift), c=places[0])
        return ax

    box = explorer(scatter, {"shift": [0, 1]}, alt="dots")
    assert all(len(frame.value) <= FRAME_BYTES for frame in box.children[1].children)


def test_what_cannot_be_small_is_a_clear_error():
    noise = np.random.default_rng(0).random((330, 330, 3))

    def snow(k):
        figure = plt.figure(figsize=(3, 3))
        figure.figimage(noise)
        return figure

    with pytest.raises(
        ValueError, match=r"a frame must take at most 15000 bytes; got \d+ at k = 1"
    ):
        explorer(snow, {"k": [1, 2]}, alt="snow")
    assert plt.get_fignums() == []


def test_a_failing_draw_names_its_stop():
    def draw(T, k):
        return f"{1 / (T - 0.5)} {k}"

    with pytest.raises(RuntimeError, match=r"draw failed at T = 0.5, k = 1: ZeroDivisionError"):
        explorer(draw, {"T": [0.25, 0.5], "k": [1, 2]}, alt="text")


@pytest.mark.parametrize(
    "change, said",
    [
        ({"stops": {}}, "stops must name one or two parameters"),
        (
            {"stops": {"a": [1, 2], "b": [1, 2], "c": [1, 2]}},
            "stops must name one or two parameters",
        ),
        ({"stops": {"a": [1]}}, "at least two values"),
        ({"stops": {"a": [1, 1]}}, "different labels"),
        ({"stops": {"a": range(MOST_FRAMES + 1)}}, "at most 60 frames; got 61"),
        ({"stops": {"a": range(8), "b": range(8)}}, "at most 60 frames; got 64"),
        ({"stops": {"a": lambda _: [1, 2]}}, "only the second parameter may depend on the first"),
        (
            {"stops": {"a": [1, 2], "b": lambda a: [a]}},
            r"stops\['b'\] must hold at least two values with different labels; got \[1\]",
        ),
        (
            {"stops": {"a": [1, 2], "b": lambda a: range(a * 21)}},
            "at most 60 frames; got 63",
        ),
        ({"start": (1, 2, 3), "stops": {"a": [1, 2], "b": [1, 2]}}, "start must give one stop"),
        ({"start": 9}, "start must be a stop of a, one of 1, 2; got 9"),
        ({"start": {"b": 1}}, "start must give one stop for each of a"),
        ({"labels": {"b": "x"}}, "labels must name parameters of stops, a; got b"),
        ({"labels": {"a": ["x"]}}, r"labels\['a'\] must hold one label per stop, 2; got 1"),
        ({"alt": " "}, "alt must give a text that is not empty at a = 1"),
        ({"width": 0}, "width must be an integer of at least 1; got 0"),
        ({"draw": lambda a: 3}, "draw must return a Figure, an Axes or a str; got int at a = 1"),
    ],
)
def test_errors_speak(change, said):
    with pytest.raises(ValueError, match=said):
        explorer(**{"draw": text, "stops": {"a": [1, 2]}, "alt": "text"} | change)


def test_progress_goes_to_the_terminal_and_not_into_the_cell(capsys):
    explorer(text, {"a": [1, 2]}, alt="text")
    out, err = capsys.readouterr()
    assert out == err == ""


def test_a_start_may_be_one_of_numpys_numbers():
    box = explorer(text, {"k": list(np.array([1, 2, 3]))}, alt="a", start=2)
    assert box.children[1].selected_index == 1
    box = explorer(text, {"k": [1, 2, 3]}, alt="a", start=np.int64(3))
    assert box.children[1].selected_index == 2


def test_an_alt_that_fails_is_named():
    with pytest.raises(RuntimeError, match="^alt failed at k = 1: ZeroDivisionError"):
        explorer(text, {"k": [1, 2]}, alt=lambda k: 1 / 0)
