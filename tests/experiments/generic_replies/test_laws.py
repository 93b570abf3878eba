"""The laws of the dialogue language: what a batch counts, and decoders that learn it."""

import pytest
import torch

from nlgnotes.experiments.generic_replies.laws import law_batch, train_on_law
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
            documents.tokens.tolist(), documents.lengths.tolist(), size.tolist(), strict=True
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
