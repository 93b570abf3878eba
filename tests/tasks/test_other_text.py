"""Labelled examples mixed with other text: the belief against a slow enumeration."""

import itertools
import math
from dataclasses import replace

import pytest
import torch

from nlgnotes.randomness import generator
from nlgnotes.tasks.in_context import LabelledExamples
from nlgnotes.tasks.other_text import MixedDocuments

FAMILY = LabelledExamples(2, 2, 2, 1.0, "fixed", 1.0, 0.5, 0.25, (0.0, 1.0))
MIXED = MixedDocuments(FAMILY, 0.4, (0.8, 0.2))


def single(word, kind):
    """p(word | kind) of the words, or of the null tokens."""
    if word >= FAMILY.first_null:
        weights = [math.exp(t) if kind == 0 else 1.0 for t in FAMILY.null_tilts]
        return weights[word - FAMILY.first_null] / sum(weights)
    weights = [math.exp(1.0) if w % 2 == kind else 1.0 for w in range(2)]
    return weights[word - FAMILY.first_word] / sum(weights)


def labelled(words, labels):
    p = 1.0
    for e, (x, y) in enumerate(zip(words, labels, strict=True)):
        urn = [1.0, 1.0]
        for age, earlier in enumerate(reversed(labels[:e])):
            urn[earlier] += 0.5**age
        p *= urn[y] / sum(urn)
        null = x[0] >= FAMILY.first_null
        p *= 0.25 * single(x[0], y) if null else 0.75 * single(x[0], y) * single(x[1], y)
    return p


def other(words, labels):
    p = 1.0
    for x, y in zip(words, labels, strict=True):
        mean = [(single(w, 0) + single(w, 1)) / 2 for w in x]
        null = x[0] >= FAMILY.first_null
        p *= MIXED.frequencies[y] * (0.25 * mean[0] if null else 0.75 * mean[0] * mean[1])
    return p


def joint(words, labels):
    return 0.6 * labelled(words, labels) + 0.4 * other(words, labels)


def test_the_posterior_is_that_of_a_slow_enumeration():
    documents = MIXED.sample(40, 4, generator(100, "mixed"))
    found = MIXED.log_posterior(documents.words, documents.labels).exp()
    for d in range(40):
        words, labels = documents.words[d].tolist(), documents.labels[d].tolist()
        for e in range(4):
            each = [joint(words[: e + 1], [*labels[:e], label]) for label in (0, 1)]
            expected = torch.tensor(each, dtype=torch.float64) / sum(each)
            torch.testing.assert_close(found[d, e], expected, rtol=0, atol=1e-6)


def test_documents_are_drawn_as_often_as_their_probability_says():
    n = 20_000
    documents = MIXED.sample(n, 2, generator(100, "frequencies"))
    rows = torch.cat((documents.words.flatten(1), documents.labels), 1).tolist()
    nulls = [*range(FAMILY.first_null, FAMILY.vocab_size - 1)]
    plain = [*range(FAMILY.first_word, FAMILY.first_null)]
    examples = [*itertools.product(plain, plain), *((j, j) for j in nulls)]
    cells, total = list(itertools.product(examples, examples, (0, 1), (0, 1))), 0.0
    counts = {}
    for row in rows:
        counts[tuple(row)] = counts.get(tuple(row), 0) + 1
    log = math.log(2e9)  # Bernstein's bound: a false alarm of 1e-9 in each of 144 cells
    for a, b, *labels in cells:
        p = joint([a, b], labels)
        total += p
        gap = abs(counts.get((*a, *b, *labels), 0) - n * p)
        assert gap <= log / 3 + math.sqrt(log**2 / 9 + 2 * n * p * (1 - p) * log)
    assert total == pytest.approx(1)


def test_without_other_text_it_is_the_family():
    alone = MixedDocuments(FAMILY, 0.0, (0.8, 0.2))
    documents = FAMILY.sample(20, 3, generator(100, "alone"))
    torch.testing.assert_close(
        alone.log_posterior(documents.words, documents.labels),
        FAMILY.log_posterior(documents.words, documents.labels),
    )


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"family": replace(FAMILY, mapping="per document")}, "family must have a fixed mapping"),
        ({"share": 1.0}, r"share must lie in \[0, 1\); got 1.0"),
        ({"frequencies": (1.0, 0.0)}, r"frequencies must lie in \(0, 1\); got 1.0"),
        ({"frequencies": (0.5, 0.2, 0.3)}, "frequencies must be 2 numbers with sum 1"),
        ({"frequencies": (0.5, 0.2)}, "frequencies must be 2 numbers with sum 1"),
    ],
)
def test_bad_mixtures_are_refused(change, words):
    with pytest.raises(ValueError, match=words):
        MixedDocuments(**{"family": FAMILY, "share": 0.4, "frequencies": (0.8, 0.2)} | change)
