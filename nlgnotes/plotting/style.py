"""The look of the book's figures: palette, markers, labels."""

import matplotlib as mpl
import matplotlib.pyplot as plt

__all__ = [
    "BLACK",
    "BLUE",
    "GREEN",
    "MARKERS",
    "ORANGE",
    "PALETTE",
    "PURPLE",
    "RED",
    "SKY",
    "YELLOW",
    "new_axes",
    "style",
]

# Okabe and Ito (2008): told apart with any of the common colour deficiencies.
BLUE, ORANGE, GREEN, RED, PURPLE = "#0072B2", "#E69F00", "#009E73", "#D55E00", "#CC79A7"


SKY, YELLOW, BLACK = "#56B4E9", "#F0E442", "#000000"


PALETTE = (BLUE, RED, GREEN, PURPLE, ORANGE, SKY, BLACK)  # yellow is too light for a line on white


MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*", "<", ">")


def style() -> None:
    """Set the book's look for every later figure: its palette, opaque white, 12-point labels."""
    mpl.rcParams.update(
        {
            "axes.prop_cycle": mpl.cycler(color=PALETTE),
            "figure.facecolor": "white",
            "axes.facecolor": "white",
            "savefig.facecolor": "white",
            "savefig.transparent": False,
            "figure.figsize": (6.4, 4.0),
            "figure.dpi": 100,
            "font.size": 12,
            "axes.labelsize": 12,
            "axes.titlesize": 12,
            "xtick.labelsize": 11,
            "ytick.labelsize": 11,
            "legend.fontsize": 11,
            "legend.frameon": False,
            "axes.spines.top": False,
            "axes.spines.right": False,
            "axes.grid": False,
            "lines.linewidth": 2,
            "figure.constrained_layout.use": True,
            "image.cmap": "cividis",
        }
    )


def new_axes(ax):
    """The given axes, or those of a new figure."""
    return plt.subplots()[1] if ax is None else ax
