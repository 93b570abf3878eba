"""What a conversation costs is what torch counts, and grows by the orders of the lecture."""

import pytest
import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from nlgnotes.experiments.architectures import conversation
from nlgnotes.experiments.architectures.conversation import (
    cost_reencoding,
    cost_rereading,
    cost_with_cache,
    talk_reencoding,
    talk_rereading,
    talk_with_cache,
)
from nlgnotes.networks.encoder_decoder import EncoderDecoder, EncoderDecoderConfig
from nlgnotes.networks.transformer import Decoder, DecoderConfig
from nlgnotes.randomness import generator

ONE = DecoderConfig(vocab_size=11, context=60, width=12, layers=2, heads=3, hidden=20)
TWO = EncoderDecoderConfig(
    vocab_size=11, context=60, width=12, encoder_layers=3, layers=2, heads=3, hidden=20
)


def counted(act):
    """FLOPs by torch's counter, with its plain attention: it cannot see the fused one on a CPU."""
    with sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counter:
        act()
    return counter.get_total_flops()


def ids(*shape):
    return torch.randint(11, shape, generator=generator(0, "ids"))


@pytest.mark.parametrize(
    ("cost", "talk", "config", "kind"),
    [
        (cost_with_cache, talk_with_cache, ONE, Decoder),
        (cost_rereading, talk_rereading, ONE, Decoder),
        (cost_reencoding, talk_reencoding, TWO, EncoderDecoder),
    ],
)
@pytest.mark.parametrize(("ask", "reply"), [(3, 4), (5, 1), (1, 2)])
def test_a_conversation_costs_what_the_formula_says(
    cost, talk, config, kind, ask, reply, monkeypatch
):
    model, questions = kind(config, generator(0)), ids(4, ask)
    model.plain_steps = True  # the counter does not know the calls of the fast road
    seen = []
    embedding = torch.nn.functional.embedding
    monkeypatch.setattr(
        torch.nn.functional, "embedding", lambda t, w: seen.append(t.numel()) or embedding(t, w)
    )
    assert counted(lambda: talk(model, questions, reply)) == int(
        cost(config, 4, ask, reply).flops.sum()
    )
    assert sum(seen) == int(
        cost(config, 4, ask, reply).positions.sum()
    )  # a position is a token embedded


def test_with_a_cache_the_replies_are_the_same():
    model, questions = Decoder(ONE, generator(3)), ids(5, 3)
    for p in model.parameters():
        p.data.add_(torch.randn(p.shape, generator=generator(1)), alpha=0.2)
    replies = talk_with_cache(model, questions, 6)
    assert replies.shape == (5, 6) and len(replies.unique()) > 2
    assert torch.equal(replies, talk_rereading(model, questions, 6))
    with pytest.raises(ValueError, match="capacity must not exceed"):
        talk_with_cache(model, ids(20, 3), 6)
    with pytest.raises(ValueError, match="source must fit the context of 60; got 66"):
        talk_reencoding(EncoderDecoder(TWO, generator(0)), ids(10, 3), 4)


def test_orders_of_growth():
    """Totals over n turns are polynomials in n of these degrees: that difference is constant."""
    for cost, config, degree in (
        (cost_with_cache, ONE, 1),
        (cost_rereading, ONE, 2),
        (cost_reencoding, TWO, 2),
    ):
        c = cost(config, 12, 5, 3)
        for total, order in ((c.positions.cumsum(0), degree), (c.flops.cumsum(0), degree + 1)):
            leading = total.diff(n=order)
            assert (leading == leading[0]).all() and leading[0] > 0
    # In positions the ratio is exactly (n + 1) / 2.
    a, b = (
        cost_reencoding(TWO, 64, 7, 5).positions.cumsum(0),
        cost_with_cache(ONE, 64, 7, 5).positions.cumsum(0),
    )
    assert torch.equal(2 * a, b * (torch.arange(64) + 2))


@pytest.mark.parametrize("name", ["cost_with_cache", "cost_rereading"])
def test_bad_arguments_are_named(name):
    with pytest.raises(ValueError, match="turns must be an integer of at least 1; got 0"):
        getattr(conversation, name)(ONE, 0, 1, 1)
    with pytest.raises(ValueError, match="reply must be an integer of at least 1; got 0"):
        talk_rereading(Decoder(ONE, generator(0)), ids(1, 1), 0)
