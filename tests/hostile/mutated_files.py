"""Every reader of files against changed files, under a limit of memory.

PYTHONPATH=tests python -m hostile.mutated_files [--json]
"""

import copy
import json
import random
import resource
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import torch

from hostile.verdicts import called, clear
from nlgnotes import checkpoints, measurements
from nlgnotes.batches import document_batch
from nlgnotes.claims import Ledger, above
from nlgnotes.claims.gathering import gather, read_runs
from nlgnotes.documents import Documents
from nlgnotes.networks.transformer import Decoder, DecoderConfig
from nlgnotes.reading import read_json, weights_header
from nlgnotes.text.tokenizer import ByteBPE
from nlgnotes.training.history import History
from nlgnotes.training.loop import fit

MEMORY = 1 << 30  # bytes of addresses above those of the imported packages
VALUES = (None, True, 0, -1, 1.5, 2**62, 1e308, "", "x", [], {}, [None], {"a": None}, [[[[[1]]]]])
BATCH = document_batch(Documents.from_lists([[1, 2, 0], [2, 0]]))


def model() -> Decoder:
    """A decoder of the smallest sizes."""
    sizes = DecoderConfig(5, 8, width=8, layers=1, heads=2, hidden=8)
    return Decoder(sizes, torch.Generator().manual_seed(0))


def trained(path: Path) -> History:
    """A run of two steps, or what is left of it, whose state is in a file."""
    options = {"steps": 2, "learning_rate": 1e-3, "generator": torch.Generator().manual_seed(0)}
    return fit(model(), lambda _: BATCH, **options, checkpoint=path, progress=False)


def files(folder: Path) -> Iterator[tuple[Path, Callable[[Path], object]]]:
    """Every file that the package reads, with what reads it."""
    tokenizer = ByteBPE.train(["the cat sat on the mat"] * 3, 260)
    place = folder / "toy"
    checkpoints.save(place, model(), words=tuple("abcde"), history={"step": [1], "loss": [1.0]})
    for name in ("config.json", "history.json", "weights.safetensors"):
        yield place / name, lambda _: checkpoints.load(place)
    yield place / "weights.safetensors", weights_header
    tokenizer.save(folder / "tokenizer.json")
    yield folder / "tokenizer.json", ByteBPE.load
    measurements.save(folder / "measured.json", recipe={"seed": 0}, data={"x": [1.0, {"y": 2}]})
    yield folder / "measured.json", measurements.load
    yield folder / "measured.json", read_json
    history = folder / "past.json"
    history.write_text(trained(folder / "run").to_json())
    yield history, lambda each: History.from_json(each.read_text("utf-8", "replace"))
    yield folder / "run", trained
    ledger = Ledger("a", 0)
    asked = {"margin": above(0.5), "control": ("none", 0.0), "replicated": "fresh training"}
    ledger.record("x", "finding", "It is large.", ours=1.0, **asked)
    saved = ledger.save(folder / "ledgers")
    yield saved, lambda path: gather(read_runs(path.parent))


def changed(data: bytes, chance: random.Random) -> Iterator[tuple[str, bytes]]:
    """Labels and what a file could hold in the place of these bytes."""
    yield from {"empty": b"", "no UTF-8": b"\xff\xfe\x00", "twice": data + data}.items()
    yield "deep", b"[" * 100_000
    yield "deep object", b'{"a":' * 50_000 + b"1" + b"}" * 50_000
    yield "a huge header", b"\xff" * 7 + b"\x7f" + data[8:]
    yield "4 GB of header", (1 << 32).to_bytes(8, "little") + data[8:]
    for _ in range(15):
        yield "cut", data[: chance.randrange(len(data))]
    for _ in range(40):
        at, bit = chance.randrange(min(len(data), 2000)), chance.randrange(8)
        yield f"bit {bit} of byte {at}", data[:at] + bytes([data[at] ^ 1 << bit]) + data[at + 1 :]
    try:
        values = json.loads(data)
    except ValueError:
        return
    for path in places(values):
        for value in VALUES:
            yield f"{value!r} at {path}", json.dumps(replaced(values, path, value)).encode()
        yield f"nothing at {path}", json.dumps(replaced(values, path, ...)).encode()


def places(values: object, path: tuple = ()) -> Iterator[tuple]:
    """The paths to every value in JSON, of long lists the first one only."""
    yield path
    if isinstance(values, dict):
        for key, inner in values.items():
            yield from places(inner, (*path, key))
    if isinstance(values, list) and values:
        yield from places(values[0], (*path, 0))


def replaced(values: object, path: tuple, value: object) -> object:
    """JSON with another value at a path, or without it where the value is ``...``."""
    if not path:
        return [] if value is ... else value
    values = copy.deepcopy(values)
    inner = values
    for key in path[:-1]:
        inner = inner[key]
    if value is ...:
        del inner[path[-1]]
    else:
        inner[path[-1]] = value
    return values


def main() -> None:
    """Read every changed file, and print how many there were and what went wrong."""
    torch.set_num_threads(1)
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + MEMORY, used + MEMORY))
    count, faults, chance = 0, [], random.Random(0)
    with tempfile.TemporaryDirectory() as folder:
        for file, read in files(Path(folder)):
            data = file.read_bytes()
            for label, other in changed(data, chance):
                file.write_bytes(other)
                count += 1
                _, error = called(read, {}, file)
                if error is not None and not clear(error):
                    faults.append([file.name, label, f"{type(error).__name__}: {str(error)[:90]}"])
            file.write_bytes(data)
    if "--json" in sys.argv:
        print(json.dumps({"files": count, "faults": faults}))
        return
    for row in faults:
        print(" | ".join(row))
    print(count, "files,", len(faults), "faults")


if __name__ == "__main__":
    main()
