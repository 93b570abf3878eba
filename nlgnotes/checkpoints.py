"""Checkpoints: a model in a folder of safetensors and JSON, whole or not there."""

import hashlib
import os
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load as load_tensors
from safetensors.torch import save as tensor_bytes
from torch import Tensor, nn

from nlgnotes.files import replace_folder
from nlgnotes.networks.attention_only import AttentionOnly, AttentionOnlyConfig
from nlgnotes.networks.base import Config
from nlgnotes.networks.encoder_decoder import EncoderDecoder, EncoderDecoderConfig
from nlgnotes.networks.lstm import LSTMConfig, LSTMModel
from nlgnotes.networks.moe_decoder import MoEDecoder, MoEDecoderConfig
from nlgnotes.networks.pretrained import from_transformers
from nlgnotes.networks.transformer import Decoder, DecoderConfig
from nlgnotes.reading import json_bytes, read_bytes, read_json, weights_header
from nlgnotes.text.tokenizer import ByteBPE
from nlgnotes.validation import check_keys, check_path

__all__ = ["FOLDER", "Checkpoint", "available", "load", "save"]

FORMAT = 1
FOLDER = Path(__file__).parent / "shipped" / "checkpoints"  # the shipped ones
ARCHITECTURES = {
    "decoder": (Decoder, DecoderConfig),
    "encoder-decoder": (EncoderDecoder, EncoderDecoderConfig),
    "lstm": (LSTMModel, LSTMConfig),
    "attention-only": (AttentionOnly, AttentionOnlyConfig),
    "moe-decoder": (MoEDecoder, MoEDecoderConfig),
}
KEYS = {"format", "architecture", "config", "words", "tokenizer", "recipe", "metrics", "sha256"}
DTYPES = (torch.float16, torch.bfloat16, torch.float32, torch.float64)
WEIGHTS_LIMIT = 2**28  # bytes; the book ships at most 8 MB


@dataclass(frozen=True)
class Checkpoint:
    """A model with what is needed to use it and to make it again.

    Args:
        model: in evaluation mode, float32.
        words: the vocabulary of a model of words, by id; None where there is a tokenizer.
        tokenizer: of a model of text; None where there are words.
        recipe: how it was made.
        metrics: what it achieved.
        history: how its loss fell: ``step`` and ``loss`` (means over equal stretches), ``tokens``,
            ``seconds``; empty where none was kept.
        digest: SHA-256 of the weights file; empty for a model that is not ours.
    """

    model: Any
    words: tuple[str, ...] | None = None
    tokenizer: Any = None
    recipe: dict[str, Any] = field(default_factory=dict)
    metrics: dict[str, Any] = field(default_factory=dict)
    history: dict[str, Any] = field(default_factory=dict)
    digest: str = ""


def available(folder: str | Path | None = None) -> tuple[str, ...]:
    """The checkpoints in a folder (the shipped ones when None), sorted."""
    root = FOLDER if folder is None else check_path("folder", folder)
    # A draft of `save` begins with a dot.
    return tuple(sorted(p.parent.name for p in root.glob("[!.]*/config.json")))


def save(
    path: str | Path,
    model: nn.Module,
    *,
    words: tuple[str, ...] | None = None,
    tokenizer: ByteBPE | None = None,
    recipe: Mapping[str, Any] | None = None,
    metrics: Mapping[str, Any] | None = None,
    history: Mapping[str, Any] | None = None,
    dtype: torch.dtype = torch.float16,
) -> Path:
    """Write a checkpoint: ``config.json``, ``weights.safetensors`` and what else there is.

    That is ``tokenizer.json`` and ``history.json``. The folder is written beside its place and then
    renamed into it: an interruption leaves the old one, or none. What is written can be loaded:
    all that :func:`load` would refuse is refused here.

    Args:
        path: the folder to make or replace; a bare name stands for one of the shipped.
        model: one of the known architectures.
        words, tokenizer: exactly one of the two.
        recipe, metrics: JSON-able.
        history: numbers and lists of numbers, the lists of one length.
        dtype: in which the weights are stored: float16, bfloat16, float32 or float64.

    Returns:
        The folder.

    Raises:
        ValueError: an unknown architecture or dtype, both or neither of words and tokenizer, words
            or a tokenizer of another number of ids, words that are repeated, weights that are not
            finite in ``dtype`` (or in float32, as which they are loaded), or what is not JSON.
    """
    kind = next((name for name, (cls, _) in ARCHITECTURES.items() if type(model) is cls), None)
    if kind is None:
        raise ValueError(
            f"model must be one of {', '.join(ARCHITECTURES)}; got {type(model).__name__}"
        )
    if (words is None) == (tokenizer is None):
        raise ValueError("words or tokenizer must be given, and not both")
    if words is not None:
        _check_words("words", words, model.config.vocab_size)
    else:
        _check_tokenizer("tokenizer", tokenizer, model.config.vocab_size)
    for name, values in (("recipe", recipe), ("metrics", metrics)):
        if values is not None and not isinstance(values, Mapping):
            raise ValueError(f"{name} must be a mapping; got {type(values).__name__}")
    history = _check_history("history", {} if history is None else history)
    data = tensor_bytes(_stored(model, dtype))
    if len(data) > WEIGHTS_LIMIT:
        raise ValueError(f"weights must have at most {WEIGHTS_LIMIT} bytes; got {len(data)}")
    config = {
        "format": FORMAT,
        "architecture": kind,
        "config": model.config.to_dict(),
        "words": None if words is None else list(words),
        "tokenizer": None if tokenizer is None else "tokenizer.json",
        "recipe": {} if recipe is None else recipe,
        "metrics": {} if metrics is None else metrics,
        "sha256": hashlib.sha256(data).hexdigest(),
    }
    name = "recipe, metrics and history"
    files = {"weights.safetensors": data, "config.json": json_bytes(name, config, indent=1)}
    if history:
        files["history.json"] = json_bytes(name, history)
    place = _place(path)
    place.parent.mkdir(parents=True, exist_ok=True)
    draft = Path(tempfile.mkdtemp(prefix=f".{place.name}.", suffix=".partial", dir=place.parent))
    try:
        for file, content in files.items():
            (draft / file).write_bytes(content)
        if tokenizer is not None:
            tokenizer.save(draft / "tokenizer.json")
        draft.chmod(0o755)
        replace_folder(draft, place)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return place


def load(name: str | Path) -> Checkpoint:
    """Read a checkpoint, trusting nothing.

    The sizes that ``config.json`` names are compared with the weights that are there before a model
    of these sizes is built, so that a false one costs neither memory nor time.

    Args:
        name: one of :func:`available`, a folder (anything with a separator, or a ``Path``), or
            ``"hf:"`` and a name or folder for ``transformers`` (an optional extra).

    Raises:
        FileNotFoundError: no such checkpoint (the message lists what there is), or a file of it is
            missing.
        ValueError: a file is truncated, edited, foreign or too long, holds an unknown key, or holds
            what cannot be right, as weights that are not finite.
    """
    if isinstance(name, str) and name.startswith("hf:"):
        source = name.removeprefix("hf:")
        model, tokenizer = from_transformers(source)
        return Checkpoint(model, tokenizer=tokenizer, recipe={"transformers": source})
    place = _place(name)
    if not os.path.isdir(place):  # Path's own raises where a name is too long
        there = available(place.parent)
        raise FileNotFoundError(
            f"no checkpoint {place.name!r} in {place.parent}; "
            f"available: {', '.join(there) or 'none'}"
        )
    described = _described(place / "config.json")
    cls, config_cls = ARCHITECTURES[described["architecture"]]
    try:
        config = config_cls.from_dict(described["config"])
    except ValueError as error:
        raise ValueError(f"{place / 'config.json'}: {error}") from None
    weights = _weights(place / "weights.safetensors", config, described["sha256"])
    words, tokenizer = described["words"], None
    if words is not None:
        _check_words(f"{place / 'config.json'}: words", words, config.vocab_size)
        words = tuple(words)
    else:
        tokenizer = ByteBPE.load(place / "tokenizer.json")
        _check_tokenizer(str(place / "tokenizer.json"), tokenizer, config.vocab_size)
    history = {}
    if os.path.lexists(place / "history.json"):
        history = _check_history(str(place / "history.json"), read_json(place / "history.json"))
    model = cls(config, torch.Generator().manual_seed(0))
    model.load_state_dict(weights)
    about = described["recipe"], described["metrics"], history, described["sha256"]
    return Checkpoint(model.eval(), words, tokenizer, *about)


def _place(name: str | Path) -> Path:
    path = check_path("name", name)
    if name in ("", ".", ".."):
        raise ValueError(f"name must be that of a checkpoint or of its folder; got {name!r}")
    bare = isinstance(name, str) and path.name == name
    return FOLDER / name if bare else path


def _stored(model: nn.Module, dtype: torch.dtype) -> dict[str, Tensor]:
    """The weights as they are written."""
    if dtype not in DTYPES:
        raise ValueError(f"dtype must be one of {', '.join(map(str, DTYPES))}; got {dtype}")
    weights = {k: v.detach().to(dtype).contiguous() for k, v in model.state_dict().items()}
    for name, tensor in weights.items():
        # They are loaded as float32, in which the largest of float64 are not finite.
        for stored in (dtype, torch.float32):
            if not bool(torch.isfinite(tensor.to(stored)).all()):
                raise ValueError(f"weights must be finite in {stored}; {name} is not")
    return weights


def _weights(file: Path, config: Config, digest: str) -> dict[str, Tensor]:
    """The tensors of a file, in float32, once names, shapes and bytes are what they must be."""
    shapes, size = weights_header(file)
    left = dict(shapes)
    # A step at a time: a config may name more layers than there is memory for a list of them.
    for name, shape in config.weight_shapes():
        if left.pop(name, None) != shape:
            raise ValueError(
                f"{file} must hold the tensors of the model in config.json; "
                f"{name} must have shape {shape}, got {shapes.get(name, 'none')}"
            )
    if left:
        raise ValueError(
            f"{file} must hold the tensors of the model in config.json; "
            f"{next(iter(left))} is none of them"
        )
    if size > WEIGHTS_LIMIT:
        raise ValueError(f"{file} must have at most {WEIGHTS_LIMIT} bytes; it has {size}")
    data = read_bytes(file, size)
    if hashlib.sha256(data).hexdigest() != digest:
        raise ValueError(
            f"{file} is not the file that config.json describes (sha256 differs): "
            "truncated or replaced"
        )
    try:
        tensors = {name: tensor.float() for name, tensor in load_tensors(data).items()}
    except (SafetensorError, ValueError) as error:
        raise ValueError(f"{file} is not a safetensors file; {error}") from None
    for name, tensor in tensors.items():
        if not bool(torch.isfinite(tensor).all()):
            raise ValueError(f"{file} must hold finite weights; {name} is not")
    return tensors


def _described(file: Path) -> dict[str, Any]:
    """What ``config.json`` says, its keys and their types checked."""
    described = read_json(file)
    check_keys(str(file), described, KEYS)
    if type(described["format"]) is not int or described["format"] != FORMAT:
        raise ValueError(f"{file}: format must be {FORMAT}; got {described['format']!r}")
    kind, digest = described["architecture"], described["sha256"]
    if not isinstance(kind, str) or kind not in ARCHITECTURES:
        raise ValueError(
            f"{file}: architecture must be one of {', '.join(ARCHITECTURES)}; got {kind!r}"
        )
    if not isinstance(digest, str):
        raise ValueError(f"{file}: sha256 must be a string; got {digest!r}")
    for key in ("recipe", "metrics"):
        if not isinstance(described[key], dict):
            raise ValueError(f"{file}: {key} must be an object; got {described[key]!r}")
    if (described["words"] is None) == (described["tokenizer"] is None):
        raise ValueError(f"{file}: words or tokenizer must be given, and not both")
    if described["tokenizer"] not in (None, "tokenizer.json"):
        raise ValueError(
            f"{file}: tokenizer must be 'tokenizer.json'; got {described['tokenizer']!r}"
        )
    return described


def _check_words(name: str, words: Any, vocab_size: int) -> None:
    rule = f"{name} must be {vocab_size} different strings"
    if not isinstance(words, list | tuple) or not all(isinstance(word, str) for word in words):
        raise ValueError(f"{rule} in a list; got {str(words)[:40]}")
    if len(words) != vocab_size or len(set(words)) != len(words):
        raise ValueError(f"{rule}; got {len(words)}, {len(set(words))} different")


def _check_tokenizer(name: str, tokenizer: Any, vocab_size: int) -> None:
    if not isinstance(tokenizer, ByteBPE):
        raise ValueError(f"{name} must be a ByteBPE; got {type(tokenizer).__name__}")
    if tokenizer.vocab_size != vocab_size:
        raise ValueError(
            f"{name} must have the model's {vocab_size} ids; got {tokenizer.vocab_size}"
        )


def _check_history(name: str, history: Any) -> dict[str, Any]:
    """The history, which lectures draw without a look: numbers, and lists of them of one length."""
    if not isinstance(history, Mapping):
        raise ValueError(f"{name} must be a mapping; got {type(history).__name__}")
    lists = [values for values in history.values() if isinstance(values, list | tuple)]
    numbers = [value for value in history.values() if not isinstance(value, list | tuple)]
    for value in (*numbers, *(value for values in lists for value in values)):
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise ValueError(f"{name} must hold numbers; got {str(value)[:40]}")
    if len({len(values) for values in lists}) > 1:
        raise ValueError(
            f"{name} must hold lists of one length; got {[len(values) for values in lists]}"
        )
    return dict(history)
