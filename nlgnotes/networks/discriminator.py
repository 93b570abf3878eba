"""A recurrent discriminator: after every word, how real the text looks so far."""

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn

from nlgnotes.networks.base import normal_matrix
from nlgnotes.validation import check_count, check_interval, check_tokens

__all__ = ["Discriminator"]


class Discriminator(nn.Module):
    """A GRU that reads a text word by word and scores after every word how real it looks so far.

    Taught in: book/language-gans.ipynb.

    Args:
        vocab_size: ids run from 0 to ``vocab_size - 1``.
        generator: where the initial weights are drawn from.
        width: of the embedding and of the state.
        dropout: the share of embedding and state that is hidden from it while it learns.

    >>> discriminator = Discriminator(50, torch.Generator().manual_seed(0))
    >>> discriminator(torch.zeros(2, 20, dtype=torch.long)).shape
    torch.Size([2, 20])
    """

    def __init__(
        self, vocab_size: int, generator: torch.Generator, *, width: int = 64, dropout: float = 0.0
    ) -> None:
        super().__init__()
        check_count("vocab_size", vocab_size, 2)
        check_count("width", width)
        check_interval("dropout", dropout, 0, 1, closed="left")
        # Numbers of NumPy become Python's: torch's layers take no others.
        vocab_size, width, self.dropout = int(vocab_size), int(width), float(dropout)
        self.vocab_size, bound = vocab_size, width**-0.5
        self.embedding = normal_matrix(vocab_size, width, 0.5, generator)
        # On "meta" first, without numbers: the constructors draw theirs from the global generator.
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
        x = self._drop(F.embedding(tokens, self.embedding), generator)
        return self.output(self._drop(self.gru(x)[0], generator))[..., 0]

    def _drop(self, x: Tensor, generator: torch.Generator | None) -> Tensor:
        if generator is None or not self.dropout:
            return x
        return x * (torch.rand(x.shape, generator=generator) >= self.dropout) / (1 - self.dropout)
