"""Cross-attention is torch's multi-head attention behind a norm, added to the stream."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from nlgnotes.networks.cross_attention import CrossAttention, cross_attention_shapes
from nlgnotes.randomness import generator


@pytest.mark.parametrize("masked", [False, True])
def test_equals_torch_multi_head_attention(masked):
    layer = CrossAttention(12, 3, 2, generator(0))
    layer.norm.data.add_(torch.randn(12, generator=generator(1)))
    x, source = (torch.randn(2, n, 12, generator=generator(n)) for n in (4, 7))
    seen = torch.ones(2, 7, dtype=torch.bool)
    seen[1, 3:] = not masked
    theirs = nn.MultiheadAttention(12, 3, bias=False, batch_first=True)
    theirs.in_proj_weight.data.copy_(torch.cat((layer.query, layer.key_value)).data)
    theirs.out_proj.weight.data.copy_(layer.out.data)
    added, _ = theirs(F.layer_norm(x, (12,), layer.norm), source, source, key_padding_mask=~seen)
    ours = layer(x, *layer.memory(source), seen[:, None, None], F.scaled_dot_product_attention)
    torch.testing.assert_close(ours, x + added, atol=1e-6, rtol=1e-5)


def test_the_shapes_are_those_of_the_weights():
    layer = CrossAttention(12, 3, 2, generator(0))
    named = {f"x.{k}": tuple(v.shape) for k, v in layer.state_dict().items()}
    assert dict(cross_attention_shapes("x", 12)) == named
