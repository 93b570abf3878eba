"""A generator that nearly always writes one string: what the likeliest text scores on both axes."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch

from nlgnotes.documents import Documents
from nlgnotes.experiments.language_gans.quality_diversity import likeliest_text, nats_per_token
from nlgnotes.languages.base import Language
from nlgnotes.randomness import generator

__all__ = ["score_one_string"]


def score_one_string(oracle: Language, s: Mapping[str, Any], share: float = 0.99) -> dict[str, Any]:
    """A generator that nearly always writes the likeliest text it found, and else words at random.

    Args:
        oracle: the language.
        s: ``length`` of the texts, ``samples`` of the noise, ``beam`` of the search.
        share: how often it writes the one text.

    Returns:
        The text, its nats per token and those of the greedy text, and both axes of the mixture.
        Its ``test`` is for texts of the language that do not end within ``length``: the noise never
        ends one, so that a text that ends (about 2 % of them do) has no probability under
        the mixture, and over all texts its NLL is infinite. No lecture shows the mixture.
    """
    text, log_prob = likeliest_text(oracle, s["length"], s["beam"])
    stream = generator(0, "language-gans", "noise")
    noise = torch.randint(1, oracle.vocab_size, (s["samples"], s["length"]), generator=stream)
    nats = nats_per_token(oracle, Documents(noise, torch.full((len(noise),), s["length"])))
    quality = share * -log_prob / s["length"] + (1 - share) * nats.value
    # A text of the language is hardly ever that string: the noise can have written it, unless it
    # ends, since the noise draws from all words but <eos>.
    diversity = float(np.log(oracle.vocab_size - 1)) - float(np.log(1 - share)) / s["length"]
    return {
        "words": [oracle.words[i] for i in text.tolist()],
        "oracle": -log_prob / s["length"],
        "greedy": -likeliest_text(oracle, s["length"], 1)[1] / s["length"],
        "mixture": {"share": share, "oracle": quality, "test": diversity},
    }
