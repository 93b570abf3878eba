"""Where a policy stands: the bounds of the tilt, and a policy that is the tilt itself."""

import pytest
import torch

from nlgnotes.equations.preferences import tilt
from nlgnotes.experiments.ppo.standing import bench
from nlgnotes.randomness import generator


@pytest.fixture(scope="module")
def place():
    return bench()


def test_the_actor_starts_as_the_reference_and_is_a_copy(place):
    actor = place.actor()
    assert torch.allclose(place.law(actor.policy), place.log_ref)
    with torch.no_grad():
        actor.policy.embedding.zero_()
    assert float(place.reference.embedding.detach().abs().max()) > 0
    start = place.standing(place.log_ref)
    assert start.kl == 0 and place.share(start, 1.0) == 0


def test_the_score_of_words_is_the_listed_reward(place):
    rows, numbers = torch.tensor([0, 5, 3]), torch.tensor([0, 32_767, 4321])
    answers = place.world.answers[numbers]
    by_hand = place.world.word_values[rows[:, None], answers[:, 1:]].sum(1)
    assert torch.equal(place.score(rows, answers), place.reward[rows, numbers])
    assert torch.allclose(place.score(rows, answers), by_hand)


def test_the_tilt_gains_all_and_no_other_policy_more(place):
    best = tilt(place.log_ref, place.reward, 1.0)
    assert place.share(place.standing(best), 1.0) == pytest.approx(1.0)
    noise = torch.randn(best.shape, generator=generator(0, "noise"), dtype=torch.float64)
    for size in (0.1, 1.0):
        other = place.standing((best + size * noise).log_softmax(-1))
        assert place.share(other, 1.0) < 1
        assert other.reward < place.most(other.kl, place.reward)
    at = place.standing(best)
    assert place.most(at.kl, place.reward) == pytest.approx(at.reward, abs=1e-6)


def test_beyond_what_the_tilts_reach_it_is_the_best_answer(place):
    assert place.most(100.0, place.world.gold) == pytest.approx(
        float(place.world.gold.amax(1).mean())
    )
