"""The balancing loss against transformers', which counts otherwise and puts layers together."""

import pytest
import torch

from nlgnotes.equations.gating import top_k_experts
from nlgnotes.equations.load_balancing import switch_loss
from nlgnotes.randomness import generator


@pytest.fixture(scope="module")
def mixtral():
    """Here and not at the top, where every worker would import it to collect the tests."""
    return pytest.importorskip("transformers.models.mixtral.modeling_mixtral")


@pytest.mark.parametrize("k", [1, 2, 3])
def test_transformers_loss_is_k_times_ours(mixtral, k):
    logits = torch.randn(40, 6, generator=generator(k, "peers"))
    theirs = mixtral.load_balancing_loss_func((logits,), 6, k)
    ours = switch_loss(logits.softmax(-1), top_k_experts(logits, k))
    assert float(theirs) == pytest.approx(k * float(ours), rel=1e-5)


def test_transformers_loss_of_two_layers_is_that_of_their_concatenation(mixtral):
    layers = torch.tensor([[[2.0, 0.0]] * 5, [[0.0, 2.0]] * 5])
    theirs = mixtral.load_balancing_loss_func(tuple(layers), 2, 1)
    together = layers.flatten(0, 1)
    assert float(theirs) == pytest.approx(
        float(switch_loss(together.softmax(-1), top_k_experts(together, 1)))
    )
    apart = [float(switch_loss(x.softmax(-1), top_k_experts(x, 1))) for x in layers]
    assert float(theirs) == pytest.approx(1.0) and min(apart) > 1.7
