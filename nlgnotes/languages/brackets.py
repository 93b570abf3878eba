"""Typed brackets (a Dyck language): what opened long ago decides what may come next."""

from functools import cached_property
from itertools import product

import torch
from jaxtyping import Float64, Int64
from torch import Tensor

from nlgnotes.documents import Documents
from nlgnotes.languages.base import Language, extended, inside
from nlgnotes.languages.tables import RowSampler, sample_walks
from nlgnotes.validation import check_count, check_interval

__all__ = ["Brackets"]

PAIRS = "()", "[]", "{}", "<>"


LETTERS = "abcdefghijklmnopqrstuvwxyz"


class Brackets(Language):
    r"""Brackets of several kinds around filler words, each closed by its own kind, inner first.

    The state is the stack of open brackets, at most ``max_depth`` of them. The tokens determine it:
    an opener pushes its kind, a closer pops the top where it is of that kind. A closer of another
    kind, or with nothing open, and an opener on a full stack change nothing, and fillers never do.
    With probability :math:`\epsilon` the next token is uniform over the whole vocabulary, else it
    is drawn by the law of the stack:

    =======  =======  ================  =================  ========
    stack    <eos>    an opener         closer of the top  a filler
    =======  =======  ================  =================  ========
    empty    ``end``  ``open_outside``  0                  the rest
    between  0        ``open_inside``   ``close``          the rest
    full     0        0                 ``close``          the rest
    =======  =======  ================  =================  ========

    The kinds of an opener are equally likely. Fillers are Zipfian, :math:`r^{-\text{exponent}}`;
    inside each kind of bracket, and outside of all, the ranks start at another letter, where there
    are more letters than kinds. So the letters tell what the top is, and nothing tells what waits
    below it but the openers themselves, many tokens ago.

    Args:
        kinds: of brackets, at most 4.
        fillers: how many filler words, at most 26: the letters.
        max_depth: the most brackets that are open at once.
        open_outside, open_inside: the probability of an opener on an empty stack; on one neither
            empty nor full.
        close: the probability of the closer of the top.
        end: the probability of ``<eos>`` on an empty stack.
        exponent: of Zipf's law, in [0, 10].
        epsilon: the probability of a uniform token, in (0, 1); because of it no text has
            probability zero.

    Raises:
        ValueError: a number out of its range, or probabilities that leave nothing to the fillers.

    Taught in: book/exposure-bias.ipynb.
    """

    def __init__(
        self,
        kinds: int = 4,
        fillers: int = 10,
        *,
        max_depth: int = 3,
        open_outside: float = 0.3,
        open_inside: float = 0.04,
        close: float = 0.05,
        end: float = 0.04,
        exponent: float | int = 1.0,
        epsilon: float = 0.005,
    ):
        limits = {"kinds": (kinds, len(PAIRS)), "fillers": (fillers, len(LETTERS))}
        kinds, fillers, max_depth = (
            check_interval(name, check_count(name, count), 1, most)
            for name, (count, most) in (limits | {"max_depth": (max_depth, 6)}).items()
        )
        shares = {
            "open_outside": open_outside,
            "open_inside": open_inside,
            "close": close,
            "end": end,
            "epsilon": epsilon,
        }
        open_outside, open_inside, close, end, epsilon = (
            float(check_interval(name, share, 0.0, 1.0, closed="neither"))
            for name, share in shares.items()
        )
        for name, total in (
            ("open_outside + end", open_outside + end),
            ("open_inside + close", open_inside + close),
        ):
            check_interval(name, total, 0.0, 1.0, closed="neither")
        exponent = check_interval("exponent", exponent, 0.0, 10.0)
        super().__init__(
            [
                "<eos>",
                *(p[0] for p in PAIRS[:kinds]),
                *(p[1] for p in PAIRS[:kinds]),
                *LETTERS[:fillers],
            ]
        )
        self.kinds, self.max_depth, self.epsilon = kinds, max_depth, float(epsilon)
        self.openers, self.closers = range(1, 1 + kinds), range(1 + kinds, 1 + 2 * kinds)
        self.fillers = range(1 + 2 * kinds, self.vocab_size)
        self.stacks = tuple(
            s for depth in range(max_depth + 1) for s in product(range(kinds), repeat=depth)
        )
        """Every stack, the outermost bracket first.

        A state is a place in this list; 0 is the empty stack.
        """
        state = {stack: i for i, stack in enumerate(self.stacks)}
        law = torch.zeros(len(state), self.vocab_size, dtype=torch.float64)
        follow = torch.arange(len(state))[:, None].repeat(1, self.vocab_size)
        for s, stack in enumerate(self.stacks):
            if stack:
                law[s, self.closers[stack[-1]]] = close
                follow[s, self.closers[stack[-1]]] = state[stack[:-1]]
            else:
                law[s, self.eos] = end
            if len(stack) < max_depth:
                law[s, self.openers] = (open_inside if stack else open_outside) / kinds
                follow[s, self.openers] = torch.tensor(
                    [state[*stack, kind] for kind in range(kinds)]
                )
            dialect = stack[-1] + 1 if stack else 0
            rank = 1 + (torch.arange(fillers) - dialect * fillers // (kinds + 1)) % fillers
            weight = rank.double() ** -exponent
            law[s, self.fillers] = (1 - law[s].sum()) * weight / weight.sum()
        self.table = (1 - self.epsilon) * law + self.epsilon / self.vocab_size
        self.follow = follow
        self._log = self.table.log()
        self._sampler = RowSampler(self.table)

    @classmethod
    def standard(cls) -> "Brackets":
        """The brackets of the book: the defaults."""
        return cls()

    @cached_property
    def mean_length(self) -> float:
        """The expected number of tokens of a document, exactly."""
        return float(self._visits.sum())

    @cached_property
    def nats_per_token(self) -> float:
        r"""The entropy of a document over its expected length: what :meth:`entropy_rate` estimates.

        A state is visited :math:`n_s` times in expectation, and :math:`n = e_0 + n T`, with T the
        moves of the stack weighted by their probability; so it is
        :math:`\sum_s n_s H(P(\cdot \mid s)) / \sum_s n_s`.
        """
        return float(self._visits @ torch.special.entr(self.table).sum(-1)) / self.mean_length

    @cached_property
    def _visits(self) -> Float64[Tensor, " states"]:
        moves = torch.zeros(len(self.stacks), len(self.stacks), dtype=torch.float64)
        moves.scatter_add_(1, self.follow[:, 1:], self.table[:, 1:])
        start = torch.eye(len(self.stacks), dtype=torch.float64)
        return torch.linalg.solve(start - moves.T, start[0])

    def sample(
        self, n: int, generator: torch.Generator, max_length: int | None = None
    ) -> Documents:
        """Draw ``n`` documents; see :meth:`Language.sample`."""
        return sample_walks(
            self._sampler, lambda state, word: self.follow[state, word], n, generator, max_length
        )

    def all_next_log_probs(
        self, prefix: Int64[Tensor, "batch time"]
    ) -> Float64[Tensor, "batch time+1 vocab"]:
        """The state's law after every part of a prefix; see :meth:`Language.all_next_log_probs`."""
        tokens = extended(prefix, self.vocab_size)
        result = self._log[self._states(prefix)]
        over = torch.full((self.vocab_size,), -torch.inf, dtype=torch.float64)
        over[self.eos] = 0.0
        result[~inside(tokens)] = over
        return result

    def token_log_probs(self, documents: Documents) -> Float64[Tensor, "batch time"]:
        """The log-probability of each token; see :meth:`Language.token_log_probs`."""
        self._check(documents)
        tokens = documents.tokens
        return torch.where(documents.mask, self._log[self._states(tokens[:, :-1]), tokens], 0.0)

    def stack_after(
        self, prefix: Int64[Tensor, "batch time"]
    ) -> tuple[Int64[Tensor, "batch time+1 max_depth"], Int64[Tensor, "batch time+1"]]:
        """The open brackets after every part of a prefix, t = 0 … time, and how many there are.

        Returns:
            Their kinds, the outermost first, -1 where there is none; and the depth. An ``<eos>``
            changes nothing.

        >>> language = Brackets.standard()
        >>> stack, depth = language.stack_after(torch.tensor([language.encode("( a [ ) b ]")]))
        >>> depth[0].tolist(), stack[0, 4].tolist()  # the ) does not fit: ( and [ are still open
        ([0, 1, 1, 2, 2, 2, 1], [0, 1, -1])
        """
        extended(prefix, self.vocab_size)
        kinds = torch.full((len(self.stacks), self.max_depth), -1)
        for s, stack in enumerate(self.stacks):
            kinds[s, : len(stack)] = torch.tensor(stack, dtype=torch.long)
        stacks = kinds[self._states(prefix)]
        return stacks, (stacks >= 0).sum(-1)

    def _states(self, prefix: Int64[Tensor, "batch time"]) -> Int64[Tensor, "batch time+1"]:
        """The state after every part of a prefix."""
        states = torch.zeros(prefix.shape[1] + 1, len(prefix), dtype=torch.long)
        for t, word in enumerate(prefix.T):
            states[t + 1] = self.follow[states[t], word]
        return states.T.contiguous()
