"""Prefix switching: on a toy language whose prefixes can all be listed, and with a model that knows the truth."""

import itertools
import math
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn.functional import pad

from nlgnotes.documents import Documents
from nlgnotes.equations.divergences import jensen_shannon, kl_divergence, total_variation
from nlgnotes.equations.sampling import Sampler, TopK
from nlgnotes.experiments.exposure_bias import conditional, prefixes
from nlgnotes.languages import Newswire
from nlgnotes.networks.transformer import Decoder, DecoderConfig
from nlgnotes.randomness import generator

TOY = Newswire.toy()
V = TOY.vocab_size
MODEL = Decoder(DecoderConfig(V, context=16, width=12, layers=1, heads=2, hidden=16), generator(0))
FIVE_SIGMA_AND_MORE = 5.5  # two-sided normal tail 4e-8: with the few dozen comparisons here, false alarms stay below 1e-5 / 10


class Perfect:
    """A model that gives the language's own distribution; its cache is what it has read."""

    config = SimpleNamespace(vocab_size=V, context=64)

    def __call__(self, tokens):
        return TOY.all_next_log_probs(tokens[:, 1:])

    def empty_cache(self, batch, capacity):
        return torch.zeros(batch, 0, dtype=torch.long)

    def step(self, tokens, cache):
        read = torch.cat((cache, tokens), 1)
        return self(read)[:, -tokens.shape[1] :].float(), read


def listed(length):
    """Every prefix of that length without <eos>, and its probability among those."""
    rows = torch.tensor(list(itertools.product(range(1, V), repeat=length)))
    weight = TOY.log_prob(Documents(rows, torch.full((len(rows),), length))).exp()
    return rows, weight / weight.sum()


def test_alive_before_by_hand():
    documents = Documents.from_lists([[3, 1, 0], [2, 2], [1, 2, 3]])
    assert prefixes.alive_before(documents).int().tolist() == [
        [1, 1, 1, 0],
        [1, 1, 1, 0],
        [1, 1, 1, 1],
    ]


def test_survivors_follow_the_law_of_the_documents_that_go_on():
    n, (rows, weight) = 20_000, listed(2)
    drawn = prefixes.survivors(lambda m: TOY.sample(m, generator(1, "s"), max_length=2), 5, 2)
    assert drawn.shape == (5, 2)
    chance = generator(2, "survivors")
    drawn = prefixes.survivors(lambda m: TOY.sample(m, chance, max_length=2), n, 2)
    seen = torch.stack([(drawn == row).all(-1).double().mean() for row in rows])
    z = (seen - weight) / (weight * (1 - weight) / n).sqrt()
    assert (
        (drawn > 0).all() and float(seen.sum()) == 1 and float(z.abs().max()) < FIVE_SIGMA_AND_MORE
    )


def test_survivors_give_up_where_documents_end_too_early():
    short = Documents.from_lists([[1, 0], [2, 0]])
    with pytest.raises(
        ValueError, match="length must be one that documents reach; got 2, and 0 of 6"
    ):
        prefixes.survivors(lambda m: short, 2, 2, rounds=3)
    with pytest.raises(ValueError, match="n must be"):
        prefixes.survivors(lambda m: short, 0, 2)


def test_shuffling_keeps_the_words_and_likes_no_order():
    rows = torch.tensor([[1, 2, 3]]).repeat(12_000, 1)
    out = prefixes.shuffle_words(rows, generator(3))
    assert out.sort(-1).values.equal(rows)
    seen = torch.stack(
        [(out == torch.tensor(order)).all(-1).sum() for order in itertools.permutations((1, 2, 3))]
    )
    assert float(((seen - 2000) / math.sqrt(12_000 / 6 * 5 / 6)).abs().max()) < FIVE_SIGMA_AND_MORE


def test_random_words_are_uniform_without_the_end():
    out = prefixes.random_words(4000, 5, V, generator(4))
    seen = out.flatten().bincount(minlength=V)
    assert seen[0] == 0 and out.shape == (4000, 5)
    expected = 20_000 / (V - 1)
    assert float(((seen[1:] - expected) / math.sqrt(expected)).abs().max()) < FIVE_SIGMA_AND_MORE


def test_four_prefixes_are_alike_in_length_and_none_has_ended():
    four = prefixes.four_prefixes(MODEL, TOY, 40, 4, generator(5))
    assert tuple(four) == prefixes.KINDS
    assert all(p.shape == (40, 4) and (p > 0).all() for p in four.values())
    assert four["shuffled"].sort(-1).values.equal(four["data"].sort(-1).values)


def test_a_greedy_model_writes_one_prefix_from_nothing_and_many_from_true_words():
    greedy = Sampler((TopK(1),))
    alone = prefixes.model_documents(MODEL, 30, 5, generator(6), sampler=greedy)
    assert len(alone.tokens.unique(dim=0)) == 1
    context = torch.tensor([[1, 2], [3, 4], [1, 2]])
    text = prefixes.model_documents(MODEL, 3, 5, generator(6), sampler=greedy, context=context)
    assert text.tokens[:, :2].equal(context) and text.tokens[0].equal(text.tokens[2])
    assert prefixes.continue_prefixes(MODEL, context, 3, generator(6), sampler=greedy).tokens.equal(
        text.tokens
    )


def test_a_model_that_knows_the_truth_is_nowhere_wrong():
    texts = prefixes.model_documents(Perfect(), 50, 6, generator(7))
    found = conditional.divergences_after(Perfect(), TOY, texts, range(6))
    for values in found.values():
        assert float(values.nan_to_num().abs().max()) < 1e-12
        assert values.isnan().equal(~prefixes.alive_before(texts)[:, :6])


def test_divergences_agree_with_the_definition_row_by_row():
    prefix = prefixes.random_words(7, 3, V, generator(8))
    text = prefixes.continue_prefixes(MODEL, prefix, 4, generator(8))
    found = conditional.divergences_after(MODEL, TOY, text, [3, 5, 7])
    for column, t in enumerate((3, 5, 7)):
        p, q = (
            TOY.next_log_probs(text.tokens[:, :t]),
            MODEL(pad(text.tokens[:, :t], (1, 0)))[:, -1].detach().double().log_softmax(-1),
        )
        alive = prefixes.alive_before(text)[:, t]
        for name, f in (("tv", total_variation), ("js", jensen_shannon), ("kl", kl_divergence)):
            assert torch.allclose(found[name][alive, column], f(p, q)[alive], atol=1e-9)
            assert found[name][~alive, column].isnan().all()
    assert torch.allclose(
        conditional.divergences_after(MODEL, TOY, text, [3])["js"], found["js"][:, :1]
    )  # the road for one place
    for at in ([8], [-1], []):
        with pytest.raises(ValueError, match="at must hold places"):
            conditional.divergences_after(MODEL, TOY, text, at)


def test_cgd_after_data_prefixes_is_the_enumerated_expectation():
    rows, weight = listed(2)
    each = conditional.divergences_after(
        MODEL, TOY, Documents(rows, torch.full((len(rows),), 2)), [2]
    )["tv"][:, 0]
    exact, spread = float(weight @ each), float((weight @ each**2 - (weight @ each) ** 2).sqrt())
    drawn = prefixes.four_prefixes(MODEL, TOY, 5000, 2, generator(9))["data"]
    found = conditional.divergences_after(
        MODEL, TOY, Documents(drawn, torch.full((5000,), 2)), [2]
    )["tv"].mean()
    assert abs(float(found) - exact) < FIVE_SIGMA_AND_MORE * spread / math.sqrt(5000)


def test_eb_c_by_hand_with_a_missing_value_and_pairs_that_are_equal():
    after, data = (
        torch.tensor([[2.0, 4.0], [6.0, torch.nan]]),
        torch.tensor([[1.0, 1.0], [3.0, 3.0]]),
    )
    assert conditional.eb_c(after, data, generator(0), resamples=10)[0].tolist() == [2.0, 2.0]
    x = torch.rand(20, 3, generator=generator(1))
    assert np.allclose(conditional.eb_c(2 * x, x, generator(2), paired=True, resamples=50), 2)
    spread = conditional.eb_c(2 * x, x, generator(2), resamples=50).std(0)
    assert (spread > 0).all()


def test_intervals_and_slopes_read_the_draws():
    draws = np.array([[1.0, 2.0, 3.0]] * 3 + [[1.0, 1.0, 1.0]])
    assert conditional.slopes(draws, [0, 10, 20]).tolist() == pytest.approx([0.1, 0.1, 0.1, 0])
    first = conditional.intervals(draws, 7)[1]
    assert first.value == 2 and first.n == 7 and first.low < 2 == first.high
    with pytest.raises(ValueError, match="one column per x"):
        conditional.slopes(draws, [1, 2])


def test_accumulated_error_by_hand():
    after, data = (
        torch.tensor([[1.0, 3.0], [3.0, torch.nan]]),
        torch.tensor([[1.0, 2.0], [1.0, 0.0]]),
    )
    found = conditional.accumulated_error(after, data, generator(0), resamples=10)
    # R = 2, 2 + 3; l epsilon = 1, 1 + 1; AccErr = R / epsilon = 2, 5 / 1; excess 100 %, 150 %.
    assert found["regret"][0].tolist() == [2, 5]
    assert found["accumulated"][0].tolist() == [2, 5]
    assert found["excess"][0].tolist() == [100, 150]


@settings(max_examples=25, deadline=None)
@given(st.integers(2, 6), st.integers(0, 99))
def test_the_accumulated_excess_is_a_weighted_mean_of_eb_c(steps, seed):
    own, true = (
        torch.rand(9, steps, generator=generator(seed, which)) + 0.1 for which in ("own", "true")
    )
    excess = conditional.accumulated_error(own, true, generator(seed), resamples=4)["excess"][0]
    ratio, weight = (
        conditional.eb_c(own, true, generator(seed), resamples=4)[0],
        true.double().mean(0).numpy(),
    )
    by_hand = [100 * ((ratio[:i] @ weight[:i]) / weight[:i].sum() - 1) for i in range(1, steps + 1)]
    assert excess == pytest.approx(by_hand)
