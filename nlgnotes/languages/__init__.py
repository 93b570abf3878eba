"""Synthetic languages whose exact likelihood is known."""

from nlgnotes.languages.base import Documents, Language
from nlgnotes.languages.dialogue import Dialogue
from nlgnotes.languages.markov import Markov
from nlgnotes.languages.named import language_digest, language_for
from nlgnotes.languages.newswire import Newswire

__all__ = ["Dialogue", "Documents", "Language", "Markov", "Newswire", "language_digest", "language_for"]
