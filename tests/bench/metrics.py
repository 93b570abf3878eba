"""Metrics of n-grams by counting, against NLTK, and how self-BLEU grows with the texts."""

from collections.abc import Callable, Iterator

import torch

from bench.timing import Comparison, Curve, peer
from nlgnotes.documents import Documents
from nlgnotes.equations.metrics import bleu, bleu_counts, distinct_n, self_bleu
from nlgnotes.languages import Newswire
from nlgnotes.randomness import generator

N = 3
TEXTS = 60
QUADRATIC = "Theirs compares every text with every other one; ours counts all n-grams once."


def comparisons() -> Iterator[Comparison | Curve]:
    """Texts of the newswire: alike enough that no text is without a common trigram."""
    score, util = peer("nltk.translate.bleu_score"), peer("nltk.util")
    weights = (1 / N,) * N
    texts, others = documents(TEXTS, "texts"), documents(TEXTS, "others")
    lists, references = as_lists(texts), as_lists(others)

    def their_self_bleu() -> float:
        each = [
            score.sentence_bleu(lists[:i] + lists[i + 1 :], text, weights=weights)
            for i, text in enumerate(lists)
        ]
        return sum(each) / len(each)

    yield row(
        f"self-BLEU-{N}, {TEXTS} texts",
        lambda: self_bleu(texts.tokens, texts.lengths, N),
        their_self_bleu,
        note=QUADRATIC,
    )
    yield row(
        f"BLEU-{N}, {TEXTS} texts, {TEXTS} references each",
        lambda: bleu(bleu_counts(texts, others, N)),
        lambda: score.corpus_bleu([references] * TEXTS, lists, weights=weights),
        note=QUADRATIC,
    )

    def their_distinct() -> float:
        grams = [gram for text in lists for gram in util.ngrams(text, 2)]
        return len(set(grams)) / len(grams)

    yield row(
        f"distinct-2, {TEXTS} texts",
        lambda: distinct_n(texts.tokens, texts.lengths, 2),
        their_distinct,
    )
    yield Curve(
        name=f"self-BLEU-{N}",
        variable="texts",
        sizes=(125, 250, 500, 1000, 2000),
        prepare=prepared,
    )


def row(
    name: str, ours: Callable[[], float], theirs: Callable[[], float], note: str = ""
) -> Comparison:
    """One number of a corpus, by both."""
    return Comparison(
        name=name,
        unit="texts",
        work=TEXTS,
        ours=ours,
        peer=theirs,
        peer_name="NLTK",
        aim=1.0,
        agree=same_number,
        note=note,
    )


def documents(count: int, name: str) -> Documents:
    """Texts of the newswire."""
    return Newswire.standard().sample(count, generator(0, "metrics", name))


def as_lists(texts: Documents) -> list[list[int]]:
    """The same texts as lists of ids."""
    pairs = zip(texts.tokens, texts.lengths.tolist(), strict=True)
    return [tokens[:length].tolist() for tokens, length in pairs]


def prepared(count: int) -> Callable[[], float]:
    """Self-BLEU of so many texts."""
    texts = documents(count, "growing")
    return lambda: self_bleu(texts.tokens, texts.lengths, N)


def same_number(ours: float, theirs: float) -> None:
    """Equal to rounding, and neither 0 nor 1, where no count would matter."""
    assert 0.01 < ours < 0.99, f"{ours} says little"
    torch.testing.assert_close(ours, theirs, atol=1e-12, rtol=0)
