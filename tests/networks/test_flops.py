"""The formulas of FLOPs are what torch's own counter counts."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from nlgnotes.networks.encoder_decoder import EncoderDecoder, EncoderDecoderConfig
from nlgnotes.networks.flops import (
    decoder_flops,
    encoder_flops,
    memory_flops,
    moe_decoder_flops,
    writer_flops,
)
from nlgnotes.networks.moe_decoder import MoEDecoder, MoEDecoderConfig
from nlgnotes.networks.transformer import Decoder, DecoderConfig
from nlgnotes.randomness import generator

ONE = DecoderConfig(vocab_size=11, context=60, width=12, layers=2, heads=3, hidden=20)
TWO = EncoderDecoderConfig(
    vocab_size=11, context=60, width=12, encoder_layers=3, layers=2, heads=3, hidden=20
)


def counted(act):
    """FLOPs by torch's counter, with its plain attention: it cannot see the fused one on a CPU."""
    with sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counter:
        act()
    return counter.get_total_flops()


def ids(*shape):
    return torch.randint(11, shape, generator=generator(0, "ids"))


@settings(max_examples=10, deadline=None)
@given(st.integers(1, 6), st.integers(0, 6))
def test_decoder_flops_are_torchs_count(new, past):
    model = Decoder(ONE, generator(0))
    model.plain_steps = True  # the counter does not know the calls of the fast road
    cache = model.empty_cache(1)
    if past:
        _, cache = model.step(ids(1, past), cache)
    assert counted(lambda: model.step(ids(1, new), cache)) == decoder_flops(ONE, new, past)
    assert counted(lambda: model(ids(1, new))) == decoder_flops(ONE, new)


@settings(max_examples=10, deadline=None)
@given(st.integers(1, 6), st.integers(0, 6), st.integers(1, 9))
def test_encoder_decoder_flops_are_torchs_count(new, past, source):
    model = EncoderDecoder(TWO, generator(0))
    mask = torch.ones(1, source, dtype=torch.bool)
    encoded, read = encoder_flops(TWO, source), memory_flops(TWO, source)
    assert counted(lambda: model.encode(ids(1, source), mask)) == encoded
    assert counted(lambda: model.read(ids(1, source))) == encoded + read
    reader = model.read(ids(1, source))
    cache = reader.empty_cache(1)
    if past:
        _, cache = reader.step(ids(1, past), cache)
    assert counted(lambda: reader.step(ids(1, new), cache)) == writer_flops(TWO, new, past, source)


@settings(max_examples=10, deadline=None)
@given(st.integers(1, 6), st.integers(0, 6), st.integers(1, 5), st.integers(0, 2))
def test_flops_with_experts_are_torchs_count(new, past, k, shared):
    sizes = (11, 60, 12, 2, 3, 20)
    model = MoEDecoder(MoEDecoderConfig(*sizes, experts=5, k=k, shared=shared), generator(0))
    model.double()  # the counter does not know the grouped product of the other types
    cache = model.empty_cache(1)
    if past:
        _, cache = model.step(ids(1, past), cache)
    expected = moe_decoder_flops(model.config, new, past)
    assert counted(lambda: model.step(ids(1, new), cache)) == expected


def test_decoder_flops_by_hand():
    # Width 2, hidden 1; one token, layer and word. Query, key and value 2*6*2, out 2*2*2, up and
    # down 2*2*2 in all, scores and values 2*2*2, logits 2*2.
    sizes = DecoderConfig(1, 8, width=2, layers=1, heads=1, hidden=1)
    assert decoder_flops(sizes, 1) == 24 + 8 + 8 + 8 + 4


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: decoder_flops(ONE, 1, -1), "past must be an integer of at least 0; got -1"),
        (lambda: decoder_flops(ONE, 0), "new must be an integer of at least 1; got 0"),
        (lambda: encoder_flops(TWO, 0), "source must be an integer of at least 1; got 0"),
        (lambda: memory_flops(TWO, 0), "source must be an integer of at least 1; got 0"),
        (lambda: writer_flops(TWO, 1, -1, 1), "past must be an integer of at least 0; got -1"),
    ],
)
def test_bad_arguments_are_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()
