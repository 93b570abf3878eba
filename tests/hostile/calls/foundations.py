"""Valid calls of what every floor stands on: documents, batches, intervals, claims and files."""

import tempfile
from pathlib import Path

import numpy as np
import torch
from matplotlib.figure import Figure

from hostile.calls.values import LENGTHS, MASK, TOKENS, Fixed, Work, chance, logs, normal
from nlgnotes import checkpoints, measurements
from nlgnotes.claims import Claim, Control, Ledger, above, within
from nlgnotes.documents import Documents
from nlgnotes.intervals import Interval
from nlgnotes.networks.transformer import Decoder, DecoderConfig

FOLDER = Path(tempfile.mkdtemp(prefix="hostile-"))
DECODER = Decoder(DecoderConfig(5, 8, width=8, layers=1, heads=2, hidden=8), chance()).eval()
checkpoints.save(FOLDER / "toy", DECODER, words=tuple("abcde"))
measurements.save(FOLDER / "measured.json", recipe={"seed": 0}, data={"x": [1.0]})
(FOLDER / "draft").mkdir()
(FOLDER / "plain.json").write_text('{"a": 1}')

NAME, SHAPE = Fixed("x"), Fixed((2, 3))
TEXTS = Documents(TOKENS, LENGTHS)
IDS = [[1, 2, 3], [4, 1]]
INTERVAL = Interval(1.0, 0.5, 1.5, 10)
SAMPLE = np.array([1.0, 2.5, 3.0, 0.5, 2.0, 1.5, 2.2, 0.1, 1.9])
SHARES = np.array([0.0, 1.0, 1.0, 0.0, 1.0, 1.0])
CLAIM = Claim(
    id="x",
    kind="finding",
    sentence="It rises.",
    holds=True,
    ours=INTERVAL,
    margin="above 0",
    control=Control("the untrained model", Interval(0.0, -1.0, 1.0, 10), False),
    replicated="fresh data",
)
RECORD = {
    "id": "x",
    "kind": "finding",
    "sentence": "It rises.",
    "ours": INTERVAL,
    "margin": above(0.0),
    "control": ("the untrained model", Interval(0.0, -1.0, 1.0, 10)),
    "replicated": "fresh data",
    "paper": "0.7",
    "source": "verified: Table 2",
    "unit": "nats",
}


class NewLedger(Ledger):
    """A ledger that a row can be recorded in again and again."""

    def record(self, **row):
        Ledger("lecture", 0).record(**row)


CALLS = {
    "batches:decoder_batch": {"sources": IDS, "targets": IDS, "signal": "all"},
    "batches:document_batch": {"documents": TEXTS},
    "batches:encoder_decoder_batch": {"sources": IDS, "targets": IDS},
    "batches:reply_batch": {"queries": TEXTS, "replies": TEXTS},
    "checkpoints:available": {"folder": FOLDER},
    "checkpoints:load": {"name": FOLDER / "toy"},
    "checkpoints:save": {
        "path": FOLDER / "again",
        "model": DECODER,
        "words": tuple("abcde"),
        "recipe": {"seed": 0},
        "metrics": {"gap": 0.5},
        "history": {"loss": [1.0]},
        "dtype": torch.float16,
    },
    "claims.ledger:Ledger": {"lecture": "lecture", "seed": 0},
    "claims.ledger:Ledger.record": {"self": NewLedger("lecture", 0), **RECORD},
    "claims.ledger:Ledger.table": {"self": Ledger("lecture", 0)},
    "claims.ledger:Ledger.verdicts": {"self": Ledger("lecture", 0)},
    "claims.ledger:Ledger.save": {"self": Ledger("lecture", 0), "folder": FOLDER},
    "claims.margins:Margin": {"low": 0.0, "high": 1.0},
    "claims.margins:Margin.holds": {"self": within(0.0, 2.0), "ours": INTERVAL},
    "claims.margins:above": {"low": 0.5},
    "claims.margins:below": {"high": 0.5},
    "claims.margins:within": {"low": 0.5, "high": 1.5},
    "claims.row:finite": {"value": [1.5]},
    "claims.row:saved_row": {"claim": CLAIM},
    "claims.row:table_row": {"claim": CLAIM},
    "documents:Documents": {"tokens": TOKENS, "lengths": LENGTHS},
    "documents:Documents.from_lists": {"lists": IDS},
    "documents:Documents.select": {"self": TEXTS, "rows": torch.tensor([1, 0])},
    "documents:concatenate": {
        "first": TEXTS,
        "second": TEXTS,
        "where": torch.tensor([True, False]),
    },
    "documents:replace_rows": {
        "documents": TEXTS,
        "rows": torch.tensor([1]),
        "others": Documents(TOKENS[:1], LENGTHS[:1]),
    },
    "files:replace_folder": {"draft": FOLDER / "draft", "place": FOLDER / "place"},
    "files:write_whole": {"path": FOLDER / "written", "data": b"x"},
    "frames:frame_png": {"figure": Figure(figsize=(1, 1)), "where": "x = 1", "layout": {}},
    "intervals.bootstrap:bootstrap_interval": {
        "values": SAMPLE,
        "statistic": np.mean,
        "generator": chance(),
        "resamples": Work(20),
        "confidence": 0.9,
    },
    "intervals.bootstrap:bootstrap_means": {
        "values": SAMPLE.reshape(3, 3),
        "generator": chance(),
        "resamples": Work(20),
    },
    "intervals.bootstrap:percentile_interval": {"draws": SAMPLE, "n": 9, "confidence": 0.9},
    "intervals.interval:Interval": {"value": 1.0, "low": 0.5, "high": 1.5, "n": 3},
    "intervals.interval:Interval.scaled": {"self": INTERVAL, "factor": 2.0},
    "intervals.jackknife:jackknife_draws": {
        "statistic": lambda rows: rows.mean(),
        "n": 9,
        "groups": 3,
    },
    "intervals.jackknife:jackknife_interval": {"draws": SAMPLE, "n": 9, "confidence": 0.9},
    "intervals.jackknife:two_way_interval": {
        "values": SAMPLE.reshape(3, 3),
        "statistic": np.mean,
        "confidence": 0.9,
    },
    "intervals.means:mean_interval": {
        "values": SAMPLE,
        "confidence": 0.9,
        "bounds": (0.0, 4.0),
    },
    "intervals.means:paired_difference": {
        "a": SAMPLE,
        "b": SAMPLE[::-1].copy(),
        "confidence": 0.9,
        "bounds": (-4.0, 4.0),
    },
    "intervals.means:ratio_of_totals": {
        "numerators": SAMPLE,
        "denominators": SAMPLE[::-1] + 1,
        "confidence": 0.9,
        "bounds": (0.0, 4.0),
    },
    "intervals.proportions:binomial_interval": {
        "successes": 3,
        "trials": 9,
        "confidence": 0.9,
    },
    "intervals.proportions:paired_proportions": {
        "a": SHARES,
        "b": SHARES[::-1].copy(),
        "confidence": 0.9,
    },
    "intervals.proportions:wilson_interval": {
        "successes": 3,
        "trials": 9,
        "confidence": 0.9,
    },
    "intervals.sample:check_confidence": {"confidence": 0.9},
    "intervals.sample:read_numbers": {"name": Fixed("x"), "values": SAMPLE},
    "intervals.sample:read_pairs": {"names": Fixed(("a", "b")), "a": SAMPLE, "b": SAMPLE},
    "intervals.sample:read_sample": {"name": Fixed("x"), "values": SAMPLE},
    "measurements:available": {"folder": FOLDER},
    "measurements:load": {"name": FOLDER / "measured.json"},
    "measurements:save": {
        "path": FOLDER / "more.json",
        "recipe": {"seed": 0},
        "data": {"x": [1.0]},
    },
    "randomness:generator": {"seed": 3},
    "reading:check_path": {"name": Fixed("path"), "path": FOLDER / "plain.json"},
    "reading:json_bytes": {"name": Fixed("x"), "values": {"a": [1, 0.5]}, "indent": 2},
    "reading:parse_json": {"name": Fixed("x"), "data": '{"a": 1}'},
    "reading:read_bytes": {"path": FOLDER / "plain.json", "limit": 100},
    "reading:read_json": {"path": FOLDER / "plain.json", "limit": 100},
    "reading:weights_header": {"path": FOLDER / "toy" / "weights.safetensors"},
    "validation.numbers:check_count": {
        "name": Fixed("k"),
        "value": 3,
        "low": Fixed(1),
        "high": Fixed(5),
    },
    "validation.numbers:check_counts": {"k": 3},
    "validation.numbers:check_interval": {
        "name": Fixed("p"),
        "value": 0.5,
        "low": Fixed(0),
        "high": Fixed(1),
        "closed": Fixed("both"),
    },
    "validation.numbers:check_positive": {"name": Fixed("T"), "value": 0.5},
    "validation.settings:check_callable": {"name": Fixed("f"), "value": np.mean},
    "validation.settings:check_kind": {"name": NAME, "value": INTERVAL, "kind": Fixed(Interval)},
    "validation.settings:check_path": {"name": NAME, "path": FOLDER / "plain.json"},
    "validation.settings:check_strings": {"name": NAME, "values": ["a", "b"], "least": Fixed(1)},
    "validation.settings:check_flag": {"name": Fixed("hard"), "value": True},
    "validation.settings:check_generator": {"generator": chance()},
    "validation.settings:check_keys": {
        "name": Fixed("config"),
        "values": {"a": 1},
        "known": Fixed(("a",)),
    },
    "validation.tensors:check_finite": {
        "name": Fixed("x"),
        "value": normal(2, 3),
        "shape": Fixed((2, 3)),
    },
    "validation.tensors:check_floats": {
        "name": Fixed("x"),
        "value": normal(2, 3),
        "shape": Fixed((2, 3)),
    },
    "validation.tensors:check_log_probs": {"name": Fixed("x"), "log_probs": logs(2, 3)},
    "validation.tensors:check_mask": {"name": Fixed("mask"), "mask": MASK, "shape": Fixed((2, 3))},
    "validation.tensors:check_scores": {"name": Fixed("x"), "scores": normal(2, 3)},
    "validation.texts:check_continuation": {
        "prompt": TOKENS,
        "max_new_tokens": 2,
        "stop_token": 0,
        "vocab_size": Fixed(5),
        "context": Fixed(8),
    },
    "validation.texts:check_id_lists": {"name": NAME, "lists": IDS},
    "validation.texts:check_ids": {
        "name": Fixed("x"),
        "ids": TOKENS,
        "shape": Fixed((2, 6)),
        "vocab_size": Fixed(5),
    },
    "validation.texts:check_lengths": {"tokens": TOKENS, "lengths": LENGTHS},
    "validation.texts:check_tokens": {
        "name": Fixed("x"),
        "tokens": TOKENS,
        "vocab_size": Fixed(5),
        "empty": False,
    },
    "validation.texts:is_int64": {"value": TOKENS},
    "validation.words:describe": {"value": TOKENS},
    "validation.words:shown": {"value": [3]},
}
