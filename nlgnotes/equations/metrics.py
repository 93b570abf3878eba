"""Numbers of a set of texts: diversity, overlap, repetition. All by counting; nothing compares texts pairwise.

A set of texts is ``tokens`` [documents, time] with ``lengths`` [documents]; what stands after a text's length is
not looked at. Functions of a whole corpus return one number, functions of each text a tensor of one number per text.

Taught in: book/sampling.ipynb.
"""

from typing import Protocol, runtime_checkable

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from nlgnotes.validation import check_count

__all__ = [
    "Texts",
    "bleu",
    "bleu_counts",
    "corpus_bleu",
    "distinct_n",
    "distinct_n_per_document",
    "exact_match",
    "ngram_entropy",
    "self_bleu",
    "self_bleu_per_document",
    "seq_rep_n",
    "seq_rep_n_per_document",
]

Tokens = Int[Tensor, "documents time"]


Lengths = Int[Tensor, "documents"]


@runtime_checkable
class Texts(Protocol):
    """Anything that holds texts: ``Documents`` of a language, a ``Generation``."""

    tokens: Tensor
    lengths: Tensor


def distinct_n(tokens: Tokens, lengths: Lengths, n: int = 2) -> float:
    """Different n-grams over all n-grams of the corpus (Li et al. 2016, arXiv:1510.03055; they divide by the tokens).

    Raises:
        ValueError: no text has n tokens, or tokens and lengths do not fit.

    >>> distinct_n(torch.tensor([[1, 2, 1, 2]]), torch.tensor([4]), n=2)
    0.6666666666666666
    """
    _, grams = _ngrams(tokens, lengths, n)[-1]
    _check_some(grams, n)
    return len(np.unique(grams)) / len(grams)


def distinct_n_per_document(
    tokens: Tokens, lengths: Lengths, n: int = 2
) -> Float[Tensor, "documents"]:
    """For each text the mean, over its n-grams, of 1 / how often the corpus has that n-gram; 0 for a text of fewer than n tokens.

    Weighted by the number of n-grams of each text, the mean over the texts is :func:`distinct_n`: an n-gram that occurs
    c times counts c times 1/c. So, for texts of one length, distinct-n is a mean over texts and can be bootstrapped like one.

    >>> distinct_n_per_document(torch.tensor([[1, 2], [1, 2], [3, 4]]), torch.tensor([2, 2, 2]), n=2)
    tensor([0.5000, 0.5000, 1.0000], dtype=torch.float64)
    """
    documents, grams = _ngrams(tokens, lengths, n)[-1]
    share = np.bincount(documents, 1 / np.bincount(grams)[grams], minlength=len(lengths))
    return torch.from_numpy(share / np.maximum(np.bincount(documents, minlength=len(lengths)), 1))


def ngram_entropy(tokens: Tokens, lengths: Lengths, n: int = 1) -> float:
    """Entropy, in nats, of the relative frequencies of the corpus's n-grams: another measure of diversity.

    Raises:
        ValueError: no text has n tokens, or tokens and lengths do not fit.

    >>> round(ngram_entropy(torch.tensor([[1, 2, 1, 2]]), torch.tensor([4]), n=1), 4)
    0.6931
    """
    _, grams = _ngrams(tokens, lengths, n)[-1]
    _check_some(grams, n)
    p = np.unique(grams, return_counts=True)[1] / len(grams)
    return float(-(p * np.log(p)).sum())


def seq_rep_n(tokens: Tokens, lengths: Lengths, n: int = 4) -> float:
    """The mean over the texts of :func:`seq_rep_n_per_document`."""
    return float(seq_rep_n_per_document(tokens, lengths, n).mean())


def seq_rep_n_per_document(
    tokens: Tokens, lengths: Lengths, n: int = 4
) -> Float[Tensor, "documents"]:
    r"""For each text :math:`1 - |\text{unique n-grams}| / |\text{n-grams}|` (Welleck et al. 2020, arXiv:1908.04319).

    A text of fewer than n tokens repeats nothing: 0.

    >>> seq_rep_n_per_document(torch.tensor([[1, 2, 1, 2, 1]]), torch.tensor([5]), n=2)
    tensor([0.5000], dtype=torch.float64)
    """
    documents, grams = _ngrams(tokens, lengths, n)[-1]
    total = np.bincount(documents, minlength=len(lengths))
    different = np.bincount(_counts(documents, grams)[0], minlength=len(lengths))
    return torch.from_numpy(np.where(total > 0, 1 - different / np.maximum(total, 1), 0))


def self_bleu(tokens: Tokens, lengths: Lengths, n: int = 3) -> float:
    """The mean over the texts of :func:`self_bleu_per_document`: high where the texts are alike."""
    return float(self_bleu_per_document(tokens, lengths, n).mean())


def self_bleu_per_document(
    tokens: Tokens, lengths: Lengths, n: int = 3
) -> Float[Tensor, "documents"]:
    """For each text its BLEU with all the others as references (Zhu et al. 2018, arXiv:1802.01886); see :func:`bleu`.

    Raises:
        ValueError: fewer than two texts, or tokens and lengths do not fit.
    """
    if len(lengths) < 2:
        raise ValueError(f"tokens must hold at least 2 texts; got {len(lengths)}")
    matched = []
    for documents, grams in _ngrams(tokens, lengths, n):
        owner, gram, count = _counts(documents, grams)
        best, holder, second = _two_largest(owner, gram, count)
        most = np.where(owner == holder[gram], second[gram], best[gram])
        matched.append(np.bincount(owner, np.minimum(count, most), minlength=len(lengths)))
    # The nearest length among the others stands beside one's own in the sorted list.
    size = lengths.numpy()
    order = np.argsort(size, kind="stable")
    far = np.concatenate([[-(2**40)], size[order], [2**40]])
    nearest = np.empty_like(size)
    nearest[order] = np.where(size[order] - far[:-2] <= far[2:] - size[order], far[:-2], far[2:])
    return torch.from_numpy(_bleu(_statistics(matched, size, nearest)))


def bleu_counts(
    hypotheses: Texts, references: Texts, n: int = 3
) -> Int[Tensor, "documents counts"]:
    """What BLEU needs of each hypothesis against all references: n matches, n totals, its length, the nearest reference's.

    A match is an m-gram of the hypothesis, counted at most as often as in the reference that has most of it. Corpus
    BLEU is a function of the sum over rows, so that its interval is a bootstrap over them:
    ``bootstrap_interval(bleu_counts(hypotheses, references), bleu, generator)``.

    Raises:
        ValueError: no hypothesis or reference, or tokens and lengths do not fit.
    """
    lengths, other = hypotheses.lengths, references.lengths
    if not len(lengths) or not len(other):
        raise ValueError(
            f"hypotheses and references must not be empty; got {len(lengths)} and {len(other)} texts"
        )
    both = [*hypotheses.tokens.unbind(), *references.tokens.unbind()]
    both = torch.nn.utils.rnn.pad_sequence(both, batch_first=True)
    matched = []
    for documents, grams in _ngrams(both, torch.cat([lengths, other]), n):
        owner, gram, count = _counts(documents, grams)
        ours = owner < len(lengths)
        most = np.zeros(gram.max(initial=-1) + 1, dtype=np.int64)
        np.maximum.at(most, gram[~ours], count[~ours])
        matched.append(
            np.bincount(owner[ours], np.minimum(count, most[gram])[ours], minlength=len(lengths))
        )
    size, other = (
        lengths.numpy(),
        np.unique(other.numpy()),
    )  # upwards, so that argmin takes the shorter of two
    nearest = other[np.abs(size[:, None] - other[None]).argmin(1)]
    return torch.from_numpy(_statistics(matched, size, nearest))


def bleu(counts: Int[Tensor, "documents counts"] | np.ndarray) -> float:
    r"""BLEU of a corpus (Papineni et al. 2002): :math:`\min(1, e^{1 - r/c})\,(\prod_{m=1}^n p_m)^{1/n}`.

    :math:`p_m` is all matches over all m-grams, c the length of the corpus and r the sum of the nearest references'
    lengths (of two equally near, the shorter). Nothing is smoothed: no match at some m gives 0.

    Args:
        counts: rows of :func:`bleu_counts`, or a resample of them.
    """
    return float(_bleu(np.asarray(counts).sum(0, keepdims=True))[0])


def corpus_bleu(hypotheses: Texts, references: Texts, n: int = 3) -> float:
    """:func:`bleu` of all hypotheses against all references; each is anything with ``tokens`` and ``lengths``.

    Raises:
        ValueError: no hypothesis or reference, or tokens and lengths do not fit.
    """
    return bleu(bleu_counts(hypotheses, references, n))


def _statistics(matched: list[np.ndarray], size: np.ndarray, nearest: np.ndarray) -> np.ndarray:
    total = [np.maximum(size - m, 0) for m in range(len(matched))]
    return np.stack([*matched, *total, size, nearest], -1).astype(np.int64)


def _bleu(counts: np.ndarray) -> np.ndarray:
    n = counts.shape[-1] // 2 - 1
    matched, total, size, nearest = (
        counts[:, :n],
        counts[:, n : 2 * n],
        counts[:, -2],
        counts[:, -1],
    )
    with np.errstate(divide="ignore"):
        mean = np.log(matched / np.maximum(total, 1)).mean(-1)
    return np.exp(mean + np.minimum(0, 1 - nearest / np.maximum(size, 1)))


def _ngrams(tokens: Tensor, lengths: Tensor, n: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """For m = 1..n, of every m-gram in the corpus: its text, and a number from 0 that is the same for equal m-grams."""
    check_count("n", n)
    if tokens.shape[0] == 0 or len(lengths) != tokens.shape[0]:
        raise ValueError(
            f"tokens must hold one text per length; got {tuple(tokens.shape)} tokens and {len(lengths)} lengths"
        )
    size = lengths.numpy()
    if size.min() < 0 or size.max() > tokens.shape[1]:
        raise ValueError(
            f"lengths must lie in [0, {tokens.shape[1]}]; got {size.min()} to {size.max()}"
        )
    place = np.arange(tokens.shape[1])
    word = np.unique(tokens.numpy(), return_inverse=True)[1].reshape(tokens.shape).astype(np.int64)
    code, out = np.zeros_like(word), []
    for m in range(1, n + 1):
        inside = place[None] + m <= size[:, None]
        # the (m-1)-gram that starts here, then one word more
        code = (
            code * (word.max(initial=0) + 1)
            + np.pad(word, ((0, 0), (0, m)))[:, m - 1 : m - 1 + len(place)]
        )
        numbers = np.unique(code[inside], return_inverse=True)[1]
        code = np.zeros_like(word)
        code[inside] = numbers
        out.append((np.nonzero(inside)[0], numbers))
    return out


def _counts(documents: np.ndarray, grams: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Of every (text, m-gram) that occurs: the text, the m-gram, how often."""
    base = int(grams.max(initial=0)) + 1
    keys, count = np.unique(documents * base + grams, return_counts=True)
    return keys // base, keys % base, count


def _two_largest(
    owner: np.ndarray, gram: np.ndarray, count: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Of every m-gram: its largest count in a text, that text, and the largest count in another (0 if there is none)."""
    order = np.lexsort((-count, gram))
    gram, owner, count = gram[order], owner[order], count[order]
    first = np.flatnonzero(np.diff(gram, prepend=-1))
    after = np.minimum(first + 1, max(len(gram) - 1, 0))
    second = np.where((first + 1 < len(gram)) & (gram[after] == gram[first]), count[after], 0)
    return count[first], owner[first], second


def _check_some(grams: np.ndarray, n: int) -> None:
    if not len(grams):
        raise ValueError(f"tokens must hold a text of at least n = {n} tokens; got none")


def exact_match(
    logits: Float[Tensor, "batch time vocab"],
    targets: Int[Tensor, "batch time"],
    mask: Bool[Tensor, "batch time"],
) -> Bool[Tensor, " batch"]:
    """Whether greedy writing would give exactly the target: each token is the most likely one after the target before it.

    No text need be written for it: as long as the greedy text agrees with the target, both have the same past.
    For a decoder fed by :func:`decoder_batch` the mask must be that of ``signal="target"``. Taught in: book/architectures.ipynb.

    >>> logits = torch.tensor([[[0.0, 1.0], [1.0, 0.0]]])
    >>> exact_match(logits, torch.tensor([[1, 1]]), torch.tensor([[True, False]]))
    tensor([True])
    """
    return ((logits.argmax(-1) == targets) | ~mask).all(-1)
