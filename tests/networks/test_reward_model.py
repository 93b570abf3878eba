"""A reward model: starts at 0, starts from a language model without changing it."""

import pytest
import torch

from nlgnotes.networks.moe_decoder import MoEDecoder, MoEDecoderConfig
from nlgnotes.networks.reward_model import RewardModel
from nlgnotes.networks.transformer import Decoder, DecoderConfig
from nlgnotes.randomness import generator

CONFIG = DecoderConfig(5, 6, width=16, layers=1, heads=2, hidden=32, positions="learned")
TOKENS = torch.tensor([[1, 2, 3], [4, 0, 1]])


def test_every_text_is_worth_the_same_before_training():
    model = RewardModel(CONFIG, generator(1))
    assert model(TOKENS).shape == (2, 3, 1) and bool((model(TOKENS) == 0).all())


def test_on_a_language_model_it_reads_as_that_model_reads():
    language_model = Decoder(CONFIG, generator(2))
    model = RewardModel.on(language_model)
    assert torch.equal(model.hidden(TOKENS), language_model.hidden(TOKENS))
    model.head.data.fill_(1.0)
    assert torch.allclose(model(TOKENS)[..., 0], language_model.hidden(TOKENS).sum(-1), atol=1e-5)
    model(TOKENS).sum().backward()
    with torch.no_grad():
        model.embedding.add_(1.0)
    assert language_model.embedding.grad is None
    assert not torch.equal(model.embedding, language_model.embedding)


def test_a_model_of_other_weights_is_refused_and_a_double_one_stays_double():
    experts = MoEDecoder(
        MoEDecoderConfig(5, 6, width=16, layers=1, heads=2, hidden=32), generator(0)
    )
    with pytest.raises(ValueError, match="model must have a decoder's weights"):
        RewardModel.on(experts)
    assert RewardModel.on(Decoder(CONFIG, generator(0)).double()).embedding.dtype == torch.float64
