"""What a network is given and cannot take is a ValueError that says what, as a user meets it."""

import re

import pytest

SETUP = """
import torch
import numpy as np
from nlgnotes.networks.attention import scaled_dot_product_attention
from nlgnotes.networks.cache import Cache
from nlgnotes.networks.encoder_decoder import EncoderDecoder, EncoderDecoderConfig
from nlgnotes.networks.discriminator import Discriminator
from nlgnotes.networks.lstm import LSTMConfig, LSTMModel
from nlgnotes.networks.rotary import apply_rotary, rotary, rotary_angles, rotary_bound
from nlgnotes.networks.transformer import Decoder, DecoderConfig
g = lambda: torch.Generator().manual_seed(0)
pair = EncoderDecoder(EncoderDecoderConfig(9, 8, width=8, heads=2, hidden=8), g())
decoder, lstm = Decoder(DecoderConfig(9, 8, 8, 2, 2, 8), g()), LSTMModel(LSTMConfig(9, 8), g())
cast = Decoder(decoder.config, g())
kept = cast.empty_cache(1)
critic = Discriminator(9, g(), width=8)
source, target = torch.tensor([[3, 4, 0]]), torch.tensor([[0, 7]])
reader = pair.read(source, source > 0)
q, three = torch.ones(1, 2, 4), torch.ones(1, 3, 4)
def turn(network, tokens, batch=1):
    return network.step(tokens, network.empty_cache(batch))
"""
MASKS = {
    "float": "(source > 0).float()",
    "float16": "(source > 0).half()",
    "int64": "(source > 0).long()",
    "uint8": "(source > 0).byte()",
    "additive": "torch.where(source > 0, 0.0, -1e9)",
    "complex": "(source > 0).cfloat()",
}
CALLS = {
    "forward": "pair((source, {}, target))",
    "encode": "pair.encode(source, {})",
    "read": "pair.read(source, {})",
    "weights": "pair.cross_attention_weights((source, {}, target))",
    "attention": "scaled_dot_product_attention(q[:, :1], three, three, {})",
}
STEPS = ("decoder", "lstm", "reader")
TOKENS = {
    "too large": ("torch.tensor([[99]])", r"tokens must hold ids in \[0, 9\); got 99 to 99"),
    "negative": ("torch.tensor([[0, -1]])", r"tokens must hold ids in \[0, 9\); got -1 to 0"),
    "int32": (
        "torch.tensor([[1]]).int()",
        r"tokens must be int64 .*; got torch.int32 of shape \(1,",
    ),
    "float": ("torch.tensor([[1.0]])", "got torch.float32"),
    "bool": ("torch.tensor([[True]])", "got torch.bool"),
    "flat": (
        "torch.tensor([1])",
        r"shape \[1, time\] like the cache.*; got torch.int64 of shape \(1,\)",
    ),
    "two rows": (
        "torch.tensor([[1], [1]])",
        r"like the cache.*; got torch.int64 of shape \(2, 1\)",
    ),
    "no token": (
        "torch.zeros(1, 0, dtype=torch.long)",
        r"at least 1; got torch.int64 of shape \(1, 0",
    ),
    "a list": ("[[1]]", r"tokens must be int64 .*; got \[\[1\]\]"),
    "too many": ("torch.ones(1, 9, dtype=torch.long)", "must fit the .*8; got"),
}
CASES = {
    **{
        f"{call}: {kind}": (CALLS[call].format(mask), "mask must be a boolean tensor; got torch")
        for call in CALLS
        for kind, mask in MASKS.items()
    },
    **{
        f"{call}: list": (CALLS[call].format("[[True] * 3]"), "boolean .*; got list")
        for call in CALLS
    },
    "blind row": (
        "pair.encode(source, source > 9)",
        r"a token in each row; got shape \(1, 3\), 0 tokens",
    ),
    "mask shape": ("pair.encode(source, target > 9)", r"source's shape \(1, 3\)"),
    "float source": ("pair.encode(source.float(), source > 0)", "source must be an int64 tensor"),
    "float source, no mask": ("pair.read(source.float())", "source must be an int64 tensor"),
    "no pair": ("pair(source)", r"pair must be \(source, mask, target\); got Tensor"),
    **{
        f"{network}.step: {kind}": (f"turn({network}, {tokens})", words)
        for network in STEPS
        for kind, (tokens, words) in TOKENS.items()
    },
    "decoder": ("decoder(source + 9)", r"tokens must hold ids in \[0, 9\); got 9 to 13"),
    "lstm": ("lstm(source - 1)", r"tokens must hold ids in \[0, 9\); got -1 to 3"),
    "target": ("pair((source, source > 0, target + 9))", r"target must hold ids in \[0, 9\)"),
    "discriminator": ("critic(source + 9)", r"tokens must hold ids in \[0, 9\); got 9 to 13"),
    # Whose cache it is.
    **{
        f"{mine}.step: {other}'s": (
            f"{mine}.step(target[:, :1], {other}.empty_cache(1))",
            "cache must be a .* empty_cache; got",
        )
        for mine in STEPS
        for other in STEPS
        if mine != other
    },
    "another decoder's": (
        "decoder.step(target, Decoder(decoder.config, g()).empty_cache(1))",
        "got another model's",
    ),
    "a cache of fewer layers": (
        "decoder.step(target, Cache.empty(1, 1, 2, 8, 4))",
        "another model's",
    ),
    "another lstm's": (
        "lstm.step(target, LSTMModel(lstm.config, g()).empty_cache(1))",
        "another model's",
    ),
    "another reader's": (
        "reader.step(target, pair.read(source).empty_cache(1))",
        "another model's",
    ),
    "another dtype": ("cast.double().step(target, kept)", "dtype torch.float64; got torch.float32"),
    "index": ("decoder.empty_cache(2).rows([0])", r"index must be an int64 tensor .*; got list"),
    "bool index": ("decoder.empty_cache(2).rows(torch.tensor([True]))", "got torch.bool"),
    "rows of a memory": (
        "reader.empty_cache(2).rows(torch.tensor([2]))",
        r"rows in \[0, 2\); got 2",
    ),
    "rows of a state": (
        "lstm.empty_cache(2).rows(torch.tensor([-1]))",
        r"rows in \[0, 2\); got -1",
    ),
    # The roles of attention, and positions.
    "whole roles": ("scaled_dot_product_attention(q.long(), q, q)", "query must be floating-point"),
    "two dtypes": (
        "scaled_dot_product_attention(q, q.half(), q)",
        "one dtype; got torch.float32, ",
    ),
    "two widths": ("scaled_dot_product_attention(q, q[..., :3], q)", "one width"),
    "one axis": ("scaled_dot_product_attention(q[0, 0], q, q)", r"query must be .*shape \(4,\)"),
    "whole rotary": (
        "rotary(torch.ones(2, 4).long(), torch.arange(2))",
        "floating-point tensor; got torch.int",
    ),
    "complex positions": ("rotary_angles(torch.ones(2).cfloat(), 4)", "got torch.complex64"),
    "boolean positions": ("rotary_bound(torch.ones(2) > 0, 4)", "got torch.bool"),
    "positions in rows": (
        "rotary_angles(torch.zeros(2, 2), 4)",
        r"got torch.float32 of shape \(2, 2\)",
    ),
    "two tables": (
        "apply_rotary(torch.zeros(6, 6), torch.zeros(7, 3), torch.zeros(7, 2))",
        r"one shape \[time, half\]; got \(7, 3\) and \(7, 2\)",
    ),
    "listed positions": ("rotary_angles([1, 2], 4)", "got list"),
}


@pytest.fixture(scope="module")
def answers(plain):
    return plain(SETUP, {name: code for name, (code, _) in CASES.items()})


@pytest.mark.parametrize("name", CASES)
def test_it_is_refused_in_words(answers, name):
    kind, said = answers[name]
    assert kind == "ValueError", said
    assert re.search(CASES[name][1], said), said


def test_initial_weights_are_drawn_from_a_generator_only(plain):
    setup = """
from nlgnotes.networks.discriminator import Discriminator
from nlgnotes.networks.encoder_decoder import EncoderDecoder, EncoderDecoderConfig
from nlgnotes.networks.lstm import LSTMConfig, LSTMModel
from nlgnotes.networks.transformer import Decoder, DecoderConfig
small = {"vocab_size": 5, "context": 4, "width": 8, "heads": 2}
"""
    made = {
        "decoder": "Decoder(DecoderConfig(**small), None)",
        "encoder-decoder": "EncoderDecoder(EncoderDecoderConfig(**small), None)",
        "lstm": "LSTMModel(LSTMConfig(5, 4, 8), 0)",
        "discriminator": "Discriminator(5, None)",
    }
    for kind, words in plain(setup, made).values():
        assert kind == "ValueError" and "generator must be a torch.Generator" in words
