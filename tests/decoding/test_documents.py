"""Documents that a model writes: each as if written alone, and in the order of the draws."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from nlgnotes.decoding.documents import generate_documents, prompts_by_length
from nlgnotes.decoding.generation import generate
from nlgnotes.documents import Documents
from nlgnotes.equations.sampling import Sampler, TopK
from nlgnotes.networks.transformer import Decoder, DecoderConfig
from nlgnotes.randomness import generator

CONFIG = DecoderConfig(vocab_size=12, context=32, width=16, layers=1, heads=2, hidden=32)
MODEL = Decoder(CONFIG, generator(0, "weights"))
GREEDY = Sampler((TopK(1),))
lists = st.lists(st.lists(st.integers(1, 11), min_size=1, max_size=6), min_size=1, max_size=7)


@settings(max_examples=60, deadline=None)
@given(lists)
def test_every_row_stands_in_one_group_of_its_length(rows):
    prefixes, seen, last = Documents.from_lists(rows), [], 0
    for chosen, prompt in prompts_by_length(prefixes):
        assert prompt.shape[1] - 1 > last
        last = prompt.shape[1] - 1
        for row, ids in zip(chosen.tolist(), prompt.tolist(), strict=True):
            assert ids == [0, *rows[row]]
            seen.append(row)
    assert sorted(seen) == list(range(len(rows)))


@settings(max_examples=30, deadline=None)
@given(lists, st.integers(1, 9))
def test_greedy_documents_are_those_of_each_prefix_alone(rows, new):
    options = {"max_new_tokens": new, "sampler": GREEDY, "generator": generator(0)}
    together = generate_documents(MODEL, Documents.from_lists(rows), **options)
    assert together.tokens.shape == (len(rows), new)
    for i, row in enumerate(rows):
        alone = generate(MODEL, torch.tensor([[0, *row]]), stop_token=0, **options)
        assert together.lengths[i] == alone.lengths[0]
        assert torch.equal(together.tokens[i], alone.tokens[0])


@pytest.mark.parametrize("seed", range(5))
def test_the_shortest_prefixes_draw_first(seed):
    prefixes = Documents.from_lists([[3, 4], [5], [6, 7], [8]])
    found = generate_documents(MODEL, prefixes, max_new_tokens=9, generator=generator(seed))
    g, options = generator(seed), {"max_new_tokens": 9, "sampler": Sampler(), "stop_token": 0}
    for rows in ([1, 3], [0, 2]):
        length = len(rows) and int(prefixes.lengths[rows[0]])
        prompt = F.pad(prefixes.tokens[rows, :length], (1, 0))
        expected = generate(MODEL, prompt, generator=g, **options)
        assert torch.equal(found.tokens[rows], expected.tokens)
        assert torch.equal(found.lengths[rows], expected.lengths)


@pytest.mark.parametrize("seed", range(5))
def test_from_nothing_is_after_the_start_token_alone(seed):
    found = generate_documents(MODEL, 6, max_new_tokens=5, generator=generator(seed))
    start = torch.zeros(6, 1, dtype=torch.long)
    options = {"max_new_tokens": 5, "sampler": Sampler(), "stop_token": 0}
    expected = generate(MODEL, start, generator=generator(seed), **options)
    assert torch.equal(found.tokens, expected.tokens)
    assert torch.equal(found.lengths, expected.lengths) and found.tokens.shape == (6, 5)


def test_documents_end_at_their_stop_token():
    found = generate_documents(MODEL, 300, max_new_tokens=9, generator=generator(1), stop_token=3)
    short = found.lengths < 9
    assert bool(short.any())
    ends = found.tokens[short].gather(1, found.lengths[short, None] - 1)
    assert bool((ends == 3).all()) and int((found.tokens[short] == 3).sum()) == int(short.sum())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"prefixes": 0}, "prefixes must be"),
        ({"prefixes": -2}, "prefixes must be"),
        ({"max_new_tokens": 0}, "max_new_tokens must be"),
        ({"max_new_tokens": 40}, "must fit the context"),
        ({"stop_token": 12}, r"stop_token must lie in \[0, 12\)"),
        ({"prefixes": Documents.from_lists([[99]])}, r"must hold ids in \[0, 12\)"),
        ({"prefixes": Documents.from_lists([[1]]), "max_new_tokens": 0}, "max_new_tokens must be"),
    ],
)
def test_errors_name_what_is_wrong(options, message):
    options = {"prefixes": 2, "max_new_tokens": 3} | options
    with pytest.raises(ValueError, match=message):
        generate_documents(MODEL, options.pop("prefixes"), generator=generator(0), **options)


@pytest.mark.parametrize("integer", [np.int64, np.uint8, torch.tensor])
def test_numbers_of_numpy_are_the_same_numbers(integer):
    for prefixes in (3, Documents.from_lists([[1, 2], [3]])):
        given = integer(3) if isinstance(prefixes, int) else prefixes
        a = generate_documents(
            MODEL, prefixes, max_new_tokens=4, generator=generator(0), stop_token=2
        )
        options = {"max_new_tokens": integer(4), "stop_token": integer(2)}
        b = generate_documents(MODEL, given, generator=generator(0), **options)
        assert torch.equal(a.tokens, b.tokens) and torch.equal(a.lengths, b.lengths)
