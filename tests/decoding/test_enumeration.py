"""The exact law of a decoder: cached, with gradient, by the slow road, and by its own draws."""

import pytest
import torch

from nlgnotes.decoding.enumeration import answer_log_probs, answer_scores
from nlgnotes.decoding.generation import generate
from nlgnotes.equations.sampling import Sampler
from nlgnotes.networks.reward_model import RewardModel
from nlgnotes.networks.transformer import Decoder, DecoderConfig
from nlgnotes.randomness import generator

PROMPTS = torch.tensor([[0, 2], [1, 1]])
every_position = pytest.mark.parametrize("positions", ["rotary", "learned", "none"])


def small(positions, cls=Decoder):
    config = DecoderConfig(3, 6, width=16, layers=2, heads=2, hidden=32, positions=positions)
    model = cls(config, generator(1, positions))
    with torch.no_grad():  # weights as large as trained ones, so that every word matters
        for p in model.parameters():
            p.add_(torch.empty_like(p).normal_(0, 0.3, generator=generator(2, len(p))))
    return model.eval()


def slow(model, prompt, length):
    rows = []
    for y in torch.cartesian_prod(*[torch.arange(3)] * length):
        text = torch.cat((prompt, y))[None]
        logits = model(text[:, :-1])[0, len(prompt) - 1 :].double().log_softmax(-1)
        rows.append(logits[torch.arange(length), y].sum())
    return torch.stack(rows)


@every_position
def test_the_law_is_the_sum_over_prefixes_by_three_roads(positions):
    model = small(positions)
    law = answer_log_probs(model, PROMPTS, 3)
    assert law.shape == (2, 27) and law.dtype == torch.float64 and not law.requires_grad
    assert torch.allclose(law.logsumexp(-1), torch.zeros(2).double(), atol=1e-5)
    with torch.no_grad():
        want = torch.stack([slow(model, prompt, 3) for prompt in PROMPTS])
    assert torch.allclose(law, want, atol=1e-5)
    assert law.std() > 0.3
    flowing = answer_log_probs(model, PROMPTS, 3, gradient=True)
    assert torch.allclose(flowing, law, atol=1e-5)
    found = torch.autograd.grad(flowing[0, 5], model.embedding)[0]
    want = torch.autograd.grad(slow(model, PROMPTS[0], 3)[5], model.embedding)[0]
    assert torch.allclose(found, want, atol=1e-4) and found.abs().max() > 0.01


@every_position
def test_scores_of_all_answers_are_those_of_the_texts(positions):
    model = small(positions, RewardModel)
    assert not bool((model.head == 0).any())
    scores = answer_scores(model, PROMPTS, 3)
    answers = torch.cartesian_prod(*[torch.arange(3)] * 3)
    for prompt, found in zip(PROMPTS, scores, strict=True):
        texts = torch.cat((prompt.expand(27, -1), answers), 1)
        with torch.no_grad():
            assert torch.allclose(found, model(texts)[:, -1, 0].double(), atol=1e-5)
    assert scores.std() > 0.1


def test_answers_of_one_word_are_the_next_word():
    model = small("learned")
    with torch.no_grad():
        want = model(PROMPTS)[:, -1].double().log_softmax(-1)
    assert torch.allclose(answer_log_probs(model, PROMPTS, 1), want, atol=1e-5)


def test_what_is_generated_follows_the_law():
    model = small("learned")
    law = answer_log_probs(model, PROMPTS[:1], 2)[0].exp()
    written = generate(
        model,
        PROMPTS[:1].expand(20_000, -1),
        max_new_tokens=2,
        sampler=Sampler(),
        generator=generator(3),
    ).tokens
    shares = torch.bincount(written[:, 0] * 3 + written[:, 1], minlength=9) / 20_000
    # 9 shares of 20,000 draws: 6 standard errors are at most .022.
    assert (shares - law).abs().max() < 0.022


def test_ill_prompts_and_too_many_answers_are_refused():
    model = small("none")
    with pytest.raises(ValueError, match="prompts must hold ids"):
        answer_log_probs(model, torch.tensor([[3]]), 2)
    with pytest.raises(ValueError, match="length must be an integer of at least 1"):
        answer_scores(model, PROMPTS, 0)
    with pytest.raises(ValueError, match="answers of a prompt must be an integer from 1"):
        answer_log_probs(model, PROMPTS, 14)
