"""Items and labels: what documents hold, and the exact belief against a slow reader."""

import pytest
import torch
from jaxtyping import TypeCheckError

from nlgnotes.randomness import generator
from nlgnotes.tasks.item_labels import ItemDocuments, ItemLabels

FAMILIES = {
    (mapping, bursty): ItemLabels(16, 4, 6, 3, mapping, bursty)
    for mapping in ("fixed", "per document")
    for bursty in (True, False)
}
every_family = pytest.mark.parametrize("family", FAMILIES.values(), ids=map(str, FAMILIES))


@every_family
def test_bursty_documents_repeat_their_items_and_the_query_is_one_of_them(family):
    items, labels = family.sample(200, generator(1))
    assert items.shape == labels.shape == (200, 7)
    counts = torch.stack([(items[:, :-1] == i).sum(1) for i in range(16)], 1)
    if family.bursty:
        assert counts.sort(1).values[:, -2:].eq(3).all() and counts.sum(1).eq(6).all()
        assert (items[:, :-1] == items[:, -1:]).sum(1).eq(3).all()
    else:
        # 200 * 7 uniform draws of 16: each is seen, none 3 times in every document.
        assert items.unique().numel() == 16 and not counts.amax(1).eq(3).all()


@every_family
def test_an_item_has_one_label_in_a_document(family):
    items, labels = family.sample(200, generator(2))
    same = items[:, :, None] == items[:, None]
    assert (labels[:, :, None] == labels[:, None])[same].all()
    usual = labels == items % 4
    assert usual.all() if family.mapping == "fixed" else 0.1 < usual.double().mean() < 0.5


@every_family
def test_the_exact_belief_is_that_of_a_reader_who_looks_back(family):
    documents = family.sample(50, generator(3))
    found = family.posterior(documents)
    for items, labels, rows in zip(*(part.tolist() for part in documents), found, strict=True):
        told = {}
        for item, label, row in zip(items, labels, rows, strict=True):
            if family.mapping == "fixed":
                told[item] = item % 4
            want = [float(told[item] == k) if item in told else 0.25 for k in range(4)]
            assert row.tolist() == want
            told[item] = label


@every_family
def test_the_two_tests_can_be_passed_in_one_way_only(family):
    items, labels = family.in_context_test(300, generator(4))
    assert (items[:, :-1] == items[:, -1:]).any(1).all()
    assert (labels != items % 4).all() and labels.unique().numel() == 4
    same = items[:, :-1] == items[:, -1:]
    assert (labels[:, :-1] == labels[:, -1:])[same].all()
    items, labels = family.in_weights_test(300, generator(5))
    assert not (items[:, :-1] == items[:, -1:]).any()
    assert labels.equal(items % 4)


def test_exact_predictors_pass_the_tests_of_their_mapping():
    for (mapping, _), family in FAMILIES.items():
        for draw, share in (
            (family.in_context_test, {"fixed": 0.0, "per document": 1.0}),
            (family.in_weights_test, {"fixed": 1.0, "per document": 0.25}),
        ):
            documents = draw(100, generator(6))
            query = family.posterior(documents)[:, -1]
            assert query.gather(1, documents.labels[:, -1:]).eq(share[mapping]).all()


def test_a_batch_shows_items_and_asks_for_labels():
    family = ItemLabels(6, 2, 2, 2)
    documents = ItemDocuments(torch.tensor([[5, 5, 5]]), torch.tensor([[1, 1, 1]]))
    batch = family.batch(documents)
    assert batch.inputs.tolist() == [[0, 8, 2, 8, 2, 8]]
    assert batch.targets.tolist() == [[8, 2, 8, 2, 8, 2]]
    assert batch.mask.tolist() == [[False, True] * 3]
    assert family.usual_label(documents.items).tolist() == [[1, 1, 1]]
    logits = torch.zeros(1, 6, family.vocab_size)
    logits[0, 1::2, 2] = 1.0  # the second label, wherever one is asked for
    assert family.label_log_probs(logits).argmax(-1).tolist() == [[1, 1, 1]]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"labels": 1}, "labels"),
        ({"copies": 5}, "pairs must be a multiple of copies = 5; got 4"),
        ({"items": 2}, "items must be an integer of at least 3; got 2"),
        ({"mapping": "free"}, "mapping must be one of fixed, per document; got 'free'"),
    ],
)
def test_ill_arguments_are_refused(change, message):
    with pytest.raises(ValueError, match=message):
        ItemLabels(**change)


def test_ill_documents_are_refused():
    family = ItemLabels(9, 2, 2, 2)
    right = torch.tensor([[0, 0, 0]])
    for items, labels, message in (
        (right + 9, right, "items must hold ids"),
        (right, right + 2, "labels must hold ids"),
        (right[:, :2], right, "items must be an int64 tensor of shape"),
    ):
        for read in (family.batch, family.posterior):
            with pytest.raises(ValueError, match=message):
                read(ItemDocuments(items, labels))
    for draw in (family.sample, family.in_context_test, family.in_weights_test):
        with pytest.raises((ValueError, TypeCheckError), match="generator"):
            draw(3, None)
        with pytest.raises(ValueError, match="n must be"):
            draw(0, generator(0))
