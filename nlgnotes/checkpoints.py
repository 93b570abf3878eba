"""Checkpoints: a folder of safetensors and JSON that says what it is, and is either whole or not there."""

import hashlib
import json
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
from torch import nn

from nlgnotes.files import replace_folder
from nlgnotes.networks.encoder_decoder import EncoderDecoder, EncoderDecoderConfig
from nlgnotes.networks.lstm import LSTMConfig, LSTMModel
from nlgnotes.networks.pretrained import Pretrained
from nlgnotes.networks.transformer import Decoder, DecoderConfig
from nlgnotes.text.tokenizer import ByteBPE
from nlgnotes.validation import check_keys

__all__ = ["Checkpoint", "FOLDER", "available", "load", "save"]

FORMAT = 1


FOLDER = Path(__file__).parent / "shipped" / "checkpoints"  # the shipped ones


ARCHITECTURES = {
    "decoder": (Decoder, DecoderConfig),
    "encoder-decoder": (EncoderDecoder, EncoderDecoderConfig),
    "lstm": (LSTMModel, LSTMConfig),
}


KEYS = {"format", "architecture", "config", "words", "tokenizer", "recipe", "metrics", "sha256"}


@dataclass(frozen=True)
class Checkpoint:
    """A model with what is needed to use it and to make it again.

    Args:
        model: in evaluation mode, float32.
        words: the vocabulary of a model of words, by id; None where there is a tokenizer.
        tokenizer: of a model of text; None where there are words.
        recipe: how it was made.
        metrics: what it achieved.
        history: how its loss fell: ``step`` and ``loss`` (means over equal stretches), ``tokens``, ``seconds``;
            empty where none was kept.
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
    root = FOLDER if folder is None else Path(folder)
    return tuple(sorted(p.parent.name for p in root.glob("*/config.json"))) if root.is_dir() else ()


def save(
    path: str | Path,
    model: nn.Module,
    *,
    words: tuple[str, ...] | None = None,
    tokenizer: Any = None,
    recipe: Mapping[str, Any] | None = None,
    metrics: Mapping[str, Any] | None = None,
    history: Mapping[str, Any] | None = None,
    dtype: torch.dtype = torch.float16,
) -> Path:
    """Write a checkpoint: ``config.json``, ``weights.safetensors``, and what there is of ``tokenizer.json`` and ``history.json``.

    The folder is written beside its place and then renamed into it: an interruption leaves the
    old one, or none.

    Args:
        path: the folder to make or replace; a bare name stands for one of the shipped.
        model: one of the known architectures.
        words, tokenizer: exactly one of the two.
        recipe, metrics, history: JSON-able.
        dtype: in which the weights are stored.

    Returns:
        The folder.

    Raises:
        ValueError: an unknown architecture, both or neither of words and tokenizer, words of the
            wrong number or repeated, weights that are not finite in ``dtype``, or a mapping that is not JSON.
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
    weights = {k: v.detach().to(dtype).contiguous() for k, v in model.state_dict().items()}
    for name, tensor in weights.items():
        if not bool(torch.isfinite(tensor).all()):
            raise ValueError(f"weights must be finite in {dtype}; {name} is not")
    data = tensor_bytes(weights)
    config = {
        "format": FORMAT,
        "architecture": kind,
        "config": model.config.to_dict(),
        "words": None if words is None else list(words),
        "tokenizer": None if tokenizer is None else "tokenizer.json",
        "recipe": dict(recipe or {}),
        "metrics": dict(metrics or {}),
        "sha256": hashlib.sha256(data).hexdigest(),
    }
    try:
        text = json.dumps(config, indent=1, ensure_ascii=False, allow_nan=False) + "\n"
        past = json.dumps(dict(history or {}), allow_nan=False) + "\n"
    except (TypeError, ValueError) as error:
        raise ValueError(f"recipe, metrics and history must be JSON; {error}") from None
    place = _place(path)
    place.parent.mkdir(parents=True, exist_ok=True)
    draft = Path(tempfile.mkdtemp(prefix=f".{place.name}.", suffix=".partial", dir=place.parent))
    try:
        (draft / "weights.safetensors").write_bytes(data)
        (draft / "config.json").write_text(text, encoding="utf-8")
        if tokenizer is not None:
            tokenizer.save(draft / "tokenizer.json")
        if history:
            (draft / "history.json").write_text(past, encoding="utf-8")
        draft.chmod(0o755)
        replace_folder(draft, place)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return place


def load(name: str | Path) -> Checkpoint:
    """Read a checkpoint, trusting nothing.

    Args:
        name: one of :func:`available`, a folder (anything with a separator, or a ``Path``), or
            ``"hf:"`` and a name or folder for ``transformers`` (an optional extra).

    Raises:
        FileNotFoundError: no such checkpoint (the message lists what there is), or a file of it is missing.
        ValueError: a file is truncated, edited, foreign, or holds an unknown key.
    """
    if isinstance(name, str) and name.startswith("hf:"):
        return _from_transformers(name.removeprefix("hf:"))
    place = _place(name)
    if not place.is_dir():
        there = available(place.parent)
        raise FileNotFoundError(
            f"no checkpoint {place.name!r} in {place.parent}; available: {', '.join(there) or 'none'}"
        )
    config_file, weights_file = place / "config.json", place / "weights.safetensors"
    described = _described(config_file)
    data = _read(weights_file)
    if hashlib.sha256(data).hexdigest() != described["sha256"]:
        raise ValueError(
            f"{weights_file} is not the file that {config_file.name} describes (sha256 differs): truncated or replaced"
        )
    cls, config_cls = ARCHITECTURES[described["architecture"]]
    config = _config(config_file, config_cls, described["config"])
    try:
        weights = load_tensors(data)
    except (SafetensorError, ValueError) as error:
        raise ValueError(f"{weights_file} is not a safetensors file; {error}") from None
    model = cls(config, torch.Generator().manual_seed(0))
    expected = {k: tuple(v.shape) for k, v in model.state_dict().items()}
    if {k: tuple(v.shape) for k, v in weights.items()} != expected:
        raise ValueError(
            f"{weights_file} must hold the tensors of the model in {config_file.name}; names or shapes differ"
        )
    model.load_state_dict({k: v.float() for k, v in weights.items()})
    words, tokenizer = described["words"], None
    if words is not None:
        _check_words(f"{config_file}: words", words, config.vocab_size)
    if described["tokenizer"] is not None:
        _read(place / "tokenizer.json")
        tokenizer = ByteBPE.load(place / "tokenizer.json")
    words = None if words is None else tuple(words)
    history = _json(place / "history.json") if (place / "history.json").is_file() else {}
    return Checkpoint(
        model.eval(),
        words,
        tokenizer,
        described["recipe"],
        described["metrics"],
        history,
        described["sha256"],
    )


def _place(name: str | Path) -> Path:
    bare = isinstance(name, str) and Path(name).name == name and name not in ("", ".", "..")
    return FOLDER / name if bare else Path(name)


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except FileNotFoundError:
        raise FileNotFoundError(f"{file} is missing from the checkpoint") from None


def _json(file: Path) -> dict[str, Any]:
    data = _read(file)
    try:
        values = json.loads(data)
    except ValueError as error:
        raise ValueError(f"{file} is not JSON; {error}") from None
    if not isinstance(values, dict):
        raise ValueError(f"{file} must hold a JSON object; got {type(values).__name__}")
    return values


def _described(file: Path) -> dict[str, Any]:
    described = _json(file)
    check_keys(str(file), described, KEYS)
    if described["format"] != FORMAT:
        raise ValueError(f"{file}: format must be {FORMAT}; got {described['format']!r}")
    if described["architecture"] not in ARCHITECTURES:
        raise ValueError(
            f"{file}: architecture must be one of {', '.join(ARCHITECTURES)}; got {described['architecture']!r}"
        )
    if (described["words"] is None) == (described["tokenizer"] is None):
        raise ValueError(f"{file}: words or tokenizer must be given, and not both")
    return described


def _config(file: Path, cls: type, values: Any) -> Any:
    try:
        return cls.from_dict(values)
    except (AttributeError, TypeError, ValueError) as error:
        raise ValueError(f"{file}: {error}") from None


def _check_words(name: str, words: Any, vocab_size: int) -> None:
    if (
        len(words) != vocab_size
        or not all(isinstance(w, str) for w in words)
        or len(set(words)) != len(words)
    ):
        raise ValueError(
            f"{name} must be {vocab_size} different strings; got {len(words)}, {len(set(map(str, words)))} different"
        )


def _from_transformers(name: str) -> Checkpoint:
    try:
        from transformers import AutoModelForCausalLM, AutoTokenizer
    except ImportError:
        raise ImportError(
            f"loading 'hf:{name}' needs the optional package transformers: pip install transformers"
        ) from None
    try:
        model = AutoModelForCausalLM.from_pretrained(name, dtype=torch.float32)
    except (OSError, ValueError) as error:
        raise FileNotFoundError(
            f"transformers has no model {name!r}, here or on the network; {error}"
        ) from error
    try:
        tokenizer = AutoTokenizer.from_pretrained(name)
    except (OSError, ValueError):
        tokenizer = None  # a folder with weights alone is enough to generate ids
    return Checkpoint(Pretrained(model.eval()), tokenizer=tokenizer, recipe={"transformers": name})
