"""The same heads in a model of real text: what a repetition leans on, and what a loop does.

Taught in: book/induction-heads.ipynb.
"""

import copy
from collections.abc import Mapping, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int64
from torch import Tensor

from nlgnotes import checkpoints, randomness
from nlgnotes.equations.induction import prefix_matching_score
from nlgnotes.equations.metrics import seq_rep_n_per_document
from nlgnotes.equations.repetition import loop_period
from nlgnotes.networks.transformer import Decoder
from nlgnotes.text import corpus
from nlgnotes.text.tokenizer import ByteBPE
from nlgnotes.training.likelihood import target_log_probs
from nlgnotes.training.text import openings
from nlgnotes.training.unlikelihood import continue_greedily
from nlgnotes.validation import check_count

__all__ = [
    "LOOPS",
    "matched_sets",
    "measure_loops",
    "prefix_scores",
    "repeated_probability",
    "some_phrases",
    "without_heads",
]

Head = tuple[int, int]


def without_heads(model: Decoder, heads: Sequence[Head]) -> Decoder:
    """A copy of a decoder in which some heads bring nothing: a full ablation.

    The columns of the output matrix that read a head are set to 0, so that the copy generates as
    any decoder does.

    Args:
        model: left as it is.
        heads: pairs of layer and head, both from 0.

    Raises:
        ValueError: a head that is none.
    """
    changed, size = copy.deepcopy(model), model.config.width // model.config.heads
    with torch.no_grad():
        for layer, head in heads:
            check_count("the layer of an ablated head", layer, 0, model.config.layers - 1)
            check_count("the head of an ablated head", head, 0, model.config.heads - 1)
            changed.blocks[layer].out[:, head * size : (head + 1) * size] = 0
    return changed


@torch.no_grad()
def prefix_scores(
    model: Decoder, generator: torch.Generator, texts: int = 10
) -> Float[Tensor, "layers heads"]:
    """The prefix-matching score of every head on the published texts.

    25 random tokens, written four times after the start token 0.

    Raises:
        ValueError: ``texts`` below 1.
    """
    check_count("texts", texts)
    ids = torch.rand(texts, model.config.vocab_size - 1, generator=generator).argsort(1)[:, :25]
    tokens = F.pad((ids + 1).repeat(1, 4), (1, 0))
    return prefix_matching_score(model.attention_weights(tokens), tokens)


def matched_sets(
    scores: Float[Tensor, "layers heads"], size: int, controls: int, generator: torch.Generator
) -> tuple[list[Head], list[list[Head]]]:
    """The heads with the highest scores, and other sets with as many heads *in each layer*.

    Args:
        scores: of every head.
        size: heads in a set.
        controls: how many other sets, all different, drawn from the heads not in the first.
        generator: where they are drawn from.

    Raises:
        ValueError: a count below 1, a layer with fewer other heads than it gives to the set, or
            fewer different sets than asked for.
    """
    check_count("controls", controls)
    layers, heads = scores.shape
    check_count("size", size, 1, layers * heads)
    order = scores.flatten().argsort(descending=True)[:size].tolist()
    chosen = sorted(divmod(at, heads) for at in order)
    others: list[list[Head]] = []
    for _ in range(100 * controls):
        if len(others) == controls:
            break
        drawn: list[Head] = []
        for layer in range(layers):
            taken = [head for where, head in chosen if where == layer]
            free = [head for head in range(heads) if head not in taken]
            if len(free) < len(taken):
                raise ValueError(
                    f"layer {layer} must have {len(taken)} heads outside the set; got {len(free)}"
                )
            order = torch.randperm(len(free), generator=generator).tolist()
            drawn += [(layer, free[i]) for i in order[: len(taken)]]
        if sorted(drawn) not in others:
            others.append(sorted(drawn))
    if len(others) < controls:
        raise ValueError(f"there must be {controls} different other sets; found {len(others)}")
    return chosen, others


@torch.no_grad()
def repeated_probability(
    model: Decoder, phrases: Int64[Tensor, "texts time"], times: int
) -> Float[Tensor, "texts times"]:
    """The mean probability of a phrase's tokens at each of its copies, after the start token 0.

    The model reads what we wrote: it chooses nothing.

    Raises:
        ValueError: ``times`` below 1, or copies that do not fit the context.
    """
    check_count("times", times)
    tokens = phrases.repeat(1, times)
    found = target_log_probs(model(F.pad(tokens[:, :-1], (1, 0))), tokens).exp()
    return found.view(len(phrases), times, -1).mean(-1)


def measure_loops(settings: Mapping[str, Any], seed: int) -> dict[str, Any]:
    """A model of real text with and without its best prefix-matching heads, and with others gone.

    Args:
        settings: ``model``, ``heads`` (in a set), ``controls`` (how many other sets), ``sources``
            (of the held-out text), ``every`` (how many openings for each that is a prompt),
            ``prefix`` and ``new`` tokens of each text, ``phrases``, their ``length`` and how many
            ``times`` they are written.
        seed: of the random tokens of the scores, of the control sets and of the phrases.

    Returns:
        ``scores`` of all heads; ``sets``; and for each set (``"none"`` is the whole model)
        ``copies`` and ``shuffled``, the mean probability of each phrase at each of its copies as
        it is and with its tokens in another order, and of the greedy texts ``seq_rep_4`` each
        and whether they end in a ``loop``.

    Raises:
        ValueError: as the functions above.
    """
    s, shipped = settings, checkpoints.load(settings["model"])
    model, tokenizer = shipped.model, shipped.tokenizer

    def stream(what: str) -> torch.Generator:
        return randomness.generator(seed, "induction-heads", "loops", what)

    scores = prefix_scores(model, stream("scores"))
    chosen, others = matched_sets(scores, s["heads"], s["controls"], stream("controls"))
    sets = {"none": [], "induction": chosen}
    sets |= {f"control {i}": heads for i, heads in enumerate(others)}
    texts = [d.text for d in corpus.documents("held-out", sources=tuple(s["sources"]))]
    prompts = openings(tokenizer, texts, s["prefix"] + s["new"])[:: s["every"], : s["prefix"]]
    phrases = some_phrases(tokenizer, texts, s["phrases"], s["length"], stream("phrases"))
    order = torch.rand(phrases.shape, generator=stream("order")).argsort(1)
    found: dict[str, Any] = {}
    for name, heads in sets.items():
        changed = without_heads(model, heads)
        written = continue_greedily(changed, prompts, s["new"])
        found[name] = {
            "copies": _rounded(repeated_probability(changed, phrases, s["times"])),
            "shuffled": _rounded(
                repeated_probability(changed, phrases.gather(1, order), s["times"])
            ),
            "seq_rep_4": _rounded(seq_rep_n_per_document(written.tokens, written.lengths, 4)),
            "loop": (loop_period(written.tokens, written.lengths) > 0).int().tolist(),
        }
    sets_as_lists = {name: [list(head) for head in heads] for name, heads in sets.items()}
    return {"scores": _rounded(scores), "sets": sets_as_lists, "found": found}


def some_phrases(
    tokenizer: ByteBPE, texts: Sequence[str], count: int, length: int, generator: torch.Generator
) -> Int64[Tensor, "phrases time"]:
    """The first tokens of sentences, drawn at random.

    Raises:
        ValueError: fewer than ``count`` sentences of ``length`` tokens.
    """
    check_count("count", count)
    check_count("length", length)
    sentences = (s for text in texts for s in text.replace("\n", " ").split(". "))
    encoded = (tokenizer.encode(f" {sentence.strip()}.") for sentence in sentences)
    long = [ids[:length] for ids in encoded if len(ids) >= length]
    if len(long) < count:
        raise ValueError(f"texts must hold {count} sentences of {length} tokens; got {len(long)}")
    order = torch.randperm(len(long), generator=generator)[:count]
    return torch.tensor(long)[order]


def _rounded(values: Tensor) -> Any:
    return [_rounded(row) for row in values] if values.dim() else round(float(values), 4)


LOOPS: dict[str, Any] = {
    "model": "python-docs-lm",
    "heads": 2,
    "controls": 3,
    "sources": ["python topics", "standard library", "numpy"],
    "prefix": 20,
    "new": 80,
    "every": 2,
    "phrases": 80,
    "length": 10,
    "times": 8,
}
"""The settings of :func:`measure_loops` in the shipped measurement."""
