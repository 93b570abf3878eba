"""Synthetic languages whose exact likelihood is known."""

from nlgnotes.languages.base import Language
from nlgnotes.languages.brackets import Brackets
from nlgnotes.languages.dialogue import Dialogue
from nlgnotes.languages.markov import Markov
from nlgnotes.languages.newswire import Newswire
from nlgnotes.languages.oracle import LSTMOracle
from nlgnotes.languages.registry import language_digest, language_for

__all__ = [
    "Brackets",
    "Dialogue",
    "LSTMOracle",
    "Language",
    "Markov",
    "Newswire",
    "language_digest",
    "language_for",
]
