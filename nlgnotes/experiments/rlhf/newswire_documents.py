"""Over-optimisation on documents that cannot be listed: everything is estimated from samples.

Taught in: book/rlhf.ipynb.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import torch
from jaxtyping import Float64
from torch import Tensor

from nlgnotes import checkpoints, randomness
from nlgnotes.decoding.documents import generate_documents
from nlgnotes.documents import Documents
from nlgnotes.equations.best_of_n import best_of_n_estimate
from nlgnotes.intervals import jackknife_draws
from nlgnotes.languages.newswire import Newswire

__all__ = ["Ratings", "best_of_n_curves", "newswire_curves", "rate"]


class Ratings(NamedTuple):
    """What documents are worth.

    Args:
        gold: likes a name, and tires of it.
        linear: counts the names and does not tire.
        noisy: gold and an error that is independent of the document.
    """

    gold: Tensor
    linear: Tensor
    noisy: Tensor


def rate(
    language: Newswire, documents: Documents, repetition: float, generator: torch.Generator
) -> Ratings:
    r"""Rate documents by the names in them: :math:`\sum_w [c_w - b\, c_w (c_w - 1) / 2]`.

    Args:
        language: says which words are names.
        documents: to be rated.
        repetition: b.
        generator: of the independent error, which has gold's standard deviation.
    """
    counts = torch.zeros(len(documents.tokens), language.vocab_size, dtype=torch.float64)
    counts.scatter_add_(1, documents.tokens, documents.mask.double())
    named = counts[:, language.names]
    gold = (named - repetition * named * (named - 1) / 2).sum(1)
    error = torch.randn(len(gold), generator=generator, dtype=torch.float64) * gold.std()
    return Ratings(gold, named.sum(1), gold + error)


def best_of_n_curves(ratings: Ratings, ns: list[int]) -> Float64[Tensor, "proxies n"]:
    """Gold of the best of n by gold, by the linear and by the noisy proxy, without bias."""
    return torch.stack(
        [
            torch.stack([best_of_n_estimate(proxy, ratings.gold, n) for n in ns])
            for proxy in (ratings.gold, ratings.linear, ratings.noisy)
        ]
    )


def newswire_curves(settings: Mapping[str, Any], seed: int) -> dict[str, Any]:
    """The curves of best-of-N on documents of the shipped newswire model.

    Args:
        settings: ``documents`` (how many are written), ``words`` (of each at most),
            ``repetition``, ``ns``.
        seed: of the documents and the error.

    Returns:
        ``n``, and ``draws`` as ``intervals.jackknife_draws`` gives them: ``[1 + groups, proxies,
        n]``, the proxies in the order of :class:`Ratings`.
    """
    language, model = Newswire.standard(), checkpoints.load("newswire-lm").model
    documents = generate_documents(
        model,
        settings["documents"],
        max_new_tokens=settings["words"],
        generator=randomness.generator(seed, "rlhf", "newswire"),
    )
    stream = randomness.generator(seed, "rlhf", "newswire error")
    ratings = rate(language, documents, settings["repetition"], stream)

    def curves(kept: np.ndarray) -> np.ndarray:
        rows = torch.from_numpy(kept)
        return best_of_n_curves(Ratings(*(r[rows] for r in ratings)), settings["ns"]).numpy()

    draws = jackknife_draws(curves, len(ratings.gold))
    return {"n": list(settings["ns"]), "draws": draws.round(5).tolist()}
