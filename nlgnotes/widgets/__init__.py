"""Explorers: a draw function and its stops become a widget that moves on a static page."""

from nlgnotes.widgets.explorers import explorer
from nlgnotes.widgets.pictures import Picture
from nlgnotes.widgets.stops import MOST_FRAMES

__all__ = ["MOST_FRAMES", "Picture", "explorer"]
