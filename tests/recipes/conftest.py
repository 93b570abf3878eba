"""What the tests of recipes share: small settings, and small sources in place of the real ones."""

import dataclasses

import pytest

from nlgnotes.languages import Newswire
from nlgnotes.recipes.catalogue import RECIPES
from nlgnotes.text import corpus

TINY = {
    "layers": 1,
    "width": 8,
    "heads": 2,
    "hidden": 16,
    "context": 16,
    "batch": 4,
    "steps": 4,
    "evaluation_documents": 20,
}


@pytest.fixture
def tiny():
    """A recipe of the catalogue with small sizes, and with other settings that are asked for."""

    def make(name, **settings):
        kept = {k: v for k, v in RECIPES[name].settings.items() if k != "second_cycle"}
        return dataclasses.replace(RECIPES[name], settings={**kept, **TINY, **settings})

    return make


@pytest.fixture
def little(monkeypatch):
    """A toy language and a corpus of our own, for the newswire and the installation's text."""
    monkeypatch.setattr(Newswire, "standard", Newswire.toy)
    words = "the a list file name of to is returned read each other if not none".split()
    texts = [
        " ".join(words[(i * j) % len(words)] for j in range(1, 8 + i % 40)).capitalize() + "."
        for i in range(90)
    ]
    documents = tuple(corpus.Document(f"d{i}", t, "made up") for i, t in enumerate(texts))
    made = corpus.Corpus(documents, {"made up": 90})
    monkeypatch.setattr(corpus, "read_corpus", lambda: made)
