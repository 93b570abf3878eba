"""The counts against a direct, quadratic BLEU written from its definition; and by hand."""

import inspect
import math
from collections import Counter
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from jaxtyping import TypeCheckError

from nlgnotes.equations.metrics import (
    bleu,
    bleu_counts,
    distinct_n,
    distinct_n_per_document,
    exact_match,
    self_bleu,
    self_bleu_per_document,
    seq_rep_n_per_document,
)
from nlgnotes.intervals import bootstrap_interval
from nlgnotes.randomness import generator

WRONG_TYPE = (ValueError, TypeCheckError)
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


def whole(hypotheses, references, n):
    return bleu(bleu_counts(texts(hypotheses), texts(references), n))


def literal_bleu(pairs, n):
    """Papineni's definition over (hypothesis, references), as NLTK's without smoothing has it."""
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
        worded = [ref for ref in references if ref]  # one match at least: some reference has words
        r += min((abs(len(ref) - len(hypothesis)), len(ref)) for ref in worded)[1]
    return math.exp(logs + min(0, 1 - r / c))


@settings(deadline=None)
@given(corpora, st.integers(1, 4))
def test_self_bleu_agrees_with_the_definition(lists, n):
    t = texts(lists)
    want = [literal_bleu([(text, lists[:i] + lists[i + 1 :])], n) for i, text in enumerate(lists)]
    assert self_bleu_per_document(t.tokens, t.lengths, n).tolist() == pytest.approx(want)
    long = [w for w, text in zip(want, lists, strict=True) if len(text) >= n]
    if long:
        assert self_bleu(t.tokens, t.lengths, n) == pytest.approx(sum(long) / len(long))


@settings(deadline=None)
@given(corpora, corpora, st.integers(1, 4))
def test_corpus_bleu_agrees_with_the_definition(hypotheses, references, n):
    want = literal_bleu([(h, references) for h in hypotheses], n)
    assert whole(hypotheses, references, n) == pytest.approx(want)


@settings(deadline=None)
@given(corpora, st.integers(1, 3))
def test_counts_agree_with_counters(lists, n):
    t, every = texts(lists), Counter()
    for text in lists:
        every += grams(text, n)
    total = sum(every.values())
    if total:
        assert distinct_n(t.tokens, t.lengths, n) == pytest.approx(len(every) / total)
    else:
        with pytest.raises(ValueError, match="at least n"):
            distinct_n(t.tokens, t.lengths, n)
    repeated = [
        1 - len(grams(text, n)) / max(len(text) - n + 1, 1) if len(text) >= n else 0
        for text in lists
    ]
    assert seq_rep_n_per_document(t.tokens, t.lengths, n).tolist() == pytest.approx(repeated)


def test_by_hand():
    t = texts([[1, 2, 3, 4], [1, 2, 3, 4]])
    assert self_bleu(t.tokens, t.lengths, 3) == pytest.approx(1)
    t = texts([[1, 1, 1], [2, 2, 2]])
    assert self_bleu(t.tokens, t.lengths, 1) == 0
    # "the the the" against "the cat": one of three matches; it is longer than its reference.
    assert whole([[1, 1, 1]], [[1, 2]], 1) == pytest.approx(1 / 3)
    # Half as long as the reference, all matched: exp(1 - 2).
    assert whole([[1, 2]], [[1, 2, 3, 0]], 1) == pytest.approx(math.exp(-1))


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


SCORES = [distinct_n, distinct_n_per_document, self_bleu, self_bleu_per_document]
SCORES += [seq_rep_n_per_document]


def test_texts_shorter_than_n_are_left_out_of_both_scores_of_diversity():
    """Five equal texts of two tokens have no trigram: neither score can say that they are alike."""
    short = texts([[1, 2]] * 5)
    for score in (self_bleu, distinct_n):
        with pytest.raises(ValueError, match="a text of at least n = 3 tokens; got none"):
            score(short.tokens, short.lengths, 3)
    assert self_bleu_per_document(short.tokens, short.lengths, 3).tolist() == [0] * 5
    assert distinct_n_per_document(short.tokens, short.lengths, 3).tolist() == [0] * 5
    # Beside long ones they change neither mean.
    long = [[1, 2, 3, 4]] * 3
    for more in ([], [[1, 2]], [[]], [[1, 2], [], [7]]):
        t = texts(long + more)
        assert self_bleu(t.tokens, t.lengths, 3) == pytest.approx(1)
        assert distinct_n(t.tokens, t.lengths, 3) == pytest.approx(2 / 6)


@settings(deadline=None)
@given(corpora, st.integers(1, 4))
def test_empty_texts_change_no_mean(lists, n):
    t, more = texts(lists), texts([*lists, [], []])
    for score in (self_bleu, distinct_n):
        if max(map(len, lists)) >= n:
            found = score(more.tokens, more.lengths, n)
            assert found == pytest.approx(score(t.tokens, t.lengths, n))


@pytest.mark.parametrize("score", SCORES)
def test_what_is_no_text_is_refused(score):
    tokens, lengths, plain = torch.zeros(2, 3).long(), torch.tensor([3, 2]), inspect.unwrap(score)
    for bad in (tokens.float(), tokens.bool(), tokens[0], tokens[:0], [[1, 2]], None):
        with pytest.raises(WRONG_TYPE):
            plain(bad, lengths)
    for bad in (lengths.float(), lengths[:1], [3, 2], None):
        with pytest.raises(WRONG_TYPE):
            plain(tokens, bad)
    for bad in (0, -1, 2.0, True, None, math.nan):
        with pytest.raises(WRONG_TYPE):
            plain(tokens, lengths, bad)


@pytest.mark.parametrize("score", SCORES)
def test_integers_of_numpy_and_torch_and_small_ones_are_integers(score):
    tokens, lengths = torch.tensor([[1, 2, 1], [2, 1, 2]]), torch.tensor([3, 3])
    want = torch.as_tensor(score(tokens, lengths, 2))
    for two in (np.int64(2), np.array(2), torch.tensor(2)):
        assert torch.equal(torch.as_tensor(score(tokens, lengths, two)), want)
    assert torch.equal(torch.as_tensor(score(tokens.int(), lengths.to(torch.int16), 2)), want)


def test_a_huge_n_ends_at_once():
    t = texts([[1, 2], [1, 2]])
    for score in (distinct_n_per_document, seq_rep_n_per_document, self_bleu_per_document):
        assert score(t.tokens, t.lengths, 10**12).tolist() == [0, 0]
    assert bleu(bleu_counts(t, t, 10**12)) == 0


@pytest.mark.parametrize("bad", [[], [1, 2, 3, 4], [[1, 2, 3]], [[1, 2]], [[1, -1, 2, 3]]])
def test_ill_counts_are_refused(bad):
    with pytest.raises(ValueError, match="counts must be"):
        bleu(np.array(bad))
    with pytest.raises(ValueError, match="counts must be finite"):
        bleu(np.array([[1.0, math.nan, 1.0, 1.0]]))


def test_an_empty_reference_is_near_to_nothing():
    assert whole([[1]], [[], [1, 2]], 1) == pytest.approx(
        math.exp(-1)
    )  # of (0, 2) the nearest is 2
    assert whole([[1]], [[]], 1) == whole([[]], [[1]], 1) == whole([[]], [[]], 1) == 0


def test_no_hypothesis_or_reference_is_refused():
    t, none = texts([[1, 2]]), texts([])
    for pair in ((t, none), (none, t)):
        with pytest.raises(ValueError, match="tokens must be an integer tensor"):
            bleu_counts(*pair)


def test_ill_logits_and_masks_have_no_exact_match():
    x, targets, mask = torch.zeros(2, 3, 4), torch.zeros(2, 3).long(), torch.ones(2, 3) > 0
    plain = inspect.unwrap(exact_match)
    for bad in (math.nan, math.inf, -math.inf):
        with pytest.raises(ValueError, match="logits must"):
            plain(torch.full_like(x, bad), targets, mask)
    for bad in (mask.float(), mask.long(), mask[:, :2], None):
        with pytest.raises(ValueError, match="mask must be a boolean tensor of shape"):
            plain(x, targets, bad)
    for bad in (targets + 4, targets - 1, targets.int(), targets[:, :2], None):
        with pytest.raises(ValueError, match="targets must"):
            plain(x, bad, mask)
    with pytest.raises(ValueError, match=r"mask must have a token in every row; got 1 row\(s\)"):
        plain(x, targets, torch.tensor([[True] * 3, [False] * 3]))
