"""Valid calls of the figures whose arguments are checked: on one picture, which none clears."""

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import torch

from hostile.calls.values import Fixed

mpl.use("agg")
AX = {"ax": Fixed(plt.subplots()[1])}
BEFORE = np.array([0.5, 0.3, 0.2])
WEIGHTS = np.array([[1.0, 0.0, 0.0], [0.5, 0.5, 0.0], [0.2, 0.3, 0.5]])
NAMES = ["a", "b", "c"]
COLORS = {"a": "#0072B2"}

CALLS = {
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
    "plotting.rotary:phasors": {"angles": BEFORE, "labels": NAMES, "title": "title", **AX},
    "plotting.style:looks": {"names": NAMES, "colors": COLORS},
    "plotting.style:luminance": {"color": "#0072B2"},
    "plotting.style:readable": {"color": "#E69F00"},
    "plotting.style:style": {},
    "plotting.surprisal:surprisal_by_word": {
        "words": NAMES,
        "language": BEFORE,
        "model": torch.tensor([1.0, 2.0, 3.0]),
        **AX,
    },
    "plotting.surprisal:surprisal_html": {"tokens": NAMES, "surprisals": BEFORE, "most": 8.0},
}
