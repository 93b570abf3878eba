"""Recipes of models of the installation's text, and the shipped ones held to what they claim."""

import math

import pytest
import torch

from nlgnotes import checkpoints
from nlgnotes.decoding.generation import generate
from nlgnotes.documents import Documents
from nlgnotes.equations.metrics import seq_rep_n_per_document
from nlgnotes.equations.sampling import Sampler, TopK
from nlgnotes.intervals import mean_interval
from nlgnotes.networks.lstm import LSTMConfig, LSTMModel
from nlgnotes.networks.transformer import Decoder, DecoderConfig
from nlgnotes.randomness import generator
from nlgnotes.recipes.catalogue import RECIPES
from nlgnotes.recipes.recipe import run
from nlgnotes.text import corpus
from nlgnotes.training.likelihood import token_nll
from nlgnotes.training.unlikelihood import continue_greedily

SHIPPED = checkpoints.available()
FIRST_BY_NAME = ("standard library", "matplotlib", "docutils", "jinja2")


def test_the_lstm_has_as_many_parameters_as_the_decoder_that_reads_the_same_text():
    first, second = (RECIPES[f"python-docs-{name}"].settings for name in ("lm", "lstm"))
    sizes = {k: first[k] for k in ("context", "width", "layers", "heads", "hidden")}
    attentive = Decoder(DecoderConfig(first["vocab_size"], **sizes), generator(0))
    recurrent = LSTMModel(
        LSTMConfig(second["vocab_size"], second["context"], second["width"]), generator(0)
    )
    assert recurrent.parameter_count == pytest.approx(attentive.parameter_count, rel=1e-3)
    assert [first[k] for k in ("vocab_size", "context", "batch", "steps")] == [
        second[k] for k in ("vocab_size", "context", "batch", "steps")
    ]


def test_unlikelihood_starts_from_a_checkpoint_and_measures_before_and_after(
    tmp_path, little, tiny
):
    run(
        tiny("python-docs-lm", vocab_size=280, steps=60, learning_rate=0.02),
        progress=False,
        folder=tmp_path,
    )
    start = checkpoints.load(tmp_path / "python-docs-lm")
    extra = {
        "from": str(tmp_path / "python-docs-lm"),
        "prefix": 4,
        "new": 12,
        "rows": 2,
        "evaluation_prompts": 9,
    }
    assert run(tiny("python-docs-unlikelihood", **extra), progress=False, folder=tmp_path)
    made = checkpoints.load(tmp_path / "python-docs-unlikelihood")
    assert (
        made.recipe["from_digest"] == start.digest != made.digest
        and made.tokenizer.vocab_size == 280
    )
    assert (
        made.metrics["bits_per_byte_before"]
        == start.metrics["bits_per_byte"]
        != made.metrics["bits_per_byte"]
    )
    held_out = [[0, *start.tokenizer.encode(d.text)] for d in corpus.documents("held-out")][:20]
    prompts = torch.tensor([row[:4] for row in held_out if len(row) >= 4][:9])
    for model, when in ((start.model, "_before"), (made.model, "")):
        written = generate(
            model, prompts, max_new_tokens=12, sampler=Sampler((TopK(1),)), generator=generator(0)
        )
        assert made.metrics[f"seq_rep_4{when}"]["value"] == pytest.approx(
            float(seq_rep_n_per_document(written.tokens, written.lengths, 4).mean())
        )


@pytest.mark.parametrize("name", ["python-docs-lm", "python-docs-lstm"])
def test_the_shipped_text_models_beat_their_own_controls(name):
    if name not in SHIPPED:
        pytest.skip("not shipped")
    shipped = checkpoints.load(name)
    assert shipped.metrics["bits_per_byte"]["high"] < 2
    # A sentence of English that no docstring holds, and the same words in alphabetical order.
    sentence = (
        "If the argument is not given, the function returns a list of the names of the files in "
        "the directory."
    )
    shuffled = " ".join(sorted(sentence.split()))
    rows = [Documents.from_lists([shipped.tokenizer.encode(t)]) for t in (sentence, shuffled)]
    nats = [float(token_nll(shipped.model, row).sum()) for row in rows]
    assert nats[0] / math.log(2) / len(sentence) < 2 and nats[1] > 1.5 * nats[0]


def test_the_shipped_unlikelihood_model_loops_less_at_a_small_price():
    if "python-docs-unlikelihood" not in SHIPPED:
        pytest.skip("not shipped")
    after, before = checkpoints.load("python-docs-unlikelihood"), checkpoints.load("python-docs-lm")
    assert after.recipe["from_digest"] == before.digest, (
        "python-docs-lm was made again: make this one again too"
    )
    m, wide = after.metrics, 5.5 / 1.96
    assert m["bits_per_byte_before"]["value"] == pytest.approx(
        before.metrics["bits_per_byte"]["value"], rel=1e-4
    )
    assert m["seq_rep_4"]["high"] < 0.6 * m["seq_rep_4_before"]["low"]
    assert 0 < m["bits_per_byte"]["value"] - m["bits_per_byte_before"]["value"] < 0.1
    # The first 120 by name, from the sources that come before "n": the rest is read for seconds.
    read = corpus.documents("held-out", sources=FIRST_BY_NAME)[:120]
    assert read[-1].name < "n"
    rows = [[0, *after.tokenizer.encode(d.text)][:50] for d in read]
    prompts = torch.tensor([row for row in rows if len(row) == 50][:40])
    for model, when in ((before.model, "_before"), (after.model, "")):
        written, claimed = continue_greedily(model, prompts, 100), m[f"seq_rep_4{when}"]
        found = mean_interval(
            seq_rep_n_per_document(written.tokens, written.lengths, 4), confidence=1 - 1e-7
        )
        margin = wide * (claimed["high"] - claimed["low"]) / 2
        assert found.low <= claimed["value"] + margin and claimed["value"] - margin <= found.high
