"""Repetition in a text: which tokens lie in a repeated n-gram, and in which loop a text ends.

Taught in: book/degeneration.ipynb.
"""

import torch
from jaxtyping import Bool, Int
from torch import Tensor

from nlgnotes.validation import check_count, check_tokens

__all__ = ["loop_period", "previous_tokens", "repeated_ngrams", "times_before"]

# -- which tokens repeat ----------------------------------------------------------------------


def times_before(
    tokens: Int[Tensor, "batch time"], lengths: Int[Tensor, " batch"], n: int
) -> Int[Tensor, "batch time"]:
    """How often the n-gram that *ends* at each token was already there, overlaps counted; 0 where fewer than n tokens are.

    Raises:
        ValueError: ``n`` below 1, or lengths that do not fit.

    >>> times_before(torch.tensor([[5, 6, 5, 6, 5, 6]]), torch.tensor([6]), 2)
    tensor([[0, 0, 0, 1, 1, 2]])
    """
    _check_lengths(tokens, lengths)
    check_count("n", n)
    batch, time = tokens.shape
    count = torch.zeros(batch, time, dtype=torch.long)
    if n > time:
        return count
    # A number for every n-gram, equal for equals within a row: one word more at each turn.
    code = torch.arange(batch)[:, None].expand(batch, time)
    word = tokens.unique(return_inverse=True)[1]
    for m in range(n):
        code = (code[:, : time - m] * (int(word.max()) + 1) + word[:, m:]).unique(
            return_inverse=True
        )[1]
    ends = torch.arange(n, time + 1) <= lengths[:, None]
    grams = code[ends]
    order = grams.argsort(stable=True)  # equals stay in the order in which they stand
    sorted_grams, place = grams[order], torch.arange(len(grams))
    first = torch.ones_like(sorted_grams, dtype=torch.bool)
    first[1:] = sorted_grams[1:] != sorted_grams[:-1]
    count[:, n - 1 :][ends] = torch.empty_like(grams).scatter_(
        0, order, place - torch.where(first, place, 0).cummax(0).values
    )
    return count


def repeated_ngrams(
    tokens: Int[Tensor, "batch time"], lengths: Int[Tensor, " batch"], n: int = 4
) -> Bool[Tensor, "batch time"]:
    """Which tokens lie in an n-gram that already stands earlier in the text: the candidates of sequence-level unlikelihood.

    Welleck et al. 2020 (arXiv:1908.04319), Eq. 7 and 8, where such a token's only candidate is itself. (Their code leaves
    out the n-gram that ends with the text's last token.)

    Raises:
        ValueError: ``n`` below 1, or lengths that do not fit.

    >>> repeated_ngrams(torch.tensor([[7, 5, 6, 9, 5, 6]]), torch.tensor([6]), n=2)
    tensor([[False, False, False, False,  True,  True]])
    """
    ends = times_before(tokens, lengths, n) > 0
    out = ends.clone()
    for back in range(1, min(n, tokens.shape[1])):
        out[:, :-back] |= ends[:, back:]
    return out


def loop_period(
    tokens: Int[Tensor, "batch time"], lengths: Int[Tensor, " batch"], times: int = 3
) -> Int[Tensor, " batch"]:
    """The period of the loop in which a text ends, 0 if it ends in none.

    That is the smallest p such that its last p tokens stand at its end ``times`` times in a row. Holtzman et al. 2020
    (arXiv:1904.09751) count a phrase of at least two tokens repeated at least three times.

    Raises:
        ValueError: ``times`` below 2, or lengths that do not fit.

    >>> loop_period(torch.tensor([[1, 5, 6, 5, 6, 5, 6], [1, 2, 3, 4, 5, 6, 7]]), torch.tensor([7, 7]))
    tensor([2, 0])
    """
    _check_lengths(tokens, lengths)
    check_count("times", times, 2)
    back = lengths[:, None] - 1 - torch.arange(tokens.shape[1])  # the end of every row first
    ending = torch.where(back >= 0, tokens.gather(1, back.clamp(min=0)), -1)
    period = torch.zeros_like(lengths)
    for p in range(1, tokens.shape[1] // times + 1):
        reach = (times - 1) * p
        same = (ending[:, :reach] == ending[:, p : p + reach]).all(-1) & (lengths >= times * p)
        period = torch.where((period == 0) & same, p, period)
    return period


def previous_tokens(
    tokens: Int[Tensor, "batch time"], vocab_size: int
) -> Bool[Tensor, "batch time vocab"]:
    r"""The candidates of token-level unlikelihood: :math:`C^t = \{x_1, \dots, x_{t-1}\} \setminus \{x_t\}`.

    Welleck et al. 2020 (arXiv:1908.04319), Eq. 5. ``tokens`` are the targets, the start token left out.

    Raises:
        ValueError: an empty batch, or an id outside the vocabulary.

    >>> previous_tokens(torch.tensor([[2, 1, 2]]), 3)[0].nonzero().tolist()  # [t, candidate]
    [[1, 2], [2, 1]]
    """
    check_tokens("tokens", tokens, vocab_size)
    batch, time = tokens.shape
    place = torch.arange(time)
    first = torch.full((batch, vocab_size), time).scatter_reduce_(
        1, tokens, place.expand(batch, time), "amin"
    )
    return (first[:, None] < place[:, None]).scatter_(-1, tokens[..., None], False)


def _check_lengths(tokens: Tensor, lengths: Tensor) -> None:
    if tokens.dim() != 2 or tokens.shape[0] == 0 or lengths.shape != tokens.shape[:1]:
        raise ValueError(
            f"tokens must hold one text per length; got {tuple(tokens.shape)} tokens and {tuple(lengths.shape)} lengths"
        )
    if int(lengths.min()) < 0 or int(lengths.max()) > tokens.shape[1]:
        raise ValueError(
            f"lengths must lie in [0, {tokens.shape[1]}]; got {int(lengths.min())} to {int(lengths.max())}"
        )
