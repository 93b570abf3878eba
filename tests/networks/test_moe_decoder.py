"""A decoder with experts: cached and uncached, dense where there is one expert, saved and read."""

from inspect import unwrap

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from nlgnotes import checkpoints
from nlgnotes.decoding.generation import generate
from nlgnotes.equations.sampling import Sampler, TopK
from nlgnotes.networks.moe_decoder import MoEDecoder, MoEDecoderConfig
from nlgnotes.networks.transformer import Decoder, DecoderConfig
from nlgnotes.randomness import generator

SIZES = {"vocab_size": 11, "context": 16, "width": 16, "layers": 2, "heads": 2, "hidden": 8}


def model(seed=0, **changes):
    made = MoEDecoder(MoEDecoderConfig(**{**SIZES, **changes}), generator(seed, "weights"))
    with torch.no_grad():
        for block in made.blocks:
            block.moe.gate.normal_(0, 1, generator=generator(seed, "gate"))
            block.moe.up.mul_(10)
            block.moe.down.mul_(10)
            block.moe.bias.normal_(0, 0.3, generator=generator(seed, "bias"))
    return made


def ids(rows=3, time=12, seed=0):
    return torch.randint(11, (rows, time), generator=generator(seed, "ids"))


@settings(max_examples=12, deadline=None)
@given(
    st.lists(st.integers(1, 5), min_size=1, max_size=5),
    st.sampled_from(["rotary", "learned", "none"]),
    st.integers(0, 1),
)
def test_cached_equals_uncached_for_any_split(parts, positions, shared):
    made = model(positions=positions, shared=shared)
    tokens = ids(time=min(sum(parts), 16))
    cache, found, start = made.empty_cache(3), [], 0
    for part in parts:
        piece = tokens[:, start : start + part]
        if piece.shape[1]:
            logits, cache = made.step(piece, cache)
            found.append(logits)
        start += part
    assert torch.allclose(torch.cat(found, 1), made(tokens), atol=1e-5)


def test_generation_writes_what_the_model_says_without_a_cache():
    made, prompt = model(), ids(2, 3)
    greedy = Sampler((TopK(1),))
    written = generate(made, prompt, max_new_tokens=8, sampler=greedy, generator=generator(0))
    whole = torch.cat((prompt, written.tokens), 1)
    logits = made(whole[:, :-1])[:, 2:]
    assert torch.equal(logits.argmax(-1), written.tokens)
    own = logits.log_softmax(-1).gather(-1, written.tokens[..., None])[..., 0]
    assert torch.allclose(own, written.log_probs, atol=1e-5)


def test_a_text_does_not_depend_on_those_beside_it():
    made, tokens = model(), ids(4)
    for row in range(4):
        assert torch.allclose(made(tokens)[row], made(tokens[row : row + 1])[0], atol=1e-5)
    changed = tokens.clone()
    changed[:, 8:] = (changed[:, 8:] + 1) % 11
    assert torch.allclose(made(tokens)[:, :8], made(changed)[:, :8], atol=1e-5)


def test_one_expert_is_the_dense_decoder():
    made = model(experts=1, k=1)
    dense = Decoder(DecoderConfig(**SIZES), generator(0))
    weights = dense.state_dict()
    for name, value in made.state_dict().items():
        layer = name.rpartition(".moe.")
        if not layer[1]:
            weights[name] = value
        elif layer[2] in ("up", "down"):
            weights[f"{layer[0]}.{layer[2]}"] = value[0].T
    dense.load_state_dict(weights)
    assert torch.allclose(made(ids()), dense(ids()), atol=1e-5)


def test_routed_without_noise_is_the_decoder_and_noise_needs_a_generator():
    made, tokens = model(), ids()
    logits, routings = made.routed(tokens)
    assert torch.allclose(logits, made(tokens), atol=1e-6)
    assert len(routings) == 2 and routings[0].chosen.shape == (36, 2)
    noisy, found = made.routed(tokens, generator(1))
    again, _ = made.routed(tokens, generator(1))
    assert torch.equal(noisy, again) and not torch.allclose(noisy, logits, atol=1e-3)
    assert found[0].spread is not None and routings[0].spread is None
    dropped, full = made.routed(tokens, capacity=3)
    assert not bool(full[0].kept.all()) and not torch.allclose(dropped, logits, atol=1e-3)
    mask = torch.arange(12) < torch.tensor([[12], [5], [0]])
    _, some = made.routed(tokens, mask=mask)
    assert torch.equal(some[1].chosen, routings[1].chosen[mask.flatten()])


def test_counts_of_parameters_by_hand():
    made = model(experts=6, k=2, shared=1)
    attention, norms = 4 * 16 * 16, 2 * 16
    gates, expert = 2 * 16 * 6, 2 * 16 * 8
    outside = 11 * 16 + 16
    assert made.parameter_count == outside + 2 * (attention + norms + gates + 7 * expert)
    assert made.active_parameter_count == outside + 2 * (attention + norms + gates + 3 * expert)


@pytest.mark.parametrize("changes", [{}, {"shared": 2, "positions": "learned"}, {"gates": "all"}])
def test_a_checkpoint_comes_back(tmp_path, changes):
    made = model(**changes)
    shapes = {name: tuple(w.shape) for name, w in made.state_dict().items()}
    assert dict(made.config.weight_shapes()) == shapes
    words = ("<eos>", *"abcdefghij")
    checkpoints.save(tmp_path / "moe", made, words=words, dtype=torch.float32)
    read = checkpoints.load(tmp_path / "moe")
    assert read.model.config == made.config
    assert torch.equal(read.model(ids()), made(ids()))


def test_other_dtypes_read_and_step():
    for dtype, atol in ((torch.float64, 1e-9), (torch.bfloat16, 0.5)):
        made = model().to(dtype)
        logits, _ = made.step(ids(), made.empty_cache(3))
        assert logits.dtype == dtype
        assert torch.allclose(logits, made(ids()), atol=atol)


def test_bad_arguments_are_named():
    for changes, match in (
        ({"k": 9}, "k must"),
        ({"experts": 0}, "experts must"),
        ({"shared": -1}, "shared must"),
        ({"gates": "some"}, "gates must"),
    ):
        with pytest.raises(ValueError, match=match):
            MoEDecoderConfig(**{**SIZES, **changes})
    with pytest.raises(ValueError, match="tokens must"):
        model().routed(ids(time=16).repeat(1, 2))
    with pytest.raises(ValueError, match="mask must"):
        unwrap(MoEDecoder.routed)(model(), ids(), None, None, torch.ones(3, 4, dtype=torch.bool))
