"""Repetition: penalties at decoding time, which tokens repeat, and losses that push down what shall not be said.

All are pure functions of tensors; log-probabilities are natural logarithms. Taught in: book/degeneration.ipynb.
"""

import math

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from nlgnotes.validation import check_count, check_interval, check_positive, check_scores, check_tokens

__all__ = [
    "additive_penalty", "division_penalty", "log_complement", "loop_period", "negative_training_loss", "previous_tokens",
    "repeated_ngrams", "seen_tokens", "sign_penalty", "times_before", "unlikelihood", "unlikelihood_loss",
]  # fmt: skip

INF = math.inf
Scores = Float[Tensor, "*batch vocab"]
Seen = Bool[Tensor, "*batch vocab"]


# -- decoding: penalise what was already said -------------------------------------------------


def seen_tokens(tokens: Int[Tensor, "batch time"], vocab_size: int) -> Bool[Tensor, "batch vocab"]:
    """The set g of the tokens that stand in each row, as a penalty asks for it.

    Raises:
        ValueError: an empty batch, or an id outside the vocabulary.

    >>> seen_tokens(torch.tensor([[2, 0, 2]]), 4)
    tensor([[ True, False,  True, False]])
    """
    check_tokens("tokens", tokens, vocab_size, empty=True)
    return torch.zeros(len(tokens), vocab_size, dtype=torch.bool, device=tokens.device).scatter_(1, tokens, True)


def division_penalty(logits: Scores, seen: Seen, theta: float | int = 1.2) -> Scores:
    r"""The penalty of CTRL (Keskar et al. 2019, arXiv:1909.05858) and of the notes: :math:`x_i / \theta` for i in g.

    It lowers a token whose logit is positive and *raises* one whose logit is negative. The softmax does not change
    when a constant is added to all logits; this rule does, so its effect hangs on a constant that means nothing.

    Args:
        logits: x, scores before softmax.
        seen: g, True where the token was already said.
        theta: θ, above 0; 1 changes nothing.

    Raises:
        ValueError: ``theta`` is not above 0, or a row of ``logits`` is no distribution.

    >>> division_penalty(torch.tensor([3.0, -2.0, 1.0]), torch.tensor([True, True, False]), theta=2)
    tensor([ 1.5000, -1.0000,  1.0000])
    """
    check_scores("logits", logits)
    check_positive("theta", theta)
    return torch.where(seen, logits / theta, logits)


def sign_penalty(logits: Scores, seen: Seen, theta: float | int = 1.2) -> Scores:
    r"""The rule of ``transformers``: for i in g, :math:`x_i / \theta` if :math:`x_i \ge 0`, else :math:`x_i \theta`.

    For θ > 1 no seen logit rises. A constant added to all logits still changes the result.

    Args:
        logits, seen, theta: as in :func:`division_penalty`.

    Raises:
        ValueError: as :func:`division_penalty`.

    >>> sign_penalty(torch.tensor([3.0, -2.0, 1.0]), torch.tensor([True, True, False]), theta=2)
    tensor([ 1.5000, -4.0000,  1.0000])
    """
    check_scores("logits", logits)
    check_positive("theta", theta)
    return torch.where(seen, torch.where(logits < 0, logits * theta, logits / theta), logits)


def additive_penalty(logits: Scores, seen: Seen, amount: float | int = math.log(1.2)) -> Scores:
    r"""Subtract a constant: :math:`x_i - a` for i in g, so that the odds of i against a new token fall by :math:`e^{-a}`.

    Whatever is added to all logits drops out: the one rule of the three that is a function of the distribution.

    Args:
        logits, seen: as in :func:`division_penalty`.
        amount: a, in nats; log θ divides the odds by θ. Below 0 it rewards.

    Raises:
        ValueError: ``amount`` is not finite, or a row of ``logits`` is no distribution.

    >>> additive_penalty(torch.tensor([3.0, -2.0, 1.0]), torch.tensor([True, True, False]), amount=1)
    tensor([ 2., -3.,  1.])
    """
    check_scores("logits", logits)
    check_interval("amount", amount, -INF, INF, closed="neither")
    return torch.where(seen, logits - amount, logits)


# -- which tokens repeat ----------------------------------------------------------------------


def times_before(tokens: Int[Tensor, "batch time"], lengths: Int[Tensor, " batch"], n: int) -> Int[Tensor, "batch time"]:
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
        code = (code[:, : time - m] * (int(word.max()) + 1) + word[:, m:]).unique(return_inverse=True)[1]
    ends = torch.arange(n, time + 1) <= lengths[:, None]
    grams = code[ends]
    order = grams.argsort(stable=True)  # equals stay in the order in which they stand
    sorted_grams, place = grams[order], torch.arange(len(grams))
    first = torch.ones_like(sorted_grams, dtype=torch.bool)
    first[1:] = sorted_grams[1:] != sorted_grams[:-1]
    count[:, n - 1 :][ends] = torch.empty_like(grams).scatter_(0, order, place - torch.where(first, place, 0).cummax(0).values)
    return count


def repeated_ngrams(tokens: Int[Tensor, "batch time"], lengths: Int[Tensor, " batch"], n: int = 4) -> Bool[Tensor, "batch time"]:
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


def loop_period(tokens: Int[Tensor, "batch time"], lengths: Int[Tensor, " batch"], times: int = 3) -> Int[Tensor, " batch"]:
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


def previous_tokens(tokens: Int[Tensor, "batch time"], vocab_size: int) -> Bool[Tensor, "batch time vocab"]:
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
    first = torch.full((batch, vocab_size), time).scatter_reduce_(1, tokens, place.expand(batch, time), "amin")
    return (first[:, None] < place[:, None]).scatter_(-1, tokens[..., None], False)


# -- losses that push down --------------------------------------------------------------------


def log_complement(logits: Scores) -> Scores:
    r"""The logarithm of what all the *other* tokens have, :math:`\log(1 - p_c)`, without cancellation.

    In float32, 1 - p is 0 from p = 1 - 3e-8 on, where a clamp then has no gradient: in the middle of a loop. Only the most
    likely token can have p > 1/2, and for that one the others are added up instead. The gradient stays right.

    Raises:
        ValueError: a row is no distribution.

    >>> log_complement(torch.tensor([30.0, 0.0]))  # 1 - p = 1 / (1 + exp(30)) for the first
    tensor([-3.0000e+01, -9.3576e-14])
    """
    check_scores("logits", logits)
    top = logits.argmax(-1, keepdim=True)
    others = logits.scatter(-1, top, -INF).logsumexp(-1, keepdim=True) - logits.logsumexp(-1, keepdim=True)
    return torch.log1p(-logits.softmax(-1).scatter(-1, top, 0.0)).scatter(-1, top, others)


def unlikelihood(logits: Scores, candidates: Seen) -> Float[Tensor, "*batch"]:
    r"""The unlikelihood loss :math:`-\sum_{c \in C} \log(1 - p(c))` of Welleck et al. 2020 (arXiv:1908.04319), Eq. 3.

    Never below 0, and 0 only where no candidate has any probability: there is a best to reach.

    Args:
        logits: scores before softmax.
        candidates: C, True for the tokens that shall become unlikely; none gives 0.

    Raises:
        ValueError: a row of ``logits`` is no distribution.

    >>> unlikelihood(torch.tensor([0.5, 0.25, 0.25]).log(), torch.tensor([True, False, False]))  # log 2
    tensor(0.6931)
    """
    return -torch.where(candidates, log_complement(logits), 0.0).sum(-1)


def unlikelihood_loss(
    logits: Scores, targets: Int[Tensor, "*batch"], candidates: Seen, alpha: float | int = 1.0
) -> Float[Tensor, "*batch"]:
    r"""The token-level loss: :math:`-\alpha \sum_{c \in C^t} \log(1 - p(c \mid x_{<t})) - \log p(x_t \mid x_{<t})`.

    Welleck et al. 2020 (arXiv:1908.04319), Eq. 4; the candidates are :func:`previous_tokens`. At sequence level, the
    candidate of a generated token in :func:`repeated_ngrams` is the token itself, and the last term is left out.

    Args:
        logits: scores of each position.
        targets: x_t.
        candidates: C^t.
        alpha: weight of the unlikelihood, at least 0.

    Returns:
        One loss per position, in nats.

    Raises:
        ValueError: ``alpha`` below 0, or a row of ``logits`` is no distribution.
    """
    check_interval("alpha", alpha, 0, INF, closed="left")
    likelihood = logits.log_softmax(-1).gather(-1, targets[..., None])[..., 0]
    return alpha * unlikelihood(logits, candidates) - likelihood


def negative_training_loss(
    positive: Float[Tensor, " positives"] | None, negative: Float[Tensor, " negatives"], weight: float | int = 1.0
) -> Float[Tensor, ""]:
    r"""Negative training: :math:`-\log P(y_{pos} \mid x_{pos}) + w \log P(y_{neg} \mid x_{neg})`, a mean over each batch.

    He & Glass 2020 (arXiv:1903.02134). The second term has no lower bound: the loss goes to -inf as P(y_neg) goes to 0,
    and its gradient never rests. :func:`unlikelihood` is the bounded alternative.

    Args:
        positive: log-probabilities of good replies; None trains on bad ones alone.
        negative: log-probabilities of bad replies.
        weight: w, at least 0.

    Raises:
        ValueError: an empty batch, or ``weight`` below 0.

    >>> negative_training_loss(torch.tensor([-2.0, -4.0]), torch.tensor([-1.0]))  # 3 - 1
    tensor(2.)
    """
    check_interval("weight", weight, 0, INF, closed="left")
    for name, batch in (("positive", positive), ("negative", negative)):
        if batch is not None and not len(batch):
            raise ValueError(f"{name} must hold at least 1 log-probability; got 0")
    loss = weight * negative.mean()
    return loss if positive is None else loss - positive.mean()


def _check_lengths(tokens: Tensor, lengths: Tensor) -> None:
    if tokens.dim() != 2 or tokens.shape[0] == 0 or lengths.shape != tokens.shape[:1]:
        raise ValueError(f"tokens must hold one text per length; got {tuple(tokens.shape)} tokens and {tuple(lengths.shape)} lengths")
    if int(lengths.min()) < 0 or int(lengths.max()) > tokens.shape[1]:
        raise ValueError(f"lengths must lie in [0, {tokens.shape[1]}]; got {int(lengths.min())} to {int(lengths.max())}")
