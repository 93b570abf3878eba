"""The counts against a direct, quadratic BLEU written from its definition; and by hand."""

import math
from collections import Counter
from types import SimpleNamespace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from nlgnotes.equations.metrics import (
    bleu,
    bleu_counts,
    corpus_bleu,
    distinct_n,
    distinct_n_per_document,
    ngram_entropy,
    self_bleu,
    self_bleu_per_document,
    seq_rep_n,
    seq_rep_n_per_document,
)
from nlgnotes.intervals import bootstrap_interval
from nlgnotes.randomness import generator

corpora = st.lists(st.lists(st.integers(0, 3), max_size=7), min_size=2, max_size=5)


def texts(lists):
    """Padded with a word that also occurs: what stands after a text must not count."""
    width = max(map(len, lists), default=0)
    tokens = torch.tensor(
        [list(t) + [1] * (width - len(t)) for t in lists], dtype=torch.long
    ).reshape(len(lists), width)
    return SimpleNamespace(tokens=tokens, lengths=torch.tensor([len(t) for t in lists]))


def grams(text, n):
    return Counter(tuple(text[i : i + n]) for i in range(len(text) - n + 1))


def literal_bleu(pairs, n):
    """Papineni's definition over (hypothesis, references), as NLTK's corpus_bleu without smoothing has it."""
    logs, c, r = 0.0, 0, 0
    for m in range(1, n + 1):
        matched = total = 0
        for hypothesis, references in pairs:
            own = grams(hypothesis, m)
            matched += sum(
                min(count, max(grams(ref, m)[g] for ref in references)) for g, count in own.items()
            )
            total += sum(own.values())
        if matched == 0:
            return 0.0
        logs += math.log(matched / total) / n
    for hypothesis, references in pairs:
        c += len(hypothesis)
        r += min((abs(len(ref) - len(hypothesis)), len(ref)) for ref in references)[1]
    return math.exp(logs + min(0, 1 - r / c))


@settings(deadline=None)
@given(corpora, st.integers(1, 4))
def test_self_bleu_agrees_with_the_definition(lists, n):
    t = texts(lists)
    want = [literal_bleu([(text, lists[:i] + lists[i + 1 :])], n) for i, text in enumerate(lists)]
    assert self_bleu_per_document(t.tokens, t.lengths, n).tolist() == pytest.approx(want)
    assert self_bleu(t.tokens, t.lengths, n) == pytest.approx(sum(want) / len(want))


@settings(deadline=None)
@given(corpora, corpora, st.integers(1, 4))
def test_corpus_bleu_agrees_with_the_definition(hypotheses, references, n):
    want = literal_bleu([(h, references) for h in hypotheses], n)
    assert corpus_bleu(texts(hypotheses), texts(references), n) == pytest.approx(want)


@settings(deadline=None)
@given(corpora, st.integers(1, 3))
def test_counts_agree_with_counters(lists, n):
    t, every = texts(lists), Counter()
    for text in lists:
        every += grams(text, n)
    total = sum(every.values())
    if total:
        assert distinct_n(t.tokens, t.lengths, n) == pytest.approx(len(every) / total)
        want = -sum(c / total * math.log(c / total) for c in every.values())
        assert ngram_entropy(t.tokens, t.lengths, n) == pytest.approx(want)
    else:
        with pytest.raises(ValueError, match="at least n"):
            distinct_n(t.tokens, t.lengths, n)
    repeated = [
        1 - len(grams(text, n)) / max(len(text) - n + 1, 1) if len(text) >= n else 0
        for text in lists
    ]
    assert seq_rep_n_per_document(t.tokens, t.lengths, n).tolist() == pytest.approx(repeated)
    assert seq_rep_n(t.tokens, t.lengths, n) == pytest.approx(sum(repeated) / len(repeated))


def test_by_hand():
    t = texts([[1, 2, 3, 4], [1, 2, 3, 4]])
    assert self_bleu(t.tokens, t.lengths, 3) == pytest.approx(1)
    t = texts([[1, 1, 1], [2, 2, 2]])
    assert self_bleu(t.tokens, t.lengths, 1) == 0
    # "the the the" against "the cat": one of three matches, and the text is longer than its reference.
    assert corpus_bleu(texts([[1, 1, 1]]), texts([[1, 2]]), 1) == pytest.approx(1 / 3)
    # Half as long as the reference, all matched: exp(1 - 2).
    assert corpus_bleu(texts([[1, 2]]), texts([[1, 2, 3, 0]]), 1) == pytest.approx(math.exp(-1))


def test_corpus_bleu_bootstraps_over_its_rows():
    g = generator(100, "bleu")
    t = SimpleNamespace(
        tokens=torch.randint(20, (200, 12), generator=g), lengths=torch.full((200,), 12)
    )
    counts = bleu_counts(
        t, SimpleNamespace(tokens=t.tokens[:50].flip(1), lengths=t.lengths[:50]), 2
    )
    interval = bootstrap_interval(counts, bleu, g, resamples=200)
    assert interval.low < interval.value == bleu(counts) < interval.high


def test_ill_arguments_are_refused():
    t = texts([[1, 2]])
    with pytest.raises(ValueError, match="at least 2 texts"):
        self_bleu(t.tokens, t.lengths)
    with pytest.raises(ValueError, match=r"lengths must lie in \[0, 2\]; got 5 to 5"):
        distinct_n(t.tokens, torch.tensor([5]))
    with pytest.raises(ValueError, match="n must be an integer of at least 1"):
        distinct_n(t.tokens, t.lengths, 0)
    with pytest.raises(ValueError, match="must not be empty"):
        corpus_bleu(
            t,
            SimpleNamespace(
                tokens=torch.zeros(0, 2, dtype=torch.long), lengths=torch.zeros(0, dtype=torch.long)
            ),
        )


@given(corpora, st.integers(1, 3))
def test_distinct_n_is_the_weighted_mean_of_its_texts(lists, n):
    t = texts(lists)
    each = distinct_n_per_document(t.tokens, t.lengths, n)
    size = [max(len(text) - n + 1, 0) for text in lists]
    whole = sum((grams(text, n) for text in lists), Counter())
    for share, text in zip(each.tolist(), lists, strict=True):
        mine = grams(text, n)
        assert share == pytest.approx(
            sum(c / whole[g] for g, c in mine.items()) / max(sum(mine.values()), 1)
        )
    if sum(size):
        mean = sum(s * w for s, w in zip(each.tolist(), size, strict=True)) / sum(size)
        assert mean == pytest.approx(distinct_n(t.tokens, t.lengths, n))
