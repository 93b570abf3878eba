"""Generic replies: what a law's batch counts, the safe reply's lead and the entropy against the exact law, the N-best list, the sweep."""

import math

import pytest
import torch

from nlgnotes.experiments.generic_replies.generic_replies import measure
from nlgnotes.experiments.generic_replies.laws import law_batch, train_on_law
from nlgnotes.experiments.generic_replies.reranking import (
    METHODS,
    n_best,
    pick_best,
    reply_statistics,
    sweep,
)
from nlgnotes.experiments.generic_replies.safe_reply import safety, topics_open
from nlgnotes.languages import Dialogue
from nlgnotes.networks.transformer import Decoder, DecoderConfig
from nlgnotes.randomness import generator
from nlgnotes.training.likelihood import token_nll

LANGUAGE = Dialogue.standard(5)
SIZES = {
    "width": 16,
    "layers": 1,
    "heads": 2,
    "hidden": 32,
    "context": 96,
    "batch": 16,
    "learning_rate": 1e-2,
}


class Oracle:
    """The language itself as a model of documents "query reply": its own next-word law."""

    def __init__(self, language):
        self.language, self.config = language, DecoderConfig(language.vocab_size, 96, 2, 1, 1, 2)

    def __call__(self, tokens):
        return self.language.all_next_log_probs(tokens[:, 1:])

    def empty_cache(self, batch, capacity):
        return Past(torch.zeros(batch, 0, dtype=torch.long))

    def step(self, tokens, cache):
        both = torch.cat([cache.read, tokens], 1)
        return self(both)[:, -tokens.shape[1] :].float(), Past(both)


class Past:
    def __init__(self, read):
        self.read = read

    def rows(self, index):
        return Past(self.read[index])


def first_form(language):
    return language.queries.select(torch.arange(0, len(language.queries), 3))


@pytest.mark.parametrize("law", ["P(T|S)", "P(S|T)", "P(T)"])
def test_a_laws_batch_counts_exactly_what_the_law_speaks_of(law):
    queries, replies = LANGUAGE.sample_pairs(40, generator(0, law))
    batch, exact = law_batch(LANGUAGE, law, queries, replies, 96)
    size = queries.lengths if law == "P(S|T)" else replies.lengths
    assert batch.mask.sum(-1).tolist() == size.tolist()
    documents = {
        "P(T|S)": LANGUAGE.joined(queries, replies),
        "P(S|T)": LANGUAGE.swapped(queries, replies),
        "P(T)": replies,
    }[law]
    assert batch.targets[batch.mask].tolist() == [
        token
        for row, long, n in zip(
            documents.tokens.tolist(), documents.lengths.tolist(), size.tolist()
        )
        for token in row[long - n : long]
    ]
    if law == "P(T|S)":  # a second road: word by word under the language
        words = LANGUAGE.token_log_probs(documents)
        for i in range(40):
            assert float(words[i, queries.lengths[i] :].sum()) == pytest.approx(
                float(exact[i]), abs=1e-9
            )


def test_a_law_that_is_none_and_rows_that_are_too_long():
    queries, replies = LANGUAGE.sample_pairs(40, generator(1, "pairs"))
    with pytest.raises(ValueError, match="law must be"):
        law_batch(LANGUAGE, "P(S)", queries, replies, 96)
    batch, exact = law_batch(LANGUAGE, "P(T|S)", queries, replies, 12)
    assert (
        len(batch.targets)
        == len(exact)
        == int((queries.lengths + replies.lengths <= 12).sum())
        < 40
    )


def test_topics_open_are_counted():
    assert (
        topics_open(Dialogue.standard(), Dialogue.standard().queries).round().tolist()
        == [1] * 60 + [5] * 12 + [20] * 3
    )


def test_the_stance_of_the_language_itself_is_the_exact_one():
    language = Dialogue.standard(5, generic=0.02)
    queries = first_form(language)
    found = safety(Oracle(language), language, queries, generator(0, "stance"), samples=400)
    exact = language.reply_log_probs(queries)
    assert torch.allclose(found.log_prob.double(), exact[:, 0], atol=1e-4)
    assert torch.allclose(found.lead.double(), exact[:, 0] - exact[:, 1:].max(-1).values, atol=1e-4)
    assert (found.lead > 0).tolist() == [False] * 5 + [True] * 2
    # 400 samples of a surprise with a standard deviation of about 4 nats: 6 standard errors, false alarms below 1e-8 (salads have a tail).
    assert float(
        (found.entropy.double() - language.reply_entropy(queries)).abs().max()
    ) < 6 * 5 / math.sqrt(400)


def test_the_n_best_list_of_the_language_itself():
    oracle = Oracle(LANGUAGE)
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
    found = n_best(LANGUAGE, (Oracle(LANGUAGE), alone, alone), queries, beams=4)
    kinds = topics_open(LANGUAGE, queries).round().long()
    table = sweep(found, [0.0, 1.0], kinds)
    assert set(table) == set(METHODS) and set(table["bidi"]) == {"1", "5"}
    for rows in table.values():
        assert all(row["generic"][0] == 1.0 and len(row["generic"]) == 2 for row in rows.values())


@pytest.mark.parametrize("dealt", [False, True])
def test_the_first_loss_by_hand_pairs_dealt_anew_or_not(dealt):
    seen, chance = [], generator(0, "learned")
    train_on_law(
        LANGUAGE,
        "P(T|S)",
        {**SIZES, "steps": 1},
        generator(0, "learned"),
        shuffled=dealt,
        callback=lambda step, loss, model: seen.append(loss),
    )
    model = Decoder(DecoderConfig(LANGUAGE.vocab_size, 96, 16, 1, 2, 32), chance)
    queries, replies = LANGUAGE.sample_pairs(16, chance)
    if dealt:
        replies = replies.select(torch.randperm(16, generator=chance))
    nll = token_nll(model, LANGUAGE.joined(queries, replies))
    total = sum(float(nll[i, queries.lengths[i] :].sum()) for i in range(16))
    assert seen == [pytest.approx(total / replies.total, rel=2e-6)]


def test_a_decoder_learns_its_law():
    seen = []
    train_on_law(
        LANGUAGE,
        "P(T)",
        {**SIZES, "steps": 100},
        generator(0, "learned"),
        callback=lambda step, loss, model: seen.append(loss),
    )
    assert len(seen) == 100 and sum(seen[-20:]) / 20 < 1.5 < 4 < seen[0]


def test_the_probability_of_the_safe_reply_starts_after_the_query():
    model = Decoder(DecoderConfig(LANGUAGE.vocab_size, 96, 16, 1, 2, 32), generator(0, "alone"))
    queries = LANGUAGE.queries.select(torch.tensor([0, 2]))  # of two lengths
    found = safety(model, LANGUAGE, queries, generator(0, "stance"), samples=2)
    nll = token_nll(
        model, LANGUAGE.joined(queries, LANGUAGE.replies.select(torch.zeros(2, dtype=torch.long)))
    )
    assert torch.allclose(
        found.log_prob,
        -torch.stack([nll[i, queries.lengths[i] :].sum() for i in range(2)]),
        rtol=1e-4,
    )


def test_the_measurement_has_a_row_for_every_run_and_look():
    unsure = {**SIZES, "steps": 4, "runs": 2, "rare": 0.02, "looks": [2, 4], "samples": 2}
    mmi = {**SIZES, "steps": 2, "runs": 1, "beams": 4, "gamma": 2, "lams": [0, 1.0]}
    parts = []
    data = measure(
        {"unsure": unsure, "mmi": mmi},
        0,
        progress=False,
        keep=lambda part, compute: parts.append(part) or compute(),
    )
    assert parts == ["pairs-0", "pairs-1", "shuffled-0", "shuffled-1", "mmi-0"] and data[
        "topics_open"
    ] == [1, 5, 20]
    assert all(
        one["step"] == [2, 4] and len(one["lead"][1]) == 3
        for arm in ("pairs", "shuffled")
        for one in data[arm]
    )
    assert len(data["mmi"][0]["antiLM"]["20"]["pmi"]) == 2
