"""The peer of our decoder: GPT-2 of ``transformers``, with the same shape and weights."""

from typing import Any

import torch

from bench.timing import peer
from nlgnotes.networks.transformer import Decoder, DecoderConfig
from nlgnotes.randomness import generator

SHAPE = {"width": 128, "layers": 4, "heads": 4, "hidden": 512}


def decoder(vocab_size: int = 256, context: int = 128) -> Decoder:
    """Ours: 4 layers of width 128, with the learned positions that GPT-2 has too."""
    config = DecoderConfig(vocab_size=vocab_size, context=context, positions="learned", **SHAPE)
    return Decoder(config, generator(0, "bench", vocab_size)).eval()


@torch.no_grad()
def same_gpt2(ours: Decoder) -> Any:
    """``GPT2LMHeadModel`` that computes what ours does: our matrices, biases of 0, the exact GELU.

    It has no dropout and no special tokens, so that nothing ends early.
    """
    transformers = peer("transformers")
    sizes = ours.config
    config = transformers.GPT2Config(
        vocab_size=sizes.vocab_size,
        n_positions=sizes.context,
        n_embd=sizes.width,
        n_layer=sizes.layers,
        n_head=sizes.heads,
        n_inner=sizes.hidden,
        activation_function="gelu",
        resid_pdrop=0.0,
        embd_pdrop=0.0,
        attn_pdrop=0.0,
        bos_token_id=None,
        eos_token_id=None,
        pad_token_id=None,
        attn_implementation="sdpa",
    )
    theirs = transformers.GPT2LMHeadModel(config)
    for name, weight in theirs.named_parameters():
        if name.endswith("bias"):
            weight.zero_()
    body = theirs.transformer
    body.wte.weight.copy_(ours.embedding)  # the unembedding too: the two are tied, as ours are
    body.wpe.weight.copy_(ours.places)
    body.ln_f.weight.copy_(ours.norm)
    for layer, block in zip(body.h, ours.blocks, strict=True):
        layer.ln_1.weight.copy_(block.norm1)
        layer.ln_2.weight.copy_(block.norm2)
        # Its matrices stand as [in, out].
        layer.attn.c_attn.weight.copy_(block.qkv.t())
        layer.attn.c_proj.weight.copy_(block.out.t())
        layer.mlp.c_fc.weight.copy_(block.up.t())
        layer.mlp.c_proj.weight.copy_(block.down.t())
    return theirs.eval()


@torch.no_grad()
def check_same_logits(ours: Decoder, theirs: Any, batch: int = 4, time: int = 64) -> None:
    """Raise AssertionError where the logits of random texts differ by 1e-5 or more.

    At 1e-4 the tanh of the other GELU would not be seen.
    """
    texts = (batch, min(time, ours.config.context))
    tokens = torch.randint(ours.config.vocab_size, texts, generator=generator(0, "texts"))
    torch.testing.assert_close(ours(tokens), theirs(tokens).logits, atol=1e-5, rtol=0)
    distance = (ours(tokens) - ours(tokens.flip(1))).abs().max()
    assert distance > 0.1, f"the logits do not depend on the text: they differ by {distance:.2g}"
