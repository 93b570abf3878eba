"""MAML: the inner step by hand and task by task, the outer gradient against two slow roads."""

import pytest
import torch
from torch.func import functional_call, grad, vmap

from nlgnotes.networks.mlp import MLP
from nlgnotes.randomness import generator
from nlgnotes.tasks.sinusoids import Points, Sinusoids
from nlgnotes.training.maml import adapt, maml_loss, pooled_loss, task_errors, train_initialisation

FAMILY = Sinusoids()


def batch(tasks=4, shots=3, seed=1, dtype=torch.float64):
    stream = generator(seed)
    which = FAMILY.draw(tasks, stream)
    both = FAMILY.sample(which, shots, stream), FAMILY.sample(which, 2 * shots, stream)
    return tuple(Points(*(v.to(dtype) for v in part)) for part in both)


def model(seed=2):
    return MLP((1, 6, 5, 1), generator(seed)).double()


def draw(stream):
    which = FAMILY.draw(8, stream)
    return FAMILY.sample(which, 5, stream), FAMILY.sample(which, 5, stream)


LINE = [torch.tensor([[2.0]]), torch.tensor([[1.0]])]  # 2 x + 1


def test_an_inner_step_by_hand():
    """y = 2 x + 1 at x = 1 and 3 for the values 3 and 9: errors 0 and -2, loss 2."""
    shown = Points(torch.tensor([[[1.0], [3.0]]]), torch.tensor([[[3.0], [9.0]]]))
    assert task_errors(LINE, shown).tolist() == [2]
    # The slopes are the means of 2 * error * x and 2 * error: -6 and -2.
    w, b = adapt(LINE, shown, 0.1)
    assert w.tolist() == [[[pytest.approx(2.6)]]] and b.tolist() == [[[pytest.approx(1.2)]]]
    assert [v.tolist() for v in LINE] == [[[2.0]], [[1.0]]]  # the initialisation stays


def test_all_tasks_at_once_are_each_task_alone():
    shown, asked = batch()
    net = model()
    own = adapt(tuple(net.weights), shown, 0.05, 3)
    for i in range(4):
        alone = adapt(tuple(net.weights), Points(shown.x[i : i + 1], shown.y[i : i + 1]), 0.05, 3)
        for a, b in zip(own, alone, strict=True):
            assert a[i].detach() == pytest.approx(b[0].detach(), abs=1e-12)
    assert task_errors(own, asked).shape == (4,)


def test_steps_add_up_and_zero_steps_copy():
    shown, _ = batch()
    weights = tuple(model().weights)
    two = adapt(weights, shown, 0.05, 2)
    again = adapt(adapt(weights, shown, 0.05, 1), shown, 0.05, 1)
    for a, b in zip(two, again, strict=True):
        assert a.detach() == pytest.approx(b.detach(), abs=1e-12)
    for a, w in zip(adapt(weights, shown, 0.05, 0), weights, strict=True):
        assert bool((a == w).all()) and len(a) == 4


def test_the_outer_gradient_by_torch_func():
    """Another road: vmap over tasks of grad, which is functional from the start."""
    net, (shown, asked) = model(), batch()
    names = [name for name, _ in net.named_parameters()]

    def error(weights, x, y):
        return (functional_call(net, weights, (x,)) - y).square().mean()

    def one_task(weights, x, y, u, v):
        slopes = grad(error)(weights, x, y)
        return error({n: w - 0.05 * slopes[n] for n, w in weights.items()}, u, v)

    def outer(weights):
        return vmap(one_task, (None, 0, 0, 0, 0))(weights, *shown, *asked).mean()

    expected = grad(outer)({n: w.detach() for n, w in net.named_parameters()})
    maml_loss(net, (shown, asked), 0.05).backward()
    for name, w in net.named_parameters():
        assert w.grad == pytest.approx(expected[name], abs=1e-10)
    assert len(names) == 6


@pytest.mark.parametrize("steps", [1, 2])
def test_the_second_order_gradient_is_a_difference_quotient(steps):
    net, both = model(), batch()
    maml_loss(net, both, 0.05, steps=steps).backward()
    for w in net.weights:
        with torch.no_grad():
            found = []
            for h in (1e-6, -1e-6):
                w[0, 0] += h
                found.append(float(maml_loss(net, both, 0.05, steps=steps)))
                w[0, 0] -= h
        assert (found[0] - found[1]) / 2e-6 == pytest.approx(
            float(w.grad[0, 0]), rel=1e-4, abs=1e-8
        )


def test_first_order_is_the_gradient_at_the_adapted_weights():
    net, (shown, asked) = model(), batch()
    own = [w.detach().requires_grad_() for w in adapt(tuple(net.weights), shown, 0.05)]
    expected = torch.autograd.grad(task_errors(own, asked).mean(), own)
    maml_loss(net, (shown, asked), 0.05, second_order=False).backward()
    first = [w.grad.clone() for w in net.weights]
    for slope, part in zip(first, expected, strict=True):
        assert slope == pytest.approx(part.sum(0), abs=1e-12)
    net.zero_grad()
    maml_loss(net, (shown, asked), 0.05).backward()
    assert any((w.grad - f).abs().max() > 1e-3 for w, f in zip(net.weights, first, strict=True))


def test_pooled_loss_is_the_error_on_all_points():
    net, (shown, asked) = model(), batch(shots=3)
    x, y = torch.cat((shown.x, asked.x), 1), torch.cat((shown.y, asked.y), 1)
    assert pooled_loss(net, (shown, asked)).item() == pytest.approx(
        float((net(x) - y).square().mean())
    )


@pytest.mark.parametrize("kind", ["second order", "first order", "pretraining"])
def test_training_lowers_the_loss_and_can_be_repeated(kind):
    which = FAMILY.draw(400, generator(5))
    fixed = FAMILY.sample(which, 5, generator(6)), FAMILY.sample(which, 5, generator(7))
    judge = pooled_loss if kind == "pretraining" else lambda net, both: maml_loss(net, both, 0.01)
    runs = []
    for _ in range(2):
        net = MLP((1, 20, 1), generator(3))
        before = float(judge(net, fixed).detach())
        history = train_initialisation(
            net, draw, kind, steps=80, learning_rate=2e-2, generator=generator(4), progress=False
        )
        assert float(judge(net, fixed).detach()) < before - 0.1
        runs.append((history.losses, net.weights[0].tolist()))
    assert runs[0] == runs[1]


def test_an_interrupted_run_goes_on(tmp_path):
    def train(file, stop=None):
        calls = []

        def counted(stream):
            calls.append(0)
            if len(calls) == stop:
                raise KeyboardInterrupt
            return draw(stream)

        net = MLP((1, 8, 1), generator(3))
        train_initialisation(
            net,
            counted,
            "second order",
            steps=12,
            learning_rate=1e-2,
            generator=generator(4),
            checkpoint=file,
            progress=False,
        )
        return [w.tolist() for w in net.weights], len(calls)

    whole, draws = train(tmp_path / "a")
    with pytest.raises(KeyboardInterrupt):
        train(tmp_path / "b", stop=8)
    again, rest = train(tmp_path / "b")
    assert again == whole and rest < draws


def test_ill_arguments():
    shown, _ = batch()
    weights = tuple(model().weights)
    with pytest.raises(ValueError, match="step_size must lie in"):
        adapt(weights, shown, -0.1)
    with pytest.raises(ValueError, match="steps must be an integer of at least 0; got -1"):
        adapt(weights, shown, 0.1, -1)
    settings = {"steps": 1, "learning_rate": 1e-2, "generator": generator(0), "progress": False}
    with pytest.raises(ValueError, match="kind must be one of second order"):
        train_initialisation(MLP((1, 1), generator(0)), draw, "both", **settings)
    with pytest.raises(ValueError, match="step_size must be a finite number above 0; got 0"):
        train_initialisation(
            MLP((1, 1), generator(0)), draw, "first order", step_size=0, **settings
        )
