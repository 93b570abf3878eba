"""The languages: against lists of every hidden path and every text, and by laws."""

import itertools
import math
from functools import cache

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from jaxtyping import TypeCheckError
from scipy import stats

from nlgnotes.documents import Documents
from nlgnotes.languages import (
    Brackets,
    Language,
    LSTMOracle,
    Markov,
    Newswire,
    language_digest,
    language_for,
)
from nlgnotes.languages.newswire_words import ENTITIES
from nlgnotes.randomness import generator

FALSE_ALARM = 1e-6
WRONG_TYPE = (
    ValueError,
    TypeCheckError,
)  # the import hook of conftest speaks before the function does


@cache
def toy() -> Newswire:
    return Newswire.toy()


@cache
def standard() -> Newswire:
    return Newswire.standard()


@cache
def chain() -> Markov:
    return Markov.uneven(4, generator(100, "chain"), order=2, end=0.2)


@cache
def oracle() -> LSTMOracle:
    return LSTMOracle(6, generator(100, "oracle"), hidden=3, end=0.2)


@cache
def brackets() -> Brackets:
    return Brackets(
        1, 1, max_depth=2, open_outside=0.3, open_inside=0.3, close=0.4, end=0.4, epsilon=0.1
    )


LANGUAGES = {
    "toy": toy,
    "standard": standard,
    "chain": chain,
    "oracle": oracle,
    "brackets": brackets,
}


@cache
def by_paths(text: tuple[int, ...]) -> tuple[float, ...]:
    """P(text, topic) of the toy for each topic, by listing every hidden path."""
    lang = toy()
    result = []
    for z in range(len(lang.topics)):
        total = 0.0
        for e in range(lang.entities):
            for path in itertools.product(range(lang.slots), repeat=len(text)):
                p = float(lang.topic_prior[z] * lang.entity_prior[z, e])
                for t, (s, w) in enumerate(zip(path, text, strict=True)):
                    p *= float(lang.start[s] if t == 0 else lang.transition[path[t - 1], s])
                    if p == 0:
                        break
                    clean = float(lang.emission[lang.slot_class[s], z, e, w])
                    p *= (1 - lang.epsilon) * clean + lang.epsilon / lang.vocab_size
                total += p
        result.append(total)
    return tuple(result)


def texts(vocab_size: int, length: int) -> list[list[int]]:
    """Every finished document of up to ``length`` tokens, and every prefix of exactly so many."""
    words = range(1, vocab_size)
    ended = [[*t, 0] for n in range(length) for t in itertools.product(words, repeat=n)]
    return ended + [list(t) for t in itertools.product(words, repeat=length)]


def some_text(draw, lang: Language, longest: int) -> list[int]:
    words = draw(st.lists(st.integers(1, lang.vocab_size - 1), min_size=1, max_size=longest))
    return words + [0] * draw(st.integers(0, 1))


batches = st.composite(
    lambda draw, lang: [some_text(draw, lang, 12) for _ in range(draw(st.integers(1, 5)))]
)


# -- the forward algorithm against enumeration ------------------------------------------------


def test_every_text_has_the_probability_of_its_paths():
    lists = texts(6, 3)
    got = toy().log_prob(Documents.from_lists(lists)).exp()
    expected = torch.tensor([sum(by_paths(tuple(x))) for x in lists], dtype=torch.float64)
    torch.testing.assert_close(got, expected, rtol=1e-10, atol=0)


@pytest.mark.parametrize(
    "text", [(2, 4, 1, 3, 5), (5, 5, 2, 2, 1), (3, 4, 4, 1, 0), (1, 1, 1, 2, 3)]
)
def test_longer_texts_token_by_token_against_paths(text):
    lang = toy()
    scores = lang.token_log_probs(Documents.from_lists([text]))[0]
    posterior = lang.topic_posterior(torch.tensor([text]))[0]
    for t in range(len(text) + 1):
        weights = by_paths(text[:t])
        torch.testing.assert_close(
            posterior[t],
            torch.tensor(weights, dtype=torch.float64) / sum(weights),
            rtol=1e-10,
            atol=0,
        )
        if t:
            assert float(scores[t - 1]) == pytest.approx(
                math.log(sum(weights) / sum(by_paths(text[: t - 1]))), rel=1e-10
            )


@pytest.mark.parametrize("prefix", [(), (2,), (4, 4), (2, 4, 1)])
def test_next_words_against_paths(prefix):
    got = toy().next_log_probs(torch.tensor([prefix], dtype=torch.long))[0].exp()
    expected = [sum(by_paths((*prefix, w))) / sum(by_paths(prefix)) for w in range(6)]
    torch.testing.assert_close(got, torch.tensor(expected, dtype=torch.float64), rtol=1e-10, atol=0)


@pytest.mark.parametrize("name,length", [("toy", 5), ("chain", 6), ("oracle", 5), ("brackets", 6)])
def test_all_texts_together_have_probability_one(name, length):
    lang = LANGUAGES[name]()
    total = lang.log_prob(Documents.from_lists(texts(lang.vocab_size, length))).exp().sum()
    assert float(total) == pytest.approx(1, abs=1e-11)


def test_toy_mean_length_and_impossible_share_against_counting():
    # The chance to be longer than n is what all prefixes of n words have together; the tail is
    # geometric by then.
    lang = toy()
    alive = [1.0]
    for n in range(1, 7):
        lists = [list(t) for t in itertools.product(range(1, 6), repeat=n)]
        alive.append(float(lang.log_prob(Documents.from_lists(lists)).exp().sum()))
    hidden = lang.sample_hidden(40_000, generator(100, "lengths"))
    long = hidden.documents.lengths
    for n in range(1, 7):
        successes = int((long > n).sum())
        assert stats.binomtest(successes, len(long), alive[n]).pvalue > FALSE_ALARM
    z = (long.double().mean() - lang.mean_length) / (long.double().std() / math.sqrt(len(long)))
    assert abs(float(z)) < stats.norm.isf(FALSE_ALARM / 2)
    # Per document: tokens that the grammar cannot have put there, less epsilon * share of its
    # length; mean zero.
    where = lang.emission[
        lang.slot_class[hidden.slots], hidden.topics[:, None], hidden.entities[:, None]
    ]
    never = (
        where.gather(-1, hidden.documents.tokens[..., None])[..., 0] == 0
    ) & hidden.documents.mask
    assert not bool((never & ~hidden.replaced).any())
    excess = never.sum(-1).double() - lang.epsilon * lang.impossible_share * long
    z = excess.mean() / (excess.std() / math.sqrt(len(long)))
    assert abs(float(z)) < stats.norm.isf(FALSE_ALARM / 2)


def test_the_names_are_those_of_the_word_lists():
    listed = " ".join(ENTITIES.values()).split()
    assert sorted(standard().words[i] for i in standard().names.tolist()) == sorted(listed)
    assert [toy().words[i] for i in toy().names.tolist()] == ["ada", "bo"]


# -- laws -------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", LANGUAGES)
@settings(max_examples=15, deadline=None)
@given(data=st.data())
def test_laws(name, data):
    lang = LANGUAGES[name]()
    lists = data.draw(batches(lang))
    documents = Documents.from_lists(lists)
    every = lang.all_next_log_probs(documents.tokens)
    torch.testing.assert_close(
        every.exp().sum(-1), torch.ones(every.shape[:2], dtype=torch.float64), rtol=0, atol=1e-12
    )
    scores = lang.token_log_probs(documents)
    torch.testing.assert_close(
        scores, Language.token_log_probs(lang, documents), rtol=1e-9, atol=1e-12
    )
    torch.testing.assert_close(lang.log_prob(documents), scores.sum(-1))
    torch.testing.assert_close(
        lang.next_log_probs(documents.tokens), every[:, -1], rtol=1e-12, atol=1e-12
    )
    assert bool(torch.isfinite(scores).all())
    for row, ids in enumerate(lists):
        alone = lang.token_log_probs(Documents.from_lists([ids]))[0]
        torch.testing.assert_close(scores[row, : len(ids)], alone, rtol=1e-10, atol=1e-12)
        assert not scores[row, len(ids) :].any()
        for t in (0, len(ids) // 2, len(ids) - 1):  # the past does not depend on the future
            one = lang.next_log_probs(torch.tensor([ids[:t]], dtype=torch.long))[0]
            torch.testing.assert_close(one, every[row, t], rtol=1e-10, atol=1e-12)
        if ids[-1] == 0 and len(ids) <= every.shape[1] - 1:
            assert every[row, len(ids), 0] == 0 and bool(
                (every[row, len(ids), 1:] == -math.inf).all()
            )


def test_more_documents_than_a_chunk_in_any_order():
    lang, draws = standard(), generator(100, "chunks")
    documents = lang.sample(150, draws)
    order = torch.randperm(150, generator=draws)
    scores = lang.token_log_probs(documents)
    shuffled = Documents(documents.tokens[order], documents.lengths[order])
    torch.testing.assert_close(
        lang.token_log_probs(shuffled), scores[order], rtol=1e-10, atol=1e-12
    )
    torch.testing.assert_close(
        Language.token_log_probs(lang, documents), scores, rtol=1e-9, atol=1e-12
    )
    posterior = lang.topic_posterior(documents.tokens)
    ends = posterior[torch.arange(150), documents.lengths]
    torch.testing.assert_close(posterior[:, -1], ends)
    torch.testing.assert_close(
        posterior.sum(-1), torch.ones(posterior.shape[:2], dtype=torch.float64)
    )


def test_standard_against_a_dense_forward_pass():
    # The package shifts rows and adds a few; here is the textbook's matrix, one hidden pair after
    # the other.
    lang = standard()
    documents = lang.sample(6, generator(100, "dense"))
    got = lang.log_prob(documents)
    noisy = (1 - lang.epsilon) * lang.emission + lang.epsilon / lang.vocab_size
    for row, n in enumerate(documents.lengths.tolist()):
        ids, total = documents.tokens[row, :n], 0.0
        for z, e in itertools.product(range(len(lang.topics)), range(lang.entities)):
            slots = noisy[lang.slot_class, z, e]
            alpha = lang.start * slots[:, ids[0]]
            for w in ids[1:]:
                alpha = (alpha @ lang.transition) * slots[:, w]
            total += float(alpha.sum() * lang.topic_prior[z] * lang.entity_prior[z, e])
        assert float(got[row]) == pytest.approx(math.log(total), rel=1e-10)


# -- sampling ---------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["toy", "chain", "oracle", "brackets"])
def test_sampled_texts_have_their_probabilities(name):
    lang, n = LANGUAGES[name](), 40_000
    drawn = lang.sample(n, generator(100, "frequencies", name), max_length=3)
    lists = texts(lang.vocab_size, 3)
    counts = dict.fromkeys(map(tuple, lists), 0)
    for row, length in zip(drawn.tokens.tolist(), drawn.lengths.tolist(), strict=True):
        counts[tuple(row[:length])] += 1
    expected = n * lang.log_prob(Documents.from_lists(lists)).exp().numpy()
    seen = torch.tensor(list(counts.values())).numpy()
    common = expected >= 10  # the rare ones, if any, are one cell
    observed = [*seen[common], *seen[~common].sum(keepdims=True)[: (~common).sum()]]
    wanted = [*expected[common], *expected[~common].sum(keepdims=True)[: (~common).sum()]]
    assert stats.chisquare(observed, wanted).pvalue > FALSE_ALARM


def test_topic_can_be_fixed_and_is_recovered():
    for topic in range(8):
        hidden = standard().sample_hidden(20, generator(100, "topic", topic), topic=topic)
        assert hidden.topics.tolist() == [topic] * 20
        assert float(standard().topic_posterior(hidden.documents.tokens)[:, -1, topic].mean()) > 0.8


def test_sampling_is_a_function_of_the_generator():
    one, two = (standard().sample(9, generator(3, "x"), max_length=20) for _ in range(2))
    assert torch.equal(one.tokens, two.tokens) and one.tokens.shape == (9, 20)
    assert not torch.equal(
        one.tokens, standard().sample(9, generator(4, "x"), max_length=20).tokens
    )
    cut = one.lengths == 20
    assert bool((one.tokens[torch.arange(9), one.lengths - 1] == 0)[~cut].all())


def test_the_standard_newswire_is_what_it_promises():
    lang = standard()
    assert 230 <= lang.vocab_size <= 300 and lang.words[0] == "<eos>" and len(lang.topics) == 8
    assert 40 <= lang.mean_length <= 60
    documents = lang.sample(4000, generator(100, "promise"))
    # At most 2 % above 120 tokens: a binomial test that a true share of 2 % fails with probability
    # <= 1e-6.
    assert int((documents.lengths > 120).sum()) <= stats.binom.isf(FALSE_ALARM, 4000, 0.02)
    rate = lang.entropy_rate(200, generator(100, "rate"))
    assert 1.9 < rate.low < rate.high < 2.6 and rate.n == 200
    fake = Documents.from_lists(
        [torch.randint(1, 299, (40,), generator=generator(100, "fake")).tolist()]
    )
    assert math.isfinite(float(lang.log_prob(fake))) and float(lang.log_prob(fake)) < -40 * 4


# -- Markov -----------------------------------------------------------------------------------


def test_markov_by_hand():
    lang = Markov(["<eos>", "a"], torch.tensor([[0.25, 0.75], [0.5, 0.5]]))
    got = lang.token_log_probs(Documents.from_lists([[1, 1, 0]]))[0].exp()
    torch.testing.assert_close(got, torch.tensor([0.75, 0.5, 0.5], dtype=torch.float64))
    two = chain()
    row = two.next_log_probs(torch.tensor([[3, 1, 2]]))[0].exp()
    torch.testing.assert_close(row, two.table[1 * 4 + 2])
    torch.testing.assert_close(
        two.next_log_probs(torch.tensor([[3]]))[0].exp(), two.table[0 * 4 + 3]
    )


def test_even_contexts_have_one_entropy_and_uneven_have_not():
    even = Markov.even(50, generator(100, "even")).table
    entropy = torch.special.entr(even).sum(-1)
    torch.testing.assert_close(entropy, entropy[:1].expand(50))
    assert len({tuple(r) for r in even.tolist()}) == 50
    uneven = Markov.uneven(50, generator(100, "uneven"), end=0.02).table
    sure = (uneven - 0.98 * 0.98).abs().min(-1).values < 1e-12
    assert int(sure.sum()) == 30
    for table in (even, uneven):
        torch.testing.assert_close(table[:, 0], torch.full((50,), 0.02, dtype=torch.float64))


def test_markov_entropy_rate_against_the_stationary_chain():
    # Restarted at <eos>, the chain is a chain: its rate is the mean row entropy under the
    # stationary law.
    lang = Markov.uneven(20, generator(100, "rate"), end=0.1)
    law = torch.linalg.matrix_power(lang.table, 4096)[0]
    exact = float((law * torch.special.entr(lang.table).sum(-1)).sum())
    rate = lang.entropy_rate(4000, generator(100, "documents"))
    half = (rate.high - rate.low) / 2 / stats.norm.isf(0.025) * stats.norm.isf(FALSE_ALARM / 2)
    assert abs(rate.value - exact) < half


# -- words and errors -------------------------------------------------------------------------


@settings(max_examples=30, deadline=None)
@given(ids=st.lists(st.integers(0, 298), max_size=30))
def test_decode_then_encode_is_the_identity(ids):
    assert standard().encode(standard().decode(ids)) == ids
    assert standard().encode(standard().decode(torch.tensor(ids, dtype=torch.long))) == ids


def test_text_reads_like_text():
    ids = standard().encode("kestra intercepted two jets near the coast on monday . it was late .")
    assert (
        standard().decode(ids)
        == "Kestra intercepted two jets near the coast on monday. It was late."
    )


@pytest.mark.parametrize("name", LANGUAGES)
def test_errors(name):
    lang, draws = LANGUAGES[name](), generator(0)
    with pytest.raises(ValueError, match="got 'zebra'"):
        lang.encode("<eos> zebra yak")
    with pytest.raises(ValueError, match="ids must lie in"):
        lang.decode([lang.vocab_size])
    for bad in ([[lang.vocab_size]], [[-1]]):
        with pytest.raises(ValueError, match=r"ids in \[0"):
            lang.all_next_log_probs(torch.tensor(bad))
        with pytest.raises(ValueError, match=r"ids in \[0"):
            lang.log_prob(Documents.from_lists(bad))
    with pytest.raises(ValueError, match="last token only"):
        lang.log_prob(Documents.from_lists([[1, 0, 1]]))
    with pytest.raises(WRONG_TYPE):
        lang.next_log_probs(torch.zeros(1, 2, dtype=torch.int32))
    with pytest.raises(ValueError, match="must not be empty"):
        lang.next_log_probs(torch.zeros(0, 2, dtype=torch.long))
    with pytest.raises(ValueError, match="n must be"):
        lang.sample(0, draws)
    with pytest.raises(ValueError, match="max_length must be"):
        lang.sample(1, draws, max_length=0)
    with pytest.raises(ValueError, match="n must be"):
        lang.entropy_rate(1, draws)


def test_wrong_arguments():
    parts = {
        k: getattr(toy(), k)
        for k in "topic_prior entity_prior start transition slot_class emission epsilon".split()
    }
    for name, table, match in [
        ("transition", torch.ones(4, 4), "add up to 1; got one of 4"),
        ("start", torch.tensor([1.5, -0.5, 0, 0]), "no negative number"),
        ("start", torch.full((4,), math.nan), "NaN"),
        ("topic_prior", torch.ones(3) / 3, r"shape \[2\]; got \[3\]"),
        ("slot_class", torch.tensor([0, 1, 2, 4]), "classes in"),
        ("epsilon", 0.0, r"epsilon must lie in \(0, 1\); got 0"),
    ]:
        with pytest.raises(ValueError, match=match):
            Newswire(toy().words, **{**parts, name: table})
    with pytest.raises(ValueError, match="topic_names must name 2"):
        Newswire(toy().words, **parts, topic_names=["one"])
    with pytest.raises(ValueError, match="topic must lie in"):
        toy().sample(1, generator(0), topic=2)
    with pytest.raises(ValueError, match="got 3"):
        Markov(["<eos>", "a"], torch.full((3, 2), 0.5))
    with pytest.raises(ValueError, match="above 0"):
        Markov(["<eos>", "a"], torch.tensor([[1.0, 0.0], [0.5, 0.5]]))
    with pytest.raises(ValueError, match="end must lie"):
        Markov.even(5, generator(0), end=1.0)
    for words, match in [
        (["a", "b"], "start with"),
        (["<eos>", "a", "a"], "'a' twice"),
        (["<eos>", "a b"], "white space"),
    ]:
        with pytest.raises(ValueError, match=match):
            Markov(words, torch.full((len(words), len(words)), 1 / len(words)))


def test_the_digest_sees_what_a_language_says():
    assert language_digest(Newswire.toy()) == language_digest(Newswire.toy())
    assert language_digest(Newswire.toy()) != language_digest(Newswire.toy(epsilon=0.051))
    assert language_digest(Markov.even(20, generator(0, "a"))) != language_digest(
        Markov.even(20, generator(0, "b"))
    )


def test_language_for_refuses_a_language_that_has_changed():
    about = {"language": "markov-even", "language_seed": 0, "language_vocab_size": 20}
    language = language_for(about)
    assert torch.equal(language.table, Markov.even(20, generator(0, "markov-even")).table)
    assert (
        language_for({**about, "language_digest": language_digest(language)}).words
        == language.words
    )
    with pytest.raises(ValueError, match="markov-even has changed since the model was trained"):
        language_for({**about, "language_digest": "0" * 64})
    with pytest.raises(ValueError, match="recipe must name a language; got None"):
        language_for({})


@pytest.mark.parametrize(
    ("recipe", "words"),
    [
        ({"language": "markov-even"}, "language_vocab_size must be an integer .*; got None"),
        (
            {"language": "lstm-oracle", "language_vocab_size": 5, "language_seed": -1},
            "language_seed must be an integer of at least 0; got -1",
        ),
        ({"language": ["newswire"]}, "recipe must name a language; got \\['newswire'\\]"),
        ({}, "recipe must name a language; got None"),
    ],
)
def test_a_recipe_without_a_whole_language_is_named(recipe, words):
    with pytest.raises(ValueError, match=words):
        language_for(recipe)
