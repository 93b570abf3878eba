"""One string: by hand on a chain whose likeliest text is known."""

import math

import pytest
import torch

from nlgnotes.experiments.language_gans.one_string import score_one_string
from nlgnotes.languages import Markov

# After every word: <eos> .1, a .6, b .3, so the likeliest text of three words is "a a a".
CHAIN = Markov(["<eos>", "a", "b"], torch.tensor([[0.1, 0.6, 0.3]] * 3))


def test_the_likeliest_text_and_both_axes_of_the_mixture():
    found = score_one_string(CHAIN, {"length": 3, "samples": 4000, "beam": 4}, share=0.9)
    assert found["words"] == ["a", "a", "a"]
    assert found["oracle"] == pytest.approx(-math.log(0.6)) == found["greedy"]
    # Random words are a or b with one half each: a mean within 5 standard errors (< 1e-6).
    noise = -(math.log(0.6) + math.log(0.3)) / 2
    error = 5 * 0.1 * math.log(2) / 2 / math.sqrt(3 * 4000)
    assert found["mixture"]["oracle"] == pytest.approx(
        0.9 * -math.log(0.6) + 0.1 * noise, abs=error
    )
    # The mixture gives a text of the language 0.1 * 2**-3, in nats per token:
    assert found["mixture"]["test"] == pytest.approx(math.log(2) - math.log(0.1) / 3)
