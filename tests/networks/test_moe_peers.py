"""A layer of experts against the Switch Transformer's of transformers, with the same weights."""

import pytest
import torch

from nlgnotes.networks.moe import MoELayer
from nlgnotes.randomness import generator


@pytest.mark.parametrize("capacity", [3, 40])
def test_one_of_several_experts_is_the_switch_transformers_layer(capacity):
    # Not at the top, where every worker would import it to collect the tests.
    switch = pytest.importorskip(
        "transformers.models.switch_transformers.modeling_switch_transformers"
    )
    from transformers import SwitchTransformersConfig

    ours = MoELayer(8, 12, 5, 1, generator(0, "peers"), gates="all", out_std=0.5)
    theirs = switch.SwitchTransformersSparseMLP(
        SwitchTransformersConfig(
            d_model=8, d_ff=12, num_experts=5, expert_capacity=capacity, dense_act_fn="gelu"
        )
    ).eval()
    with torch.no_grad():
        ours.gate.mul_(50)
        ours.up.mul_(20)
        theirs.router.classifier.weight.copy_(ours.gate.T)
        for i in range(5):
            theirs.experts[f"expert_{i}"].wi.weight.copy_(ours.up[i].T)
            theirs.experts[f"expert_{i}"].wo.weight.copy_(ours.down[i].T)
    x = torch.randn(1, 40, 8, generator=generator(1, "peers"))
    out, routing = ours(x[0], capacity=capacity)
    assert bool(routing.kept.all()) == (capacity == 40)
    assert torch.allclose(out, theirs(x)[0], atol=1e-5) and float(out.detach().abs().max()) > 0.1
