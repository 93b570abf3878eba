"""Valid calls of the corpus and the tokenizer."""

import tempfile
from pathlib import Path

from hostile.calls.values import Fixed
from nlgnotes.text.tokenizer import ByteBPE

FOLDER = Path(tempfile.mkdtemp(prefix="hostile-"))
TEXTS = ["aaabdaaabac", "It's 1984, again"]
TOKENIZER = ByteBPE.train(TEXTS, 260)
TOKENIZER.save(FOLDER / "tokenizer.json")

CALLS = {
    "text.corpus:documents": {"split": "train", "sources": Fixed(("python topics",))},
    "text.corpus:split_of": {"name": "os.path.join"},
    "text.prose:clean": {"raw": "The items of the list are added from the left to the right."},
    "text.tokenizer:ByteBPE": {"merges": [(98, 98), (257, 99)]},
    "text.tokenizer:ByteBPE.decode": {"self": TOKENIZER, "ids": [98, 257]},
    "text.tokenizer:ByteBPE.encode": {"self": TOKENIZER, "text": "aab"},
    "text.tokenizer:ByteBPE.from_json": {"text": TOKENIZER.to_json()},
    "text.tokenizer:ByteBPE.load": {"path": FOLDER / "tokenizer.json"},
    "text.tokenizer:ByteBPE.save": {"self": TOKENIZER, "path": FOLDER / "again.json"},
    "text.tokenizer:ByteBPE.to_json": {"self": TOKENIZER},
    "text.tokenizer:ByteBPE.token_bytes": {"self": TOKENIZER, "token": 257},
    "text.tokenizer:ByteBPE.train": {"texts": TEXTS, "vocab_size": 260},
    "text.tokenizer:pieces": {"text": "It's 1984, again"},
}
