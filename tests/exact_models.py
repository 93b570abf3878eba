"""Models that know the truth, for tests: a language as a model of itself, and all its prefixes."""

import itertools
from types import SimpleNamespace

import torch

from nlgnotes.documents import Documents


class Read:
    """The cache of an exact model: what it has read."""

    def __init__(self, tokens):
        self.tokens = tokens

    def rows(self, index):
        return Read(self.tokens[index])


class ExactModel:
    """A language as a model of its documents: its own next-word law."""

    def __init__(self, language):
        self.language = language
        self.config = SimpleNamespace(vocab_size=language.vocab_size, context=96)

    def __call__(self, tokens):
        return self.language.all_next_log_probs(tokens[:, 1:])

    def empty_cache(self, batch, capacity):
        return Read(torch.zeros(batch, 0, dtype=torch.long))

    def step(self, tokens, cache):
        both = torch.cat([cache.tokens, tokens], 1)
        return self(both)[:, -tokens.shape[1] :].float(), Read(both)


def every_prefix(language, length):
    """Every prefix of that length without <eos>, and its probability among those."""
    words = itertools.product(range(1, language.vocab_size), repeat=length)
    rows = torch.tensor(list(words))
    weight = language.log_prob(Documents(rows, torch.full((len(rows),), length))).exp()
    return rows, weight / weight.sum()
