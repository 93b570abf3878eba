"""AdamW: the weights that torch's own class leaves, bit by bit, and the formula by hand."""

import torch
from torch import nn

from nlgnotes.training.adamw import AdamW


def weights(seed: int) -> list[nn.Parameter]:
    chance = torch.Generator().manual_seed(seed)
    shapes = [(4, 3), (3,), (2, 2)]
    return [nn.Parameter(torch.randn(shape, generator=chance)) for shape in shapes]


def test_it_steps_as_the_class_of_torch():
    ours, theirs = weights(0), weights(0)
    optimizer = AdamW([(ours[:1], 0.1), (ours[1:], 0.0)], 0.02, betas=(0.9, 0.95))
    groups = [{"params": theirs[:1], "weight_decay": 0.1}, {"params": theirs[1:]}]
    peer = torch.optim.AdamW(groups, lr=0.02, betas=(0.9, 0.95), weight_decay=0.0, fused=True)
    chance = torch.Generator().manual_seed(1)
    for step in range(6):
        for i, (a, b) in enumerate(zip(ours, theirs, strict=True)):
            # One has no gradient at first, and loses it again.
            idle = i == 2 and step in {0, 1, 4}
            gradient = torch.randn(a.shape, generator=chance)
            a.grad, b.grad = (None, None) if idle else (gradient, gradient.clone())
        optimizer.learning_rate = 0.02 / (step + 1)
        for group in peer.param_groups:
            group["lr"] = 0.02 / (step + 1)
        optimizer.step()
        peer.step()
        assert all(torch.equal(a, b) for a, b in zip(ours, theirs, strict=True))
    for i, b in enumerate(theirs):
        for name, value in peer.state[b].items():
            assert torch.equal(optimizer.state[i][name], value), name
    optimizer.clear()
    assert all(a.grad is None for a in ours)


def test_the_first_step_by_hand():
    (p,) = group = [nn.Parameter(torch.tensor([1.0, -2.0]))]
    optimizer = AdamW([(group, 0.5)], 0.1, betas=(0.9, 0.99))
    p.grad = torch.tensor([3.0, -0.25])
    optimizer.step()
    # m / (1 - beta_1) = g and v / (1 - beta_2) = g^2: the step is the sign; decay takes 5 %.
    torch.testing.assert_close(p.detach(), torch.tensor([0.95 - 0.1, -1.9 + 0.1]))
    assert optimizer.state[0]["step"] == 1
