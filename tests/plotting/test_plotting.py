"""The artists hold the data, the axes come back, and colour is never the only sign."""

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
import pytest

from nlgnotes import plotting
from nlgnotes.intervals import Interval
from nlgnotes.plotting.style import MARKERS, looks, luminance, readable


@pytest.fixture
def ax():
    return plt.subplots()[1]


def test_style_is_opaque_white_with_the_palette():
    with matplotlib.rc_context():
        plotting.style()
        assert (
            matplotlib.rcParams["savefig.facecolor"]
            == matplotlib.rcParams["figure.facecolor"]
            == "white"
        )
        assert matplotlib.rcParams["font.size"] == 13
        assert matplotlib.rcParams["axes.prop_cycle"].by_key()["color"] == list(plotting.PALETTE)
    assert len(set(plotting.PALETTE)) == len(plotting.PALETTE) < len(plotting.MARKERS)


def test_attention_heatmap_labels_the_last_queries(ax):
    weights = np.array([[0.5, 0.5, 0.0], [0.2, 0.3, 0.5]])
    assert plotting.attention_heatmap(weights, ["a", "b", "c"], ax=ax) is ax
    assert np.array_equal(ax.images[0].get_array(), weights) and ax.images[0].get_clim() == (0, 1)
    assert [t.get_text() for t in ax.get_yticklabels()] == ["b", "c"]
    with pytest.raises(ValueError, match="one token per key"):
        plotting.attention_heatmap(weights, ["a"])
    with pytest.raises(ValueError, match=r"masked must be of shape \(2, 3\); got \(3,\)"):
        plotting.attention_heatmap(weights, ["a", "b", "c"], masked=[True, False, False])


def test_a_masked_cell_does_not_look_like_weight_0(ax):
    plotting.attention_heatmap([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.2, 0.3, 0.5]], "abc", ax=ax)
    assert np.ma.getmaskarray(ax.images[0].get_array()).tolist() == [
        [False, True, True],
        [False, False, True],  # a weight of 0 before the query is not masked
        [False, False, False],
    ]
    (hatched,) = ax.patches
    assert hatched.get_hatch()
    centres = [square[:4].mean(0).tolist() for square in hatched.get_path().to_polygons()]
    assert centres == [[1, 0], [2, 0], [2, 1]]
    zero = ax.images[0].cmap(ax.images[0].norm(0.0))
    # Weight 0 is the ground (the page inverts figures in the dark), and the mask is not.
    assert luminance(zero) > 0.9 and luminance(hatched.get_facecolor()) < 0.75
    assert "masked" in ax.figure.axes[-1].get_title()
    seen = plotting.attention_heatmap([[0.5, 0.5], [0.5, 0.5]], "ab", masked=[[1, 0], [0, 0]])
    assert np.ma.getmaskarray(seen.images[0].get_array())[0].tolist() == [True, False]
    free = plotting.attention_heatmap([[0.5, 0.5], [0.5, 0.5]], "ab")
    assert not free.patches and not free.figure.axes[-1].get_title()


def test_frontier_gives_each_sampler_its_own_marker(ax):
    plotting.frontier(
        {"top-k": ([0.1, 0.2], [-2.0, -3.0], [-2.1, -3.2], [-1.9, -2.9]), "top-p": ([0.3], [-1.0])},
        ax=ax,
    )
    first, second = ax.containers
    assert first.lines[0].get_xydata().tolist() == [[0.1, -2.0], [0.2, -3.0]]
    ends = [segment[:, 1].tolist() for segment in first.lines[2][0].get_segments()]
    assert np.allclose(ends, [[-2.1, -1.9], [-3.2, -2.9]])
    assert first.lines[0].get_marker() != second.lines[0].get_marker()
    assert [t.get_text() for t in ax.get_legend().get_texts()] == ["top-k", "top-p"]
    with pytest.raises(ValueError, match="for bad"):
        plotting.frontier({"bad": ([1.0], [1.0, 2.0])})
    for low, high in ((2.0, 3.0), (-1.0, 0.5)):
        with pytest.raises(ValueError, match="low <= quality .* <= high; got others for bad"):
            plotting.frontier({"bad": ([0.0], [1.0], [low], [high])})
    plotting.frontier({"rounded": ([0.0], [1.0], [1 + 1e-12], [1.0])}, ax=ax)


def test_probability_maps_share_one_scale_and_name_the_rows_once():
    small, large = np.array([[0.1, 0.2], [0.3, 0.4]]), np.array([[0.0, 0.0], [0.0, 1.0]])
    left, right = plotting.probability_maps(
        {"data": small, "model": large}, ["a", "b"], ["x", "y"], group=1
    )
    assert np.array_equal(left.images[0].get_array(), small) and np.array_equal(
        right.images[0].get_array(), large
    )
    assert left.images[0].get_clim() == right.images[0].get_clim() == (0, 1)
    assert [t.get_text() for t in left.get_yticklabels()] == [
        "a",
        "b",
    ] and left.get_title() == "data"
    assert [t.get_text() for t in right.get_yticklabels()] == ["", ""]
    assert [line.get_ydata()[0] for line in left.lines[::2]] == [0.5]
    for shape, across, upright in (((2, 4), [], [1.5]), ((6, 2), [1.5, 3.5], [])):
        names = ["a"] * shape[0], ["x"] * shape[1]
        (ax,) = plotting.probability_maps({"m": np.zeros(shape)}, *names, group=2)
        drawn = [line.get_xydata() for line in ax.lines]
        assert [at[0, 1] for at in drawn if at[0, 1] == at[1, 1]] == across
        assert [at[0, 0] for at in drawn if at[0, 0] == at[1, 0]] == upright
        assert ax.get_xlim() == (-0.5, shape[1] - 0.5)
    with pytest.raises(ValueError, match=r"maps\['bad'\] must be of shape"):
        plotting.probability_maps({"bad": small}, ["a"], ["x", "y"])


def test_bars_mark_the_dropped(ax):
    plotting.next_token_bars(["a", "b"], [0.6, 0.4], [1.0, 0.0], ax=ax)
    assert [p.get_height() for p in ax.patches] == [1.0, 0.0, 0.6, 0.4]
    assert ax.lines[0].get_xdata().tolist() == [1]
    with pytest.raises(ValueError, match="one number per token"):
        plotting.next_token_bars(["a"], [0.6, 0.4], [1.0, 0.0])


def test_property_matrix_has_words(ax):
    plotting.property_matrix([[1.0, 0.99999], [0.25, 1.0]], ["x", "y"], ["entropy", "order"], ax=ax)
    words = [t.get_text() for t in ax.texts]
    assert words == ["✓ holds", "✗ broken\n(held 99.9 %)", "✗ broken\n(held 25 %)", "✓ holds"]
    with pytest.raises(ValueError, match="must lie in"):
        plotting.property_matrix([[1.5]], ["x"], ["y"])


def test_a_new_figure_when_none_is_given():
    axes = [
        plotting.frontier({"a": ([1.0], [1.0])}),
        plotting.next_token_bars(["a"], [1.0], [1.0]),
        plotting.attention_heatmap([[1.0]], ["a"]),
        plotting.property_matrix([[1.0]], ["a"], ["b"]),
    ]
    assert len({a.figure.number for a in axes}) == len(axes)


def test_log_rank_shows_what_was_kept_and_which_properties_held(ax):
    plotting.log_rank(
        [0.6, 0.3, 0.1], [0.7, 0.0, 0.3], {"entropy": True, "order": False}, floor=1e-3, ax=ax
    )
    before, after, dropped = ax.lines
    assert before.get_ydata().tolist() == [0.6, 0.3, 0.1]
    assert after.get_xdata().tolist() == [1, 3] and after.get_ydata().tolist() == [0.7, 0.3]
    assert dropped.get_xdata().tolist() == [2] and dropped.get_ydata().tolist() == [1e-3]
    assert [text.get_text() for text in ax.texts] == ["✓ entropy", "✗ order"]
    assert all(luminance(text.get_bbox_patch().get_facecolor()) > 0.6 for text in ax.texts)
    with pytest.raises(ValueError, match="before sorted"):
        plotting.log_rank([0.3, 0.6], [0.5, 0.5], {}, ax=ax)


def test_forest_draws_every_interval_with_a_marker_per_group(ax):
    one, two = Interval(0.1, 0.0, 0.3, 9), Interval(-1.0, -2.0, -0.5, 9)
    plotting.forest(
        ["a", "b"], {"even": [one, two], "uneven": [two, one]}, band=0.2, xlabel="nats", ax=ax
    )
    points = [container.lines[0] for container in ax.containers]
    assert [line.get_xdata().tolist() for line in points] == [[0.1, -1.0], [-1.0, 0.1]]
    assert (
        len({line.get_marker() for line in points})
        == len({line.get_color() for line in points})
        == 2
    )
    bars = ax.containers[0].lines[2][0].get_segments()
    assert [bar[:, 0].tolist() for bar in bars] == [[0.0, 0.3], [-2.0, -0.5]]
    assert [label.get_text() for label in ax.get_yticklabels()] == ["a", "b"]
    with pytest.raises(ValueError, match="one interval per row"):
        plotting.forest(["a"], {"even": [one, two]}, ax=ax)


def test_lines_draws_every_curve_with_its_own_look_and_its_name_at_its_end(ax):
    plotting.lines(
        {"up": ([0, 1, 2], [0.0, 1.0, 2.0]), "flat": ([0, 2], [1.9, 1.9], [1.8, 1.8], [2.0, 2.0])},
        xlabel="step",
        ylabel="nats",
        ax=ax,
    )
    up, flat = ax.lines
    assert up.get_ydata().tolist() == [0.0, 1.0, 2.0] and flat.get_xdata().tolist() == [0, 2]
    assert (
        up.get_color() != flat.get_color()
        and up.get_linestyle() != flat.get_linestyle()
        and up.get_marker() != flat.get_marker()
    )
    names = {text.get_text(): text for text in ax.texts}
    assert names["up"].xy == (2, 2.0) and names["flat"].xy == (2, 1.9)
    assert (
        names["up"].xyann[1] > names["flat"].xyann[1]
    )  # they end together: their names are moved apart
    assert len(ax.collections) == 1 and ax.get_xlabel() == "step"
    with pytest.raises(ValueError, match="of one length"):
        plotting.lines({"a": ([1, 2], [1])}, xlabel="", ylabel="", ax=ax)


def test_simplex_puts_every_point_between_its_corners_and_counts_them():
    points = np.array(
        [[1, 0, 0], [0, 1, 0], [0, 0, 1], [0.6, 0.2, 0.2], [1 / 3, 1 / 3, 1 / 3 + 1e-12]]
    )
    ax = plotting.simplex(points, ("a", "b", "c"))
    assert [t.get_text() for t in ax.texts] == ["a: 2", "b: 1", "c: 2"]
    drawn = [line.get_xydata() for line in ax.lines[1:]]
    assert np.allclose(drawn[0], [[0, 0], [0.3, 0.2 * np.sqrt(3) / 2]]) and np.allclose(
        drawn[1], [[1, 0]]
    )
    assert np.allclose(drawn[2], [[0.5, np.sqrt(3) / 2], [0.5, np.sqrt(3) / 6]])
    for points, corners in ((np.ones((2, 3)), "abc"), (np.eye(2), "ab"), (np.eye(3), "ab")):
        with pytest.raises(ValueError, match="points must be"):
            plotting.simplex(points, corners)
    with pytest.raises(ValueError, match=r"points must lie in \[0, 1\]"):
        plotting.simplex([[-1, 1, 1]], "abc")


INTERVALS = [Interval(0.1, 0.0, 0.3, 9), Interval(-1.0, -2.0, -0.5, 9)]
DRAWN = {
    "attention_heatmap": lambda: plotting.attention_heatmap([[1.0, 0.0], [0.5, 0.5]], "ab"),
    "alignment_map": lambda: plotting.alignment_map([[1.0, 0.0], [0.5, 0.5]], "ab", "xy"),
    "alignment_bars": lambda: plotting.alignment_bars([0.5, 0.5], "ab", "xy", 1),
    "frontier": lambda: plotting.frontier({"a long name of a curve": ([1, 2], [1, 2])}),
    "forest": lambda: plotting.forest(["a", "b"], {"one": INTERVALS, "two": INTERVALS}, band=0.2),
    "lines": lambda: plotting.lines(
        {"a": ([1, 2], [1, 2])}, xlabel="x", ylabel="y", colors={"a": plotting.SKY}
    ),
    "log_rank": lambda: plotting.log_rank([0.6, 0.4], [1.0, 0.0], {"order": True}),
    "next_token_bars": lambda: plotting.next_token_bars(["a", "b"], [0.6, 0.4], [1.0, 0.0]),
    "phasors": lambda: plotting.phasors([0.0, 1.0], ["a", "b"]),
    "probability_maps": lambda: plotting.probability_maps({"m": np.eye(2)}, "ab", "xy")[0],
    "property_matrix": lambda: plotting.property_matrix([[1.0, 0.5]], ["a"], ["x", "y"]),
    "simplex": lambda: plotting.simplex(np.eye(3), "abc"),
    "surprisal_by_word": lambda: plotting.surprisal_by_word(["a"], [1.0], [2.0]),
}


@pytest.mark.parametrize("name", DRAWN)
def test_legends_stand_outside_the_data_and_letters_are_large_and_dark_enough(name):
    with matplotlib.rc_context():
        plotting.style()
        ax = DRAWN[name]()
        figure = ax.figure
        figure.canvas.draw()
        for text in figure.findobj(matplotlib.text.Text):
            if text.get_text().strip() and text.get_visible():
                assert text.get_fontsize() >= 13, text
                assert 1.05 / (luminance(text.get_color()) + 0.05) >= 4.5, text
        if legend := ax.get_legend():
            data, box = ax.get_window_extent(), legend.get_window_extent()
            # To a pixel: the frame of the legend is not drawn.
            assert box.x0 >= data.x1 - 1 or box.y0 >= data.y1 - 1
            assert box.x1 <= figure.bbox.x1 + 1 and box.y1 <= figure.bbox.y1 + 1
    plt.close("all")


def test_a_curve_keeps_its_colour_and_marker_in_every_panel():
    every = looks(["a", "b", "c"])
    colors = {name: look["color"] for name, look in every.items()}
    assert looks(["c", "a"], colors) == {name: every[name] for name in ("c", "a")}
    # What is not named takes what is left.
    assert looks(["x", "b"], {"b": plotting.BLUE})["x"]["color"] == plotting.PALETTE[1]
    assert len({look["color"] for look in looks(map(str, range(7))).values()}) == 7
    many = [tuple(look.values()) for look in looks(map(str, range(30))).values()]
    assert len(set(many)) == 30 and many[:7] == list(zip(plotting.PALETTE, MARKERS, strict=False))
    # A colour is the same however it is written.
    same = looks(["a", "b"], {"a": plotting.BLUE.lower()})
    assert same["a"]["marker"] == "o" and same["b"]["color"] == plotting.PALETTE[1]
    full = dict(zip("abcdefg", plotting.PALETTE, strict=True))
    assert looks("ah", full)["h"] not in (looks("ah", full)["a"], *looks("abcdefg", full).values())
    for draw in (
        lambda names: plotting.frontier({n: ([1, 2], [1, 2]) for n in names}, colors=colors),
        lambda names: plotting.forest(["r", "s"], dict.fromkeys(names, INTERVALS), colors=colors),
    ):
        (line,) = [each.lines[0] for each in draw(["c"]).containers]
        assert (line.get_color(), line.get_marker()) == tuple(every["c"].values())
    (line,) = plotting.lines({"c": ([1, 2], [1, 2])}, xlabel="", ylabel="", colors=colors).lines
    assert (line.get_color(), line.get_marker()) == tuple(every["c"].values())
    plt.close("all")


def test_one_legend_for_several_panels_names_each_curve_once():
    with matplotlib.rc_context():
        plotting.style()
        figure, axes = plt.subplots(1, 2)
        for ax, names in zip(axes, ("ab", "bc"), strict=True):
            plotting.frontier({name: ([1, 2], [1, 2]) for name in names}, ax=ax)
        legend = plotting.legend_outside(*axes, where="above")
        assert [text.get_text() for text in legend.get_texts()] == ["a", "b", "c"]
        assert figure.legends == [legend] and not any(ax.get_legend() for ax in axes)
        figure.canvas.draw()
        tops = [ax.get_window_extent().y1 for ax in axes]
        assert legend.get_window_extent().y0 >= max(tops) - 1
        assert plotting.legend_outside(plt.subplots()[1]) is None
        with pytest.raises(ValueError, match="where must be one of right, above; got 'left'"):
            plotting.legend_outside(*axes, where="left")
    plt.close("all")


def test_letters_in_a_curves_colour_are_legible_on_white():
    for colour in (*plotting.PALETTE, plotting.YELLOW):
        assert 1.05 / (luminance(readable(colour)) + 0.05) >= 4.5
    assert readable(plotting.BLUE) == plotting.BLUE.lower()


def in_the_dark(colour):
    """What ``invert`` and ``hue-rotate(180deg)`` make of a colour (filter effects, CSS)."""
    grey = np.array([0.213, 0.715, 0.072])
    rotated = 2 * np.ones((3, 1)) @ grey[None] - np.eye(3)
    return np.clip(rotated @ (1 - np.array(matplotlib.colors.to_rgb(colour))), 0, 1)


def test_the_palette_keeps_its_hues_in_the_dark_and_stands_out_there():
    for colour in plotting.PALETTE[:-1]:
        light = matplotlib.colors.rgb_to_hsv(matplotlib.colors.to_rgb(colour))
        dark = matplotlib.colors.rgb_to_hsv(in_the_dark(colour))
        assert abs(light[0] - dark[0]) * 360 < 10
        assert (luminance(in_the_dark(colour)) + 0.05) / 0.05 > 3
    assert np.allclose(in_the_dark("white"), 0) and np.allclose(in_the_dark("black"), 1)
