"""Repetition in a text: which tokens lie in a repeated n-gram, and in which loop a text ends.

Taught in: book/repetition.ipynb.
"""

from typing import SupportsIndex

import torch
from jaxtyping import Bool, Int
from torch import Tensor

from nlgnotes.validation import check_count, check_lengths, check_tokens

__all__ = ["loop_period", "previous_tokens", "repeated_ngrams", "times_before"]


def times_before(
    tokens: Int[Tensor, "batch time"], lengths: Int[Tensor, " batch"], n: SupportsIndex
) -> Int[Tensor, "batch time"]:
    """How often the n-gram that *ends* at each token was already there, overlaps counted.

    Args:
        tokens, lengths: texts; what stands after a text's length is not looked at.
        n: length of the n-grams, at least 1.

    Returns:
        A count for each token; 0 where fewer than n tokens are, and behind the text.

    Raises:
        ValueError: ``n`` below 1, or tokens and lengths that are no texts.

    >>> times_before(torch.tensor([[5, 6, 5, 6, 5, 6]]), torch.tensor([6]), 2)
    tensor([[0, 0, 0, 1, 1, 2]])
    """
    check_lengths(tokens, lengths)
    n = check_count("n", n)
    batch, time = tokens.shape
    count = torch.zeros(batch, time, dtype=torch.long)
    if n > time:
        return count
    # A number for every n-gram, equal for equals within a row: one word more at each turn.
    code = torch.arange(batch)[:, None].expand(batch, time)
    word = tokens.unique(return_inverse=True)[1]
    words = int(word.max()) + 1
    for m in range(n):
        longer = code[:, : time - m] * words + word[:, m:]
        # Numbered anew at each turn, or the codes of long n-grams would overflow.
        code = longer.unique(return_inverse=True)[1]
    ends = torch.arange(n, time + 1) <= lengths[:, None]
    grams = code[ends]
    order = grams.argsort(stable=True)  # equals stay in the order in which they stand
    sorted_grams, place = grams[order], torch.arange(len(grams))
    # In a group of equals, the place less that of the group's first one is how many came before.
    first = torch.ones_like(sorted_grams, dtype=torch.bool)
    first[1:] = sorted_grams[1:] != sorted_grams[:-1]
    before = place - torch.where(first, place, 0).cummax(0).values
    count[:, n - 1 :][ends] = torch.empty_like(grams).scatter_(0, order, before)
    return count


def repeated_ngrams(
    tokens: Int[Tensor, "batch time"], lengths: Int[Tensor, " batch"], n: SupportsIndex = 4
) -> Bool[Tensor, "batch time"]:
    """Which tokens lie in an n-gram that already stands earlier in the text.

    The candidates of sequence-level unlikelihood: Welleck et al. 2020 (arXiv:1908.04319), Eq. 7 and
    8, where such a token's only candidate is itself. (Their code leaves out the n-gram that ends
    with the text's last token.)

    Args:
        tokens, lengths: texts; what stands after a text's length is not looked at.
        n: length of the n-grams, at least 1.

    Returns:
        True for the tokens in a repeated n-gram.

    Raises:
        ValueError: ``n`` below 1, or tokens and lengths that are no texts.

    >>> repeated_ngrams(torch.tensor([[7, 5, 6, 9, 5, 6]]), torch.tensor([6]), n=2)
    tensor([[False, False, False, False,  True,  True]])
    """
    check_lengths(tokens, lengths)
    n = check_count("n", n)
    ends = times_before(tokens, lengths, n) > 0
    out = ends.clone()
    for back in range(1, min(n, tokens.shape[1])):
        out[:, :-back] |= ends[:, back:]
    return out


def loop_period(
    tokens: Int[Tensor, "batch time"], lengths: Int[Tensor, " batch"], times: SupportsIndex = 3
) -> Int[Tensor, " batch"]:
    """The period of the loop in which a text ends, 0 if it ends in none.

    That is the smallest p such that its last p tokens stand at its end ``times`` times in a row.
    Holtzman et al. 2020 (arXiv:1904.09751) count a phrase of at least two tokens repeated at least
    three times.

    Args:
        tokens, lengths: texts; what stands after a text's length is not looked at.
        times: how often the phrase must stand there, at least 2.

    Returns:
        The period of each text, in tokens.

    Raises:
        ValueError: ``times`` below 2, or tokens and lengths that are no texts.

    >>> texts = torch.tensor([[1, 5, 6, 5, 6, 5, 6], [1, 2, 3, 4, 5, 6, 7]])
    >>> loop_period(texts, torch.tensor([7, 7]))
    tensor([2, 0])
    """
    check_lengths(tokens, lengths)
    times = check_count("times", times, 2)
    back = lengths[:, None] - 1 - torch.arange(tokens.shape[1])  # the end of every row first
    ending = torch.where(back >= 0, tokens.gather(1, back.clamp(min=0)), -1)
    period = torch.zeros_like(lengths)
    for p in range(1, tokens.shape[1] // times + 1):
        reach = (times - 1) * p
        same = (ending[:, :reach] == ending[:, p : p + reach]).all(-1) & (lengths >= times * p)
        period = torch.where((period == 0) & same, p, period)
    return period


def previous_tokens(
    tokens: Int[Tensor, "batch time"], vocab_size: SupportsIndex
) -> Bool[Tensor, "batch time vocab"]:
    r"""The candidates of token-level unlikelihood: all tokens before this one, but not this one.

    :math:`C^t = \{x_1, \dots, x_{t-1}\} \setminus \{x_t\}`.
    Welleck et al. 2020 (arXiv:1908.04319), Eq. 5.

    Args:
        tokens: the targets, int64, the start token left out.
        vocab_size: how many ids there are, at least 1.

    Returns:
        True for the candidates of each position.

    Raises:
        ValueError: an empty batch, an id outside the vocabulary, or a vocabulary of none.

    >>> previous_tokens(torch.tensor([[2, 1, 2]]), 3)[0].nonzero().tolist()  # [t, candidate]
    [[1, 2], [2, 1]]
    """
    vocab_size = check_count("vocab_size", vocab_size)
    check_tokens("tokens", tokens, vocab_size)
    batch, time = tokens.shape
    # Where each token of the vocabulary stands first; a token is a candidate from the next place.
    place = torch.arange(time)
    first = torch.full((batch, vocab_size), time)
    first.scatter_reduce_(1, tokens, place.expand(batch, time), "amin")
    return (first[:, None] < place[:, None]).scatter_(-1, tokens[..., None], False)
