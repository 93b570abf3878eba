"""DPO on pairs: the loss of a batch by loops, the reference left alone, an optimum reached."""

import copy
import math

import pytest
import torch
import torch.nn.functional as F

from nlgnotes.batches import Batch
from nlgnotes.equations.dpo import dpo_loss, ipo_loss
from nlgnotes.networks.transformer import Decoder, DecoderConfig
from nlgnotes.randomness import generator
from nlgnotes.training.dpo import (
    PairBatch,
    pair_loss,
    reference_pairs,
    sequence_log_probs,
    train_dpo,
)

CONFIG = DecoderConfig(vocab_size=5, context=6, width=16, layers=1, heads=2, hidden=32)


def decoder(seed):
    model = Decoder(CONFIG, generator(seed, "weights"))
    with torch.no_grad():
        model.embedding.mul_(20)  # an untrained decoder thinks all answers alike
    return model


def sides(pairs=12, seed=0):
    """Answers of 1 to 4 tokens after prompts of one, row by row two of them."""
    chance = generator(seed, "pairs")
    made = []
    for time in (5, 3):
        whole = torch.randint(1, 5, (pairs, time), generator=chance)
        length = torch.randint(1, time, (pairs, 1), generator=chance)
        mask = torch.arange(1, time) <= length
        made.append(Batch(whole[:, :-1], whole[:, 1:], mask))
    return made


def log_prob(model, batch, row):
    """Of one row, token by token."""
    total, tokens = 0.0, batch.mask[row].nonzero()[:, 0].tolist()
    for t in tokens:
        logits = model(batch.inputs[row : row + 1, : t + 1])[0, -1]
        total += float(logits.log_softmax(-1)[batch.targets[row, t]])
    return total, len(tokens)


def test_sequence_log_probs_are_sums_over_the_answer():
    model, (batch, _) = decoder(0), sides()
    with torch.no_grad():
        slow = [log_prob(model, batch, row) for row in range(len(batch.mask))]
        whole, average = (sequence_log_probs(model, batch, average=a) for a in (False, True))
    assert whole.tolist() == pytest.approx([total for total, _ in slow], abs=1e-5)
    assert average.tolist() == pytest.approx([total / n for total, n in slow], abs=1e-5)


@pytest.mark.parametrize("average", [False, True])
@pytest.mark.parametrize("objective", ["dpo", "ipo"])
def test_pair_loss_is_the_mean_of_each_pair_s(objective, average):
    policy, reference, (chosen, rejected) = decoder(0), decoder(1), sides()
    pairs = reference_pairs(reference, chosen, rejected, average=average, batch_size=5)
    got = pair_loss(policy, pairs, beta=0.7, objective=objective, average=average)
    rows = []
    with torch.no_grad():
        for model in (policy, reference):
            for side in (chosen, rejected):
                found = [log_prob(model, side, row) for row in range(len(side.mask))]
                rows.append(torch.tensor([x / n if average else x for x, n in found]))
    expected = (dpo_loss if objective == "dpo" else ipo_loss)(*rows, 0.7).mean()
    assert float(got.detach()) == pytest.approx(float(expected), abs=1e-5)


def test_the_policy_starts_at_log_two_and_the_reference_stays():
    reference = decoder(1)
    policy, before = copy.deepcopy(reference), copy.deepcopy(reference.state_dict())
    pairs = reference_pairs(reference, *sides())
    assert not pairs.reference_chosen.requires_grad
    start = pair_loss(policy, pairs, beta=0.5)
    assert float(start.detach()) == pytest.approx(math.log(2), abs=1e-6)
    history = train_dpo(
        policy, pairs, beta=0.5, steps=40, learning_rate=1e-2, generator=generator(0, "steps")
    )
    assert history.losses[-1] < 0.5 < history.losses[0]
    assert all(torch.equal(reference.state_dict()[k], v) for k, v in before.items())


def test_many_pairs_lead_to_the_optimum():
    # All 16 answers of two words of four, with labels by Bradley-Terry at their exact shares.
    words = torch.cartesian_prod(torch.arange(1, 5), torch.arange(1, 5))
    inputs, ones = F.pad(words[:, :1], (1, 0)), torch.ones_like(words, dtype=torch.bool)
    every = Batch(inputs, words, ones)
    reference, beta = decoder(2), 0.5
    with torch.no_grad():
        ref = sequence_log_probs(reference, every).double()
    reward = torch.linspace(-1, 1, 16, dtype=torch.float64)[
        torch.randperm(16, generator=generator(3))
    ]
    tilt = (ref + reward / beta).log_softmax(0)
    chance = generator(4, "pairs")
    first, second = torch.randint(16, (2, 20_000), generator=chance)
    right = torch.rand(20_000, generator=chance) < (reward[first] - reward[second]).sigmoid()
    chosen, rejected = torch.where(right, first, second), torch.where(right, second, first)
    pairs = reference_pairs(reference, *(Batch(*(x[i] for x in every)) for i in (chosen, rejected)))
    policy = copy.deepcopy(reference)

    def distance():
        with torch.no_grad():
            log_p = sequence_log_probs(policy, every).double().log_softmax(0)
        return float((log_p.exp() * (log_p - tilt)).sum())

    before = distance()
    train_dpo(
        policy, pairs, beta=beta, steps=300, learning_rate=1e-2, generator=generator(5, "steps")
    )
    assert before > 0.3 and distance() < before / 10


def test_bad_input_is_refused():
    (chosen, rejected), model = sides(), decoder(0)
    pairs = reference_pairs(model, chosen, rejected)
    empty = chosen._replace(mask=torch.zeros_like(chosen.mask))
    fewer = Batch(*(x[:3] for x in rejected))
    for call, message in [
        (lambda: sequence_log_probs(model, empty), "every row must have an answer; 12 have none"),
        (lambda: reference_pairs(model, chosen, fewer), "must be as many; got 12 and 3"),
        (lambda: pair_loss(model, pairs, beta=1, objective="ppo"), "objective must be one of dpo"),
        (
            lambda: pair_loss(model, pairs, beta=1, objective="ipo", smoothing=0.1),
            "smoothing must be 0 with objective 'ipo'",
        ),
        (lambda: pair_loss(model, pairs, beta=0), "beta must lie in (0, inf)"),
    ]:
        with pytest.raises(ValueError) as error:
            call()
        assert message in str(error.value)


def test_select_keeps_the_pairs_together():
    pairs = reference_pairs(decoder(0), *sides())
    some = pairs.select(torch.tensor([4, 1]))
    assert isinstance(some, PairBatch)
    assert torch.equal(some.chosen.targets, pairs.chosen.targets[[4, 1]])
    assert torch.equal(some.rejected.mask, pairs.rejected.mask[[4, 1]])
    assert torch.equal(some.reference_rejected, pairs.reference_rejected[[4, 1]])
