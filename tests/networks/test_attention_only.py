"""The network of attention alone: two roads of one run, ablations by hand, smeared keys."""

from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F

from nlgnotes import checkpoints
from nlgnotes.networks.attention_only import AttentionOnly, AttentionOnlyConfig
from nlgnotes.networks.rotary import rotary
from nlgnotes.randomness import generator

SMALL = AttentionOnlyConfig(vocab_size=9, context=12, width=16, layers=2, heads=2)


def make(config=SMALL, seed=0, size=8.0):
    """A network whose attention is far from uniform."""
    model = AttentionOnly(config, generator(seed, "weights")).double()
    with torch.no_grad():
        for p in model.parameters():
            p.mul_(size) if p.dim() > 1 else p.add_(
                0.3 * torch.randn(p.shape, generator=generator(seed, "gains"))
            )
    return model


def tokens(batch=3, time=10, seed=0):
    return torch.randint(9, (batch, time), generator=generator(seed, "tokens"))


def slow(model, x_tokens, ablated=(), frozen=None):
    """Head by head and position by position, with the package's rotation only."""
    c, size = model.config, model.config.width // model.config.heads
    x = model.embedding[x_tokens]
    patterns = []
    for i, layer in enumerate(model.layers):
        normed = F.layer_norm(x, (c.width,), layer.norm)
        change, used = torch.zeros_like(x), []
        for head in range(c.heads):
            rows = slice(head * size, (head + 1) * size)
            q, k, v = (normed @ part[rows].T for part in layer.qkv.chunk(3))
            if layer.smear is not None:
                own = torch.sigmoid(layer.smear[head])
                mixed = [k[:, :1]]
                for j in range(1, k.shape[1]):
                    mixed.append((own * k[:, j] + (1 - own) * k[:, j - 1])[:, None])
                k = torch.cat(mixed, 1)
            place = torch.arange(k.shape[1])
            scores = rotary(q, place) @ rotary(k, place).transpose(1, 2) / size**0.5
            future = torch.ones(scores.shape[1:], dtype=torch.bool).triu(1)
            weights = scores.masked_fill(future, -torch.inf).softmax(-1)
            if frozen is not None:
                weights = frozen[i, :, head]
            used.append(weights)
            if (i, head) not in ablated:
                change = change + weights @ v @ layer.out[:, rows].T
        x = x + change
        patterns.append(torch.stack(used, 1))
    logits = F.layer_norm(x, (c.width,), model.norm) @ model.unembedding.T
    return logits, torch.stack(patterns)


@pytest.mark.parametrize("smeared", [False, True])
def test_all_roads_agree(smeared):
    model, read = make(replace(SMALL, smeared=smeared)), tokens()
    logits, patterns = slow(model, read)
    run = model.run(read)
    for ours in (model(read).detach(), run.logits):
        torch.testing.assert_close(ours, logits.detach(), atol=1e-6, rtol=1e-6)
    torch.testing.assert_close(run.patterns, patterns.detach(), atol=1e-6, rtol=1e-6)


@pytest.mark.parametrize("ablated", [[(0, 1)], [(1, 0)], [(0, 0), (1, 1)], [(0, 0), (0, 1)]])
def test_both_ablations_equal_the_slow_road(ablated):
    model, read = make(), tokens()
    whole = model.run(read)
    full, frozen = model.run(read, ablated), model.run(read, ablated, whole.patterns)
    torch.testing.assert_close(
        full.logits, slow(model, read, ablated)[0].detach(), atol=1e-6, rtol=1e-6
    )
    torch.testing.assert_close(
        frozen.logits, slow(model, read, ablated, whole.patterns)[0].detach(), atol=1e-6, rtol=1e-6
    )
    assert torch.equal(frozen.patterns, whole.patterns)
    assert (full.logits - whole.logits).abs().max() > 1e-3
    # A head of the last layer reaches the logits only: frozen or not, it is the same.
    if all(layer == 1 for layer, _ in ablated):
        torch.testing.assert_close(full.logits, frozen.logits)
    else:
        assert (full.logits - frozen.logits).abs().max() > 1e-4


def test_no_head_ablated_and_its_own_patterns_change_nothing():
    model, read = make(), tokens()
    whole = model.run(read)
    torch.testing.assert_close(model.run(read, (), whole.patterns).logits, whole.logits)


def test_all_heads_ablated_leave_the_direct_path():
    model, read = make(), tokens()
    every = [(layer, head) for layer in range(2) for head in range(2)]
    direct = F.layer_norm(model.embedding[read], (16,), model.norm) @ model.unembedding.T
    torch.testing.assert_close(model.run(read, every).logits, direct.detach())


def test_direct_logits_add_up_to_what_attention_adds():
    """One layer: the logits are those of the direct path and of the heads, over the last norm."""
    model, read = make(replace(SMALL, layers=1)), tokens()
    by_head = torch.einsum("lbhqk,lbhkv->bqv", model.run(read).patterns, model.direct_logits(read))
    x = model.embedding[read]
    start = (x - x.mean(-1, keepdim=True)) * model.norm @ model.unembedding.T
    q, k, v = model.layers[0].queries_keys_values(x, model.cos[:10], model.sin[:10])
    stream = model.layers[0].add(x, F.scaled_dot_product_attention(q, k, v, is_causal=True))
    size = (stream.var(-1, unbiased=False, keepdim=True) + 1e-5).sqrt()
    torch.testing.assert_close((start + by_head).detach() / size.detach(), model(read).detach())


def test_it_is_causal_and_forgets_nothing():
    model, read = make(replace(SMALL, smeared=True)), tokens()
    changed = read.clone()
    changed[:, 6] = (read[:, 6] + 1) % 9
    a, b = model(read), model(changed)
    assert torch.equal(a[:, :6], b[:, :6]) and not torch.allclose(a[:, 6:], b[:, 6:])


def test_smeared_keys_start_half_and_half_and_end_plain():
    """With alpha large the keys are their own, as in a network without."""
    plain = make()
    smeared = AttentionOnly(replace(SMALL, smeared=True), generator(0, "weights")).double()
    assert all(torch.equal(layer.smear, torch.zeros(2).double()) for layer in smeared.layers)
    weights = plain.state_dict()
    smeared.load_state_dict(weights, strict=False)
    assert not torch.allclose(smeared(tokens()), plain(tokens()))
    with torch.no_grad():
        for layer in smeared.layers:
            layer.smear.fill_(50.0)
    torch.testing.assert_close(smeared(tokens()), plain(tokens()))


def test_weights_come_from_the_generator_only():
    before = torch.get_rng_state()
    a, b = (AttentionOnly(SMALL, generator(3, "weights")) for _ in range(2))
    assert torch.equal(before, torch.get_rng_state())
    assert all(torch.equal(x, y) for x, y in zip(a.parameters(), b.parameters(), strict=True))


@pytest.mark.parametrize("smeared", [False, True])
def test_a_checkpoint_comes_back(smeared, tmp_path):
    model = AttentionOnly(replace(SMALL, smeared=smeared), generator(0, "weights"))
    words = tuple("abcdefghi")
    checkpoints.save(tmp_path / "heads", model, words=words, dtype=torch.float32)
    again = checkpoints.load(tmp_path / "heads").model
    assert again.config == model.config and torch.equal(again(tokens()), model(tokens()))


def test_errors_say_what_is_wrong(plain):
    setup = (
        "import torch\n"
        "from nlgnotes.networks.attention_only import *\n"
        "c = dict(vocab_size=9, context=12, width=16)\n"
        "m = AttentionOnly(AttentionOnlyConfig(**c), torch.Generator())\n"
        "t = torch.zeros(1, 4, dtype=torch.long)"
    )
    wanted = {
        "AttentionOnlyConfig(**c, smeared=1)": "smeared must be True or False; got 1",
        "AttentionOnlyConfig(**c, heads=3)": "width must be a multiple of 2 * heads = 6; got 16",
        "m.run(t, [(2, 0)])": "the layer of an ablated head must be an integer from 0 to 1; got 2",
        "m.run(t, [(0, 4)])": "the head of an ablated head must be an integer from 0 to 3; got 4",
        "m.run(t, [], torch.zeros(2, 1, 4, 3, 3))": "patterns must have shape",
        "m(t + 9)": "tokens must hold ids",
        "m(t.repeat(1, 4))": "tokens must fit the context of 12; got 16",
    }
    answers = plain(setup, {case: case for case in wanted})
    for case, words in wanted.items():
        assert answers[case][0] == "ValueError" and words in answers[case][1], answers[case]
