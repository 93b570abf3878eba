"""The safe reply's lead and the entropy, against the exact law."""

import math

import torch
from exact_models import ExactModel

from nlgnotes.experiments.generic_replies.safe_reply import safety, topics_open
from nlgnotes.languages import Dialogue
from nlgnotes.networks.transformer import Decoder, DecoderConfig
from nlgnotes.randomness import generator
from nlgnotes.training.likelihood import token_nll

LANGUAGE = Dialogue.standard(5)


def first_form(language):
    return language.queries.select(torch.arange(0, len(language.queries), 3))


def test_topics_open_are_counted():
    assert (
        topics_open(Dialogue.standard(), Dialogue.standard().queries).round().tolist()
        == [1] * 60 + [5] * 12 + [20] * 3
    )


def test_the_stance_of_the_language_itself_is_the_exact_one():
    language = Dialogue.standard(5, generic=0.02)
    queries = first_form(language)
    found = safety(ExactModel(language), language, queries, generator(0, "stance"), samples=400)
    exact = language.reply_log_probs(queries)
    assert torch.allclose(found.log_prob.double(), exact[:, 0], atol=1e-4)
    assert torch.allclose(found.lead.double(), exact[:, 0] - exact[:, 1:].max(-1).values, atol=1e-4)
    assert (found.lead > 0).tolist() == [False] * 5 + [True] * 2
    # 400 samples of a surprise with a standard deviation of about 4 nats: 6 standard errors, false
    # alarms below 1e-8 (strings that are no sentences have a tail).
    assert float(
        (found.entropy.double() - language.reply_entropy(queries)).abs().max()
    ) < 6 * 5 / math.sqrt(400)


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
