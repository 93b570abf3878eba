"""What is saved comes back; anything else is an error that names the file."""

import json

import pytest
import torch

from nlgnotes import checkpoints
from nlgnotes.networks.encoder_decoder import EncoderDecoder, EncoderDecoderConfig
from nlgnotes.networks.transformer import Decoder, DecoderConfig
from nlgnotes.randomness import generator

WORDS = ("<eos>", "a", "b", "c", "d")


@pytest.fixture
def saved(tmp_path):
    model = Decoder(DecoderConfig(5, 8, width=8, layers=1, heads=2, hidden=8), generator(0))
    return model, checkpoints.save(
        tmp_path / "toy", model, words=WORDS, recipe={"seed": 0}, metrics={"gap": 0.5}
    )


def edit(folder, **changes):
    file = folder / "config.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), **changes}))


def test_round_trip(saved, tmp_path):
    model, folder = saved
    loaded = checkpoints.load(folder)
    assert (loaded.words, loaded.tokenizer, loaded.recipe, loaded.metrics) == (
        WORDS,
        None,
        {"seed": 0},
        {"gap": 0.5},
    )
    assert (
        len(loaded.digest) == 64
        and checkpoints.available(tmp_path) == ("toy",)
        and not loaded.model.training
    )
    for a, b in zip(model.parameters(), loaded.model.parameters()):
        assert b.dtype == torch.float32 and torch.equal(a.half().float(), b)


def test_an_encoder_decoder_comes_back(tmp_path):
    model = EncoderDecoder(
        EncoderDecoderConfig(5, 8, width=8, layers=1, heads=2, hidden=8), generator(0)
    )
    loaded = checkpoints.load(checkpoints.save(tmp_path / "pair", model, words=WORDS)).model
    assert type(loaded) is EncoderDecoder and loaded.config == model.config
    assert all(
        torch.equal(a.half().float(), b) for a, b in zip(model.parameters(), loaded.parameters())
    )


def test_a_history_comes_back_and_a_truncated_one_is_named(saved):
    model, folder = saved
    assert checkpoints.load(folder).history == {}
    past = {"step": [10, 20], "loss": [2.0, 1.5]}
    checkpoints.save(folder, model, words=WORDS, history=past)
    assert checkpoints.load(folder).history == past
    (folder / "history.json").write_text('{"step": [10')
    with pytest.raises(ValueError, match="history.json"):
        checkpoints.load(folder)


def test_saving_again_replaces_and_a_failure_leaves_the_old(saved, tmp_path, monkeypatch):
    model, folder = saved
    checkpoints.save(folder, model, words=WORDS, recipe={"seed": 1}, metrics={})
    monkeypatch.setattr(
        checkpoints, "replace_folder", lambda *a: (_ for _ in ()).throw(KeyboardInterrupt)
    )
    with pytest.raises(KeyboardInterrupt):
        checkpoints.save(folder, model, words=WORDS, recipe={"seed": 2}, metrics={})
    assert checkpoints.load(folder).recipe == {"seed": 1}
    assert [p.name for p in tmp_path.iterdir()] == ["toy"]


@pytest.mark.parametrize("damage", ["truncated", "edited", "foreign"])
def test_damaged_weights_name_the_file(saved, damage):
    file = saved[1] / "weights.safetensors"
    data = file.read_bytes()
    bad = {
        "truncated": data[:-4],
        "edited": data[:-1] + bytes([data[-1] ^ 1]),
        "foreign": b"not weights",
    }[damage]
    file.write_bytes(bad)
    with pytest.raises(ValueError, match="weights.safetensors is not the file"):
        checkpoints.load(saved[1])


def test_weights_that_are_no_safetensors_though_the_digest_fits(saved):
    import hashlib

    (saved[1] / "weights.safetensors").write_bytes(b"junk")
    edit(saved[1], sha256=hashlib.sha256(b"junk").hexdigest())
    with pytest.raises(ValueError, match="is not a safetensors file"):
        checkpoints.load(saved[1])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"extra": 1}, "config.json must hold the keys .* unknown \\['extra'\\]"),
        ({"format": 99}, "config.json: format must be 1; got 99"),
        (
            {"architecture": "rnn"},
            "config.json: architecture must be one of decoder, encoder-decoder, lstm; got 'rnn'",
        ),
        ({"words": ["a"]}, "config.json: words must be 5 different strings"),
        ({"words": None}, "words or tokenizer"),
        ({"config": {"vocab_size": 5}}, "config.json: config must hold the keys"),
    ],
)
def test_edited_config_names_the_file(saved, changes, message):
    edit(saved[1], **changes)
    with pytest.raises(ValueError, match=message):
        checkpoints.load(saved[1])


def test_other_model_and_text_that_is_not_json(saved):
    sizes = {**json.loads((saved[1] / "config.json").read_text())["config"], "hidden": 9}
    edit(saved[1], config=sizes)
    with pytest.raises(ValueError, match="weights.safetensors must hold the tensors"):
        checkpoints.load(saved[1])
    (saved[1] / "config.json").write_text("{")
    with pytest.raises(ValueError, match="config.json is not JSON"):
        checkpoints.load(saved[1])


@pytest.mark.parametrize("name", ["config.json", "weights.safetensors"])
def test_missing_file(saved, name):
    (saved[1] / name).unlink()
    with pytest.raises(FileNotFoundError, match=f"{name} is missing"):
        checkpoints.load(saved[1])


def test_unknown_name_lists_what_there_is(saved, tmp_path, monkeypatch):
    monkeypatch.setattr(checkpoints, "FOLDER", tmp_path)
    with pytest.raises(FileNotFoundError, match="no checkpoint 'newswire' .* available: toy"):
        checkpoints.load("newswire")


def test_bad_arguments_of_save(saved, tmp_path):
    model, _ = saved
    with pytest.raises(ValueError, match="model must be one of decoder"):
        checkpoints.save(tmp_path / "x", torch.nn.Linear(1, 1), words=WORDS)
    with pytest.raises(ValueError, match="words or tokenizer"):
        checkpoints.save(tmp_path / "x", model)
    with pytest.raises(ValueError, match="recipe, metrics and history must be JSON"):
        checkpoints.save(tmp_path / "x", model, words=WORDS, metrics={"x": float("nan")})
    model.norm.data[0] = 1e6
    with pytest.raises(ValueError, match="weights must be finite in torch.float16; norm"):
        checkpoints.save(tmp_path / "x", model, words=WORDS)
    assert not (tmp_path / "x").exists()


def test_a_tokenizer_comes_back(tmp_path):
    tokenizer = pytest.importorskip("nlgnotes.tokenizer").ByteBPE()
    model = Decoder(
        DecoderConfig(tokenizer.vocab_size, 8, width=8, layers=1, heads=2, hidden=8), generator(0)
    )
    loaded = checkpoints.load(
        checkpoints.save(tmp_path / "t", model, tokenizer=tokenizer, recipe={}, metrics={})
    )
    assert loaded.tokenizer == tokenizer and loaded.words is None
