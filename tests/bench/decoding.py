"""Writing: our ``generate`` against that of ``transformers``, on the same weights and prompts.

What both must compute, the matrix products of every step, is timed beside theirs too: its ratio is
one that no decoder in this precision can pass, as long as it leaves the products to torch.
"""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import torch
from torch import Tensor

from bench.gpt2 import check_same_logits, decoder, same_gpt2
from bench.timing import Comparison
from nlgnotes.decoding.generation import Generation, generate
from nlgnotes.equations.sampling import Sampler, TopK
from nlgnotes.networks.flops import decoder_flops
from nlgnotes.randomness import generator

BATCHES = (1, 32, 128)
NEW = 96
PROMPT = 1
NOTE = (
    "Ours also returns the log-probability of every token. Theirs serves every model and option of "
    "its library."
)


def comparisons() -> Iterator[Comparison]:
    """Plain samples of three batches, and the likeliest tokens; nothing stops a row."""
    ours = decoder()
    theirs = same_gpt2(ours)
    check_same_logits(ours, theirs)
    for batch in BATCHES:
        yield comparison(ours, theirs, batch, greedy=False)
    yield comparison(ours, theirs, 32, greedy=True)
    for batch in BATCHES:
        yield bound(ours, theirs, batch)


def comparison(ours: Any, theirs: Any, batch: int, *, greedy: bool) -> Comparison:
    """One row: ``NEW`` tokens after prompts of ``PROMPT`` random tokens."""
    vocab, shape = ours.config.vocab_size, (batch, PROMPT)
    prompt = torch.randint(vocab, shape, generator=generator(0, "prompts", batch))
    sampler = Sampler((TopK(1),)) if greedy else Sampler()
    chance = generator(0, "draws", batch)
    return Comparison(
        name=f"{'greedy' if greedy else 'sampled'}, batch {batch}",
        unit="tokens",
        work=batch * NEW,
        ours=partial(generate, ours, prompt, max_new_tokens=NEW, sampler=sampler, generator=chance),
        peer=their_generate(theirs, prompt, greedy=greedy),
        peer_name="transformers' generate",
        aim=4.0,
        agree=partial(same_tokens, vocab) if greedy else partial(same_size, vocab),
        note=NOTE,
    )


def bound(ours: Any, theirs: Any, batch: int) -> Comparison:
    """The matrix products of ``NEW`` steps, beside all that the peer does."""
    prompt = torch.zeros(batch, PROMPT, dtype=torch.long)
    flops = batch * sum(decoder_flops(ours.config, 1, past) for past in range(NEW))

    def agree(counted: int, tokens: Tensor) -> None:
        assert counted == flops, f"{counted} FLOPs are not those of {NEW} steps, {flops}"

    return Comparison(
        name=f"its matrix products alone, batch {batch}",
        unit="tokens",
        work=batch * NEW,
        ours=matrix_products(ours, batch),
        peer=their_generate(theirs, prompt, greedy=False),
        peer_name="transformers' generate",
        agree=agree,
        note="The matrix products alone, with attention's over a cache without a gap, are no "
        "decoder: their ratio is one that none can pass.",
    )


def matrix_products(model: Any, batch: int) -> Callable[[], int]:
    """Multiply as ``NEW`` steps do, one matrix after the other; gives the FLOPs.

    The keys and values of a step lie together, as no cache that grows can keep them for nothing.
    """
    c = model.config
    rows, size = batch * c.heads, c.width // c.heads
    layers = [[m.detach().t() for m in (b.qkv, b.out, b.up, b.down)] for b in model.blocks]
    last = model.embedding.detach().t()
    inputs = {n: torch.zeros(batch, n) for n in (c.width, c.hidden)}
    cache = torch.zeros(c.layers, 2, NEW * rows * size)
    query, weights = torch.zeros(rows, 1, size), torch.zeros(rows, 1, NEW)
    each = sum(m.numel() for m in (*(m for ms in layers for m in ms), last))
    looked_back = 2 * c.layers * c.width * NEW * (NEW + 1) // 2

    @torch.inference_mode()
    def multiply() -> int:
        for time in range(1, NEW + 1):
            filled = cache[..., : time * rows * size].view(c.layers, 2, rows, time, size)
            looks = weights.flatten()[: rows * time].view(rows, 1, time)
            for matrices, (keys, values) in zip(layers, filled, strict=True):
                for m in matrices:
                    torch.mm(inputs[len(m)], m)
                torch.bmm(query, keys.mT)
                torch.bmm(looks, values)
            torch.mm(inputs[c.width], last)
        return 2 * batch * (NEW * each + looked_back)

    return multiply


def their_generate(theirs: Any, prompt: Tensor, *, greedy: bool) -> Callable[[], Tensor]:
    """``generate`` of ``transformers`` with its cache, drawing from all the tokens."""
    mask = torch.ones_like(prompt)
    drawn = {"do_sample": False} if greedy else {"do_sample": True, "top_k": 0}
    lengths = {"max_new_tokens": NEW, "use_cache": True}
    return lambda: theirs.generate(prompt, attention_mask=mask, **lengths, **drawn)


def same_tokens(vocab: int, ours: Generation, theirs: Tensor) -> None:
    """The likeliest tokens are the same ones."""
    same_size(vocab, ours, theirs)
    assert torch.equal(ours.tokens, theirs[:, PROMPT:]), "greedy tokens differ"


def same_size(vocab: int, ours: Generation, theirs: Tensor) -> None:
    """As many tokens of the vocabulary; the draws themselves come from two generators."""
    for tokens in (ours.tokens, theirs[:, PROMPT:]):
        assert tokens.shape == (len(ours.tokens), NEW), f"the new tokens are {tokens.shape}"
        assert 0 <= int(tokens.min()) and int(tokens.max()) < vocab
