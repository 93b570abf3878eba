"""Valid calls of the figures, all on the same axes, which are emptied before each of them."""

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import torch

from hostile.calls.values import Fixed
from nlgnotes.intervals import Interval
from nlgnotes.plotting.trees import TreeNode

mpl.use("agg")
mpl.rcParams["figure.max_open_warning"] = 0
AX = {"ax": plt.subplots(layout="constrained")[1]}  # where a colour bar takes no room for good
BEFORE, AFTER = np.array([0.5, 0.3, 0.2]), np.array([0.6, 0.4, 0.0])
WEIGHTS = np.array([[1.0, 0.0, 0.0], [0.5, 0.5, 0.0], [0.2, 0.3, 0.5]])
NAMES = ["a", "b", "c"]
CURVES = {"one": (np.array([1.0, 2.0, 3.0]), BEFORE), "two": ([1.0, 2.0], [3.0, 4.0])}
COLORS = {"one": "#0072B2"}
INTERVALS = [Interval(1.0, 0.5, 1.5, 10), Interval(0.0, -0.5, 0.5, 10)]
LEVELS = [[TreeNode("a", 0, True), TreeNode("b", 0, False)], [TreeNode("c", 0, goal=True)]]

CALLS = {
    "plotting.arguments:check_axes": {"name": Fixed("ax"), "axes": AX["ax"]},
    "plotting.arguments:check_color": {"name": Fixed("color"), "color": "#0072B2"},
    "plotting.arguments:check_named": {"name": Fixed("curves"), "values": CURVES},
    "plotting.arguments:read_curve": {
        "curve": CURVES["one"],
        "of": Fixed("x, y"),
        "name": Fixed("a"),
    },
    "plotting.arguments:read_point": {"name": Fixed("at"), "at": (1.0, 2.0)},
    "plotting.arguments:read_shares": {
        "name": Fixed("before"),
        "values": BEFORE,
        "shape": Fixed((3,)),
        "rule": Fixed("one for each name"),
    },
    "plotting.attention:alignment_bars": {
        "weights": BEFORE,
        "source": NAMES,
        "written": ["x", "y"],
        "step": 1,
        "title": "title",
        **AX,
    },
    "plotting.attention:alignment_map": {
        "weights": WEIGHTS,
        "source": NAMES,
        "written": NAMES,
        "title": "title",
        **AX,
    },
    "plotting.attention:attention_heatmap": {
        "weights": WEIGHTS,
        "tokens": NAMES,
        "masked": WEIGHTS == 0,
        "title": "title",
        **AX,
    },
    "plotting.curves:forest": {
        "rows": ["a", "b"],
        "groups": {"one": INTERVALS},
        "band": 0.5,
        "xlabel": "x",
        "colors": COLORS,
        **AX,
    },
    "plotting.curves:frontier": {
        "curves": CURVES,
        "xlabel": "x",
        "ylabel": "y",
        "colors": COLORS,
        **AX,
    },
    "plotting.curves:lines": {
        "curves": CURVES,
        "xlabel": "x",
        "ylabel": "y",
        "colors": COLORS,
        **AX,
    },
    "plotting.distributions:log_rank": {
        "before": BEFORE,
        "after": AFTER,
        "properties": {"sorted": True},
        "floor": 1e-5,
        **AX,
    },
    "plotting.distributions:next_token_bars": {
        "tokens": NAMES,
        "before": BEFORE,
        "after": AFTER,
        "labels": ("model", "after"),
        **AX,
    },
    "plotting.distributions:probability_maps": {
        "maps": {"one": WEIGHTS},
        "rows": NAMES,
        "columns": NAMES,
        "group": 2,
        "axes": list(AX.values()),
    },
    "plotting.distributions:property_matrix": {
        "shares": WEIGHTS,
        "rows": NAMES,
        "columns": NAMES,
        **AX,
    },
    "plotting.distributions:simplex": {"points": WEIGHTS, "corners": NAMES, **AX},
    "plotting.rotary:phasors": {"angles": BEFORE, "labels": NAMES, "title": "title", **AX},
    "plotting.schematic:arrow": {
        "start": (1.0, 1.0),
        "end": (3.0, 1.0),
        "text": "reads",
        "color": "#0072B2",
        "line": "dashed",
        "bend": 0.2,
        "beside": (0.0, 0.15),
        **AX,
    },
    "plotting.schematic:blank": {"width": 4.0, "height": 2.0, "figsize": (2.0, 1.0)},
    "plotting.schematic:box": {"at": (1.0, 1.0), "text": "key", "color": "#0072B2", **AX},
    "plotting.schematic:cells": {
        "at": (1.0, 3.0),
        "rows": [["a"], ["b", "c"]],
        "colors": [["red"], ["white", "blue"]],
        "side": 0.5,
        **AX,
    },
    "plotting.style:legend_outside": {"where": "right"},
    "plotting.style:looks": {"names": NAMES, "colors": COLORS},
    "plotting.style:luminance": {"color": "#0072B2"},
    "plotting.style:new_axes": {**AX, "size": (2.0, 1.0)},
    "plotting.style:readable": {"color": "#E69F00"},
    "plotting.style:style": {},
    "plotting.surprisal:surprisal_by_word": {
        "words": NAMES,
        "language": BEFORE,
        "model": torch.tensor([1.0, 2.0, 3.0]),
        **AX,
    },
    "plotting.surprisal:surprisal_html": {"tokens": NAMES, "surprisals": BEFORE, "most": 8.0},
    "plotting.timings:cost_curves": {
        "sizes": [1.0, 2.0, 4.0],
        "curves": {"one": [[1.0, 2.0, 3.0], [2.0, 3.0, 4.0]]},
        "xlabel": "x",
        "ylabel": "seconds",
        **AX,
    },
    "plotting.timings:speed_ratios": {
        "rows": ["a", "b"],
        "series": {"one": [(1.0, 2.0, 3.0), None]},
        "aims": [2.0, None],
        "xlabel": "x",
        **AX,
    },
    "plotting.trees:search_tree": {
        "root": "root",
        "levels": LEVELS,
        "titles": ["a", "b"],
        "columns": 2,
        "rows": 2,
        **AX,
    },
}
