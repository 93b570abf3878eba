"""A layer of experts by sorted dispatch, against a loop over experts and transformers' layer."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from bench.timing import Comparison, peer
from nlgnotes.networks.moe import MoELayer
from nlgnotes.randomness import generator

WIDTH, HIDDEN, EXPERTS, TOKENS = 128, 256, 16, 2048
GATED = (
    "Switch Transformer's layer is the one of transformers whose experts are ours: two matrices, "
    "no bias, GELU. Its capacity is set so high that it drops nothing."
)


def comparisons() -> Iterator[Comparison]:
    """Two of 16 experts against a loop, one of 16 against transformers, forward and gradient."""
    x = torch.randn(1, TOKENS, WIDTH, generator=generator(0, "moe", "x"))
    for k, peers in ((2, loop_over_experts), (1, switch_layer)):
        ours = layer(k)
        theirs, name = peers(ours)
        for what, act in (("forward", forward), ("forward and gradient", gradient)):
            yield Comparison(
                name=f"{k} of {EXPERTS} experts, {what}",
                unit="tokens",
                work=TOKENS,
                ours=partial(act, lambda x, ours=ours: ours(x[0])[0], x),
                peer=partial(act, theirs, x),
                peer_name=name,
                aim=1.0,
                agree=same,
                note=GATED if k == 1 else "",
            )


def layer(k: int) -> MoELayer:
    """A layer whose gate prefers some experts to others."""
    made = MoELayer(
        WIDTH, HIDDEN, EXPERTS, k, generator(0, "moe"), gates="all" if k == 1 else "chosen"
    )
    with torch.no_grad():
        made.gate.mul_(10)
    return made


def loop_over_experts(made: MoELayer) -> tuple[Callable[[Tensor], Tensor], str]:
    """The layer as one would first write it: for each expert, the tokens that chose it."""

    def act(x: Tensor) -> Tensor:
        x = x[0]
        scores = x @ made.gate
        top = scores.topk(made.k, -1)
        weights, out = top.values.softmax(-1), torch.zeros_like(x)
        for i in range(made.experts):
            tokens, place = torch.where(top.indices == i)
            answer = F.gelu(x[tokens] @ made.up[i]) @ made.down[i]
            out = out.index_add(0, tokens, answer * weights[tokens, place, None])
        return out

    return act, "a loop over the experts"


def switch_layer(made: MoELayer) -> tuple[Callable[[Tensor], Tensor], str]:
    """The Switch Transformer's layer of transformers with the same weights."""
    models = peer("transformers.models.switch_transformers.modeling_switch_transformers")
    config = peer("transformers").SwitchTransformersConfig(
        d_model=WIDTH,
        d_ff=HIDDEN,
        num_experts=EXPERTS,
        expert_capacity=TOKENS,
        feed_forward_proj="gelu",
        dropout_rate=0.0,
        router_jitter_noise=0.0,
        router_bias=False,
    )
    theirs = models.SwitchTransformersSparseMLP(config).eval()
    with torch.no_grad():
        theirs.router.classifier.weight.copy_(made.gate.T)
        for i in range(EXPERTS):
            expert = theirs.experts[f"expert_{i}"]
            expert.wi.weight.copy_(made.up[i].T)
            expert.wo.weight.copy_(made.down[i].T)
    return lambda x: theirs(x)[0], "transformers' SwitchTransformersSparseMLP"


@torch.no_grad()
def forward(act: Callable[[Tensor], Tensor], x: Tensor) -> tuple[Tensor]:
    """The answers."""
    return (act(x),)


def gradient(act: Callable[[Tensor], Tensor], x: Tensor) -> tuple[Tensor, Tensor]:
    """The answers, and the gradient of their squares in what was read."""
    leaf = x.clone().requires_grad_()
    out = act(leaf)
    out.square().sum().backward()
    return out.detach(), leaf.grad


def same(ours: Any, theirs: Any) -> None:
    """Answers and gradients are the same."""
    torch.testing.assert_close(ours, theirs, atol=1e-4, rtol=1e-3)
