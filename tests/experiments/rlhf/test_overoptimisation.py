"""The measurement runs through in a small world, and its parts say what they should."""

import json

import pytest
import torch
from small_answers import CONFIG, WORLD

from nlgnotes.decoding.enumeration import answer_log_probs
from nlgnotes.documents import Documents
from nlgnotes.experiments.rlhf import overoptimisation
from nlgnotes.experiments.rlhf.newswire_documents import Ratings, best_of_n_curves, rate
from nlgnotes.experiments.rlhf.overoptimisation import EXPERIMENT, measure
from nlgnotes.experiments.rlhf.reference import Reference
from nlgnotes.languages.newswire import Newswire
from nlgnotes.networks.transformer import Decoder
from nlgnotes.randomness import generator

QUICK = {"epochs": 1, "batch": 8, "learning_rate": 1e-2}
SMALL = {
    **EXPERIMENT.settings,
    "runs": 2,
    "held_out": 50,
    "sizes": {"6": QUICK, "12": QUICK},
    "kls": [0.1, 0.3, 20.0],
    "ns": [1, 4],
    "few": 6,
    "once": {"batch": 8, "learning_rate": 1e-2},
    "group": {"rankings": 3, "ranked": 4, "epochs": [1], "learning_rate": 1e-2},
    "rankings": [5],
    "reward": QUICK,
    "imitation": {"passes": 1, "batch": 8, "learning_rate": 1e-3},
    "n": 4,
    "best": {"texts": 20, "passes": 1, "batch": 8, "learning_rate": 1e-3},
    "newswire": {"documents": 40, "words": 5, "repetition": 0.5, "ns": [1, 2]},
}


@pytest.fixture
def small_reference(monkeypatch):
    model = Decoder(CONFIG, generator(1)).eval()
    law = answer_log_probs(model, WORLD.prompt_tokens, WORLD.length)
    monkeypatch.setattr(overoptimisation, "load_reference", lambda: Reference(WORLD, model, law))


def test_the_measurement_runs_through_with_a_part_for_each_seed(small_reference):
    parts = []

    def keep(part, compute):
        parts.append(part)
        return json.loads(json.dumps(compute()))

    data = measure(SMALL, 3, progress=False, keep=keep)
    assert data["runs"].keys() == {"3", "4"} and len(set(parts)) == len(parts) == 9
    run = data["runs"]["3"]
    assert run["sizes"].keys() == {"gold", "6", "12"}
    for kind in ("linear", "from scratch", "pretrained"):
        found = run["sizes"]["12"][kind]
        assert found["frontier"]["gold"][2] is None and found["best_of_n"]["kl"][0] == 0
        assert 0 <= found["accuracy"] <= 1
        assert found["best_of_n"]["kl"][1] <= 0.6363  # log 4 - 3/4
    assert run["sizes"] != data["runs"]["4"]["sizes"]
    assert run["uses"]["5"]["reference"]["kl"] == 0
    optimal = run["uses"]["5"]["optimal at best-of-N's KL"]
    assert optimal["kl"] == pytest.approx(run["uses"]["5"]["best-of-N"]["kl"], abs=1e-3)
    assert torch.tensor(data["newswire"]["draws"]).shape == (21, 3, 2)


def test_documents_are_rated_by_their_names():
    language = Newswire.toy()
    ada, bo = language.names.tolist()
    other = next(w for w in range(1, language.vocab_size) if w not in (ada, bo))
    documents = Documents.from_lists([[ada, ada, ada], [ada, bo, other], [other]])
    found = rate(language, documents, 0.5, generator(2))
    assert found.gold.tolist() == [1.5, 2, 0] and found.linear.tolist() == [3, 2, 0]
    error = found.noisy - found.gold
    assert error.unique().numel() == 3
    assert torch.equal(rate(language, documents, 0.5, generator(2)).noisy, found.noisy)


def test_curves_choose_by_the_proxy_and_report_gold():
    ratings = Ratings(
        torch.tensor([0.0, 1.0, 5.0]).double(),
        torch.tensor([0.0, 2.0, 1.0]).double(),
        torch.tensor([9.0, 0.0, 1.0]).double(),
    )
    curves = best_of_n_curves(ratings, [1, 3])
    assert torch.allclose(curves[:, 0], torch.full((3,), 2.0).double())
    assert torch.allclose(curves[:, 1], torch.tensor([5.0, 1.0, 0.0]).double())
