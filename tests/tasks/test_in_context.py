"""Documents of labelled examples: the belief about a label against a slow enumeration."""

import itertools
import math

import numpy as np
import pytest
import torch

from nlgnotes.randomness import generator
from nlgnotes.tasks.in_context import LabelledExamples

FAMILIES = {
    "per document": LabelledExamples(3, 6, 2, 1.5),
    "fixed": LabelledExamples(2, 4, 3, 1.0, "fixed"),
    "bursty": LabelledExamples(2, 4, 2, 1.0, "fixed", burst=2.0, decay=0.5),
    "all": LabelledExamples(3, 6, 2, 1.5, "per document", 1.0, 0.8, 0.3, (0.0, 1.0)),
}


def urn(label, before, family):
    """p(label | earlier labels), one occurrence after the other."""
    weights = [1.0] * family.kinds
    for age, earlier in enumerate(reversed(before)):
        weights[earlier] += family.burst * family.decay**age
    return weights[label] / sum(weights)


def likelihood(words, kind, family):
    """p(words | kind), with the share of null examples."""
    if words[0] >= family.first_null:
        weights = [math.exp(t) if kind == 0 else 1.0 for t in family.null_tilts]
        return family.null_share * weights[words[0] - family.first_null] / sum(weights)
    found = 1 - family.null_share
    total, weight = 0.0, []
    for w in range(family.words):
        strength = (w // family.kinds + 1) / (family.words // family.kinds)
        weight.append(math.exp(family.tilt * strength * (w % family.kinds == kind)))
        total += weight[-1]
    for w in words:
        found *= weight[w - family.first_word] / total
    return found


def joint(words, labels, family):
    """p(words, labels), summed over the mappings."""
    mappings = [tuple(range(family.kinds))]
    if family.mapping == "per document":
        mappings = list(itertools.permutations(range(family.kinds)))
    total = 0.0
    for mapping in mappings:
        p = 1 / len(mappings)
        for e, label in enumerate(labels):
            p *= urn(label, labels[:e], family)
            p *= likelihood(words[e], mapping.index(label), family)
        total += p
    return total


@pytest.mark.parametrize("name", FAMILIES)
def test_the_posterior_is_that_of_a_slow_enumeration(name):
    family = FAMILIES[name]
    documents = family.sample(6, 4, generator(100, name))
    found = family.log_posterior(documents.words, documents.labels).exp()
    for d in range(6):
        words, labels = documents.words[d].tolist(), documents.labels[d].tolist()
        for e in range(4):
            each = [
                joint(words[: e + 1], [*labels[:e], label], family) for label in range(family.kinds)
            ]
            expected = torch.tensor(each, dtype=torch.float64) / sum(each)
            torch.testing.assert_close(found[d, e], expected, rtol=0, atol=1e-6)


def test_documents_are_drawn_as_often_as_their_probability_says():
    family = LabelledExamples(2, 2, 1, 1.0, "per document", 1.0, 0.5, 0.25, (0.0, 1.0))
    n = 20_000
    documents = family.sample(n, 2, generator(100, "frequencies"))
    rows = torch.cat((documents.words.flatten(1), documents.labels), 1).tolist()
    ids = [*range(family.first_word, family.vocab_size - 1)]
    cells, total = list(itertools.product(ids, ids, (0, 1), (0, 1))), 0.0
    for a, b, *labels in cells:
        p = joint([[a], [b]], labels, family)
        total += p
        count = sum(row == [a, b, *labels] for row in rows)
        # Bernstein's bound: a false alarm of 1e-8 in each of 64 cells.
        log = math.log(2e8)
        assert abs(count - n * p) <= log / 3 + math.sqrt(log**2 / 9 + 2 * n * p * (1 - p) * log)
    assert total == pytest.approx(1)


def test_the_first_label_of_a_new_mapping_cannot_be_known():
    family = FAMILIES["per document"]
    documents = family.sample(20, 1, generator(100, "first"))
    found = family.log_posterior(documents.words, documents.labels).exp()
    torch.testing.assert_close(found, torch.full_like(found, 1 / 3))


def test_labels_follow_the_mapping_and_the_words_the_kind():
    family = LabelledExamples(4, 4, 3, 50.0)  # a tilt at which every kind has one word
    documents = family.sample(50, 6, generator(100, "mapping"))
    kinds = documents.words[..., 0] - family.first_word
    assert torch.equal(documents.mapping.gather(1, kinds), documents.labels)
    assert len({tuple(row) for row in documents.mapping.tolist()}) > 10
    fixed = LabelledExamples(4, 4, 3, 50.0, "fixed").sample(5, 2, generator(100, "fixed"))
    assert fixed.mapping.tolist() == [[0, 1, 2, 3]] * 5


def test_a_batch_is_read_and_scored_at_its_labels():
    family = LabelledExamples(2, 4, 2, 1.0)
    words, labels = torch.tensor([[[4, 5], [6, 7]]]), torch.tensor([[0, 1]])
    tokens = family.tokens(words, labels)
    assert tokens.tolist() == [[4, 5, 3, 1, 6, 7, 3, 2]]
    drawn = family.sample(1, 2, generator(100, "batch"))._replace(words=words, labels=labels)
    batch = family.batch(drawn)
    assert batch.inputs.tolist() == [[0, 4, 5, 3, 1, 6, 7, 3]]
    assert batch.targets[batch.mask].tolist() == [1, 2]
    assert bool(family.batch(drawn, signal="all").mask.all())
    logits = torch.zeros(1, 8, family.vocab_size)
    logits[0, 3, 1] = logits[0, 7, 2] = 5.0
    found = family.label_log_probs(logits).exp()
    assert found.shape == (1, 2, 2) and bool((found.gather(-1, labels[..., None]) > 0.99).all())


def test_what_no_document_holds_tells_nothing():
    family = FAMILIES["all"]
    unseen = torch.full((1, 1, 2), family.vocab_size - 1)
    assert len(set(family.log_likelihood(unseen).flatten().tolist())) == 1


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"kinds": 1}, r"kinds must lie in \[2, 5\]|kinds must be .*; got 1"),
        ({"words": 7}, "words must be a multiple of kinds = 4; got 7"),
        ({"words_per_example": 0}, "words_per_example"),
        ({"tilt": np.nan}, r"tilt must lie in \[0, 100\]; got nan"),
        ({"burst": -1}, "burst must lie in .*; got -1"),
        ({"decay": 1.5}, r"decay must lie in \[0, 1\]; got 1.5"),
        ({"null_share": 0.1}, "null_share must be 0 without null_tilts; got 0.1"),
        ({"null_tilts": (np.inf,)}, "null_tilts"),
        ({"mapping": "none"}, "mapping must be one of fixed, per document; got 'none'"),
    ],
)
def test_bad_sizes_are_refused(change, words):
    with pytest.raises(ValueError, match=words):
        LabelledExamples(**change)


def test_bad_documents_are_refused():
    family = LabelledExamples()
    words, labels = torch.full((1, 2, 4), 6), torch.zeros(1, 2, dtype=torch.long)
    with pytest.raises(ValueError, match=r"labels must hold ids in \[0, 4\); got 4 to 4"):
        family.tokens(words, labels + 4)
    with pytest.raises(ValueError, match="words must be ids from 6 to 38; got 5 to 5"):
        family.tokens(words - 1, labels)
    with pytest.raises(ValueError, match="signal must be 'label' or 'all'; got 'none'"):
        family.batch(family.sample(1, 1, generator(0)), signal="none")


def test_whole_null_tilts_are_those_of_floats():
    whole, floats = (
        LabelledExamples(kinds=2, words=4, words_per_example=2, null_share=0.5, null_tilts=tilts)
        for tilts in ((0, 1), (0.0, 1.0))
    )
    assert whole.null_log_probs().equal(floats.null_log_probs())
    for ours, theirs in zip(
        whole.sample(3, 4, generator(0)), floats.sample(3, 4, generator(0)), strict=True
    ):
        assert ours.equal(theirs)
