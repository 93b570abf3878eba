"""The random LSTM: against torch's own, against its equations in plain numbers. Laws and
enumeration: test_languages.
"""

import math

import pytest
import torch
from scipy import stats

from nlgnotes.documents import Documents
from nlgnotes.languages import Language, LSTMOracle, language_for
from nlgnotes.randomness import generator

FALSE_ALARM = 1e-6


def oracle(seed=100, vocab_size=12, **options):
    return LSTMOracle(vocab_size, generator(seed, "oracle"), **options)


def test_against_the_lstm_of_torch():
    lang = oracle(hidden=7)
    theirs = torch.nn.LSTM(7, 7, batch_first=True, dtype=torch.float64)
    i, f, o, g = (
        torch.arange(7) + 7 * k for k in range(4)
    )  # torch's order of the gates: i, f, g, o
    order = torch.cat([i, f, g, o])
    with torch.no_grad():
        theirs.weight_ih_l0.copy_(lang.input_weight[:, order].T)
        theirs.weight_hh_l0.copy_(lang.recurrent_weight[:, order].T)
        theirs.bias_ih_l0.copy_(lang.bias[order])
        theirs.bias_hh_l0.zero_()
        prefix = torch.randint(1, 12, (5, 30), generator=generator(100, "prefix"))
        hidden = theirs(lang.embedding[torch.nn.functional.pad(prefix, (1, 0))])[0]
        words = (hidden @ lang.output_weight + lang.output_bias).softmax(-1) * (1 - lang.end)
    got = lang.all_next_log_probs(prefix).exp()
    torch.testing.assert_close(got[..., 1:], words, rtol=1e-10, atol=1e-14)
    torch.testing.assert_close(got[..., 0], torch.full((5, 31), 0.001, dtype=torch.float64))


def test_the_equations_in_plain_numbers():
    lang = oracle(hidden=1, vocab_size=3, end=0.25)
    squash = lambda x: 1 / (1 + math.exp(-x))  # noqa: E731
    w, u, b = (x.flatten().tolist() for x in (lang.input_weight, lang.recurrent_weight, lang.bias))
    h = c = total = 0.0
    previous = 0
    for word in (2, 1, 1):
        i, f, o, g = (float(lang.embedding[previous]) * w[k] + h * u[k] + b[k] for k in range(4))
        c = squash(f) * c + squash(i) * math.tanh(g)
        h = squash(o) * math.tanh(c)
        scores = [
            math.exp(h * float(lang.output_weight[0, k]) + float(lang.output_bias[k]))
            for k in range(2)
        ]
        total += math.log(0.75 * scores[word - 1] / sum(scores))
        previous = word
    assert float(lang.log_prob(Documents.from_lists([[2, 1, 1]]))) == pytest.approx(
        total, rel=1e-12
    )
    assert float(lang.log_prob(Documents.from_lists([[2, 1, 1, 0]]))) == pytest.approx(
        total + math.log(0.25), rel=1e-12
    )


def test_every_parameter_is_a_normal_draw_of_the_generator():
    before = torch.random.get_rng_state()
    lang, again, other = oracle(vocab_size=60), oracle(vocab_size=60), oracle(101, vocab_size=60)
    names = "embedding input_weight recurrent_weight bias output_weight output_bias".split()
    for name in names:
        drawn = getattr(lang, name)
        assert torch.equal(drawn, getattr(again, name)) and not torch.equal(
            drawn, getattr(other, name)
        )
        assert stats.kstest(drawn.flatten().numpy(), "norm").pvalue > FALSE_ALARM / len(names)
    assert torch.equal(torch.random.get_rng_state(), before), "the global generator was used"


def test_more_rows_than_a_chunk_score_as_each_alone():
    lang, draws = oracle(), generator(100, "chunks")
    documents = lang.sample(1100, draws, max_length=12)
    scores = lang.token_log_probs(documents)
    torch.testing.assert_close(
        scores, Language.token_log_probs(lang, documents), rtol=1e-9, atol=1e-12
    )
    every, last = lang.all_next_log_probs(documents.tokens), lang.next_log_probs(documents.tokens)
    torch.testing.assert_close(last, every[:, -1], rtol=1e-9, atol=1e-12)
    for row in (0, 511, 512, 1099):
        torch.testing.assert_close(
            scores[row : row + 1],
            lang.token_log_probs(documents.select(torch.tensor([row])))[:, :12],
        )


def test_documents_end_by_chance_or_are_cut():
    lang = oracle(end=0.05)
    drawn = lang.sample(1500, generator(100, "ends"), max_length=20)
    ended = drawn.tokens[torch.arange(1500), drawn.lengths - 1] == 0
    assert bool((drawn.lengths[~ended] == 20).all()) and bool(
        (drawn.tokens[drawn.mask] == 0).sum() == ended.sum()
    )
    assert stats.binomtest(int(ended.sum()), 1500, 1 - 0.95**20).pvalue > FALSE_ALARM
    assert torch.equal(
        drawn.tokens, lang.sample(1500, generator(100, "ends"), max_length=20).tokens
    )
    whole = lang.sample(40, generator(100, "whole"))
    assert bool((whole.tokens[torch.arange(40), whole.lengths - 1] == 0).all())


def test_the_tokens_of_many_rows_follow_the_law():
    # Beyond what enumeration reaches: the words at position 9, given their own prefixes. Counts
    # less expectations.
    lang = oracle(vocab_size=20, hidden=8)
    drawn = lang.sample(6000, generator(100, "law"), max_length=10)
    drawn = drawn.select(drawn.lengths == 10)
    law = lang.next_log_probs(drawn.tokens[:, :9]).exp()
    seen = torch.nn.functional.one_hot(drawn.tokens[:, 9], 20).double()
    z = (seen - law).sum(0) / (law * (1 - law)).sum(0).sqrt()
    assert float(z.abs().max()) < stats.norm.isf(FALSE_ALARM / 40)


def test_by_name():
    about = {"language": "lstm-oracle", "language_seed": 3, "language_vocab_size": 30}
    lang = language_for(about)
    assert lang.hidden == 32 and lang.end == 0.001 and lang.words[:3] == ("<eos>", "w1", "w2")
    assert torch.equal(lang.embedding, LSTMOracle(30, generator(3, "lstm-oracle")).embedding)


def test_errors():
    for options, match in [
        ({"vocab_size": 1}, "vocab_size must be an integer of at least 2; got 1"),
        ({"hidden": 0}, "hidden must be an integer of at least 1; got 0"),
        ({"end": 0.0}, r"end must lie in \(0, 1\); got 0.0"),
        ({"end": 1.0}, r"end must lie in \(0, 1\); got 1.0"),
    ]:
        with pytest.raises(ValueError, match=match):
            oracle(**options)


def test_a_rare_end_is_drawn_too():
    language = LSTMOracle(5, generator(0), hidden=3, end=1e-20)
    assert language.sample(50, generator(1), 5).lengths.tolist() == [5] * 50
