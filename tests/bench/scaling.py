"""How the time of writing grows with the number of tokens, of rows, and of words."""

from collections.abc import Callable, Iterator

import torch

from bench.gpt2 import decoder
from bench.timing import Curve
from nlgnotes.decoding.generation import generate
from nlgnotes.equations.sampling import Sampler
from nlgnotes.networks.transformer import Decoder
from nlgnotes.randomness import generator

# GPT-2's vocabulary is the last one.
VOCABULARIES = (64, 256, 1024, 4096, 16384, 50257)


def comparisons() -> Iterator[Curve]:
    """Three sizes, each varied alone; plain samples after one token, nothing stops a row."""
    long, short = decoder(context=512), decoder()
    yield Curve(
        name="length: batch 32, vocabulary 256",
        variable="new tokens",
        sizes=(16, 32, 64, 128, 256, 512),
        prepare=lambda new: writing(long, 32, new),
    )
    yield Curve(
        name="batch: 32 new tokens, vocabulary 256",
        variable="rows",
        sizes=(1, 2, 4, 8, 16, 32, 64, 128, 256),
        prepare=lambda batch: writing(short, batch, 32),
    )
    yield Curve(
        name="vocabulary: batch 32, 16 new tokens",
        variable="words",
        sizes=VOCABULARIES,
        prepare=lambda vocab: writing(decoder(vocab_size=vocab), 32, 16),
    )


def writing(model: Decoder, batch: int, new: int) -> Callable[[], object]:
    """What writes so many tokens in so many rows."""
    prompt = torch.zeros(batch, 1, dtype=torch.long)
    chance = generator(0, "draws", batch, new)
    return lambda: generate(model, prompt, max_new_tokens=new, sampler=Sampler(), generator=chance)
