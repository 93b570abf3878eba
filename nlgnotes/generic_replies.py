"""Generic replies: when a model falls back on the safe one, and what maximum mutual information puts in its place.

The models are small decoders of the dialogue language, whose laws are known exactly. Taught in: book/degeneration.ipynb.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Float, Float64, Int
from torch import Tensor

from nlgnotes.beam import beam_search, span_log_probs
from nlgnotes.generation import generate
from nlgnotes.languages import Dialogue, Documents
from nlgnotes.languages.listed import concatenated
from nlgnotes.metrics import distinct_n
from nlgnotes.mutual_information import mmi_anti_lm, mmi_bidi
from nlgnotes.randomness import generator
from nlgnotes.sampling import Sampler
from nlgnotes.training import Batch, document_batch, fit
from nlgnotes.transformer import Decoder, DecoderConfig
from nlgnotes.validation import check_count

__all__ = [
    "METHODS", "NBest", "Safety", "law_batch", "learned", "measure", "n_best", "ranked", "replied", "safety", "sweep", "topics_open",
]  # fmt: skip

METHODS: dict[str, Callable[["NBest", float | int], Tensor]] = {
    "antiLM": lambda found, lam: mmi_anti_lm(found.log_probs, found.log_target, lam),
    "antiLM, first words": lambda found, lam: mmi_anti_lm(found.log_probs, found.log_first, lam),
    "bidi": lambda found, lam: mmi_bidi(found.log_probs, found.log_source, lam),
}


def law_batch(language: Dialogue, law: str, queries: Documents, replies: Documents, context: int) -> tuple[Batch, Float64[Tensor, " rows"]]:
    """Rows of which only what the law gives a probability to counts, and the exact log-probability of that part.

    Args:
        language: the law's source.
        law: ``"P(T|S)"``, ``"P(S|T)"`` or ``"P(T)"``; S is the query and T the reply.
        queries, replies: pairs.
        context: longer rows are left out: salads of a hundred words, less than one in a million.

    Raises:
        ValueError: another law, or strings that the language refuses.
    """
    fits = (queries.lengths + replies.lengths <= context).nonzero().flatten()
    queries, replies = queries.select(fits), replies.select(fits)
    if law == "P(T|S)":
        batch, given = document_batch(language.joined(queries, replies)), queries.lengths
        log_prob = language.log_reply_given_query(queries, replies)
    elif law == "P(S|T)":
        batch, given = document_batch(language.swapped(queries, replies)), replies.lengths
        log_prob = language.log_query_given_reply(queries, replies)
    elif law == "P(T)":
        batch, given, log_prob = document_batch(replies), torch.zeros_like(replies.lengths), language.log_reply(replies)
    else:
        raise ValueError(f"law must be 'P(T|S)', 'P(S|T)' or 'P(T)'; got {law!r}")
    return batch._replace(mask=batch.mask & (torch.arange(batch.mask.shape[1]) >= given[:, None])), log_prob


def learned(
    language: Dialogue, law: str, settings: Mapping[str, Any], chance: torch.Generator, *, shuffled: bool = False,
    callback: Callable[[int, float, Decoder], object] | None = None, progress: bool = False,
) -> Decoder:  # fmt: skip
    """A small decoder trained by maximum likelihood on one law of the language.

    Args:
        language, law: what it learns, see :func:`law_batch`.
        settings: ``width``, ``layers``, ``heads``, ``hidden``, ``context``, ``batch``, ``steps``, ``learning_rate``.
        chance: of its weights and batches.
        shuffled: the replies of each batch are dealt anew to its queries: nothing about T can be learned from S. A control.
        callback: called after each step with the number of steps done, the loss and the model.
        progress: show a bar.
    """
    sizes = {k: settings[k] for k in ("context", "width", "layers", "heads", "hidden")}
    model = Decoder(DecoderConfig(language.vocab_size, **sizes), chance)

    def draw(chance: torch.Generator) -> Batch:
        queries, replies = language.sample_pairs(settings["batch"], chance)
        if shuffled:
            replies = replies.select(torch.randperm(len(replies), generator=chance))
        return law_batch(language, law, queries, replies, settings["context"])[0]

    look = None if callback is None else lambda step, loss: callback(step, loss, model)
    fit(model, draw, steps=settings["steps"], learning_rate=settings["learning_rate"], generator=chance, progress=progress, callback=look)
    return model


def topics_open(language: Dialogue, queries: Documents) -> Float64[Tensor, " batch"]:
    """How many topics a query leaves open: the exponential of the entropy of P(c|S)."""
    return torch.special.entr(language.topic_posterior(queries).exp()).sum(-1).exp()


@dataclass(frozen=True)
class Safety:
    """How a model stands to the safe reply G, query by query (each ``[batch]``).

    Args:
        log_prob: log P(G|S).
        lead: log P(G|S) minus that of the likeliest other reply: above 0 the safe reply is the model's best.
        entropy: of all that the model could reply, in nats.
    """

    log_prob: Tensor
    lead: Tensor
    entropy: Tensor


def safety(model: Any, language: Dialogue, queries: Documents, chance: torch.Generator, *, beams: int = 10, samples: int = 100) -> Safety:
    """See :class:`Safety`: the likeliest other reply by beam search, the entropy by sampling (unbiased), G the list's first.

    Args:
        model: of P(T|S).
        language: whose list it is.
        queries: asked.
        chance: of the samples.
        beams: how wide the search, at least 2.
        samples: how many replies to each query.
    """
    check_count("beams", beams, 2)
    safe = language.replies.select(torch.zeros(len(queries), dtype=torch.long))
    both = concatenated(queries, safe)
    log_prob = span_log_probs(model, F.pad(both.tokens, (1, 0)), queries.lengths + 1, both.lengths + 1)
    best, entropy = torch.zeros(2, len(queries))
    for length in queries.lengths.unique().tolist():
        rows = (queries.lengths == length).nonzero().flatten()
        prompt = F.pad(queries.tokens[rows, :length], (1, 0))
        found = beam_search(model, prompt, beams=beams, max_new_tokens=14, stop_token=0)
        width = safe.tokens.shape[1]
        same = (found.tokens[..., :width] == safe.tokens[0]).all(-1) & (found.lengths == safe.lengths[0])
        best[rows] = found.log_probs.masked_fill(same, -math.inf).max(-1).values
        said = generate(model, prompt.repeat_interleave(samples, 0), max_new_tokens=40, sampler=Sampler(), generator=chance, stop_token=0)
        entropy[rows] = -said.log_probs.sum(-1).view(-1, samples).mean(-1)
    return Safety(log_prob, log_prob - best, entropy)


@dataclass(frozen=True)
class NBest:
    """The N likeliest replies T to each query S under one model, as others see them (scores ``[batch, beams]``).

    Args:
        replies: all of them, ``[batch * beams]``.
        log_probs: log P(T|S), of the model that found them.
        log_target: log P(T), of a model of replies alone.
        log_first: of the first words of T only.
        log_source: log P(S|T), of a model that guesses the query.
        place: in the language's list, -1 for what is no sentence of it.
        right: whether T belongs to a topic that S leaves open.
        pmi: the exact pointwise mutual information of S and T in the language.
    """

    replies: Documents
    log_probs: Float[Tensor, "batch beams"]
    log_target: Float[Tensor, "batch beams"]
    log_first: Float[Tensor, "batch beams"]
    log_source: Float[Tensor, "batch beams"]
    place: Int[Tensor, "batch beams"]
    right: Tensor
    pmi: Float64[Tensor, "batch beams"]


def n_best(
    language: Dialogue, models: tuple[Any, Any, Any], queries: Documents, *, beams: int = 50, max_new_tokens: int = 14, gamma: int = 2
) -> NBest:
    """The list that MMI ranks anew: a beam search of P(T|S), scored by the other two models and by the language itself.

    What did not end within ``max_new_tokens`` gets an end, so that it is a reply; under the first model it keeps its score.

    Args:
        language: the truth.
        models: of P(T|S), of P(T) and of P(S|T), as :func:`law_batch` lays them out.
        queries: asked, of any lengths.
        beams, max_new_tokens: of the search.
        gamma: how many first words count in ``log_first``.
    """
    forward, alone, swapped = models
    tokens = torch.zeros(len(queries), beams, max_new_tokens, dtype=torch.long)
    lengths, log_probs = torch.zeros(len(queries), beams, dtype=torch.long), torch.zeros(len(queries), beams)
    for length in queries.lengths.unique().tolist():
        rows = (queries.lengths == length).nonzero().flatten()
        found = beam_search(forward, F.pad(queries.tokens[rows, :length], (1, 0)), beams=beams, max_new_tokens=max_new_tokens, stop_token=0)
        tokens[rows], lengths[rows], log_probs[rows] = found.tokens, found.lengths, found.log_probs
    flat, size = tokens.flatten(0, 1), lengths.flatten()
    flat[torch.arange(len(flat)), size - 1] = 0
    replies = Documents(flat, size)
    asked = queries.select(torch.arange(len(queries)).repeat_interleave(beams))
    ones, started = torch.ones_like(size), F.pad(flat, (1, 0))
    turned = language.swapped(asked, replies)
    place = language.in_list(replies)
    owner = language.reply_table.argmax(0)[place.clamp(min=0)]
    left = language.topic_posterior(asked).gather(1, owner[:, None])[:, 0] > -math.log(2 * len(language.prior))
    special = (place >= 0) & ~torch.isin(place, language.generic)
    return NBest(
        replies, log_probs,
        *(scores.view(len(queries), beams) for scores in (
            span_log_probs(alone, started, ones, size + 1),
            span_log_probs(alone, started, ones, size.clamp(max=gamma) + 1),
            span_log_probs(swapped, F.pad(turned.tokens, (1, 0)), size + 1, turned.lengths + 1),
            place, special & left,
            language.log_reply_given_query(asked, replies) - language.log_reply(replies),
        )),
    )  # fmt: skip


def ranked(found: NBest, scores: Float[Tensor, "batch beams"]) -> Int[Tensor, " batch"]:
    """Which of its N-best each query gets by these scores, as a row of ``found.replies``."""
    return torch.arange(len(scores)) * scores.shape[1] + scores.argmax(-1)


def replied(found: NBest, rows: Int[Tensor, " replies"]) -> dict[str, float]:
    """What kind of replies these are: how many generic, of a right topic, sentences at all; exact PMI; distinct-1 and -2.

    Args:
        found: the lists.
        rows: of ``found.replies``, as :func:`ranked` gives them.
    """
    said, place = found.replies.select(rows), found.place.flatten()[rows]
    return {
        "generic": float((place == 0).double().mean()), "right": float(found.right.flatten()[rows].double().mean()),
        "sentence": float((place >= 0).double().mean()), "pmi": float(found.pmi.flatten()[rows].mean()),
        "distinct_1": distinct_n(said.tokens, said.lengths, 1), "distinct_2": distinct_n(said.tokens, said.lengths, 2),
    }  # fmt: skip


def measure(settings: Mapping[str, Any], seed: int, *, progress: bool, keep: Callable[[str, Callable[[], Any]], Any]) -> dict[str, Any]:
    """The shipped measurement: ``runs`` training seeds; the safe reply through training, with its control, and the sweep over λ.

    Args:
        settings: ``unsure`` and ``mmi``, each with the settings of :func:`learned` and ``runs``; the first also with ``rare``
            (the safe reply's share), ``looks`` (steps) and ``samples``, the second with ``beams``, ``gamma`` and ``lams``.
        seed, progress, keep: see ``experiments.Experiment``.
    """
    unsure, mmi = settings["unsure"], settings["mmi"]
    rare, usual = Dialogue.standard(generic=unsure["rare"]), Dialogue.standard()
    every = rare.queries
    form = every.select(torch.arange(0, len(every), 3))  # one way to ask about each subject
    kinds = topics_open(rare, form).round().long()

    def through_training(run: int, shuffled: bool) -> dict[str, Any]:
        rows: list[dict[str, Any]] = []

        def look(step: int, _: float, model: Decoder) -> None:
            if step in unsure["looks"]:
                found = safety(model, rare, form, generator(seed, "look", run, step), samples=unsure["samples"])
                rows.append({"step": step, **_by_kind(found, kinds)})

        name = "shuffled" if shuffled else "pairs"
        learned(rare, "P(T|S)", unsure, generator(seed, name, run), shuffled=shuffled, callback=look, progress=progress)
        return {key: [row[key] for row in rows] for key in rows[0]}

    def swept(run: int) -> dict[str, Any]:
        laws = ("P(T|S)", "P(T)", "P(S|T)")
        models = tuple(learned(usual, law, mmi, generator(seed, law, run), progress=progress) for law in laws)
        found = n_best(usual, models, usual.queries, beams=mmi["beams"], gamma=mmi["gamma"])
        return sweep(found, mmi["lams"], topics_open(usual, usual.queries).round().long())

    data: dict[str, Any] = {"topics_open": kinds.unique().tolist()}
    for name, shuffled in (("pairs", False), ("shuffled", True)):
        data[name] = [keep(f"{name}-{r}", lambda r=r, s=shuffled: through_training(r, s)) for r in range(unsure["runs"])]
    data["mmi"] = [keep(f"mmi-{r}", lambda r=r: swept(r)) for r in range(mmi["runs"])]
    return data


def sweep(found: NBest, lams: Sequence[float | int], kinds: Int[Tensor, " batch"]) -> dict[str, dict[str, dict[str, list[float]]]]:
    """:func:`replied` for every method, kind of query and λ: ``[method][kind][what]`` is a list over λ.

    Args:
        found: the lists.
        lams: λ.
        kinds: a number for each query; queries of one kind are judged together.
    """
    out: dict[str, dict[str, dict[str, list[float]]]] = {}
    for method, score in METHODS.items():
        picks = [ranked(found, score(found, lam)) for lam in lams]
        out[method] = {}
        for kind in kinds.unique().tolist():
            rows = [replied(found, pick[kinds == kind]) for pick in picks]
            out[method][str(kind)] = {key: [round(row[key], 4) for row in rows] for key in rows[0]}
    return out


def _by_kind(found: Safety, kinds: Tensor) -> dict[str, list[float]]:
    """Means over the queries of each kind, and the share of them whose best reply is the safe one."""
    values = {"safe": (found.lead > 0).float(), "prob": found.log_prob.exp(), "lead": found.lead, "entropy": found.entropy}
    return {key: [round(float(value[kinds == kind].mean()), 4) for kind in kinds.unique()] for key, value in values.items()}
