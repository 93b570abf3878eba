"""Figures: arrays in, ``ax`` out. Nothing is computed here; colour is never the only sign."""

from nlgnotes.plotting.attention import alignment_bars, alignment_map, attention_heatmap
from nlgnotes.plotting.curves import forest, frontier, lines
from nlgnotes.plotting.distributions import (
    log_rank,
    next_token_bars,
    probability_maps,
    property_matrix,
    simplex,
)
from nlgnotes.plotting.rotary import phasors
from nlgnotes.plotting.style import (
    BLACK,
    BLUE,
    GREEN,
    MARKERS,
    ORANGE,
    PALETTE,
    PURPLE,
    RED,
    SKY,
    YELLOW,
    legend_outside,
    style,
)
from nlgnotes.plotting.surprisal import surprisal_by_word, surprisal_html
from nlgnotes.plotting.timings import cost_curves, speed_ratios

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
    "alignment_bars",
    "alignment_map",
    "attention_heatmap",
    "cost_curves",
    "forest",
    "frontier",
    "legend_outside",
    "lines",
    "log_rank",
    "next_token_bars",
    "phasors",
    "probability_maps",
    "property_matrix",
    "simplex",
    "speed_ratios",
    "style",
    "surprisal_by_word",
    "surprisal_html",
]
