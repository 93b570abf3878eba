"""A reward model: a decoder whose output is one number instead of logits.

Taught in: book/rlhf.ipynb.
"""

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from nlgnotes.networks.transformer import Decoder, DecoderConfig
from nlgnotes.validation import check_kind

__all__ = ["RewardModel"]


class RewardModel(Decoder):
    r"""r(x, y): the decoder's last hidden state through one row of weights.

    As in Stiennon et al. 2020 (arXiv:2009.01325), the unembedding of a language model is replaced
    by a head with one output. ``model(tokens)[:, -1, 0]`` is the reward of whole texts. The head
    begins at 0: before training every text is worth the same. Taught in: book/rlhf.ipynb.

    Args:
        config: the sizes of the decoder.
        generator: where the initial weights are drawn from.

    >>> config = DecoderConfig(vocab_size=8, context=6, width=16, layers=1, hidden=32)
    >>> model = RewardModel(config, torch.Generator().manual_seed(0))
    >>> model(torch.zeros(2, 6, dtype=torch.long)).shape
    torch.Size([2, 6, 1])
    """

    def __init__(self, config: DecoderConfig, generator: torch.Generator) -> None:
        super().__init__(config, generator)
        self.head = nn.Parameter(torch.zeros(1, config.width))

    @classmethod
    def on(cls, model: Decoder) -> "RewardModel":
        """A reward model on the weights of a language model, which stays as it is."""
        check_kind("model", model, Decoder)
        # The weights that are drawn here are replaced in the next line.
        made = cls(model.config, torch.Generator().manual_seed(0))
        found = made.load_state_dict(model.state_dict(), strict=False)
        if found.unexpected_keys or set(found.missing_keys) - {"head"}:
            raise ValueError(
                f"model must have a decoder's weights and no others; got {type(model).__name__}"
            )
        return made.to(model.embedding.dtype)

    def unembed(self, hidden: Float[Tensor, "*batch width"]) -> Float[Tensor, "*batch one"]:
        """The reward of the text up to each position."""
        return F.linear(hidden, self.head)
