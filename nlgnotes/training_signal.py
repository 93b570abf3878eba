"""Does a signal at every position train faster? One half of each row is the question; three ways to learn from it, at equal parameters and positions."""

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from nlgnotes.encoder_decoder import EncoderDecoder, EncoderDecoderConfig
from nlgnotes.languages import Documents, Newswire
from nlgnotes.randomness import generator
from nlgnotes.tasks import Dates, Examples, exact_match, joined, paired
from nlgnotes.training import document_batch, fit
from nlgnotes.transformer import Decoder, DecoderConfig

__all__ = ["DESIGNS", "cut_documents", "laid_out", "measure", "trained"]

DESIGNS = ("encoder-decoder", "target only", "all positions")
"""An encoder-decoder; a decoder whose loss counts the second part only; a decoder whose loss counts everything."""


def cut_documents(documents: Documents, generator: torch.Generator) -> tuple[Documents, Tensor]:
    """The documents that have ended (word 0 is their last), and for each a place to cut: 1 to length - 1 words come first, uniformly.

    Raises:
        ValueError: none of them has ended after at least two words.
    """
    ended = (documents.tokens.gather(1, documents.lengths[:, None] - 1)[:, 0] == 0) & (documents.lengths > 1)
    if not bool(ended.any()):
        raise ValueError(f"documents must hold one that ends, of at least 2 words; got {len(documents.lengths)} that do not")
    documents = documents.select(ended)
    share = torch.rand(len(documents.lengths), generator=generator, dtype=torch.float64)
    return documents, 1 + (share * (documents.lengths - 1)).long()


def laid_out(documents: Documents, cuts: Tensor, design: str) -> Examples:
    """Cut documents as a batch for one of :data:`DESIGNS`: always as many positions as the documents have words.

    Of a document of *n* words, its end counted, cut after *c*, ``n - c`` positions carry a signal; with "all positions" all *n* do.

    Raises:
        ValueError: an unknown design.
    """
    if design not in DESIGNS:
        raise ValueError(f"design must be one of {', '.join(DESIGNS)}; got {design!r}")
    if design == "encoder-decoder":
        rows = [(row[:cut], row[cut : n - 1]) for row, cut, n in zip(documents.tokens.tolist(), cuts.tolist(), documents.lengths.tolist())]
        return paired([source for source, _ in rows], [target for _, target in rows])
    batch = document_batch(documents)
    after = torch.arange(batch.mask.shape[1]) >= cuts[:, None]
    return Examples(batch.inputs, batch.targets, batch.mask if design == "all positions" else batch.mask & after)


def trained(
    design: str, settings: Mapping[str, Any], vocab_size: int, draw: Callable[[torch.Generator], Any], look: Callable[[nn.Module], float],
    seed: int, *, progress: bool = False,
) -> dict[str, Any]:  # fmt: skip
    """Train one design and look at it ``looks`` times: one block reads and one writes, or two do both, with as many parameters.

    Args:
        design: one of :data:`DESIGNS`.
        settings: ``width``, ``heads``, ``context``, ``steps``, ``learning_rate``, ``looks``.
        vocab_size: of the task.
        draw: the next batch.
        look: from the model to its score.
        seed: of the weights and the batches: the same tasks, in the same order, for every design.
        progress: show a bar.

    Returns:
        ``scores`` (one per look), ``signals`` (positions learned from), ``parameters``.
    """
    s, chance = settings, generator(seed, "training-signal", "weights")
    if design == "encoder-decoder":
        model: nn.Module = EncoderDecoder(EncoderDecoderConfig(vocab_size, s["context"], s["width"], 1, 1, s["heads"], 4 * s["width"]), chance)
    else:
        model = Decoder(DecoderConfig(vocab_size, s["context"], s["width"], 2, s["heads"], 5 * s["width"]), chance)
    scores: list[float] = []

    def seen(step: int, _: float) -> None:
        if step % (s["steps"] // s["looks"]) == 0:
            scores.append(round(look(model), 5))

    run = fit(model, draw, steps=s["steps"], learning_rate=s["learning_rate"], callback=seen, progress=progress,
              generator=generator(seed, "training-signal", "batches"))  # fmt: skip
    return {"scores": scores, "signals": run.tokens, "parameters": sum(p.numel() for p in model.parameters())}


def measure(settings: Mapping[str, Any], seed: int, *, progress: bool, keep: Callable[[str, Callable[[], Any]], Any]) -> dict[str, Any]:
    """Exact match on unseen dates, and nats per token above the language on the second parts of newswire documents, by design and seed."""
    tasks = {"dates": _dates, "newswire": _newswire}
    data: dict[str, Any] = {}
    for name, prepare in tasks.items():
        s = settings[name]
        vocab_size, draw, look = prepare(s, generator(seed, "training-signal", name, "asked"))
        runs = {
            design: [
                keep(f"{name}-{design.replace(' ', '-')}-{run}",
                     lambda: trained(design, s, vocab_size, lambda g: draw(g, design), lambda m: look(m, design), run, progress=progress))
                for run in range(settings["first_run"], settings["first_run"] + settings["runs"])
            ]
            for design in DESIGNS
        }  # fmt: skip
        every = s["steps"] // s["looks"]
        data[name] = {"steps": [every * (i + 1) for i in range(s["looks"])], "runs": runs}
    return data


def _dates(s: Mapping[str, Any], chance: torch.Generator) -> tuple[int, Callable, Callable]:
    dates = Dates(tuple(s["locales"]))
    asked = dates.encode_all(dates.draw(s["asked"], chance, split="test"))

    def laid(texts: tuple, design: str) -> Examples:
        if design == "encoder-decoder":
            return paired(*texts)
        return joined(*texts, signal="all" if design == "all positions" else "target")

    @torch.no_grad()
    def look(model: nn.Module, design: str) -> float:
        batch = laid(asked, design if design == "encoder-decoder" else "target only")
        return float(exact_match(model(batch.inputs), batch.targets, batch.mask).double().mean())

    return dates.vocab_size, lambda g, design: laid(dates.encode_all(dates.draw(s["batch"], g)), design), look


def _newswire(s: Mapping[str, Any], chance: torch.Generator) -> tuple[int, Callable, Callable]:
    language = Newswire.standard()
    documents, cuts = cut_documents(language.sample(s["asked"], chance, max_length=s["context"]), chance)
    exact = -language.token_log_probs(documents)
    counted = documents.mask & (torch.arange(exact.shape[1]) >= cuts[:, None])
    floor = float(exact[counted].mean())

    @torch.no_grad()
    def look(model: nn.Module, design: str) -> float:
        batch = laid_out(documents, cuts, design if design == "encoder-decoder" else "target only")
        scores = model(batch.inputs).log_softmax(-1).gather(-1, batch.targets[..., None])[..., 0]
        return float(-scores[batch.mask].double().mean()) - floor

    def draw(g: torch.Generator, design: str) -> Examples:
        return laid_out(*cut_documents(language.sample(s["batch"], g, max_length=s["context"]), g), design)

    return language.vocab_size, draw, look
