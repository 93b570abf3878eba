"""Documents of items and their labels: what can be told from the context, and what from training.

Taught in: book/in-context-learning.ipynb.
"""

from dataclasses import dataclass
from typing import NamedTuple

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor

from nlgnotes.batches import Batch
from nlgnotes.validation import (
    check_count,
    check_flag,
    check_floats,
    check_generator,
    check_ids,
    check_kind,
    check_scores,
    describe,
    is_int64,
)

__all__ = ["ItemDocuments", "ItemLabels"]

MAPPINGS = ("fixed", "per document")


class ItemDocuments(NamedTuple):
    """Documents in parts; the last pair of each is its query.

    Args:
        items: 0 to ``items - 1``, int64 ``[n, pairs + 1]``.
        labels: 0 to ``labels - 1``, int64 ``[n, pairs + 1]``.
    """

    items: Tensor
    labels: Tensor


@dataclass(frozen=True)
class ItemLabels:
    """Documents ``item label item label … query label``, by how they repeat items, and by mapping.

    In a bursty document ``pairs / copies`` different items each stand ``copies`` times in the
    context, in any order, and the query is one of them. Otherwise every item is drawn from all
    of them, independently. The label of item i is i mod ``labels`` in every document
    (``"fixed"``), or is drawn uniformly, for each item of each document anew.

    Token ids: 0 the start, 1 to ``labels`` the labels, then the items. The two properties are
    those that Chan et al. 2022 vary (arXiv:2205.05055), on items without variation of their own.
    Taught in: book/in-context-learning.ipynb.

    Args:
        items: how many there are.
        labels: how many there are, at least 2.
        pairs: in the context of the query.
        copies: of each item of a bursty document; divides ``pairs``.
        mapping: ``"fixed"`` or ``"per document"``.
        bursty: whether documents repeat their items.

    Raises:
        ValueError: a count out of range, or another mapping.

    >>> family = ItemLabels(items=6, labels=2, pairs=4, copies=2)
    >>> family.vocab_size, family.length
    (9, 10)
    """

    items: int = 32
    labels: int = 8
    pairs: int = 4
    copies: int = 2
    mapping: str = "per document"
    bursty: bool = True

    def __post_init__(self) -> None:
        plain = {"labels": check_count("labels", self.labels, 2)}
        for name in ("copies", "pairs"):
            plain[name] = check_count(name, getattr(self, name))
        if self.pairs % self.copies:
            raise ValueError(
                f"pairs must be a multiple of copies = {self.copies}; got {self.pairs}"
            )
        plain["items"] = check_count("items", self.items, plain["pairs"] // plain["copies"] + 1)
        check_flag("bursty", self.bursty)
        for name, number in plain.items():
            object.__setattr__(self, name, number)
        if self.mapping not in MAPPINGS:
            raise ValueError(f"mapping must be one of {', '.join(MAPPINGS)}; got {self.mapping!r}")

    @property
    def vocab_size(self) -> int:
        """All ids: start, labels, items."""
        return 1 + self.labels + self.items

    @property
    def length(self) -> int:
        """Tokens of a document, the start not counted."""
        return 2 * (self.pairs + 1)

    def usual_label(self, items: Int[Tensor, "*batch"]) -> Int[Tensor, "*batch"]:
        """The label of each item in the fixed mapping."""
        if not is_int64(items):
            raise ValueError(f"items must be an int64 tensor; got {describe(items)}")
        return items % self.labels

    def sample(self, n: int, generator: torch.Generator) -> ItemDocuments:
        """Draw documents as they are in training.

        Raises:
            ValueError: ``n`` below 1, or no generator.
        """
        n = check_count("n", n)
        check_generator(generator)
        items = self._bursty_items(n, generator) if self.bursty else self._any_items(n, generator)
        return ItemDocuments(items, self._draw_labels(items, self.mapping, generator))

    def in_context_test(self, n: int, generator: torch.Generator) -> ItemDocuments:
        """Documents that contradict the fixed mapping: only their context tells the label.

        Bursty; the label of each item is one of the others, never its usual one. To answer with the
        context is to be right, to answer with the fixed mapping is to be wrong.

        Raises:
            ValueError: ``n`` below 1, or no generator.
        """
        n = check_count("n", n)
        check_generator(generator)
        items = self._bursty_items(n, generator)
        return ItemDocuments(items, self._draw_labels(items, "contradicting", generator))

    def in_weights_test(self, n: int, generator: torch.Generator) -> ItemDocuments:
        """Documents of the fixed mapping without the query's item in the context.

        Raises:
            ValueError: ``n`` below 1, or no generator.
        """
        n = check_count("n", n)
        check_generator(generator)
        items = self._any_items(n, generator)
        query = items[:, -1:]
        # One of the others, as likely as each of them.
        shift = torch.randint(1, self.items, items[:, :-1].shape, generator=generator)
        other = (query + shift) % self.items
        context = torch.where(items[:, :-1] == query, other, items[:, :-1])
        items = torch.cat((context, query), 1)
        return ItemDocuments(items, self._draw_labels(items, "fixed", generator))

    def batch(self, documents: ItemDocuments) -> Batch:
        """The documents for ``training.loop.fit``; every label carries a signal.

        Raises:
            ValueError: items or labels out of range, or of other shapes.
        """
        items, labels = self._check(documents)
        tokens = torch.stack((items + 1 + self.labels, labels + 1), -1).flatten(1)
        mask = (torch.arange(tokens.shape[1]) % 2 == 1).repeat(len(tokens), 1)
        return Batch(F.pad(tokens[:, :-1], (1, 0)), tokens, mask)

    def label_log_probs(
        self, logits: Float[Tensor, "n time vocab"]
    ) -> Float[Tensor, "n places labels"]:
        """A decoder's belief about each label: its logits on a batch, over the labels alone."""
        check_floats("logits", logits)
        if logits.dim() != 3 or logits.shape[2] <= self.labels:
            raise ValueError(f"logits must be [n, time, vocab]; got {describe(logits)}")
        labels = logits[:, 1::2, 1 : self.labels + 1]
        check_scores("logits", labels)
        return labels.log_softmax(-1)

    def posterior(self, documents: ItemDocuments) -> Float[Tensor, "n places labels"]:
        """What the best predictor believes about each label before it is read.

        With the fixed mapping, the item's label, whatever stands in the context. With a mapping for
        each document, the label that the item had earlier, and where it is new, every label alike.

        Raises:
            ValueError: items or labels out of range, or of other shapes.
        """
        items, labels = self._check(documents)
        if self.mapping == "fixed":
            return F.one_hot(self.usual_label(items), self.labels).double()
        same = items[:, :, None] == items[:, None]
        earlier = same.tril(-1)
        # The latest place with the same item; a document that is drawn has one label for all.
        place = torch.arange(items.shape[1])
        latest = torch.where(earlier, place, -1).amax(-1)
        told = F.one_hot(labels.gather(1, latest.clamp(min=0)), self.labels).double()
        return torch.where((latest >= 0)[..., None], told, 1 / self.labels)

    def _any_items(self, n: int, generator: torch.Generator) -> Tensor:
        return torch.randint(self.items, (n, self.pairs + 1), generator=generator)

    def _bursty_items(self, n: int, generator: torch.Generator) -> Tensor:
        few = self.pairs // self.copies
        chosen = torch.rand(n, self.items, generator=generator).topk(few, -1).indices
        order = torch.rand(n, self.pairs, generator=generator).argsort(-1)
        context = chosen.repeat(1, self.copies).gather(1, order)
        asked = torch.randint(few, (n, 1), generator=generator)
        return torch.cat((context, chosen.gather(1, asked)), 1)

    def _draw_labels(self, items: Tensor, mapping: str, generator: torch.Generator) -> Tensor:
        usual = self.usual_label(items)
        if mapping == "fixed":
            return usual
        # A number for each item of each document, read where the item stands.
        size, n = (self.labels if mapping == "per document" else self.labels - 1), len(items)
        drawn = torch.randint(size, (n, self.items), generator=generator).gather(1, items)
        return drawn if mapping == "per document" else (usual + 1 + drawn) % self.labels

    def _check(self, documents: ItemDocuments) -> ItemDocuments:
        check_kind("documents", documents, ItemDocuments)
        items, labels = documents
        rows = getattr(items, "shape", ())[:1]
        check_ids("items", items, (*rows, self.pairs + 1), self.items)
        check_ids("labels", labels, items.shape, self.labels)
        return ItemDocuments(items, labels)
