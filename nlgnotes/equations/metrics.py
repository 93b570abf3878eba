"""Metrics of a set of texts: diversity, overlap with references, repetition.

All by counting; nothing compares texts pairwise. A set of texts is ``tokens`` [documents, time]
with ``lengths`` [documents]; what stands after a text's length is not looked at. Functions of a
whole corpus return one number, functions of each text a tensor of one number per text.

A text of fewer than n tokens has no n-gram, and so neither diversity nor overlap nor repetition of
order n. The functions of a corpus leave it out; those of each text give it 0, the value of a text
of which no n-gram matches, and whoever takes a mean leaves it out: ``lengths >= n``.

Taught in: book/sampling.ipynb.
"""

from typing import Protocol, SupportsIndex, runtime_checkable

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from nlgnotes.equations.ngrams import ngram_counts, ngrams, two_largest
from nlgnotes.validation import (
    FLOATS,
    check_count,
    check_ids,
    check_lengths,
    check_mask,
    check_scores,
    describe,
    is_int64,
)

__all__ = [
    "Texts",
    "bleu",
    "bleu_counts",
    "distinct_n",
    "distinct_n_per_document",
    "exact_match",
    "self_bleu",
    "self_bleu_per_document",
    "seq_rep_n_per_document",
]

Tokens = Int[Tensor, "documents time"]
Lengths = Int[Tensor, " documents"]


@runtime_checkable
class Texts(Protocol):
    """Anything that holds texts: ``Documents`` of a language, a ``Generation``."""

    tokens: Tensor
    lengths: Tensor


def distinct_n(tokens: Tokens, lengths: Lengths, n: SupportsIndex = 2) -> float:
    """Distinct-n: different n-grams over all n-grams of the corpus.

    Li et al. 2016 (arXiv:1510.03055); they divide by the tokens.

    Args:
        tokens, lengths: the texts; those of fewer than n tokens have no n-gram.
        n: length of the n-grams, at least 1.

    Returns:
        A share, in (0, 1]: 1 where no n-gram occurs twice.

    Raises:
        ValueError: no text has n tokens, ``n`` below 1, or tokens and lengths that are no texts.

    >>> distinct_n(torch.tensor([[1, 2, 1, 2]]), torch.tensor([4]), n=2)
    0.6666666666666666
    """
    _, grams = ngrams(tokens, lengths, n)[-1]
    _check_some(lengths, n)
    return (int(grams.max()) + 1) / len(grams)


def distinct_n_per_document(
    tokens: Tokens, lengths: Lengths, n: SupportsIndex = 2
) -> Float[Tensor, " documents"]:
    """For each text the mean, over its n-grams, of 1 / how often the corpus has that n-gram.

    Weighted by the number of n-grams of each text, the mean over the texts is :func:`distinct_n`:
    an n-gram that occurs c times counts c times 1/c. These numbers are not independent: a text
    lowers those of all texts that share an n-gram with it. So their mean has not the error of a
    mean; see ``intervals.jackknife_interval``.

    Args:
        tokens, lengths: the texts.
        n: length of the n-grams, at least 1.

    Returns:
        A share for each text; 0 for one of fewer than n tokens, which no mean should take.

    Raises:
        ValueError: ``n`` below 1, or tokens and lengths that are no texts.

    >>> distinct_n_per_document(torch.tensor([[1, 2], [1, 2], [3, 4]]), torch.tensor([2, 2, 2]))
    tensor([0.5000, 0.5000, 1.0000], dtype=torch.float64)
    """
    documents, grams = ngrams(tokens, lengths, n)[-1]
    share = np.bincount(documents, 1 / np.bincount(grams)[grams], minlength=len(lengths))
    return torch.from_numpy(share / np.maximum(np.bincount(documents, minlength=len(lengths)), 1))


def seq_rep_n_per_document(
    tokens: Tokens, lengths: Lengths, n: SupportsIndex = 4
) -> Float[Tensor, " documents"]:
    r"""Seq-rep-n of each text: :math:`1 - |\text{unique n-grams}| / |\text{n-grams}|`.

    Welleck et al. 2020 (arXiv:1908.04319).

    Args:
        tokens, lengths: the texts.
        n: length of the n-grams, at least 1.

    Returns:
        A share for each text, in [0, 1); 0 for one of fewer than n tokens, which repeats nothing.

    Raises:
        ValueError: ``n`` below 1, or tokens and lengths that are no texts.

    >>> seq_rep_n_per_document(torch.tensor([[1, 2, 1, 2, 1]]), torch.tensor([5]), n=2)
    tensor([0.5000], dtype=torch.float64)
    """
    documents, grams = ngrams(tokens, lengths, n)[-1]
    total = np.bincount(documents, minlength=len(lengths))
    different = np.bincount(ngram_counts(documents, grams)[0], minlength=len(lengths))
    return torch.from_numpy(np.where(total > 0, 1 - different / np.maximum(total, 1), 0))


def self_bleu(tokens: Tokens, lengths: Lengths, n: SupportsIndex = 3) -> float:
    """Self-BLEU: the mean over the texts of :func:`self_bleu_per_document`; high if they are alike.

    Args:
        tokens, lengths: the texts, at least two. One of fewer than n tokens is a reference for the
            others and has no BLEU of its own.
        n: length of the longest n-grams, at least 1.

    Returns:
        A number in [0, 1].

    Raises:
        ValueError: no text has n tokens, or as :func:`self_bleu_per_document`.

    >>> self_bleu(torch.tensor([[1, 2, 3], [1, 2, 3], [1, 2, 0]]), torch.tensor([3, 3, 2]))
    1.0
    """
    each = self_bleu_per_document(tokens, lengths, n)
    _check_some(lengths, n)
    return float(each[lengths.cpu() >= check_count("n", n)].mean())


def self_bleu_per_document(
    tokens: Tokens, lengths: Lengths, n: SupportsIndex = 3
) -> Float[Tensor, " documents"]:
    """For each text its BLEU with all the others as references; see :func:`bleu`.

    Zhu et al. 2018 (arXiv:1802.01886). Each text is a reference for the others: of the error of
    the mean see ``intervals.jackknife_interval``.

    Args:
        tokens, lengths: the texts, at least two.
        n: length of the longest n-grams, at least 1.

    Returns:
        A number in [0, 1] for each text; 0 for one of fewer than n tokens, which no mean should
        take.

    Raises:
        ValueError: fewer than two texts, ``n`` below 1, or tokens and lengths that are no texts.
    """
    check_lengths(tokens, lengths)
    if len(lengths) < 2:
        raise ValueError(f"tokens must hold at least 2 texts; got {len(lengths)}")
    matched = []
    for documents, grams in ngrams(tokens, lengths, n):
        owner, gram, count = ngram_counts(documents, grams)
        best, holder, second = two_largest(owner, gram, count)
        most = np.where(owner == holder[gram], second[gram], best[gram])
        matched.append(np.bincount(owner, np.minimum(count, most), minlength=len(lengths)))
    # The nearest length among the others stands beside one's own in the sorted list. An empty text
    # has no words to be near to.
    size = lengths.cpu().numpy().astype(np.int64)
    order = np.argsort(size, kind="stable")[(size == 0).sum() :]
    far = np.concatenate([[-(2**40)], size[order], [2**40]])
    nearest = np.zeros_like(size)
    nearest[order] = np.where(size[order] - far[:-2] <= far[2:] - size[order], far[:-2], far[2:])
    return torch.from_numpy(_bleu(_statistics(matched, size, nearest)))


def bleu_counts(
    hypotheses: Texts, references: Texts, n: SupportsIndex = 3
) -> Int[Tensor, "documents counts"]:
    """What BLEU needs of each hypothesis against all references.

    A match is an m-gram of the hypothesis, counted at most as often as in the reference that has
    most of it. Corpus BLEU is a function of the sum over rows, so that its interval is a bootstrap
    over them: ``bootstrap_interval(bleu_counts(hypotheses, references), bleu, generator)``.

    Args:
        hypotheses, references: anything with ``tokens`` and ``lengths``.
        n: length of the longest n-grams, at least 1.

    Returns:
        Of each hypothesis n matches, n totals, its length, and the nearest reference's. An n beyond
        the longest text counts as one more than that, where BLEU is 0 already.

    Raises:
        ValueError: no hypothesis or reference, ``n`` below 1, or tokens and lengths that are no
            texts.
    """
    for name, texts in (("hypotheses", hypotheses), ("references", references)):
        if not (hasattr(texts, "tokens") and hasattr(texts, "lengths")):
            raise ValueError(f"{name} must have tokens and lengths; got {describe(texts)}")
        check_lengths(texts.tokens, texts.lengths)
    lengths, other = hypotheses.lengths.cpu(), references.lengths.cpu()
    both = [*hypotheses.tokens.cpu().unbind(), *references.tokens.cpu().unbind()]
    both = torch.nn.utils.rnn.pad_sequence(both, batch_first=True)
    matched = []
    for documents, grams in ngrams(both, torch.cat([lengths, other]), n):
        owner, gram, count = ngram_counts(documents, grams)
        ours = owner < len(lengths)
        most = np.zeros(gram.max(initial=-1) + 1, dtype=np.int64)
        np.maximum.at(most, gram[~ours], count[~ours])
        matches = np.minimum(count, most[gram])[ours]
        matched.append(np.bincount(owner[ours], matches, minlength=len(lengths)))
    # Sorted upwards, so that of two references equally near argmin takes the shorter. An empty one
    # has no words to be near to.
    size, other = lengths.numpy().astype(np.int64), np.unique(other.numpy())
    other = other[other > 0] if other.max() > 0 else other
    nearest = other[np.abs(size[:, None] - other[None]).argmin(1)]
    return torch.from_numpy(_statistics(matched, size, nearest))


def bleu(counts: Int[Tensor, "documents counts"] | np.ndarray) -> float:
    r"""BLEU of a corpus: :math:`\min(1, e^{1 - r/c})\,(\prod_{m=1}^n p_m)^{1/n}`.

    Papineni et al. 2002. :math:`p_m` is all matches over all m-grams, c the length of the corpus
    and r the sum of the lengths of the nearest references that are not empty (of two equally near,
    the shorter). Nothing is smoothed: no match at some m gives 0, and so does a corpus without an
    m-gram.

    Args:
        counts: rows of :func:`bleu_counts`, or a resample of them.

    Returns:
        A number in [0, 1].

    Raises:
        ValueError: ``counts`` are no rows of 2 n + 2 finite numbers, none negative.
    """
    if isinstance(counts, Tensor) and counts.dtype not in FLOATS and not is_int64(counts):
        raise ValueError(f"counts must be numbers; got {describe(counts)}")
    rows = np.asarray(counts)
    if rows.ndim != 2 or not len(rows) or rows.shape[1] < 4 or rows.shape[1] % 2:
        raise ValueError(f"counts must be rows of 2 n + 2 numbers; got shape {rows.shape}")
    if not ((rows >= 0).all() and (rows < 2**53 / len(rows)).all()):  # beyond, sums are not exact
        raise ValueError(
            f"counts must be finite, from 0 to 2^53 / rows; got {rows.min()} to {rows.max()}"
        )
    return float(_bleu(rows.sum(0, keepdims=True))[0])


def exact_match(
    logits: Float[Tensor, "batch time vocab"],
    targets: Int[Tensor, "batch time"],
    mask: Bool[Tensor, "batch time"],
) -> Bool[Tensor, " batch"]:
    """Whether greedy writing would give exactly the target.

    Each token is the most likely one after the target before it. No text need be written for it: as
    long as the greedy text agrees with the target, both have the same past. For a decoder fed by
    :func:`decoder_batch` the mask must be that of ``signal="target"``.
    Taught in: book/architectures.ipynb.

    Args:
        logits: scores at each position of the target.
        targets: int64 ids.
        mask: where the target has a token; at least one in every row.

    Returns:
        One answer per row.

    Raises:
        ValueError: logits with NaN, +inf or a row of -inf; targets or a mask of another type,
            shape or vocabulary; or a row without a token.

    >>> logits = torch.tensor([[[0.0, 1.0], [1.0, 0.0]]])
    >>> exact_match(logits, torch.tensor([[1, 1]]), torch.tensor([[True, False]]))
    tensor([True])
    """
    check_scores("logits", logits)
    check_ids("targets", targets, logits.shape[:-1], logits.shape[-1])
    check_mask("mask", mask, logits.shape[:-1])
    if (empty := int((~mask.any(-1)).sum())) > 0:
        raise ValueError(f"mask must have a token in every row; got {empty} row(s) without one")
    return ((logits.argmax(-1) == targets) | ~mask).all(-1)


def _statistics(matched: list[np.ndarray], size: np.ndarray, nearest: np.ndarray) -> np.ndarray:
    total = [np.maximum(size - m, 0) for m in range(len(matched))]
    return np.stack([*matched, *total, size, nearest], -1).astype(np.int64)


def _bleu(counts: np.ndarray) -> np.ndarray:
    n = counts.shape[-1] // 2 - 1
    matched, total = counts[:, :n], counts[:, n : 2 * n]
    size, nearest = counts[:, -2], counts[:, -1]
    with np.errstate(divide="ignore"):
        mean = np.log(matched / np.maximum(total, 1)).mean(-1)
    return np.exp(mean + np.minimum(0, 1 - nearest / np.maximum(size, 1)))


def _check_some(lengths: Tensor, n: SupportsIndex) -> None:
    n = check_count("n", n)
    if int(lengths.max()) < n:
        raise ValueError(f"tokens must hold a text of at least n = {n} tokens; got none")
