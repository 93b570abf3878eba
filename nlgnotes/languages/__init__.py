"""Synthetic languages whose exact likelihood is known."""

from nlgnotes.languages.base import Documents, Language
from nlgnotes.languages.markov import Markov
from nlgnotes.languages.named import language_digest, language_for
from nlgnotes.languages.newswire import Newswire

__all__ = ["Documents", "Language", "Markov", "Newswire", "language_digest", "language_for"]
