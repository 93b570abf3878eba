"""A model of ``transformers`` behind our interface: its logits, and a cache that is a value."""

import functools

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from nlgnotes import checkpoints
from nlgnotes.networks.pretrained import Pretrained
from nlgnotes.randomness import generator

transformers = pytest.importorskip("transformers")


def gpt():
    torch.manual_seed(0)  # theirs draws its weights from the global generator
    sizes = {"vocab_size": 11, "n_positions": 16, "n_embd": 8, "n_layer": 2, "n_head": 2}
    config = transformers.GPT2Config(**sizes, bos_token_id=0, eos_token_id=0)
    model = transformers.GPT2LMHeadModel(config).eval()
    for p in model.parameters():
        p.data.mul_(8)
    return model


@functools.cache
def small() -> Pretrained:
    """One model for all tests, not made where they are only collected."""
    return Pretrained(gpt())


def tokens(batch, time, seed=0):
    return torch.randint(11, (batch, time), generator=generator(seed))


def test_from_a_folder(tmp_path):
    theirs = gpt()
    theirs.save_pretrained(tmp_path / "gpt")
    loaded = checkpoints.load(f"hf:{tmp_path / 'gpt'}")
    t = tokens(2, 6)
    torch.testing.assert_close(loaded.model(t), theirs(t).logits)
    assert loaded.recipe == {"transformers": str(tmp_path / "gpt")}
    with pytest.raises(FileNotFoundError, match="transformers has no model"):
        checkpoints.load(f"hf:{tmp_path / 'nothing'}")
    (tmp_path / "gpt" / "model.safetensors").write_bytes(b"\xff" * 99)
    with pytest.raises(ValueError, match="transformers cannot read the model"):
        checkpoints.load(f"hf:{tmp_path / 'gpt'}")


def test_without_transformers_the_error_says_so(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "transformers", None)
    with pytest.raises(ImportError, match="optional package transformers"):
        checkpoints.load("hf:gpt2")


@settings(max_examples=30, deadline=None)
@given(st.data())
def test_every_branch_of_a_prefix_gives_its_own_logits(data):
    known = [(small().empty_cache(2, 12), tokens(2, 0))]
    for n in range(data.draw(st.integers(2, 7))):
        cache, read = data.draw(st.sampled_from(known))
        time = data.draw(st.integers(1, 3))
        if cache.length + time > 12:
            continue
        new = tokens(2, time, n)
        if data.draw(st.booleans()):
            cache, read = cache.rows(torch.tensor([1, 0])), read[[1, 0]]
        logits, after = small().step(new, cache)
        known.append((after, torch.cat((read, new), 1)))
        whole = small()(known[-1][1]).detach()[:, -time:]
        torch.testing.assert_close(logits, whole, atol=1e-4, rtol=0)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: small()(tokens(1, 17)), "context of 16; got 17"),
        (lambda: small()(tokens(1, 2) + 11), r"tokens must hold ids in \[0, 11\)"),
        (lambda: small().step(tokens(1, 2) + 11, small().empty_cache(1)), r"ids in \[0, 11\)"),
        (lambda: small().step(tokens(2, 1), small().empty_cache(1)), "like the cache"),
        (
            lambda: small().step(tokens(1, 3), small().empty_cache(1, 2)),
            "capacity of 2; got 3 after 0",
        ),
        (lambda: small().step(tokens(1, 3), Pretrained(gpt()).empty_cache(1)), "another model's"),
        (lambda: small().empty_cache(1, 17), "context of 16; got 17"),
        (lambda: small().empty_cache(0), "batch must be an integer"),
        (lambda: small().empty_cache(1).rows(torch.tensor([1])), r"rows in \[0, 1\); got 1 to 1"),
    ],
)
def test_bad_arguments_are_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()
