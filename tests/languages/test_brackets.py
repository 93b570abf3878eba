"""Brackets: against a walk with a list for a stack, over every text of a toy. Laws and sampling:
test_languages.
"""

import itertools
import math
from functools import cache

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from nlgnotes.documents import Documents
from nlgnotes.languages import Brackets, language_for
from nlgnotes.randomness import generator

FALSE_ALARM = 1e-6
LAW = {
    "max_depth": 2,
    "open_outside": 0.3,
    "open_inside": 0.2,
    "close": 0.25,
    "end": 0.1,
    "exponent": 1.0,
    "epsilon": 0.12,
}


@cache
def toy() -> Brackets:
    """<eos>, ( [ ) ] and two letters."""
    return Brackets(2, 2, **LAW)


@cache
def standard() -> Brackets:
    return Brackets.standard()


def pushed(stack: list[str], word: str, deepest: int) -> list[str]:
    """The stack of openers after one more word, by the rules as one says them."""
    if word in "([{<" and len(stack) < deepest:
        return [*stack, word]
    if word in ")]}>" and stack and stack[-1] + word in ("()", "[]", "{}", "<>"):
        return stack[:-1]
    return stack


def said(stack: list[str]) -> dict[str, float]:
    """The toy's law after a stack, written out: letters a and b stand 2 : 1, inside ( ) too,
    inside [ ] 1 : 2.
    """
    letters = (1 / 3, 2 / 3) if stack[-1:] == ["["] else (2 / 3, 1 / 3)
    end = 0.1 if not stack else 0.0
    opens = {0: 0.3, 1: 0.2, 2: 0.0}[len(stack)]
    rest = 1 - end - opens - (0.25 if stack else 0.0)
    law = {
        "<eos>": end,
        "(": opens / 2,
        "[": opens / 2,
        ")": 0.0,
        "]": 0.0,
        "a": rest * letters[0],
        "b": rest * letters[1],
    }
    if stack:
        law[")" if stack[-1] == "(" else "]"] = 0.25
    return {word: 0.88 * p + 0.12 / 7 for word, p in law.items()}


def test_every_text_of_the_toy_against_a_walk():
    lang = toy()
    lists = [
        list(x) for x in itertools.product(range(1, 7), repeat=4)
    ]  # most of them break the rules somewhere
    every = lang.all_next_log_probs(torch.tensor(lists)).exp()
    stacks, depths = lang.stack_after(torch.tensor(lists))
    expected, kinds = torch.empty_like(every), torch.full_like(stacks, -1)
    for row, ids in enumerate(lists):
        stack = []
        for t in range(5):
            expected[row, t] = torch.tensor(
                [said(stack)[w] for w in lang.words], dtype=torch.float64
            )
            kinds[row, t, : len(stack)] = torch.tensor(
                ["([".index(b) for b in stack], dtype=torch.long
            )
            stack = pushed(stack, lang.words[ids[t]], 2) if t < 4 else stack
    torch.testing.assert_close(every, expected, rtol=1e-12, atol=0)
    assert torch.equal(stacks, kinds) and torch.equal(depths, (kinds >= 0).sum(-1))


@pytest.mark.parametrize(
    "text,depths",
    [
        ("( a )", [0, 1, 1, 0]),
        ("( [ ) ] )", [0, 1, 2, 2, 1, 0]),  # a wrong closer is ignored, and its turn comes later
        (") a ]", [0, 0, 0, 0]),  # nothing to close
        (
            "( [ ( ( ) ) ] )",
            [0, 1, 2, 3, 3, 2, 2, 1, 0],
        ),  # the fourth opener finds the stack full: one ) has no effect
        ("", [0]),
    ],
)
def test_the_stack_by_hand(text, depths):
    lang = standard()
    ids = torch.tensor([lang.encode(text)], dtype=torch.long)
    stacks, found = lang.stack_after(ids)
    assert found[0].tolist() == depths
    assert torch.equal((stacks >= 0).sum(-1), found)


def test_what_the_stack_says_about_the_next_word():
    lang = standard()
    law = dict(
        zip(
            lang.words,
            lang.next_log_probs(torch.tensor([lang.encode("( a < b c )")]))[0].exp().tolist(),
            strict=True,
        )
    )
    noise = lang.epsilon / lang.vocab_size
    assert law[")"] == law["]"] == law["<eos>"] == pytest.approx(noise)
    assert law[">"] > 5 * noise and law["("] == law["<"] > noise
    assert sum(law.values()) == pytest.approx(1, abs=1e-12)


@settings(max_examples=30, deadline=None)
@given(ids=st.lists(st.integers(1, 18), max_size=40))
def test_any_prefix_of_the_standard_language_against_a_walk(ids):
    lang, stack = standard(), []
    stacks, _ = lang.stack_after(torch.tensor([ids], dtype=torch.long))
    for t, i in enumerate(ids):
        stack = pushed(stack, lang.words[i], lang.max_depth)
        assert [kind for kind in stacks[0, t + 1].tolist() if kind >= 0] == [
            "([{<".index(b) for b in stack
        ]


def test_each_kind_has_letters_of_its_own():
    lang = standard()
    prefixes = torch.tensor([lang.encode(b) for b in "([{<"])
    best = lang.next_log_probs(prefixes)[:, lang.fillers].argmax(-1).tolist()
    outside = int(lang.next_log_probs(prefixes[:1, :0])[0, lang.fillers].argmax())
    assert len({*best, outside}) == 5


@pytest.mark.parametrize("lang", [toy, standard])
def test_mean_length_and_entropy_against_drawn_documents(lang):
    lang = lang()
    drawn = lang.sample(1000, generator(100, "lengths"))
    long = drawn.lengths.double()
    z = (long.mean() - lang.mean_length) / (long.std() / math.sqrt(len(long)))
    assert abs(float(z)) < stats.norm.isf(FALSE_ALARM / 2)
    excess = -lang.log_prob(drawn) - lang.nats_per_token * long  # mean zero
    z = excess.mean() / (excess.std() / math.sqrt(len(long)))
    assert abs(float(z)) < stats.norm.isf(FALSE_ALARM / 2)


def test_the_standard_brackets_stay_open_for_long():
    lang = standard()
    drawn = lang.sample(800, generator(100, "memory"))
    assert float((drawn.lengths > 60).double().mean()) > 0.5
    opened, gaps = [], []
    for ids, length in zip(drawn.tokens.tolist(), drawn.lengths.tolist(), strict=True):
        stack: list[str] = []
        opened.clear()
        for t, i in enumerate(ids[:length]):
            after = pushed(stack, lang.words[i], lang.max_depth)
            if len(after) > len(stack):
                opened.append(t)
            elif len(after) < len(stack):
                gaps.append(t - opened.pop())
            stack = after
    gaps = torch.tensor(gaps).double()
    assert float(gaps.mean()) > 20 and float((gaps > 40).double().mean()) > 0.1


def test_by_name():
    assert torch.equal(language_for({"language": "brackets"}).table, standard().table)
    assert float(language_for({"language": "brackets"}).log_prob(Documents.from_lists([[0]]))) < 0


@pytest.mark.parametrize(
    "options,match",
    [
        ({"kinds": 5}, r"kinds must lie in \[1, 4\]; got 5"),
        ({"kinds": 0}, "kinds must be an integer of at least 1; got 0"),
        ({"fillers": 27}, r"fillers must lie in \[1, 26\]; got 27"),
        ({"max_depth": 7}, r"max_depth must lie in \[1, 6\]; got 7"),
        ({"epsilon": 0.0}, r"epsilon must lie in \(0, 1\); got 0.0"),
        ({"close": 1.0}, r"close must lie in \(0, 1\); got 1.0"),
        ({"open_outside": 0.9, "end": 0.2}, r"open_outside \+ end must lie in \(0, 1\); got 1.1"),
        ({"open_inside": 0.5, "close": 0.5}, r"open_inside \+ close must lie in \(0, 1\); got 1"),
        ({"exponent": -1.0}, "exponent must lie in"),
    ],
)
def test_errors(options, match):
    with pytest.raises(ValueError, match=match):
        Brackets(**options)
