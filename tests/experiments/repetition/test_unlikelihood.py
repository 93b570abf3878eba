"""Repetition: the habits of texts by hand, and the measurement on a toy model and corpus."""

import json

import pytest
import torch

from nlgnotes import checkpoints
from nlgnotes.experiments.repetition import unlikelihood
from nlgnotes.experiments.repetition.unlikelihood import (
    measure,
    predictions,
    repeated_share,
    repetition_statistics,
)
from nlgnotes.networks.transformer import Decoder, DecoderConfig
from nlgnotes.randomness import generator
from nlgnotes.text import corpus
from nlgnotes.text.corpus import Corpus, Document
from nlgnotes.text.tokenizer import ByteBPE
from nlgnotes.training.loop import fit
from nlgnotes.training.text import text_metrics, windows
from nlgnotes.training.unlikelihood import continue_greedily


def test_habits_by_hand():
    found = repetition_statistics(torch.tensor([[1, 2, 1, 2, 1, 2], [1, 2, 3, 4, 5, 6]]))
    assert (found["loops"], found["periods"]) == (0.5, [2])
    assert found["seq_rep_1"] == pytest.approx((4 / 6 + 0) / 2)
    assert found["seq_rep_4"] == pytest.approx((1 / 3 + 0) / 2)
    assert found["seq_rep_8"] == found["seq_rep_16"] == 0


def test_repeated_share_against_a_loop():
    rows = torch.randint(5, (7, 20), generator=generator(0, "rows"))
    said = torch.randint(5, (7, 9), generator=generator(0, "said"))
    slow = (
        sum(
            int(said[i, j]) in rows[i, 11 + j - 4 : 11 + j].tolist()
            for i in range(7)
            for j in range(9)
        )
        / 63
    )
    assert repeated_share(rows, said, 4) == pytest.approx(slow)
    with pytest.raises(ValueError, match="window = 12 before"):
        repeated_share(rows, said, 12)
    with pytest.raises(ValueError, match="window must be"):
        repeated_share(rows, said, 0)


@pytest.fixture(scope="module")
def toy(tmp_path_factory):
    words = torch.randint(9, (80, 60), generator=generator(0, "words")).tolist()
    sentences = [
        " ".join("the cat sat on a mat and was well".split()[w] for w in row) for row in words
    ]
    documents = tuple(Document(f"a.b{i}", s, "toy") for i, s in enumerate(sentences))
    tokenizer = ByteBPE.train(sentences, 280)
    model = Decoder(
        DecoderConfig(tokenizer.vocab_size, 48, 16, 1, 2, 32), generator(0, "weights")
    ).eval()
    place = tmp_path_factory.mktemp("toy") / "toy"
    checkpoints.save(place, model, tokenizer=tokenizer)
    return place, Corpus(documents, {"toy": len(documents)})


def test_predictions_are_what_a_step_by_step_reader_says(toy):
    model, rows = (
        checkpoints.load(toy[0]).model,
        torch.randint(1, 200, (3, 12), generator=generator(0, "rows")),
    )
    slow = [continue_greedily(model, rows[:, :t], 1).tokens for t in range(7, 12)]
    assert torch.equal(predictions(model, rows, 5), torch.cat(slow, 1))


def test_the_measurement_holds_every_arm_and_starts_them_alike(toy, monkeypatch):
    monkeypatch.setattr(corpus, "read_corpus", lambda: toy[1])
    settings = dict(unlikelihood.EXPERIMENT.settings) | {
        "model": str(toy[0]),
        "runs": 2,
        "steps": 2,
        "batch": 2,
        "rows": 2,
        "prefix": 33,
        "new": 8,
        "prompts": 4,
        "documents": 3,
        "look_every": 1,
    }
    parts = []
    data = measure(
        settings, 5, progress=False, keep=lambda name, compute: parts.append(name) or compute()
    )
    assert [part.rsplit("-", 1)[0] for part in parts] == ["run-5", "run-6"] and [
        run["seed"] for run in data["runs"]
    ] == [5, 6]
    json.dumps(data, allow_nan=False)
    for run in data["runs"]:
        assert set(run) == {"seed", "text", "before", *unlikelihood.ARMS}
        assert "bits_per_byte" not in run["text"] and run["before"]["bits_per_byte"] > 0
        for arm in unlikelihood.ARMS:
            assert [p["step"] for p in run[arm]["path"]] == [1]
            assert run[arm]["bits_per_byte"] != run["before"]["bits_per_byte"], "it was trained"
    one, two = data["runs"]
    assert one["text"] != two["text"] and one["before"] != two["before"], (
        "every run draws its own prompts and documents"
    )
    again = measure(settings, 5, progress=False, keep=lambda name, compute: compute())
    for arm in unlikelihood.ARMS:
        assert {k: v for k, v in again["runs"][0][arm].items() if k != "seconds"} == {
            k: v for k, v in one[arm].items() if k != "seconds"
        }
    # The control is training as ever, on the same windows.
    start = checkpoints.load(toy[0])
    draw = windows(
        start.tokenizer,
        [d.text for d in corpus.documents("train")],
        48,
        2,
        generator(5, "unlikelihood", "order"),
    )
    fit(
        start.model,
        draw,
        steps=2,
        learning_rate=settings["learning_rate"],
        generator=generator(5, "unlikelihood", "batches"),
        progress=False,
    )
    held_out = [d.text for d in corpus.documents("held-out")]
    chosen = torch.randperm(len(held_out), generator=generator(5, "unlikelihood", "documents"))[
        :3
    ].tolist()
    price = text_metrics(start.model.eval(), start.tokenizer, [held_out[i] for i in chosen])[
        "bits_per_byte"
    ]["value"]
    assert one["unlikelihood"]["bits_per_byte"] != one["likelihood"]["bits_per_byte"]
    assert one["likelihood"]["bits_per_byte"] == pytest.approx(price, abs=1e-6)
