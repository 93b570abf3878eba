"""The languages by name, as recipes name them, and a digest that notices a change."""

import hashlib
from collections.abc import Mapping
from typing import Any

import torch

from nlgnotes.languages.base import Language
from nlgnotes.languages.brackets import Brackets
from nlgnotes.languages.dialogue import Dialogue
from nlgnotes.languages.markov import Markov
from nlgnotes.languages.newswire import Newswire
from nlgnotes.languages.oracle import LSTMOracle
from nlgnotes.randomness import generator
from nlgnotes.validation import check_count, check_kind

__all__ = ["language_digest", "language_for"]

_DRAWN = {"markov-even": Markov.even, "markov-uneven": Markov.uneven, "lstm-oracle": LSTMOracle}


def language_for(recipe: Mapping[str, Any]) -> Language:
    """The language that a shipped model was trained on, from its checkpoint's ``recipe``.

    Args:
        recipe: holds ``language`` (``"newswire"``, ``"brackets"``, ``"dialogue"``,
            ``"markov-even"``, ``"markov-uneven"`` or ``"lstm-oracle"``), for the last three also
            ``language_vocab_size`` and ``language_seed``, and ``language_digest`` where it shall be
            checked.

    Raises:
        ValueError: the recipe names none, or lacks its size or seed, or the language is no longer
            the one it was (its digest differs).
    """
    if not isinstance(recipe, Mapping):
        raise ValueError(f"recipe must be a mapping; got {type(recipe).__name__}")
    name = recipe.get("language")
    if name == "newswire":
        language: Language = Newswire.standard()
    elif name == "brackets":
        language = Brackets.standard()
    elif name == "dialogue":
        language = Dialogue.standard()
    elif isinstance(name, str) and name in _DRAWN:
        size, seed = (
            check_count(key, recipe.get(key), least)
            for key, least in (("language_vocab_size", 2), ("language_seed", 0))
        )
        language = _DRAWN[name](size, generator(seed, name))
    else:
        raise ValueError(f"recipe must name a language; got {name!r}")
    if "language_digest" in recipe and language_digest(language) != recipe["language_digest"]:
        raise ValueError(
            f"the language {name} has changed since the model was trained: make the model again"
        )
    return language


def language_digest(language: Language) -> str:
    """SHA-256 over the words and, to four decimals, the distributions after many fixed prefixes.

    It sees what the language says, not how it is written: a rewrite of its code changes nothing.
    """
    check_kind("language", language, Language)
    size = language.vocab_size
    tokens = torch.randint(1, size, (size - 1, 12), generator=generator(0, "language digest"))
    tokens[:, 0] = torch.arange(1, size)
    digest = hashlib.sha256("\n".join(language.words).encode())
    for length in (0, 1, 2, 12):
        prefixes = tokens[:1, :0] if length == 0 else tokens[:, :length]
        scores = (language.next_log_probs(prefixes).clamp(min=-99.0) * 1e4).round().long()
        digest.update(scores.numpy().tobytes())
    return digest.hexdigest()
