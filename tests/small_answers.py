"""A small world of answers: three words, two prompts, 81 answers, and the sizes of its decoder."""

from nlgnotes.networks.transformer import DecoderConfig
from nlgnotes.tasks.comparisons import RatedAnswers

WORLD = RatedAnswers(
    words=("a", "b", "c"),
    prompts=2,
    read=3,
    values=(2.0, 0.0, -1.0),
    habits=(0.0, 0.0, 0.3),
    openings=(0.0, 1.0, 0.0),
)
CONFIG = DecoderConfig(3, 8, width=16, layers=1, heads=2, hidden=32, positions="learned")
