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


SETTINGS = dict(unlikelihood.EXPERIMENT.settings) | {
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


def made(toy, keep):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(corpus, "read_corpus", lambda: toy[1])
        return measure(SETTINGS | {"model": str(toy[0])}, 5, progress=False, keep=keep)


@pytest.fixture(scope="module")
def parts():
    return []


@pytest.fixture(scope="module")
def measured(toy, parts):
    return made(toy, lambda name, compute: parts.append(name) or compute())


def test_the_measurement_holds_every_arm_and_is_made_again_alike(toy, measured, parts):
    data = measured
    names = [part.rsplit("-", 1)[0] for part in parts]
    assert names == ["before", "run-5", "run-6"] and [r["seed"] for r in data["runs"]] == [5, 6]
    json.dumps(data, allow_nan=False)
    assert len(data["bytes"]) == 3 and "bits" not in data["text"]
    for run in data["runs"]:
        assert set(run) == {"seed", *unlikelihood.ARMS}
        for arm in unlikelihood.ARMS:
            assert [p["step"] for p in run[arm]["path"]] == [1]
            assert run[arm]["bits_per_byte"] != data["before"]["bits_per_byte"], "it was trained"
    again = made(toy, lambda name, compute: compute())
    one, two = data["runs"]
    for arm in unlikelihood.ARMS:
        assert one[arm]["bits"] != two[arm]["bits"], "every run draws its own batches"
        assert {k: v for k, v in again["runs"][0][arm].items() if k != "seconds"} == {
            k: v for k, v in one[arm].items() if k != "seconds"
        }


def test_every_arm_is_asked_the_same_prompts_one_number_for_each(measured):
    for looked in (measured["text"], measured["before"], measured["runs"][1]["alone"]):
        each = looked["by_prompt"]
        assert len(each["seq_rep_4"]) == len(each["periods"]) == 4
        assert sum(each["seq_rep_4"]) / 4 == pytest.approx(looked["seq_rep_4"], abs=1e-4)
        assert [p for p in sorted(each["periods"]) if p] == looked["periods"]
    for run in measured["runs"]:
        bits = run["token"]["bits"]
        assert sum(bits) / sum(measured["bytes"]) == pytest.approx(
            run["token"]["bits_per_byte"], abs=1e-4
        )


def test_the_control_is_training_as_ever_on_the_same_windows(toy, measured, monkeypatch):
    monkeypatch.setattr(corpus, "read_corpus", lambda: toy[1])
    start = checkpoints.load(toy[0])
    train = [d.text for d in corpus.documents("train")]
    order = generator(6, "unlikelihood", "order")
    fit(
        start.model,
        windows(start.tokenizer, train, 48, 2, order),
        steps=2,
        learning_rate=SETTINGS["learning_rate"],
        generator=generator(6, "unlikelihood", "batches"),
        progress=False,
    )
    held_out = [d.text for d in corpus.documents("held-out")]
    # The second run, and the documents of the first: all read the same.
    chosen = torch.randperm(len(held_out), generator=generator(5, "unlikelihood", "documents"))
    read = [held_out[i] for i in chosen[:3].tolist()]
    price = text_metrics(start.model.eval(), start.tokenizer, read)["bits_per_byte"]["value"]
    two = measured["runs"][1]
    assert two["token"]["bits_per_byte"] != two["likelihood"]["bits_per_byte"]
    assert two["likelihood"]["bits_per_byte"] == pytest.approx(price, abs=1e-4)
