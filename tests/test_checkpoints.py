"""What is saved comes back; anything else is an error that names the file."""

import hashlib
import json
import subprocess
import sys
from inspect import unwrap

import pytest
import torch
from jaxtyping import TypeCheckError
from safetensors.torch import save as tensor_bytes

from nlgnotes import checkpoints
from nlgnotes.networks.encoder_decoder import EncoderDecoder, EncoderDecoderConfig
from nlgnotes.networks.lstm import LSTMConfig, LSTMModel
from nlgnotes.networks.transformer import Decoder, DecoderConfig
from nlgnotes.randomness import generator
from nlgnotes.text.tokenizer import ByteBPE

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
    for a, b in zip(model.parameters(), loaded.model.parameters(), strict=True):
        assert b.dtype == torch.float32 and torch.equal(a.half().float(), b)


def test_an_encoder_decoder_comes_back(tmp_path):
    model = EncoderDecoder(
        EncoderDecoderConfig(5, 8, width=8, layers=1, heads=2, hidden=8), generator(0)
    )
    loaded = checkpoints.load(checkpoints.save(tmp_path / "pair", model, words=WORDS)).model
    assert type(loaded) is EncoderDecoder and loaded.config == model.config
    assert all(
        torch.equal(a.half().float(), b)
        for a, b in zip(model.parameters(), loaded.parameters(), strict=True)
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
    with pytest.raises(ValueError, match="weights.safetensors is not (the|a whole|a) "):
        checkpoints.load(saved[1])


def test_weights_that_are_no_safetensors_though_the_digest_fits(saved):
    (saved[1] / "weights.safetensors").write_bytes(b"junk")
    edit(saved[1], sha256=hashlib.sha256(b"junk").hexdigest())
    with pytest.raises(ValueError, match="is not a safetensors file"):
        checkpoints.load(saved[1])


def put(folder, weights):
    """Other weights, and the digest that they need."""
    data = tensor_bytes(weights)
    (folder / "weights.safetensors").write_bytes(data)
    edit(folder, sha256=hashlib.sha256(data).hexdigest())


def one(value):
    def spoil(x):
        x = x.clone()
        x.flatten()[-1] = value
        return x

    return spoil


BAD_WEIGHTS = {
    "NaN": (one(torch.nan), "finite weights"),
    "+inf": (one(torch.inf), "finite weights"),
    "too large": (lambda x: one(1e300)(x.double()), "finite weights"),
    "int64": (lambda x: x.long(), "must hold one of F16, BF16, F32, F64; got 'I64'"),
    "int8": (lambda x: x.char(), "got 'I8'"),
    "bool": (lambda x: x > 0, "got 'BOOL'"),
    "complex": (lambda x: x.cfloat(), "got 'C64'"),
    "float8": (lambda x: x.to(torch.float8_e4m3fn), "got 'F8_E4M3'"),
    "folded": (lambda x: x[None], "must have shape .*, got"),
    "more": (lambda x: torch.cat((x, x)), "must have shape .*, got"),
}


@pytest.mark.parametrize("kind", BAD_WEIGHTS)
@pytest.mark.parametrize("which", ["embedding", "norm", "blocks.0.up"])
def test_weights_that_cannot_be_right(saved, kind, which):
    model, folder = saved
    change, message = BAD_WEIGHTS[kind]
    weights = dict(model.state_dict())
    before = weights[which]
    weights[which] = change(before).contiguous()
    put(folder, weights)
    if weights[which].shape == before.shape and weights[which].dtype == before.dtype:
        assert not torch.equal(weights[which], before)
    with pytest.raises(ValueError, match=message) as caught:
        checkpoints.load(folder)
    assert caught.type is ValueError and str(folder) in str(caught.value)


@pytest.mark.parametrize("change", ["lost", "more"])
def test_tensors_that_are_lost_or_foreign(saved, change):
    model, folder = saved
    weights = dict(model.state_dict())
    if change == "lost":
        del weights["norm"]
    else:
        weights["places"] = torch.zeros(8, 8)
    put(folder, weights)
    with pytest.raises(ValueError, match="must hold the tensors of the model"):
        checkpoints.load(folder)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_every_dtype_of_floats_comes_back_as_float32(saved, tmp_path, dtype):
    model, _ = saved
    loaded = checkpoints.load(checkpoints.save(tmp_path / "d", model, words=WORDS, dtype=dtype))
    for a, b in zip(model.parameters(), loaded.model.parameters(), strict=True):
        assert b.dtype == torch.float32 and torch.equal(a.to(dtype).float(), b)


@pytest.mark.parametrize(
    "dtype", [torch.int8, torch.int64, torch.bool, torch.complex64, torch.float8_e4m3fn]
)
def test_other_dtypes_are_refused(saved, tmp_path, dtype):
    with pytest.raises(ValueError, match="dtype must be one of torch.float16, .*; got torch"):
        checkpoints.save(tmp_path / "x", saved[0], words=WORDS, dtype=dtype)
    assert not (tmp_path / "x").exists()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"extra": 1}, "config.json must hold the keys .* unknown \\['extra'\\]"),
        ({"format": 99}, "config.json: format must be 1; got 99"),
        (
            {"architecture": "rnn"},
            "config.json: architecture must be one of decoder, encoder-decoder, lstm, "
            "attention-only, moe-decoder; got 'rnn'",
        ),
        ({"words": ["a"]}, "config.json: words must be 5 different strings"),
        ({"words": "abcde"}, "config.json: words must be 5 different strings in a list; got abcde"),
        ({"words": 5}, "config.json: words must be 5 different strings in a list; got 5"),
        ({"words": [1, 2, 3, 4, 5]}, "config.json: words must be 5 different strings"),
        ({"words": ["a"] * 5}, "config.json: words must be 5 .*; got 5, 1 different"),
        ({"words": dict.fromkeys("abcde", 1)}, "config.json: words must be 5 different strings"),
        ({"format": True}, "config.json: format must be 1; got True"),
        ({"format": 1.0}, "config.json: format must be 1; got 1.0"),
        ({"architecture": ["decoder"]}, "config.json: architecture must be one of"),
        ({"architecture": None}, "config.json: architecture must be one of"),
        ({"sha256": None}, "config.json: sha256 must be a string; got None"),
        ({"sha256": "0" * 64}, "weights.safetensors is not the file"),
        ({"recipe": None}, "config.json: recipe must be an object; got None"),
        ({"metrics": [1]}, "config.json: metrics must be an object"),
        ({"words": None, "tokenizer": "../t.json"}, "tokenizer must be 'tokenizer.json'; got"),
        ({"words": None, "tokenizer": 5}, "tokenizer must be 'tokenizer.json'; got 5"),
        ({"config": []}, "config.json: config must be a mapping of sizes; got list"),
        ({"config": None}, "config.json: config must be a mapping of sizes; got NoneType"),
        ({"config": "vocab_size"}, "config.json: config must be a mapping of sizes; got str"),
        ({"words": None}, "words or tokenizer"),
        ({"config": {"vocab_size": 5}}, "config.json: config must hold the keys"),
    ],
)
def test_edited_config_names_the_file(saved, changes, message):
    edit(saved[1], **changes)
    with pytest.raises(ValueError, match=message):
        checkpoints.load(saved[1])


SETUP = """
import json, pathlib, tempfile, torch
from nlgnotes import checkpoints
from nlgnotes.networks.transformer import Decoder, DecoderConfig
held = tempfile.TemporaryDirectory()
place = pathlib.Path(held.name, "toy")
model = Decoder(DecoderConfig(5, 8, width=8, layers=1, heads=2, hidden=8), torch.Generator())
checkpoints.save(place, model, words=tuple("abcde"))
file = place / "config.json"
before = json.loads(file.read_text())
def tried(size, value):
    file.write_text(json.dumps({**before, "config": {**before["config"], size: value}}))
    return checkpoints.load(place)
"""
VALUES = [0, -1, 3, 2**20, 3 * 10**8, 10**12, 2**63 - 1, 10**30, 1.5, 8.0, True, None, "8", [8], {}]
BASES = [0, -1, -0.0, True, None, "1", [1], 10**400, 10**30]


def test_sizes_that_are_not_those_of_the_weights(plain):
    """In bounded time and memory: 2**63 of anything would be a killed process."""
    sizes = ("vocab_size", "context", "width", "layers", "heads", "hidden")
    cases = [(size, value) for size in sizes for value in VALUES]
    cases += [("rope_base", value) for value in BASES]
    # A context is not in the weights of a rotary model, and these two are not too long.
    cases = [case for case in cases if case not in (("context", 3), ("context", 2**20))]
    answers = plain(SETUP, {repr(case): f"tried(*{case!r})" for case in cases})
    for case in cases:
        kind, said = answers[repr(case)]
        assert kind == "ValueError", (case, said)
        assert "config.json" in said or "weights.safetensors" in said or "base" in said, said


@pytest.mark.parametrize("text", ["{", "[" * 200_000, '{"a": NaN}', '{"a": 1, "a": 2}', "[]", ""])
@pytest.mark.parametrize("name", ["config.json", "history.json", "tokenizer.json"])
def test_text_that_is_not_json_names_the_file(saved, name, text):
    if name == "tokenizer.json":
        edit(saved[1], words=None, tokenizer=name)
    (saved[1] / name).write_text(text)
    with pytest.raises(ValueError, match=name) as caught:
        checkpoints.load(saved[1])
    assert caught.type is ValueError


@pytest.mark.parametrize(
    "history",
    [{"step": 5, "loss": "x"}, {"step": [1], "loss": [1, 2]}, {"loss": [True]}, {"a": None}],
)
def test_a_history_holds_numbers(saved, tmp_path, history):
    (saved[1] / "history.json").write_text(json.dumps(history))
    with pytest.raises(ValueError, match=r"history.json must hold (numbers|lists of one length)"):
        checkpoints.load(saved[1])
    with pytest.raises(ValueError, match=r"history must hold (numbers|lists of one length)"):
        checkpoints.save(tmp_path / "x", saved[0], words=WORDS, history=history)


@pytest.mark.parametrize("name", ["config.json", "weights.safetensors", "history.json"])
def test_a_folder_in_place_of_a_file(saved, name):
    (saved[1] / name).unlink(missing_ok=True)
    (saved[1] / name).mkdir()
    with pytest.raises(ValueError, match=f"{name} must be a file") as caught:
        checkpoints.load(saved[1])
    assert caught.type is ValueError


@pytest.mark.parametrize("name", [None, 3, b"x", "", ".", "..", "a\0b"])
def test_what_is_no_name_is_an_error(saved, name):
    for act in (checkpoints.load, lambda n: checkpoints.save(n, saved[0], words=WORDS)):
        with pytest.raises((ValueError, TypeCheckError), match="name|path"):
            act(name)
    with pytest.raises(FileNotFoundError, match="no checkpoint"):
        checkpoints.load("x" * 300)


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

    def refused(message, *, model=model, **changes):
        with pytest.raises((ValueError, TypeCheckError), match=message):
            checkpoints.save(tmp_path / "x", model, **{"words": WORDS, **changes})
        assert not (tmp_path / "x").exists()

    refused("model must be one of decoder", model=torch.nn.Linear(1, 1))
    refused("words or tokenizer", words=None)
    refused("words or tokenizer", tokenizer=ByteBPE())
    refused("recipe, metrics and history must be JSON", metrics={"x": float("nan")})
    refused("recipe, metrics and history must be JSON", recipe={"x": 10**30})
    refused("recipe, metrics and history must be JSON", recipe={"x": "\ud800"})
    refused("recipe, metrics and history must be JSON", words=(*WORDS[1:], "\ud800"))
    refused("words", words="abcde")
    refused("words must be 5 different strings; got 5, 4 different", words=("a", *WORDS[:4]))
    for value in (torch.nan, torch.inf, 1e6):
        model.norm.data[0] = value
        refused("weights must be finite in torch.float16; norm")
    model.double().norm.data[0] = 1e300
    refused("weights must be finite in torch.float32; norm", dtype=torch.float64)


def test_a_tokenizer_comes_back_and_has_the_models_size(saved, tmp_path):
    tokenizer = ByteBPE([(98, 98)])
    sizes = DecoderConfig(tokenizer.vocab_size, 8, width=8, layers=1, heads=2, hidden=8)
    model = Decoder(sizes, generator(0))
    folder = checkpoints.save(tmp_path / "t", model, tokenizer=tokenizer)
    loaded = checkpoints.load(folder)
    assert loaded.tokenizer == tokenizer and loaded.words is None
    ByteBPE().save(folder / "tokenizer.json")
    with pytest.raises(ValueError, match="tokenizer.json must have the model's 258 ids; got 257"):
        checkpoints.load(folder)
    with pytest.raises(ValueError, match="tokenizer must have the model's 5 ids; got 258"):
        checkpoints.save(tmp_path / "x", saved[0], tokenizer=tokenizer)
    (folder / "tokenizer.json").unlink()
    with pytest.raises(FileNotFoundError, match="tokenizer.json is missing"):
        checkpoints.load(folder)


# Changes every file of a checkpoint in many ways, in two gigabytes of address space beyond what the
# imports take, and prints what came out. Anything else than the two promised errors ends it.
FUZZ = """
import hashlib, json, pathlib, random, resource, struct, sys
from nlgnotes import checkpoints
from nlgnotes.networks.encoder_decoder import EncoderDecoder
used = int(pathlib.Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + 2**31,) * 2)
rounds, seed, *roots = sys.argv[1:]
odd = [None, True, -1, 0, 1, 2**62, 10**12, 10**40, 1.5, 1e300, "", "x", [], {}, [[]], chr(55296)]


def changed_bytes(data):
    data = bytearray(data)
    for _ in range(chance.randint(1, 3)):
        at = chance.randrange(len(data))
        how = chance.randrange(4)
        if how == 0:
            data[at] = chance.randrange(256)
        elif how == 1:
            del data[at : at + chance.randint(1, 9)]
        elif how == 2:
            data[at:at] = bytes(chance.randrange(256) for _ in range(chance.randint(1, 9)))
        else:
            data[at:at] = data[chance.randrange(len(data)) :][:20]
    return bytes(data)


def changed_value(value):
    if isinstance(value, dict) and value and chance.random() < 0.8:
        key = chance.choice(list(value))
        how = chance.randrange(5)
        if how == 0:
            return {k: v for k, v in value.items() if k != key}
        if how == 1:
            return {**value, "more": value[key]}
        return {**value, key: changed_value(value[key])}
    if isinstance(value, list) and value and chance.random() < 0.7:
        at = chance.randrange(len(value))
        if chance.random() < 0.3:
            return value[:at]
        return [*value[:at], changed_value(value[at]), *value[at + 1 :]]
    return chance.choice(odd)


def changed_header(data):
    size = struct.unpack("<Q", data[:8])[0]
    header = json.dumps(changed_value(json.loads(data[8 : 8 + size]))).encode()
    length = len(header) if chance.random() < 0.8 else chance.choice([0, 2**20, 2**40, 2**64 - 1])
    return struct.pack("<Q", length) + header + data[8 + size :]


every = {}
for root in map(pathlib.Path, roots):
    chance, files = random.Random(int(seed)), {p.name: p.read_bytes() for p in root.iterdir()}
    seen = {"loads": 0, "ValueError": 0, "FileNotFoundError": 0}
    for _ in range(int(rounds)):
        name = chance.choice(list(files))
        data = files[name]
        how = chance.random()
        if how < 0.4:
            data = changed_bytes(data)
        elif name.endswith("json"):
            data = json.dumps(changed_value(json.loads(data))).encode()
        else:
            data = changed_header(data)
        (root / name).write_bytes(data)
        if name.startswith("weights"):  # the digest that it needs, so that it is looked at at all
            config = json.loads(files["config.json"])
            config["sha256"] = hashlib.sha256(data).hexdigest()
            (root / "config.json").write_text(json.dumps(config))
        if chance.random() < 0.02:
            (root / name).unlink()
        try:
            checkpoints.load(root)
            seen["loads"] += 1
        except (ValueError, FileNotFoundError) as error:
            seen[type(error).__name__] += 1  # a KeyError where it is a subclass of them
        for name, data in files.items():
            (root / name).write_bytes(data)
    every[root.name] = seen
print(json.dumps(every))
"""


KINDS = ("words", "tokenizer", "pair", "lstm")


@pytest.fixture(scope="module")
def seen(tmp_path_factory):
    """How a small checkpoint of each kind was read, changed again and again; in one process."""
    folder = tmp_path_factory.mktemp("kinds")
    small = {"width": 8, "layers": 1, "heads": 2, "hidden": 8}
    for kind in KINDS:
        if kind == "lstm":
            model = LSTMModel(LSTMConfig(5, 8, 4), generator(0))
        elif kind == "pair":
            sizes = EncoderDecoderConfig(5, 8, encoder_layers=1, **small)
            model = EncoderDecoder(sizes, generator(0))
        else:
            size = 5 if kind == "words" else 258
            model = Decoder(DecoderConfig(size, 8, **small), generator(0))
        voice = {"tokenizer": ByteBPE([(98, 98)])} if kind == "tokenizer" else {"words": WORDS}
        checkpoints.save(folder / kind, model, history={"step": [1], "loss": [2.0]}, **voice)
    done = subprocess.run(
        [sys.executable, "-c", FUZZ, "300", "0", *(str(folder / kind) for kind in KINDS)],
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout)


@pytest.mark.parametrize("kind", KINDS)
def test_whatever_is_changed_only_the_promised_errors_come_out(seen, kind):
    # Not every change is one: some hit a metric, a word or the last digits of a weight.
    counts = seen[kind]
    assert counts["ValueError"] > 150 and counts["FileNotFoundError"] > 0, counts
    assert counts["loads"] > 0, counts


def test_a_recipe_that_could_not_be_loaded_is_refused(saved):
    model, folder = saved
    before = checkpoints.load(folder).digest
    for name, wrong in (("recipe", [1, 2]), ("metrics", ((1, 2),))):
        with pytest.raises(ValueError, match=f"{name} must be a mapping; got"):
            unwrap(checkpoints.save)(folder, model, words=WORDS, **{name: wrong})
    assert checkpoints.load(folder).digest == before
