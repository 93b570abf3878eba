"""Cached generation is the uncached one; its evidence is what the model says."""

from functools import partial
from types import SimpleNamespace

import pytest
import torch

from nlgnotes.decoding.generation import generate
from nlgnotes.equations.penalties import presence_penalty, seen_tokens
from nlgnotes.equations.sampling import Sampler, Temperature, TopK
from nlgnotes.networks.transformer import Decoder, DecoderConfig
from nlgnotes.randomness import generator

MODEL = Decoder(
    DecoderConfig(vocab_size=11, context=13, width=12, layers=2, heads=3, hidden=20), generator(0)
)
for p in MODEL.parameters():
    p.data.mul_(6)  # decided opinions: a fresh model's are near uniform
PROMPT = torch.randint(11, (5, 3), generator=generator(1))


class Uncached:
    """The slow road: read everything again for every token."""

    config = MODEL.config

    def empty_cache(self, batch, capacity):
        return torch.zeros(batch, 0, dtype=torch.long)

    def step(self, tokens, cache):
        read = torch.cat((cache, tokens), 1)
        return MODEL(read)[:, -tokens.shape[1] :], read


def go(model=MODEL, seed=0, sampler=Sampler(), new=11, stop=None, prompt=PROMPT):
    return generate(
        model,
        prompt,
        max_new_tokens=new,
        sampler=sampler,
        generator=generator(seed),
        stop_token=stop,
    )


def test_cached_equals_uncached_and_seeds_reproduce():
    a, b, c, other = go(), go(), go(Uncached()), go(seed=1)
    assert (
        torch.equal(a.tokens, b.tokens)
        and torch.equal(a.tokens, c.tokens)
        and not torch.equal(a.tokens, other.tokens)
    )
    torch.testing.assert_close(a.log_probs, c.log_probs, atol=1e-4, rtol=0)


def test_top_1_is_greedy():
    tokens = PROMPT
    for _ in range(11):
        tokens = torch.cat((tokens, MODEL(tokens)[:, -1].argmax(-1, keepdim=True)), 1)
    written = go(sampler=Sampler((TopK(1),)))
    assert torch.equal(written.tokens, tokens[:, 3:]) and (written.sampler_log_probs == 0).all()


def test_evidence_is_the_models_own():
    out = go(sampler=Sampler((Temperature(0.5),)))
    logits = MODEL(torch.cat((PROMPT, out.tokens), 1)[:, :-1])[:, 2:].detach()
    for scores, said in ((logits, out.log_probs), (2 * logits, out.sampler_log_probs)):
        expected = scores.log_softmax(-1).gather(-1, out.tokens[..., None])[..., 0]
        torch.testing.assert_close(said, expected, atol=1e-4, rtol=0)


def test_what_was_written_can_be_learned_from():
    out = go(new=4)
    MODEL(out.tokens).log_softmax(-1).gather(-1, out.tokens[..., None]).mul(
        out.log_probs[..., None]
    ).sum().backward()
    assert MODEL.embedding.grad is not None
    MODEL.zero_grad()


def test_stop_token_ends_rows():
    free, stopped = go(seed=3), go(seed=3, stop=int(go(seed=3).tokens[0, 2]))
    stop = int(free.tokens[0, 2])
    for row in range(5):
        n = int(stopped.lengths[row])
        assert (stopped.tokens[row, : n - 1] != stop).all() and (
            n == 11 or stopped.tokens[row, n - 1] == stop
        )
        assert (stopped.tokens[row, n:] == 0).all() and (stopped.log_probs[row, n:] == 0).all()
        assert (stopped.sampler_log_probs[row, n:] == 0).all()
    assert stopped.lengths[0] <= 3


def test_all_stopped_ends_early():
    calls = []

    def step(tokens, cache):
        calls.append(1)
        return torch.tensor([0.0, 50.0]).expand(2, tokens.shape[1], 2), cache

    model = SimpleNamespace(
        config=SimpleNamespace(vocab_size=2, context=9), empty_cache=lambda b, c: None, step=step
    )
    out = go(model, prompt=torch.zeros(2, 1, dtype=torch.long), new=8, stop=1)
    assert (
        len(calls) == 1
        and out.lengths.tolist() == [1, 1]
        and out.tokens.tolist() == [[1] + [0] * 7] * 2
    )


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"new": 12}, "context of 13; got 3 \\+ 12"),
        ({"new": 0}, "max_new_tokens must be an integer of at least 1; got 0"),
        ({"stop": 11}, "stop_token must lie in \\[0, 11\\); got 11"),
        ({"prompt": torch.zeros(1, 0, dtype=torch.long)}, "prompt must not be empty"),
        ({"prompt": torch.tensor([[11]])}, "prompt must hold ids in \\[0, 11\\)"),
        ({"sampler": 3}, "sampler must transform logits; got 3"),
    ],
)
def test_bad_arguments_are_named(changes, message):
    with pytest.raises(ValueError, match=message):
        go(**changes)


@pytest.mark.parametrize("prompt_counts", [True, False])
def test_a_penalty_sees_what_was_said(prompt_counts):
    # The slow road: greedy, reading everything again, with the set of tokens said made anew at each step.
    rule = partial(presence_penalty, amount=4.0)
    out = generate(
        MODEL,
        PROMPT,
        max_new_tokens=11,
        sampler=Sampler.greedy(),
        generator=generator(0),
        penalty=rule,
        penalise_prompt=prompt_counts,
    )
    tokens = PROMPT
    for i in range(11):
        logits = MODEL(tokens)[:, -1].detach()
        said = seen_tokens(tokens if prompt_counts else tokens[:, 3:], 11)
        assert torch.equal(out.tokens[:, i], rule(logits, said).argmax(-1))
        # The evidence is the model's own, without the penalty.
        torch.testing.assert_close(
            out.log_probs[:, i],
            logits.log_softmax(-1).gather(-1, out.tokens[:, i, None])[:, 0],
            atol=1e-4,
            rtol=0,
        )
        tokens = torch.cat((tokens, out.tokens[:, i, None]), 1)
    assert not torch.equal(out.tokens, go(sampler=Sampler.greedy()).tokens)


def test_no_penalty_and_an_empty_one_are_the_same():
    plain = go()
    nothing = generate(
        MODEL,
        PROMPT,
        max_new_tokens=11,
        sampler=Sampler(),
        generator=generator(0),
        penalty=lambda x, seen: x,
    )
    assert torch.equal(plain.tokens, nothing.tokens) and torch.equal(
        plain.sampler_log_probs, nothing.sampler_log_probs
    )
