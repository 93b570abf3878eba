"""The encoder-decoder agrees with torch's own, reads both ways and writes one way."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from nlgnotes.networks.encoder_decoder import EncoderDecoder, EncoderDecoderConfig
from nlgnotes.randomness import generator

SMALL = EncoderDecoderConfig(
    vocab_size=11, context=13, width=12, encoder_layers=3, layers=2, heads=3, hidden=20
)


def make(seed=0, config=SMALL, std=None):
    model = EncoderDecoder(config, generator(seed, "weights"))
    if std is not None:  # weights large enough that every part matters
        g = generator(seed, "large")
        for p in model.parameters():
            p.data.add_(torch.randn(p.shape, generator=g), alpha=std)
    return model


def tokens(batch, time, seed=0):
    return torch.randint(1, 11, (batch, time), generator=generator(seed, "tokens"))


def pair(seed=0, source=7, time=5):
    mask = torch.ones(2, source, dtype=torch.bool)
    mask[1, source // 2 + 1 :] = False
    return tokens(2, source, seed), mask, tokens(2, time, seed + 1)


def test_weights_come_from_the_generator_only():
    before = torch.get_rng_state()
    a, b, c = make(0), make(0), make(1)
    assert torch.equal(before, torch.get_rng_state())
    assert all(torch.equal(x, y) for x, y in zip(a.parameters(), b.parameters(), strict=True))
    assert not torch.equal(a.embedding, c.embedding)


def test_parameter_count_by_hand():
    d, hidden, vocab = 128, 512, 256
    model = EncoderDecoder(EncoderDecoderConfig(vocab, 64), generator(0))
    own, cross = 4 * d * d + 2 * d * hidden + 2 * d, 4 * d * d + d
    assert model.parameter_count == vocab * d + 2 * own + d + 2 * (own + cross) + d


def test_equals_torch_transformer():
    """Without positions the network is ``torch.nn.Transformer``, norms first, no biases."""
    model, c, (source, mask, target) = make(std=0.2), SMALL, pair()
    model.cos.fill_(1.0)
    model.sin.zero_()
    kind = {
        "dim_feedforward": c.hidden,
        "dropout": 0.0,
        "activation": "gelu",
        "batch_first": True,
        "norm_first": True,
        "bias": False,
    }
    encoder = nn.TransformerEncoder(
        nn.TransformerEncoderLayer(c.width, c.heads, **kind),
        c.encoder_layers,
        nn.LayerNorm(c.width, bias=False),
        enable_nested_tensor=False,
    )
    decoder = nn.TransformerDecoder(
        nn.TransformerDecoderLayer(c.width, c.heads, **kind),
        c.layers,
        nn.LayerNorm(c.width, bias=False),
    )
    halves = (encoder.layers, model.encoder), (decoder.layers, model.decoder)
    for theirs, ours in (pair for half in halves for pair in zip(*half, strict=True)):
        put(theirs.self_attn.in_proj_weight, ours.qkv)
        put(theirs.self_attn.out_proj.weight, ours.out)
        put(theirs.linear1.weight, ours.up)
        put(theirs.linear2.weight, ours.down)
        put(theirs.norm1.weight, ours.norm1)
        put(theirs.norm3.weight if hasattr(theirs, "norm3") else theirs.norm2.weight, ours.norm2)
    for theirs, ours in zip(decoder.layers, model.across, strict=True):
        put(theirs.multihead_attn.in_proj_weight, torch.cat((ours.query, ours.key_value)))
        put(theirs.multihead_attn.out_proj.weight, ours.out)
        put(theirs.norm2.weight, ours.norm)
    put(encoder.norm.weight, model.encoder_norm)
    put(decoder.norm.weight, model.norm)
    read = encoder(model.embedding[source], src_key_padding_mask=~mask)
    torch.testing.assert_close(model.encode(source, mask)[mask], read[mask], atol=1e-5, rtol=0)
    causal = nn.Transformer.generate_square_subsequent_mask(target.shape[1])
    written = decoder(model.embedding[target], read, causal, memory_key_padding_mask=~mask)
    torch.testing.assert_close(
        model((source, mask, target)), written @ model.embedding.T, atol=1e-5, rtol=0
    )


def put(theirs, ours):
    theirs.data.copy_(ours.data)


def test_it_reads_both_ways_and_writes_one_way():
    model, (source, mask, target) = make(std=0.1), pair()
    early, late = source.clone(), target.clone()
    late[:, 3:] = late[:, 3:] % 10 + 1
    assert torch.equal(model((source, mask, target))[:, :3], model((source, mask, late))[:, :3])
    assert not torch.equal(model((source, mask, target))[:, 3:], model((source, mask, late))[:, 3:])
    # The last of the source reaches the first of the target, and of the source.
    early[0, -1] = early[0, -1] % 10 + 1
    assert not torch.equal(model.encode(source, mask)[0, 0], model.encode(early, mask)[0, 0])
    assert not torch.equal(model((source, mask, target))[0, 0], model((early, mask, target))[0, 0])
    early[1, ~mask[1]] = 3  # padding reaches nothing
    assert torch.equal(model((source, mask, target))[1], model((early, mask, target))[1])


def test_cross_attention_weights_are_the_slow_road():
    model, (source, mask, target) = make(std=0.2), pair()
    weights = model.cross_attention_weights((source, mask, target))
    assert weights.shape == (2, 2, 3, 5, 7)
    torch.testing.assert_close(weights.sum(-1), torch.ones(2, 2, 3, 5))
    assert (weights[:, 1, :, :, ~mask[1]] == 0).all()
    # Torch's layer tells its weights too: those of the first layer, from that layer's own input.
    block, cross, read = model.decoder[0], model.across[0], model.encode(source, mask)
    x = model.embedding[target]
    q, k, v = block.queries_keys_values(x, model.cos[:5], model.sin[:5])
    x = block.add_attention(x, nn.functional.scaled_dot_product_attention(q, k, v, is_causal=True))
    theirs = nn.MultiheadAttention(12, 3, bias=False, batch_first=True)
    put(theirs.in_proj_weight, torch.cat((cross.query, cross.key_value)))
    normed = nn.functional.layer_norm(x, (12,), cross.norm)
    _, expected = theirs(normed, read, read, key_padding_mask=~mask, average_attn_weights=False)
    torch.testing.assert_close(weights[0], expected, atol=1e-5, rtol=0)


def test_bad_arguments_are_named():
    model, (source, mask, target) = make(), pair()
    with pytest.raises(ValueError, match="width must be a multiple of 2 \\* heads = 6; got 10"):
        EncoderDecoderConfig(11, 13, width=10, heads=3)
    with pytest.raises(ValueError, match="unknown \\['depth'\\], missing \\['layers'\\]"):
        EncoderDecoderConfig.from_dict(
            {**{k: v for k, v in SMALL.to_dict().items() if k != "layers"}, "depth": 2}
        )
    assert EncoderDecoderConfig.from_dict(SMALL.to_dict()) == SMALL
    with pytest.raises(ValueError, match="source must fit the context of 13; got 14"):
        model.encode(tokens(2, 14), torch.ones(2, 14, dtype=torch.bool))
    with pytest.raises(ValueError, match="source must hold ids in \\[0, 11\\)"):
        model.encode(source + 5, mask)
    with pytest.raises(ValueError, match="mask must have the source's shape"):
        model.encode(source, mask[:, :3])
    with pytest.raises(ValueError, match="a token in each row"):
        model.encode(source, mask & False)
    with pytest.raises(ValueError, match="target must have as many rows as the source, 2; got 1"):
        model((source, mask, target[:1]))
    with pytest.raises(ValueError, match="context must be at most 4194304 with heads of width 4"):
        EncoderDecoderConfig(11, 2**23, width=12, heads=3)


@settings(max_examples=20, deadline=None)
@given(
    st.integers(1, 9), st.integers(1, 9), st.integers(1, 3), st.integers(1, 3), st.integers(1, 3)
)
def test_the_shapes_of_the_weights_follow_from_the_sizes(vocab, hidden, heads, read, write):
    config = EncoderDecoderConfig(vocab, 7, 4 * heads, read, write, heads, hidden)
    named = {k: tuple(v.shape) for k, v in make(config=config).state_dict().items()}
    assert dict(config.weight_shapes()) == named


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_other_dtypes_read_and_write(dtype):
    model, (source, mask, target) = make(std=0.1), pair()
    exact = model.double()((source, mask, target))
    model = model.to(dtype)
    logits = model((source, mask, target))
    reader = model.read(source, mask)
    stepped, cache = reader.step(target, reader.empty_cache(2))
    assert logits.dtype == stepped.dtype == cache.dtype == dtype
    slack = 40 * torch.finfo(dtype).eps
    torch.testing.assert_close(logits.double(), exact, atol=slack, rtol=slack)
    torch.testing.assert_close(stepped.double(), exact.detach(), atol=slack, rtol=slack)
