"""A policy with a value: a decoder and a linear head on its hidden states.

Taught in: book/ppo.ipynb.
"""

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from nlgnotes.networks.transformer import Decoder
from nlgnotes.validation import check_count, check_kind, check_tokens

__all__ = ["ActorCritic"]


class ActorCritic(nn.Module):
    """A policy and, on its hidden states, a linear value.

    The value's gradient stops at the hidden states: learning it never moves the policy.

    Args:
        policy: the decoder, trained in place.
    """

    def __init__(self, policy: Decoder) -> None:
        super().__init__()
        check_kind("policy", policy, Decoder)
        self.policy = policy
        self.head = nn.Parameter(torch.zeros(policy.config.width))
        self.bias = nn.Parameter(torch.zeros(()))

    def forward(
        self, tokens: Int[Tensor, "batch time"], words: int
    ) -> tuple[Float[Tensor, "batch words vocab"], Float[Tensor, "batch words"]]:
        """The last ``words`` tokens' states: log-probabilities of each word there, and the value.

        Raises:
            ValueError: tokens that are not the policy's, or with nothing before the answer.
        """
        check_tokens("tokens", tokens, self.policy.config.vocab_size)
        words = check_count("words", words, 1, tokens.shape[1] - 1)
        hidden = self.policy.hidden(tokens[:, :-1])[:, -words:]
        values = hidden.detach() @ self.head + self.bias
        return self.policy.unembed(hidden).log_softmax(-1), values
