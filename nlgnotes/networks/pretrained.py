"""A causal model of ``transformers`` behind the interface of our decoder."""

import copy
import weakref
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import torch
from torch import Tensor, nn

from nlgnotes.networks.inputs import check_capacity, check_owner, check_row_index, check_step
from nlgnotes.validation import check_count, check_tokens

__all__ = ["Pretrained", "PretrainedCache", "from_transformers"]


@dataclass(frozen=True, eq=False)
class PretrainedCache:
    """A cache of ``transformers`` as a value: a step or a choice of rows leaves it as it is.

    Args:
        layers: the cache; a step works on a copy of it.
        batch: how many rows.
        length: how many tokens it holds.
        capacity: how many it may hold.
        dtype: the model's.
        owner: the model that it belongs to.
    """

    layers: Any
    batch: int
    length: int
    capacity: int
    dtype: torch.dtype
    owner: weakref.ref | None = field(default=None, repr=False)

    def rows(self, index: Tensor) -> "PretrainedCache":
        """A copy of the given rows, in that order (repeated rows too): for beams.

        Raises:
            ValueError: a row that is not there.
        """
        check_row_index(index, self.batch)
        chosen = self.copied()
        chosen.batch_select_indices(index)
        rest = self.length, self.capacity, self.dtype, self.owner
        return PretrainedCache(chosen, len(index), *rest)

    def copied(self) -> Any:
        """The cache of ``transformers``, to be changed without changing this one."""
        from transformers.cache_utils import DynamicLayer

        new = copy.copy(self.layers)
        # A dynamic layer replaces its tensors when it grows; others may write into theirs.
        new.layers = [
            copy.copy(layer) if isinstance(layer, DynamicLayer) else copy.deepcopy(layer)
            for layer in self.layers.layers
        ]
        return new


class Pretrained(nn.Module):
    """A causal model of ``transformers`` with our decoder's interface: logits, a cache, a step."""

    reads_rows_alike = True  # for ``generation.generate``: equal prompts are read once

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        sizes = model.config
        self.model = model
        self.config = SimpleNamespace(
            vocab_size=sizes.vocab_size, context=sizes.max_position_embeddings
        )

    def forward(self, tokens: Tensor) -> Tensor:
        """Logits after each token.

        Raises:
            ValueError: ``tokens`` is not ``[batch, time]`` of int64 in the vocabulary, or longer
                than the context.
        """
        self._check(tokens, tokens.shape[-1])
        return self.model(tokens, use_cache=False).logits

    def empty_cache(self, batch: int, capacity: int | None = None) -> PretrainedCache:
        """A cache of ``transformers``, which grows as it is used, up to ``capacity`` tokens.

        Raises:
            ValueError: ``batch`` or ``capacity`` below 1, or a capacity above the model's context.
        """
        from transformers import DynamicCache

        check_count("batch", batch)
        capacity = check_capacity(capacity, self.config.context)
        layers, dtype = DynamicCache(config=self.model.config), self.model.dtype
        return PretrainedCache(layers, int(batch), 0, capacity, dtype, weakref.ref(self))

    @torch.no_grad()
    def step(self, tokens: Tensor, cache: PretrainedCache) -> tuple[Tensor, PretrainedCache]:
        """Logits after each new token, and the cache with them in it.

        Raises:
            ValueError: ids outside the vocabulary, shapes that differ from the cache's, tokens that
                do not fit it, or another model's cache.
        """
        check_owner(cache, PretrainedCache, self)
        check_step(tokens, cache.batch)
        if cache.dtype != self.model.dtype:
            raise ValueError(
                f"cache must be of the model's dtype {self.model.dtype}; got {cache.dtype}"
            )
        length = cache.length + tokens.shape[1]
        if length > cache.capacity:
            raise ValueError(
                f"tokens must fit the cache's capacity of {cache.capacity}; "
                f"got {tokens.shape[1]} after {cache.length}"
            )
        self._check(tokens, length)
        out = self.model(tokens, past_key_values=cache.copied(), use_cache=True)
        rest = cache.batch, length, cache.capacity, cache.dtype, cache.owner
        return out.logits, PretrainedCache(out.past_key_values, *rest)

    def _check(self, tokens: Tensor, length: int) -> None:
        check_tokens("tokens", tokens, self.config.vocab_size)
        if length > self.config.context:
            raise ValueError(f"tokens must fit the context of {self.config.context}; got {length}")


def from_transformers(name: str) -> tuple[Pretrained, Any]:
    """A causal model of ``transformers`` (an optional extra) and its tokenizer.

    Args:
        name: of a model there, or a folder. Only safetensors are read, never pickle.

    Returns:
        The model, and its tokenizer; None where the folder has none, or one of no ids.

    Raises:
        ImportError: ``transformers`` is not installed.
        FileNotFoundError: there is no such model, here or on the network, or its configuration
            cannot be read.
        ValueError: its weights are not what ``transformers`` writes.
    """
    try:
        from transformers import AutoModelForCausalLM, AutoTokenizer
    except ImportError:
        raise ImportError(
            f"loading 'hf:{name}' needs the optional package transformers: pip install transformers"
        ) from None
    try:
        model = AutoModelForCausalLM.from_pretrained(
            name, dtype=torch.float32, use_safetensors=True
        )
    except (OSError, ValueError) as error:
        raise FileNotFoundError(
            f"transformers has no model {name!r}, here or on the network; {error}"
        ) from error
    except Exception as error:  # whatever a library makes of a broken file
        raise ValueError(f"transformers cannot read the model {name!r}; {error}") from error
    try:
        tokenizer = AutoTokenizer.from_pretrained(name)
    except (OSError, ValueError):
        tokenizer = None  # a folder with weights alone is enough to generate ids
    except Exception as error:
        raise ValueError(f"transformers cannot read the tokenizer {name!r}; {error}") from error
    if tokenizer is not None and not tokenizer.vocab_size:
        tokenizer = None  # one that `transformers` made of nothing
    return Pretrained(model.eval()), tokenizer
