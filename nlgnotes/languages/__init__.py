"""Synthetic languages whose exact likelihood is known."""

from nlgnotes.languages.base import Documents, Language
from nlgnotes.languages.brackets import Brackets
from nlgnotes.languages.dialogue import Dialogue
from nlgnotes.languages.markov import Markov
from nlgnotes.languages.named import language_digest, language_for
from nlgnotes.languages.newswire import Newswire
from nlgnotes.languages.oracle import LSTMOracle

__all__ = ["Brackets", "Dialogue", "Documents", "LSTMOracle", "Language", "Markov", "Newswire", "language_digest", "language_for"]
