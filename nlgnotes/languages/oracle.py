"""A random LSTM as a language (the oracle of SeqGAN), with exact likelihood."""

import math
from collections.abc import Iterator

import torch
from jaxtyping import Float64, Int64
from torch import Tensor
from torch.nn.functional import log_softmax, pad

from nlgnotes.documents import Documents
from nlgnotes.languages.base import Language, check_sample, extended, inside
from nlgnotes.validation import check_count, check_generator, check_interval, shown

__all__ = ["LSTMOracle"]

State = tuple[Tensor, Tensor]


CHUNK = 512
"""Documents stepped side by side: few enough that their states stay in the processor's cache."""


class LSTMOracle(Language):
    r"""An LSTM with parameters drawn from N(0, 1), never trained: the oracle of Yu et al. 2017.

    Token by token, with :math:`x_0` = ``<eos>`` as the start, :math:`h_0 = c_0 = 0` and :math:`E_x`
    the row of the embedding E for x,

    .. math:: i_t &= \sigma(E_{x_{t-1}} W^i + h_{t-1} U^i + b^i), \quad
              f_t = \sigma(E_{x_{t-1}} W^f + h_{t-1} U^f + b^f), \\
              o_t &= \sigma(E_{x_{t-1}} W^o + h_{t-1} U^o + b^o), \quad
              g_t = \tanh(E_{x_{t-1}} W^g + h_{t-1} U^g + b^g), \\
              c_t &= f_t \odot c_{t-1} + i_t \odot g_t, \qquad h_t = o_t \odot \tanh(c_t),

    .. math:: P(x_t \mid x_{<t}) &= (1 - \eta) \operatorname{softmax}(h_t V + a)_{x_t}
              \quad\text{for words}, \\
              P(\texttt{<eos>} \mid x_{<t}) &= \eta .

    Every entry of E, W, U, b, V and a is an independent draw from N(0, 1). The oracle of the paper
    writes strings of a fixed length and has no ``<eos>``; here each step ends the document with the
    constant probability :math:`\eta` (``end``), so a document that is cut early is hardly ever
    finished, and every text has some probability.

    Args:
        vocab_size: how many words, ``<eos>`` counted: the others are ``w1``, ``w2``, …
        generator: where the parameters are drawn from.
        hidden: the width of E, h and c.
        end: :math:`\eta`, in (0, 1).

    Raises:
        ValueError: a size below its least, or ``end`` outside (0, 1).

    Source: Yu et al. 2017, SeqGAN, section "Synthetic Data Experiments" (32 and 32 wide there).
    Taught in: book/language-gans.ipynb.
    """

    def __init__(
        self, vocab_size: int, generator: torch.Generator, *, hidden: int = 32, end: float = 0.001
    ):
        vocab_size, hidden = check_count("vocab_size", vocab_size, 2), check_count("hidden", hidden)
        if vocab_size > 2**20 or hidden > 2**14:
            raise ValueError(
                "vocab_size must be at most 2^20 and hidden at most 2^14; "
                f"got {shown(vocab_size)} and {shown(hidden)}"
            )
        end = check_interval("end", end, 0.0, 1.0, closed="neither")
        check_generator(generator)
        super().__init__(["<eos>", *(f"w{i}" for i in range(1, vocab_size))])
        self.hidden, self.end = hidden, float(end)

        def normal(*shape: int) -> Tensor:
            return torch.randn(*shape, generator=generator, dtype=torch.float64)

        # The four gates side by side, in the order i, f, o, g: three sigmoids, then the tanh.
        self.embedding = normal(vocab_size, hidden)
        self.input_weight = normal(hidden, 4 * hidden)
        self.recurrent_weight = normal(hidden, 4 * hidden)
        self.bias = normal(4 * hidden)
        self.output_weight = normal(hidden, vocab_size - 1)
        self.output_bias = normal(vocab_size - 1)
        # What each word brings to the gates.
        self._read = self.embedding @ self.input_weight + self.bias

    # -- drawing ------------------------------------------------------------------------------

    def sample(
        self, n: int, generator: torch.Generator, max_length: int | None = None
    ) -> Documents:
        """Draw ``n`` documents, cut at ``max_length`` tokens; see :meth:`Language.sample`."""
        n, max_length = check_sample(n, generator, max_length)
        # Each step ends with the same probability whatever stands before it, so the lengths can be
        # drawn first.
        u = torch.rand(n, generator=generator, dtype=torch.float64)
        full = ((-u).log1p() / math.log1p(-self.end)).floor().clamp(max=2**62).long() + 1
        long = full if max_length is None else full.clamp(max=max_length)
        tokens = torch.zeros(int(long.max()), n, dtype=torch.long)
        for chunk in full.argsort(descending=True, stable=True).split(CHUNK):
            words = (full[chunk] - 1).clamp(max=len(tokens))  # the <eos> is a zero already
            running = (words[:, None] > torch.arange(len(tokens))).sum(0).tolist()
            state, word = self._start(len(chunk)), torch.zeros(len(chunk), dtype=torch.long)
            for t, many in enumerate(running):
                if not many:
                    break
                state = self._step(word[:many], (state[0][:many], state[1][:many]))
                mass = self._scores(state[0]).softmax(-1).cumsum_(-1)
                u = torch.rand(many, 1, generator=generator, dtype=torch.float64) * mass[:, -1:]
                word = 1 + torch.searchsorted(mass, u, right=True)[:, 0].clamp_(
                    max=self.vocab_size - 2
                )
                tokens[t, chunk[:many]] = word
        return Documents(tokens.T.contiguous(), long)

    # -- scoring ------------------------------------------------------------------------------

    def all_next_log_probs(
        self, prefix: Int64[Tensor, "batch time"]
    ) -> Float64[Tensor, "batch time+1 vocab"]:
        """The exact distributions; see :meth:`Language.all_next_log_probs`."""
        tokens = extended(prefix, self.vocab_size)
        result = torch.empty(*tokens.shape, self.vocab_size, dtype=torch.float64)
        for rows in torch.arange(len(tokens)).split(CHUNK):
            for t, hidden in enumerate(self._hidden(tokens[rows, :-1])):
                result[rows, t] = self._words(hidden)
        return self._ended(result, inside(tokens))

    def next_log_probs(self, prefix: Int64[Tensor, "batch time"]) -> Float64[Tensor, "batch vocab"]:
        """The exact distribution of the next word only; see :meth:`Language.next_log_probs`."""
        tokens = extended(prefix, self.vocab_size)
        chunks = [[*self._hidden(rows)][-1] for rows in tokens[:, :-1].split(CHUNK)]
        return self._ended(self._words(torch.cat(chunks)), inside(tokens)[:, -1])

    def token_log_probs(self, documents: Documents) -> Float64[Tensor, "batch time"]:
        """The exact log-probability of each token; see :meth:`Language.token_log_probs`."""
        self._check(documents)
        result = torch.zeros(documents.tokens.shape, dtype=torch.float64)
        for rows in torch.arange(len(documents)).split(CHUNK):
            tokens = documents.tokens[rows]
            for t, hidden in enumerate(self._hidden(tokens[:, :-1])):
                scores, word = self._scores(hidden), tokens[:, t : t + 1]
                given = (
                    scores.gather(-1, (word - 1).clamp(min=0))[:, 0]
                    - scores.logsumexp(-1)
                    + math.log1p(-self.end)
                )
                result[rows, t] = torch.where(word[:, 0] == self.eos, math.log(self.end), given)
        return torch.where(documents.mask, result, 0.0)

    # -- the cell -----------------------------------------------------------------------------

    def _start(self, batch: int) -> State:
        zero = torch.zeros(batch, self.hidden, dtype=torch.float64)
        return zero, zero

    def _step(self, word: Int64[Tensor, " batch"], state: State) -> State:
        """(h, c) after one more word."""
        gates = torch.addmm(self._read[word], state[0], self.recurrent_weight)
        i, f, o = gates[:, : 3 * self.hidden].sigmoid().chunk(3, -1)
        cell = f * state[1] + i * gates[:, 3 * self.hidden :].tanh()
        return o * cell.tanh(), cell

    def _hidden(
        self, prefix: Int64[Tensor, "batch time"]
    ) -> Iterator[Float64[Tensor, "batch hidden"]]:
        """h after ``<eos>`` and after each word: time + 1 tensors [batch, hidden]."""
        state = self._start(len(prefix))
        for word in pad(prefix, (1, 0), value=self.eos).T:
            state = self._step(word, state)
            yield state[0]

    def _scores(self, hidden: Float64[Tensor, "batch hidden"]) -> Float64[Tensor, "batch words"]:
        """The logits of the words, without ``<eos>``."""
        return torch.addmm(self.output_bias, hidden, self.output_weight)

    def _words(self, hidden: Float64[Tensor, "batch hidden"]) -> Float64[Tensor, "batch vocab"]:
        """The distribution of the next token."""
        words = log_softmax(self._scores(hidden), -1) + math.log1p(-self.end)
        return pad(words, (1, 0), value=math.log(self.end))

    def _ended(self, result: Tensor, goes_on: Tensor) -> Tensor:
        """The point mass on ``<eos>`` wherever the document is over."""
        over = torch.full((self.vocab_size,), -math.inf, dtype=torch.float64)
        over[self.eos] = 0.0
        result[~goes_on] = over
        return result
