"""The N-best list of the language itself, and the sweep over lambda."""

import math

import pytest
import torch
from exact_models import ExactModel

from nlgnotes.experiments.generic_replies.reranking import (
    METHODS,
    n_best,
    pick_best,
    reply_statistics,
    sweep,
)
from nlgnotes.experiments.generic_replies.safe_reply import topics_open
from nlgnotes.languages import Dialogue
from nlgnotes.networks.transformer import Decoder, DecoderConfig
from nlgnotes.randomness import generator
from nlgnotes.training.likelihood import token_nll

LANGUAGE = Dialogue.standard(5)


def first_form(language):
    return language.queries.select(torch.arange(0, len(language.queries), 3))


def test_the_n_best_list_of_the_language_itself():
    oracle = ExactModel(LANGUAGE)
    queries = first_form(LANGUAGE)
    alone = Decoder(DecoderConfig(LANGUAGE.vocab_size, 96, 16, 1, 2, 32), generator(0, "alone"))
    found = n_best(LANGUAGE, (oracle, alone, alone), queries, beams=8)
    assert (found.place[:, 0] == 0).all() and not found.right[:, 0].any(), (
        "G is the best reply, and of no topic"
    )
    assert found.right[:, 1:].all() and (found.place[:, 1:] > 0).all()
    exact = LANGUAGE.reply_log_probs(queries).gather(1, found.place)
    assert torch.allclose(found.log_probs.double(), exact, atol=1e-4)
    assert torch.allclose(
        found.pmi[:5, 1:], torch.tensor(math.log(5), dtype=torch.float64), atol=1e-3
    )
    words = token_nll(alone, found.replies)
    assert torch.allclose(found.log_target.flatten(), -words.sum(-1), atol=1e-3) and torch.allclose(
        found.log_first.flatten(), -words[:, :2].sum(-1), atol=1e-3
    )
    by_model = reply_statistics(found, pick_best(found, found.log_probs))
    assert (by_model["generic"], by_model["right"], by_model["sentence"]) == (1, 0, 1) and by_model[
        "pmi"
    ] == pytest.approx(0, abs=1e-6)
    by_pmi = reply_statistics(found, pick_best(found, found.pmi.float()))
    # The last two queries leave all topics open: there every PMI is 0, and equals keep their order.
    assert by_pmi["right"] == pytest.approx(5 / 7) and by_pmi["distinct_2"] > by_model["distinct_2"]


def test_the_sweep_starts_at_the_models_own_order():
    queries = first_form(LANGUAGE)
    alone = Decoder(DecoderConfig(LANGUAGE.vocab_size, 96, 16, 1, 2, 32), generator(0, "alone"))
    found = n_best(LANGUAGE, (ExactModel(LANGUAGE), alone, alone), queries, beams=4)
    kinds = topics_open(LANGUAGE, queries).round().long()
    table = sweep(found, [0.0, 1.0], kinds)
    assert set(table) == set(METHODS) and set(table["bidi"]) == {"1", "5"}
    for rows in table.values():
        assert all(row["generic"][0] == 1.0 and len(row["generic"]) == 2 for row in rows.values())
