"""Scores of continuations, against the language itself and against languages with one topic."""

import numpy as np
import pytest
import torch

from nlgnotes.documents import Documents
from nlgnotes.equations.metrics import bleu, bleu_counts, distinct_n, self_bleu
from nlgnotes.experiments.exposure_bias import marginal as cont
from nlgnotes.languages import Newswire
from nlgnotes.languages.newswire_tables import toy_tables
from nlgnotes.randomness import generator

TOY = Newswire.toy()
TEXTS = TOY.sample(60, generator(0, "texts"), max_length=9)
TEXTS = TEXTS.select(TEXTS.lengths > 2)


def head(documents, length):
    return Documents(documents.tokens[:, :length], torch.full((len(documents),), length))


def test_continuation_is_what_stands_after():
    out = cont.continuation(TEXTS, 2)
    assert out.tokens.equal(TEXTS.tokens[:, 2:]) and out.lengths.equal(TEXTS.lengths - 2)
    with pytest.raises(ValueError, match="longer than 9"):
        cont.continuation(TEXTS, 9)


def test_nats_are_those_of_the_whole_less_those_of_the_prefix():
    found = cont.nats(TOY, TEXTS, 2)
    assert torch.allclose(found[:, 0], TOY.log_prob(head(TEXTS, 2)) - TOY.log_prob(TEXTS))
    assert found[:, 1].equal((TEXTS.lengths - 2).double())


def test_link_compares_with_the_next_row():
    own = TEXTS.tokens[:, :2]
    found = cont.link(TOY, TEXTS, own)
    strange = Documents(torch.cat([own.roll(1, 0), TEXTS.tokens[:, 2:]], 1), TEXTS.lengths)
    assert torch.allclose(
        found[:, 0], cont.nats(TOY, strange, 2)[:, 0] - cont.nats(TOY, TEXTS, 2)[:, 0]
    )
    assert float(found[:, 0].mean()) > 0
    same = own[:1].repeat(len(own), 1)
    assert cont.link(TOY, TEXTS, same)[:, 0].abs().max() == 0


def test_topic_evidence_is_the_likelihood_under_languages_of_one_topic():
    tables = toy_tables()
    costs = []
    for z in range(len(TOY.topics)):
        only = torch.nn.functional.one_hot(torch.tensor(z), len(TOY.topics)).double()
        costs.append(
            -cont.nats(Newswire(epsilon=TOY.epsilon, **tables | {"topic_prior": only}), TEXTS, 2)[
                :, 0
            ]
        )
    assert torch.allclose(cont.topic_evidence(TOY, TEXTS, 2), torch.stack(costs, -1).softmax(-1))


def test_scores_read_as_the_metrics_they_are_named_after():
    references = TOY.sample(50, generator(1), max_length=7)
    tables = cont.continuation_scores(
        TOY, TEXTS, 2, TEXTS.tokens[:, :2], references, group=len(TEXTS)
    )
    assert set(tables) == set(cont.SCORES)
    read = {
        name: float(cont.SCORES[name].of(table.mean(0, keepdim=True).numpy())[0])
        for name, table in tables.items()
    }
    written = cont.continuation(TEXTS, 2)
    assert read["bleu"] == pytest.approx(bleu(bleu_counts(written, references, 3)), rel=1e-5)
    assert read["distinct"] == pytest.approx(distinct_n(written.tokens, written.lengths, 3))
    assert read["self-bleu"] == pytest.approx(1 - self_bleu(written.tokens, written.lengths, 3))
    total = cont.nats(TOY, TEXTS, 2).sum(0)
    assert read["nats"] == pytest.approx(float(total[0] / total[1]))


def test_eb_m_is_above_one_where_the_prefix_hurts():
    good, bad = torch.full((30, 1), 0.8), torch.full((30, 1), 0.4)
    for name in ("distinct", "topic", "self-bleu"):
        assert cont.eb_m(name, bad, good, generator(2), resamples=5) == pytest.approx(
            np.full(6, 2.0)
        )
    few, many = torch.tensor([[10.0, 5.0]]).repeat(30, 1), torch.tensor([[20.0, 5.0]]).repeat(30, 1)
    assert cont.eb_m("nats", many, few, generator(2), resamples=5) == pytest.approx(np.full(6, 2.0))
    x = torch.rand(30, 1, generator=generator(3)) + 0.1
    assert cont.eb_m("distinct", x, x, generator(4), paired=True, resamples=5) == pytest.approx(
        np.ones(6)
    )
    with pytest.raises(ValueError, match="name must be one of nats"):
        cont.eb_m("taste", good, bad, generator(2))


ALIKE = [Documents.from_lists([[1, *[2] * n, 0]] * 5) for n in range(5)]


@pytest.mark.parametrize("n", range(5))
def test_texts_without_a_3_gram_are_left_out_of_both_diversity_scores(n):
    """n + 1 tokens after the prefix, the end counted, five times the same: not diverse at all."""
    references = TOY.sample(5, generator(0), max_length=6)
    found = cont.continuation_scores(TOY, ALIKE[n], 1, ALIKE[n].tokens[:, :1], references, group=5)
    for name in ("distinct", "self-bleu"):
        assert found[name].shape == (1, 1)
        assert found[name].isnan().all() if n < 2 else (found[name] <= 0.2).all()
    assert not found["nats"].isnan().any() and not found["bleu"].isnan().any()


def test_short_texts_do_not_move_the_diversity_of_their_group():
    longer = TEXTS.select(TEXTS.lengths >= 5)
    lists = [t[:n] for t, n in zip(longer.tokens.tolist(), longer.lengths.tolist(), strict=True)]
    both = Documents.from_lists([*lists, [1, 0], [2]])
    alone, mixed = (cont.diversity(d, len(d)) for d in (longer, both))
    for name in ("distinct", "self-bleu"):
        assert torch.equal(alone[name], mixed[name])


def test_a_group_knows_nothing_of_the_others():
    first, second = TEXTS.select(torch.arange(10)), TEXTS.select(torch.arange(10, 20))
    found = cont.diversity(TEXTS.select(torch.arange(25)), 10)
    for name, rows in found.items():
        apart = torch.cat([cont.diversity(part, 10)[name] for part in (first, second)])
        assert torch.equal(rows, apart)


@pytest.mark.parametrize(("group", "rule"), [(1, "group must be"), (len(TEXTS) + 1, "one group")])
def test_a_group_that_is_none_is_refused(group, rule):
    with pytest.raises(ValueError, match=rule):
        cont.diversity(TEXTS, group)
