"""Training of a reward model: the order of pairs, and it learns what people prefer."""

import pytest
import torch
from jaxtyping import TypeCheckError

from nlgnotes.networks.reward_model import RewardModel
from nlgnotes.networks.transformer import DecoderConfig
from nlgnotes.randomness import generator
from nlgnotes.training.reward_model import fit_reward_model, shuffled_order


def test_each_epoch_reads_every_pair_once_in_an_order_of_its_own():
    order = shuffled_order(50, 3, generator(1)).view(3, 50)
    assert all(part.sort().values.tolist() == list(range(50)) for part in order)
    assert not torch.equal(order[0], order[1]) and not torch.equal(order[0], torch.arange(50))


def test_pairs_of_a_ranking_stay_together():
    rankings = torch.arange(20).repeat_interleave(3)
    order = shuffled_order(60, 2, generator(2), rankings).view(2, 20, 3)
    assert (order % 3 == torch.arange(3)).all() and (order // 3 == order[..., :1] // 3).all()
    assert not torch.equal(order[0], order[1])
    assert not torch.equal(order[0, :, 0], torch.arange(0, 60, 3))


def test_it_learns_that_one_word_is_liked():
    texts = torch.randint(4, (400, 2, 3), generator=generator(3))
    liked = (texts == 2).sum(-1)
    texts, liked = texts[liked[:, 0] != liked[:, 1]], liked[liked[:, 0] != liked[:, 1]]
    better = liked.argmax(1)
    rows = torch.arange(len(texts))
    chosen, rejected = texts[rows, better], texts[rows, 1 - better]
    config = DecoderConfig(4, 3, width=16, layers=1, heads=2, hidden=32)
    model = RewardModel(config, generator(4))
    history = fit_reward_model(
        model,
        chosen,
        rejected,
        epochs=12,
        batch=16,
        learning_rate=1e-2,
        generator=generator(5),
    )
    assert history.steps == -(-12 * len(texts) // 16)
    assert history.losses[0] == pytest.approx(0.6931, abs=1e-3)  # log 2: all are worth the same
    with torch.no_grad():
        right = model(chosen)[:, -1, 0] > model(rejected)[:, -1, 0]
    assert right.double().mean() > 0.95


def test_ill_arguments_are_refused():
    model = RewardModel(DecoderConfig(4, 3, width=16, layers=1, heads=2), generator(6))
    pairs = torch.zeros(3, 3, dtype=torch.long)
    options = {"epochs": 1, "batch": 2, "learning_rate": 1e-3, "generator": generator(7)}
    with pytest.raises((ValueError, TypeCheckError)):
        fit_reward_model(model, pairs, pairs[:2], **options)
    with pytest.raises(ValueError, match="epochs must be an integer"):
        fit_reward_model(model, pairs, pairs, **{**options, "epochs": 0})
    with pytest.raises((ValueError, TypeCheckError)):
        shuffled_order(3, 1, generator(8), torch.zeros(2))
