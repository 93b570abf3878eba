"""Explorers and drawings: figures that move on a static page.

An explorer is a draw function and its stops; a drawing is a picture that the page draws itself.
"""

from nlgnotes.widgets.drawings import Drawing, drawing
from nlgnotes.widgets.explorers import explorer
from nlgnotes.widgets.pictures import Picture
from nlgnotes.widgets.stops import MOST_FRAMES

__all__ = ["MOST_FRAMES", "Drawing", "Picture", "drawing", "explorer"]
