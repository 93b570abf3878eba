"""Transforms and penalties over GPT-2's vocabulary, against transformers' logits processors."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import torch
from torch import Tensor

from bench.timing import Comparison, peer
from nlgnotes.equations.penalties import repetition_penalty, seen_tokens
from nlgnotes.equations.sampling import MinP, Sampler, Temperature, TopK, TopP
from nlgnotes.randomness import generator

ROWS, VOCABULARY = 64, 50257
SAID = 200  # tokens in each row that a penalty has seen
CHECKED = "Ours also refuses NaN, +inf and rows without a possible token."
DIVIDES = (
    "Temperature is a division alone, which takes as long as the memory does: ours reads the "
    "scores a second time to refuse NaN, +inf and rows without a possible token."
)
SEARCHES = "A penalty here writes and searches a mask of all scores; theirs takes the ids."
GUARDED = (
    "The same, where theirs is asked for safe scores too: its own guard puts numbers in the place "
    "of NaN and the infinities, ours refuses them."
)


def comparisons() -> Iterator[Comparison]:
    """Each on its own, three in a row as a sampler applies them, and the draw."""
    processors = peer("transformers.generation.logits_process")
    x = 3 * torch.randn(ROWS, VOCABULARY, generator=generator(0, "scores"))
    said = torch.randint(VOCABULARY, (ROWS, SAID), generator=generator(0, "said"))
    row = partial(comparison, scores=x, said=said)
    temperature, top_k = processors.TemperatureLogitsWarper(0.7), processors.TopKLogitsWarper(50)
    top_p, min_p = processors.TopPLogitsWarper(0.9), processors.MinPLogitsWarper(0.05)
    guard, chain = processors.InfNanRemoveLogitsProcessor(), processors.LogitsProcessorList
    yield row("temperature .7", lambda: Temperature(0.7)(x), temperature, note=DIVIDES)
    yield row("top-k, k = 50", lambda: TopK(50)(x), top_k)
    yield row("top-p, P = .9", lambda: TopP(0.9)(x), top_p, agree=same_nucleus)
    yield row("min-p, P = .05", lambda: MinP(0.05)(x), min_p)
    three = Sampler((Temperature(0.7), TopK(50), TopP(0.9)))
    theirs = chain([temperature, top_k, top_p])
    yield row("the first three", lambda: three.transform(x), theirs, agree=same_nucleus)
    penalty = processors.RepetitionPenaltyLogitsProcessor(1.2)
    penalise = partial(penalised, x, said)
    yield row("repetition penalty 1.2", penalise, penalty, note=SEARCHES)
    chance = generator(0, "draws")
    yield Comparison(
        name="a draw from the scores",
        unit="scores",
        work=x.numel(),
        ours=lambda: Sampler().sample(x, chance),
        peer=lambda: torch.multinomial(x.softmax(-1), 1, generator=chance).squeeze(-1),
        peer_name="torch's multinomial",
        aim=1.0,
        agree=partial(in_the_vocabulary, x),
        note=CHECKED,
    )
    # Last: what the guard takes of memory would slow down the rows that come after it.
    cooled, said_less = chain([guard, temperature]), chain([guard, penalty])
    yield row("temperature .7, guarded", lambda: Temperature(0.7)(x), cooled, note=GUARDED)
    yield row("repetition penalty 1.2, guarded", penalise, said_less, note=GUARDED)


def penalised(scores: Tensor, said: Tensor) -> Tensor:
    """The scores less likely to repeat what was said, from the mask on."""
    return repetition_penalty(scores, seen_tokens(said, VOCABULARY), 1.2)


def comparison(
    name: str,
    ours: Callable[[], Tensor],
    theirs: Callable[[Tensor, Tensor], Tensor],
    *,
    scores: Tensor,
    said: Tensor,
    agree: Callable[[Any, Any], None] | None = None,
    note: str = CHECKED,
) -> Comparison:
    """One row, whose peer takes the ids that were said and the scores."""
    return Comparison(
        name=f"{name}, [{ROWS}, {VOCABULARY}]",
        unit="scores",
        work=scores.numel(),
        ours=ours,
        peer=lambda: theirs(said, scores),
        peer_name="transformers",
        aim=1.0,
        agree=agree or same_scores,
        note=note,
    )


def same_scores(ours: Tensor, theirs: Tensor) -> None:
    """The same scores to the last bit, the same tokens dropped."""
    assert torch.equal(ours, theirs), f"{int((ours != theirs).sum())} scores differ"


def same_nucleus(ours: Tensor, theirs: Tensor) -> None:
    """The same scores, up to the last token of a nucleus: theirs are summed in float32."""
    different = (ours != theirs).sum(-1)
    kept = (ours > -torch.inf).sum(-1)
    assert bool((different <= 1 + kept // 1000).all()), f"up to {int(different.max())} differ"


def in_the_vocabulary(scores: Tensor, ours: Tensor, theirs: Tensor) -> None:
    """Possible tokens, one of each row; the draws themselves use the generator differently."""
    for drawn in (ours, theirs):
        assert drawn.shape == scores.shape[:1], f"the draws are {tuple(drawn.shape)}"
        assert bool((scores.gather(1, drawn[:, None]) > -torch.inf).all())
