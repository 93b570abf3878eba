"""A causal model of ``transformers`` behind the interface of our decoder."""

from types import SimpleNamespace
from typing import Any

import torch
from torch import Tensor, nn

__all__ = ["Pretrained"]


class Pretrained(nn.Module):
    """A causal model of ``transformers`` behind the interface of our decoder: logits, a cache, a step."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        sizes = model.config
        self.model = model
        self.config = SimpleNamespace(
            vocab_size=sizes.vocab_size, context=sizes.max_position_embeddings
        )

    def forward(self, tokens: Tensor) -> Tensor:
        """Logits after each token."""
        return self.model(tokens, use_cache=False).logits

    def empty_cache(self, batch: int, capacity: int | None = None) -> Any:
        """A cache of ``transformers``, which grows as it is used."""
        from transformers import DynamicCache

        return DynamicCache(config=self.model.config)

    @torch.no_grad()
    def step(self, tokens: Tensor, cache: Any) -> tuple[Tensor, Any]:
        """Logits after each new token, and the cache with them in it."""
        out = self.model(tokens, past_key_values=cache, use_cache=True)
        return out.logits, out.past_key_values
