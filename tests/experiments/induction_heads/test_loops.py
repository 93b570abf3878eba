"""Heads of a decoder taken out by its output matrix, and sets that match layer by layer."""

import pytest
import torch
import torch.nn.functional as F

from nlgnotes.experiments.induction_heads.loops import (
    matched_sets,
    prefix_scores,
    repeated_probability,
    some_phrases,
    without_heads,
)
from nlgnotes.networks.attention import causal_mask, scaled_dot_product_attention
from nlgnotes.networks.transformer import Decoder, DecoderConfig
from nlgnotes.randomness import generator
from nlgnotes.text.tokenizer import ByteBPE

CONFIG = DecoderConfig(vocab_size=40, context=110, width=16, layers=2, heads=4, hidden=12)


def make():
    model = Decoder(CONFIG, generator(0))
    with torch.no_grad():
        for p in model.parameters():
            p.mul_(6 if p.dim() > 1 else 1)
    return model.eval()


def test_a_head_without_its_columns_brings_nothing():
    """Two roads: zeroed columns, and zeroed heads before the output matrix."""
    model, tokens = make(), torch.randint(40, (3, 9), generator=generator(1))
    gone = [(0, 2), (1, 0), (1, 3)]
    x, cos, sin = model._embed(tokens)
    for i, block in enumerate(model.blocks):
        roles = block.queries_keys_values(x, cos, sin)
        attended = scaled_dot_product_attention(*roles, causal_mask(9))[0].clone()
        attended[:, [head for layer, head in gone if layer == i]] = 0
        x = block.add_mlp(block.add_attention(x, attended))
    wanted = model.unembed(F.layer_norm(x, (16,), model.norm))
    before = model(tokens)
    torch.testing.assert_close(without_heads(model, gone)(tokens), wanted)
    assert torch.equal(model(tokens), before) and not torch.allclose(wanted, before)
    assert torch.equal(without_heads(model, [])(tokens), before)
    with pytest.raises(ValueError, match="the head of an ablated head must be"):
        without_heads(model, [(0, 4)])


def test_scores_of_a_decoder_that_looks_everywhere_alike():
    """Uniform attention gives the share of the positions that follow a copy."""
    model = make()
    with torch.no_grad():
        for block in model.blocks:
            block.qkv[:32] = 0  # queries and keys
    slow = [sum(i > 25 * k for k in (1, 2, 3)) / (i + 1) for i in range(26, 101)]
    scores = prefix_scores(model, generator(2))
    assert scores.shape == (2, 4)
    torch.testing.assert_close(scores, torch.full((2, 4), sum(slow) / len(slow)))


def test_matched_sets_have_as_many_heads_in_each_layer():
    scores = torch.tensor([[0.9, 0.1, 0.2, 0.8], [0.0, 0.7, 0.1, 0.1]])
    # Of the first layer both other heads are taken, of the second one of three.
    chosen, others = matched_sets(scores, 3, 3, generator(3))
    assert chosen == [(0, 0), (0, 3), (1, 1)] and len(others) == 3
    for heads in others:
        assert [layer for layer, _ in heads] == [0, 0, 1]
        assert not set(heads) & set(chosen) and len(set(heads)) == 3
    assert len({tuple(heads) for heads in others}) == 3
    with pytest.raises(ValueError, match="there must be 4 different other sets; found 3"):
        matched_sets(scores, 3, 4, generator(3))
    with pytest.raises(ValueError, match="layer 0 must have 3 heads outside the set; got 1"):
        matched_sets(torch.tensor([[0.9, 0.8, 0.7, 0.1]]), 3, 1, generator(0))


def test_probability_by_copy_equals_the_slow_loop():
    model = make()
    phrases = torch.randint(1, 40, (2, 5), generator=generator(4))
    found = repeated_probability(model, phrases, 3)
    for row, ours in zip(phrases.tolist(), found, strict=True):
        text = [0, *row * 3]
        with torch.no_grad():
            p = model(torch.tensor([text[:-1]]))[0].softmax(-1)
        each = [float(p[i, text[i + 1]]) for i in range(15)]
        slow = [sum(each[i : i + 5]) / 5 for i in (0, 5, 10)]
        assert ours.tolist() == pytest.approx(slow, abs=1e-6)


def test_phrases_are_the_beginnings_of_sentences():
    tokenizer = ByteBPE.train(["one two three. four five six seven"], 256 + 3)
    texts = ["one two three four.\nsix. seven six five four", "three four five."]
    phrases = some_phrases(tokenizer, texts, 3, 6, generator(0))
    assert phrases.shape == (3, 6)
    begins = {tokenizer.decode(row)[:4] for row in phrases.tolist()}
    assert begins == {" one", " sev", " thr"}
    with pytest.raises(ValueError, match="texts must hold 4 sentences of 6 tokens; got 3"):
        some_phrases(tokenizer, texts, 4, 6, generator(0))
