"""A recurrent discriminator: after every word, how real the text looks so far."""

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn

from nlgnotes.validation import check_count, check_interval, check_tokens

__all__ = ["Discriminator"]


class Discriminator(nn.Module):
    """A judge that reads a text word by word: a GRU that says after every word how real the text looks so far.

    Args:
        vocab_size: ids run from 0 to ``vocab_size - 1``.
        generator: where the initial weights are drawn from.
        width: of the embedding and of the state.
        dropout: the share of embedding and state that is hidden from it while it learns.

    >>> judge = Discriminator(50, torch.Generator().manual_seed(0))
    >>> judge(torch.zeros(2, 20, dtype=torch.long)).shape
    torch.Size([2, 20])
    """

    def __init__(
        self, vocab_size: int, generator: torch.Generator, *, width: int = 64, dropout: float = 0.0
    ) -> None:
        super().__init__()
        check_count("vocab_size", vocab_size, 2)
        check_count("width", width)
        check_interval("dropout", dropout, 0, 1, closed="left")
        self.vocab_size, self.dropout, bound = vocab_size, dropout, width**-0.5
        self.embedding = nn.Parameter(
            torch.empty(vocab_size, width).normal_(0.0, 0.5, generator=generator)
        )
        # Made without numbers first ("meta"): the constructors would draw them from the global generator.
        self.gru = nn.GRU(width, width, batch_first=True, device="meta").to_empty(device="cpu")
        self.output = nn.Linear(width, 1, device="meta").to_empty(device="cpu")
        with torch.no_grad():
            for parameter in (*self.gru.parameters(), *self.output.parameters()):
                parameter.uniform_(-bound, bound, generator=generator)

    def forward(
        self, tokens: Int[Tensor, "batch time"], generator: torch.Generator | None = None
    ) -> Float[Tensor, "batch time"]:
        r"""The score after each word, :math:`s_t = \operatorname{logit} D(x_{\le t})`.

        Args:
            tokens: texts without a start token.
            generator: what the dropout draws from; None reads with everything in sight.

        Raises:
            ValueError: ``tokens`` is not ``[batch, time]`` of int64 in the vocabulary.
        """
        check_tokens("tokens", tokens, self.vocab_size)
        state = self.gru(self._hidden_from(F.embedding(tokens, self.embedding), generator))[0]
        return self.output(self._hidden_from(state, generator))[..., 0]

    def _hidden_from(self, x: Tensor, generator: torch.Generator | None) -> Tensor:
        if generator is None or not self.dropout:
            return x
        return x * (torch.rand(x.shape, generator=generator) >= self.dropout) / (1 - self.dropout)
