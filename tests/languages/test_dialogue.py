"""The dialogue language against a list of every way in which a text can come about; and what it is
for.
"""

import itertools
import math
from functools import cache

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from nlgnotes.documents import Documents
from nlgnotes.equations.mmi import mmi_anti_lm, mmi_bidi, mmi_switch_point
from nlgnotes.languages import Dialogue, language_digest
from nlgnotes.languages.listed import Listed
from nlgnotes.randomness import generator

FALSE_ALARM = 1e-6

# Two topics, three queries, three replies; words 2 and 3 stand in queries and in replies, and a
# reply is the start of another.
PRIOR, QUERIES, REPLIES = [0.6, 0.4], [[2, 1], [3, 1], [2, 3, 1]], [[4, 0], [4, 2, 0], [3, 0]]
QUERY_TABLE, REPLY_TABLE = [[0.7, 0.0, 0.3], [0.0, 0.5, 0.5]], [[0.5, 0.0, 0.5], [0.0, 0.6, 0.4]]
VOCAB, EPSILON, END = 5, 0.2, 0.7


@cache
def toy():
    prior, query_table, reply_table = (
        torch.tensor(t, dtype=torch.float64) for t in (PRIOR, QUERY_TABLE, REPLY_TABLE)
    )
    return Dialogue(
        ["<eos>", "?", "a", "b", "c"],
        prior,
        QUERIES,
        query_table,
        REPLIES,
        reply_table,
        epsilon=EPSILON,
        end=END,
    )


@cache
def standard():
    return Dialogue.standard()


def noise(ids, last):
    p = 1.0
    for w in ids:
        p *= END if w == last else (1 - END) / (VOCAB - 1)
    return p


def string(ids, last, listed, weights):
    """P of all strings that start with ids, given the topic's weights."""
    on_list = sum(w for x, w in zip(listed, weights, strict=True) if x[: len(ids)] == ids)
    return (1 - EPSILON) * on_list + EPSILON * noise(ids, last)


def by_topics(ids):
    """P(text) for each topic: a text is cut after its first "?" or <eos>, and each part comes from
    a list or is noise.
    """
    cut = next((i + 1 for i, w in enumerate(ids) if w in (0, 1)), len(ids))
    query, reply = ids[:cut], ids[cut:]
    return [
        PRIOR[c]
        * string(query, 1, QUERIES, QUERY_TABLE[c])
        * (string(reply, 0, REPLIES, REPLY_TABLE[c]) if reply else 1.0)
        for c in range(2)
    ]


def texts(length, words=range(1, VOCAB)):
    """Every finished document of up to ``length`` tokens, and every prefix of exactly so many."""
    ended = [[*t, 0] for n in range(length) for t in itertools.product(words, repeat=n)]
    return ended + [list(t) for t in itertools.product(words, repeat=length)]


def documents(*lists):
    return Documents.from_lists([list(x) for x in lists])


def repeated(one, n):
    return one.select(torch.zeros(n, dtype=torch.long))


# -- the language -----------------------------------------------------------------------------


def test_every_text_has_the_probability_of_its_ways():
    lists = texts(5)
    got = toy().log_prob(Documents.from_lists(lists)).exp()
    torch.testing.assert_close(
        got,
        torch.tensor([sum(by_topics(x)) for x in lists], dtype=torch.float64),
        rtol=1e-10,
        atol=0,
    )
    assert float(got.sum()) == pytest.approx(1, abs=1e-11)


@pytest.mark.parametrize(
    "prefix",
    [
        (),
        (2,),
        (2, 3),
        (2, 1),
        (2, 3, 1),
        (2, 2, 1),
        (2, 1, 4),
        (3, 1, 4, 2),
        (2, 1, 1, 1),
        (4, 4, 4),
    ],
)
def test_next_words_against_the_ways(prefix):
    got = toy().next_log_probs(torch.tensor([prefix], dtype=torch.long))[0].exp()
    expected = [sum(by_topics([*prefix, w])) / sum(by_topics(list(prefix))) for w in range(VOCAB)]
    torch.testing.assert_close(got, torch.tensor(expected, dtype=torch.float64), rtol=1e-10, atol=0)


@settings(max_examples=30, deadline=None)
@given(
    st.lists(st.lists(st.integers(0, VOCAB - 1), min_size=9, max_size=9), min_size=1, max_size=5),
    st.integers(0, 9),
)
def test_laws(lists, cut):
    tokens = torch.tensor(lists)
    every = toy().all_next_log_probs(tokens)
    torch.testing.assert_close(
        every.exp().sum(-1), torch.ones(every.shape[:2], dtype=torch.float64), rtol=0, atol=1e-12
    )
    torch.testing.assert_close(
        toy().next_log_probs(tokens[:, :cut]), every[:, cut], rtol=1e-10, atol=1e-12
    )
    over = torch.nn.functional.pad((tokens == 0).cumsum(-1) > 0, (1, 0))
    assert (
        torch.isfinite(every[~over]).all()
        and (every[over][:, 0] == 0).all()
        and (every[over][:, 1:] == -math.inf).all()
    )


def test_sampled_texts_have_their_probabilities():
    n, lists = 40_000, texts(4)
    drawn = toy().sample(n, generator(100, "frequencies"), max_length=4)
    counts = dict.fromkeys(map(tuple, lists), 0)
    for row, length in zip(drawn.tokens.tolist(), drawn.lengths.tolist(), strict=True):
        counts[tuple(row[:length])] += 1
    expected = n * toy().log_prob(Documents.from_lists(lists)).exp().numpy()
    seen, common = torch.tensor(list(counts.values())).numpy(), expected >= 10
    wanted = [*expected[common], expected[~common].sum()]
    assert stats.chisquare([*seen[common], seen[~common].sum()], wanted).pvalue > FALSE_ALARM


def test_more_documents_than_a_chunk_and_other_seeds():
    drawn = standard().sample(300, generator(100, "chunks"))
    scores = standard().log_prob(drawn)
    torch.testing.assert_close(
        standard().log_prob(drawn.select(torch.arange(299, -1, -1))),
        scores.flip(0),
        rtol=1e-12,
        atol=0,
    )
    assert torch.equal(standard().sample(300, generator(100, "chunks")).tokens, drawn.tokens)
    assert not torch.equal(
        standard().sample(300, generator(101, "chunks")).tokens[:, :3], drawn.tokens[:, :3]
    )
    assert language_digest(standard()) != language_digest(Dialogue.standard(generic=0.4))


# -- queries and replies ----------------------------------------------------------------------


def test_conditional_probabilities_against_the_ways():
    queries = [[*t, 1] for n in range(3) for t in itertools.product((2, 3, 4), repeat=n)]
    replies = texts(4)
    for query in queries:
        there, asked = sum(by_topics(query)), documents(query)
        got = (
            toy()
            .log_reply_given_query(repeated(asked, len(replies)), Documents.from_lists(replies))
            .exp()
        )
        expected = torch.tensor(
            [sum(by_topics(query + r)) / there for r in replies], dtype=torch.float64
        )
        torch.testing.assert_close(got, expected, rtol=1e-10, atol=0)
        assert float(got.sum()) == pytest.approx(1, abs=1e-11)
        assert float(toy().log_query(asked).exp()) == pytest.approx(
            there / toy().reply_share, rel=1e-10
        )
        posterior = torch.tensor(by_topics(query), dtype=torch.float64) / there
        torch.testing.assert_close(
            toy().topic_posterior(asked)[0].exp(), posterior, rtol=1e-10, atol=0
        )
    alone = toy().log_reply(Documents.from_lists(replies)).exp()
    expected = [
        sum(PRIOR[c] * string(r, 0, REPLIES, REPLY_TABLE[c]) for c in range(2)) for r in replies
    ]
    torch.testing.assert_close(
        alone, torch.tensor(expected, dtype=torch.float64), rtol=1e-10, atol=0
    )


def test_all_queries_together_are_sure_whatever_the_reply():
    queries = Documents.from_lists(
        [[*t, 1] for n in range(8) for t in itertools.product((2, 3, 4), repeat=n)]
    )
    longer = (
        EPSILON * (1 - END) ** 8 / 0.5
    )  # what queries of more than 8 words can have at most, for these replies
    assert 1 - longer < float(toy().log_query(queries).exp().sum()) <= 1 + 1e-12
    for reply in ([4, 0], [4, 2, 0], [3, 0], [2, 1, 0]):
        total = float(
            toy()
            .log_query_given_reply(queries, repeated(documents(reply), len(queries)))
            .exp()
            .sum()
        )
        assert 1 - longer < total <= 1 + 1e-12


def test_entropy_against_the_sum_over_strings():
    replies = Documents.from_lists(
        [[*t, 0] for n in range(8) for t in itertools.product(range(1, VOCAB), repeat=n)]
    )
    for query in ([2, 1], [2, 3, 1], [4, 4, 1]):
        p = toy().log_reply_given_query(repeated(documents(query), len(replies)), replies)
        # Longer ones have 0.2 * 0.3 ** 8 of the mass, at some twenty nats each.
        assert float(toy().reply_entropy(documents(query))) == pytest.approx(
            float(-(p.exp() * p).sum()), abs=1e-3
        )


def test_sampled_pairs_are_documents_with_a_reply():
    queries, replies = toy().sample_pairs(5000, generator(100, "pairs"))
    whole = toy().joined(queries, replies)
    total = (
        toy().log_query(queries)
        + toy().log_reply_given_query(queries, replies)
        + math.log(toy().reply_share)
    )
    torch.testing.assert_close(toy().log_prob(whole), total, rtol=1e-10, atol=1e-12)
    # Their mean log-probability is the one that summing over short pairs gives: a z-test on one
    # query's share.
    p = float(toy().log_query(documents([2, 1])).exp())
    hits = sum(q[:2] == [2, 1] for q in queries.tokens.tolist())
    assert stats.binomtest(hits, 5000, p).pvalue > FALSE_ALARM
    for row in range(50):
        s, t = (
            queries.tokens[row, : queries.lengths[row]].tolist(),
            replies.tokens[row, : replies.lengths[row]].tolist(),
        )
        assert whole.tokens[row, : whole.lengths[row]].tolist() == s + t
    swapped = toy().swapped(queries, replies)
    for row in range(50):
        s, t = (
            queries.tokens[row, : queries.lengths[row]].tolist(),
            replies.tokens[row, : replies.lengths[row]].tolist(),
        )
        assert swapped.tokens[row, : swapped.lengths[row]].tolist() == [*t[:-1], 1, *s[:-1], 0]


def test_what_is_in_the_list():
    assert toy().in_list(
        documents([4, 0], [4, 2, 0], [4, 2], [2, 0], [3, 0], [4, 2, 2, 2, 0])
    ).tolist() == [0, 1, -1, -1, 2, -1]
    assert toy().generic.tolist() == [2]


# -- what it is for ---------------------------------------------------------------------------


def test_the_likeliest_reply_is_the_generic_one():
    lang = standard()
    p = lang.reply_log_probs(lang.queries).exp()
    assert lang.generic.tolist() == [0] and (p.argmax(-1) == 0).all() and float(p.sum(-1).max()) < 1
    assert lang.decode(lang.replies.tokens[0]).startswith("I do not know.")
    assert float(p[:, 0].min()) > 0.49 > lang.epsilon * lang.end
    again = lang.log_reply_given_query(
        repeated(lang.queries.select(torch.tensor([5])), 401), lang.replies
    )
    torch.testing.assert_close(again.exp(), p[5])


@pytest.mark.parametrize("topics", [2, 5, 7, 20])
def test_the_predicted_switch(topics):
    lang = Dialogue.standard(topics)
    alone = lang.log_reply(lang.replies)
    for query in range(len(lang.queries)):
        asked = lang.queries.select(torch.tensor([query]))
        p = lang.reply_log_probs(asked)[0]
        open_topics = round(
            float(torch.special.entr(lang.topic_posterior(asked).exp()).sum().exp())
        )
        best = int(p[1:].argmax()) + 1
        switch = float(
            mmi_switch_point(p[best : best + 1], alone[best : best + 1], p[:1], alone[:1])
        )
        expected = math.log(20 * open_topics) / math.log(20 * topics)
        # The random strings, one in a hundred, give every string a share that is too small to see.
        assert switch == pytest.approx(expected, abs=1e-3)
        if switch < 0.999:
            assert mmi_anti_lm(p, alone, switch - 1e-3).argmax() == 0
            assert mmi_anti_lm(p, alone, switch + 1e-3).argmax() != 0


@settings(max_examples=20, deadline=None)
@given(st.floats(0, 2), st.integers(0, 74))
def test_exact_scores_rank_alike(lam, query):
    asked = repeated(standard().queries.select(torch.tensor([query])), 401)
    given_s, replies = (
        standard().log_reply_given_query(asked, standard().replies),
        standard().replies,
    )
    one = mmi_anti_lm(given_s, standard().log_reply(replies), lam)
    other = mmi_bidi(given_s, standard().log_query_given_reply(asked, replies), lam)
    torch.testing.assert_close(other - one, lam * standard().log_query(asked), rtol=1e-9, atol=1e-9)


def test_beyond_one_even_exact_scores_choose_noise():
    lang = standard()
    word = lang.encode("melody")[0]
    many, asked = documents([word] * 30 + [0]), lang.queries.select(torch.tensor([0]))
    for lam, noise_wins in ((0.9, False), (1.5, True)):
        score = mmi_anti_lm(lang.log_reply_given_query(asked, many), lang.log_reply(many), lam)
        best = mmi_anti_lm(lang.reply_log_probs(asked)[0], lang.log_reply(lang.replies), lam).max()
        assert bool(score > best) == noise_wins


def test_less_is_known_the_generic_reply_is_further_ahead():
    lang = standard()
    asked = Documents.from_lists(
        [lang.encode(f"do you like {s} ?") for s in ("chess", "sport", "that")]
    )
    p, entropy = lang.reply_log_probs(asked), lang.reply_entropy(asked)
    ahead = (p[:, 0] - p[:, 1:].amax(-1)).exp()
    torch.testing.assert_close(
        ahead, torch.tensor([20.0, 100.0, 400.0], dtype=torch.float64), rtol=0.02, atol=0
    )
    assert entropy[0] < entropy[1] < entropy[2]
    # Half of the replies are specific: each step up in the number of topics adds half of its
    # logarithm.
    steps = torch.tensor([5.0, 4.0], dtype=torch.float64).log()
    torch.testing.assert_close(entropy.diff(), 0.99 * 0.5 * steps, rtol=0.01, atol=0)
    rare = Dialogue.standard(
        generic=0.02
    )  # now the safe reply wins only where the topic is not known
    assert (rare.reply_log_probs(rare.queries).argmax(-1) == 0).sum() == 5 * 3


def test_words_that_belong_to_one_topic():
    lang = standard()
    for query in (0, 30, 57):
        asked = lang.queries.select(torch.tensor([query]))
        assert int((lang.reply_log_probs(asked)[0].exp() > 0.01).sum()) == 21


# -- errors -----------------------------------------------------------------------------------


def test_errors():
    lang, good = toy(), documents([2, 1])
    for bad in ([2], [2, 1, 1], [2, 0], [1, 2, 1]):
        with pytest.raises(ValueError, match="queries must end at their first '\\?'"):
            lang.log_query(documents(bad))
    with pytest.raises(ValueError, match="pairs; got 1 and 2"):
        lang.log_reply_given_query(good, documents([4, 0], [3, 0]))
    with pytest.raises(ValueError, match="pairs; got 1 and 2"):
        lang.joined(good, documents([4, 0], [3, 0]))
    with pytest.raises(ValueError, match="replies must end in <eos>"):
        lang.swapped(good, documents([4]))
    with pytest.raises(ValueError, match="last token only"):
        lang.log_reply(documents([0, 4]))
    with pytest.raises(ValueError, match=r"ids in \[0, 5\)"):
        lang.log_reply(documents([5, 0]))
    with pytest.raises(ValueError, match=r"ids in \[0, 5\)"):
        lang.all_next_log_probs(torch.tensor([[5]]))
    with pytest.raises(ValueError, match="n must be"):
        lang.sample(0, generator(0))
    with pytest.raises(ValueError, match="max_length must be"):
        lang.sample(1, generator(0), max_length=0)
    for changes, match in [
        ({"topics": 21}, "topics must be at most 20; got 21"),
        ({"topics": 0}, "topics must be an integer of at least 1; got 0"),
        ({"generic": 1.0}, r"generic must lie in \(0, 1\); got 1.0"),
        ({"named": 0.0}, r"named must lie in \(0, 1\]; got 0.0"),
        ({"epsilon": 0.0}, r"epsilon must lie in \(0, 1\); got 0.0"),
        ({"end": 1.0}, r"end must lie in \(0, 1\); got 1.0"),
    ]:
        with pytest.raises(ValueError, match=match):
            Dialogue.standard(**changes)


def test_wrong_tables():
    prior, query_table, reply_table = (torch.tensor(t) for t in (PRIOR, QUERY_TABLE, REPLY_TABLE))
    words = ["<eos>", "?", "a", "b", "c"]
    with pytest.raises(ValueError, match="the second of them '\\?'"):
        Dialogue(["<eos>", "a", "?", "b", "c"], prior, QUERIES, query_table, REPLIES, reply_table)
    with pytest.raises(ValueError, match=r"query_table must have shape \[2, 2\]"):
        Dialogue(words, prior, QUERIES[:2], query_table, REPLIES, reply_table)
    with pytest.raises(ValueError, match="rows that add up to 1"):
        Dialogue(words, prior, QUERIES, query_table / 2, REPLIES, reply_table)
    with pytest.raises(ValueError, match="strings must be different; got one of 3 twice"):
        Dialogue(words, prior, QUERIES, query_table, [[4, 0], [4, 0], [3, 0]], reply_table)
    for bad in ([[4, 0], [4, 2], [3, 0]], [[4, 0], [4, 0, 0], [3, 0]]):
        with pytest.raises(
            ValueError, match="strings must hold id 0 at their end and nowhere else"
        ):
            Dialogue(words, prior, QUERIES, query_table, bad, reply_table)
    with pytest.raises(ValueError, match="last token only"):
        Dialogue(words, prior, [[0, 1], [3, 1], [2, 3, 1]], query_table, REPLIES, reply_table)


# -- strings from a list ----------------------------------------------------------------------


def test_a_listed_string_by_hand():
    source = Listed(documents([2, 0], [3, 2, 0]), 0, 4, 0.5, 0.4)
    weights = torch.tensor([[0.25, 0.75]], dtype=torch.float64).log()
    got = source.log_prob(documents([2, 0], [3], [1, 0]), weights).exp()
    assert got.tolist() == pytest.approx(
        [0.5 * 0.25 + 0.5 * 0.2 * 0.4, 0.5 * 0.75 + 0.5 * 0.2, 0.5 * 0.2 * 0.4]
    )
    # One step ends with 0.4 or gives one of three others; there are 1 / 0.4 steps on average.
    assert source.noise_entropy() == pytest.approx(
        -(0.4 * math.log(0.4) + 0.6 * math.log(0.2)) / 0.4
    )
    assert source.fits(documents([3], [3, 2, 0], [1])).tolist() == [
        [False, True],
        [False, True],
        [False, False],
    ]
