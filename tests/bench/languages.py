"""The synthetic languages: texts drawn and scored, the newswire against hmmlearn."""

from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np
from torch import Tensor

from bench.timing import Comparison, peer
from nlgnotes.documents import Documents
from nlgnotes.languages import Brackets, Dialogue, Language, LSTMOracle, Markov, Newswire
from nlgnotes.randomness import generator

OURS, THEIRS, DRAWN = 128, 2, 500
CHAINS = (
    "Theirs runs its compiled forward algorithm once for each topic and entity, text by text; ours "
    "runs all of them at once, and touches the few states that can write the word."
)
ONE_CHAIN = "Theirs is one chain of one topic and entity, drawn as a single text without an end."


def comparisons() -> Iterator[Comparison]:
    """The newswire beside hmmlearn; the other languages alone, for none is a hidden Markov chain
    that a library scores.
    """
    hmm = peer("hmmlearn.hmm")
    news = Newswire.standard()
    texts = news.sample(OURS, generator(0, "scored"))
    chains = [chain(hmm, news, i) for i in range(len(news.hidden_prior))]
    yield Comparison(
        name="newswire, scored",
        unit="texts",
        work=OURS,
        ours=lambda: news.log_prob(texts),
        peer=partial(their_scores, chains, np.log(news.hidden_prior.numpy()), texts),
        peer_name="hmmlearn",
        peer_work=THEIRS,
        aim=1.0,
        agree=same_scores,
        note=CHAINS,
    )
    chance, words = generator(0, "drawn"), round(DRAWN * news.mean_length)
    yield Comparison(
        name="newswire, drawn",
        unit="words",
        work=words,
        ours=lambda: news.sample(DRAWN, chance),
        peer=lambda: chains[0].sample(words, random_state=0)[0],
        peer_name="hmmlearn",
        aim=1.0,
        agree=partial(about_as_many, words),
        note=ONE_CHAIN,
    )
    for name, language, count, longest in others():
        yield from alone(name, language, count, longest)


def others() -> Iterator[tuple[str, Language, int, int | None]]:
    """Name, language, how many texts, and where they are cut."""
    yield "Markov chain", Markov.even(256, generator(0, "even")), 2000, None
    yield "brackets", Brackets.standard(), 1000, None
    yield "dialogue", Dialogue.standard(), 1000, None
    yield "LSTM oracle", LSTMOracle(500, generator(0, "oracle")), 500, 20


def alone(name: str, language: Language, count: int, longest: int | None) -> Iterator[Comparison]:
    """A language without a peer: drawn and scored."""
    chance, texts = generator(0, name), language.sample(count, generator(1, name), longest)
    for verb, call in (
        ("drawn", lambda: language.sample(count, chance, longest)),
        ("scored", lambda: language.log_prob(texts)),
    ):
        yield Comparison(name=f"{name}, {verb}", unit="texts", work=count, ours=call)


def chain(hmm: Any, news: Newswire, hidden: int) -> Any:
    """The newswire of one topic and entity as a model of hmmlearn."""
    emission = news.emission.flatten(1, 2)[news.slot_class, hidden].numpy()
    model = hmm.CategoricalHMM(n_components=news.slots, n_features=news.vocab_size)
    model.startprob_, model.transmat_ = news.start.numpy(), news.transition.numpy()
    model.emissionprob_ = (1 - news.epsilon) * emission + news.epsilon / news.vocab_size
    return model


def their_scores(chains: list[Any], log_prior: np.ndarray, texts: Documents) -> np.ndarray:
    """The log-probability of the first few texts: the sum over the chains by their prior."""
    rows = [texts.tokens[i, : int(texts.lengths[i])].numpy()[:, None] for i in range(THEIRS)]
    each = np.array([[model.score(row) for model in chains] for row in rows])
    return np.logaddexp.reduce(each + log_prior, axis=1)


def same_scores(ours: Tensor, theirs: np.ndarray) -> None:
    """Equal to rounding in float64, where theirs has scored."""
    np.testing.assert_allclose(ours[:THEIRS].numpy(), theirs, rtol=0, atol=1e-9)


def about_as_many(words: int, ours: Documents, theirs: np.ndarray) -> None:
    """As many words up to chance, of one vocabulary; the row above compares the tables."""
    assert len(theirs) == words and abs(ours.total / words - 1) < 0.2, (ours.total, len(theirs))
    assert int(theirs.max()) < 299 and int(ours.tokens.max()) < 299
