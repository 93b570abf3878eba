"""Decoders with experts on the newswire, by what balances them: a table like Shazeer's Table 6.

Taught in: book/mixture-of-experts.ipynb.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from statistics import fmean
from typing import Any

import torch
from torch import Tensor
from tqdm import tqdm

from nlgnotes import randomness
from nlgnotes.batches import Batch, document_batch
from nlgnotes.documents import Documents
from nlgnotes.experiments.experiment import Experiment
from nlgnotes.experiments.mixture_of_experts.balance import (
    ARMS,
    Balance,
    balancing_loss,
    measures,
    move_biases,
    rounded,
)
from nlgnotes.experiments.mixture_of_experts.specialisation import (
    explained_share,
    permuted_labels,
)
from nlgnotes.languages.newswire import Newswire
from nlgnotes.languages.newswire_sampling import NewswireSample
from nlgnotes.networks.moe import Routing
from nlgnotes.networks.moe_decoder import MoEDecoder, MoEDecoderConfig
from nlgnotes.training.likelihood import next_token_loss, token_nll
from nlgnotes.training.loop import fit

__all__ = [
    "EXPERIMENT",
    "gradient_norms",
    "measure",
    "one_run",
    "specialisation",
    "trained_decoder",
]

Settings = Mapping[str, Any]


def trained_decoder(
    balance: Balance, documents: Documents, settings: Settings, seed: int
) -> tuple[MoEDecoder, float]:
    """Train a decoder on documents, each read once.

    Args:
        balance: the arm.
        documents: ``steps * batch`` of them, the same for every arm.
        settings: ``sizes`` of the decoder, ``batch``, ``steps``, ``learning_rate``.
        seed: of weights and noise; the weights are the same for every arm.

    Returns:
        The decoder and the seconds of training.
    """
    s = settings
    config = MoEDecoderConfig(**s["sizes"])
    model = MoEDecoder(config, randomness.generator(seed, "moe-decoder", "weights"))
    noise = randomness.generator(seed, "moe-decoder", "noise") if balance.noise else None
    layers, seen = [block.moe for block in model.blocks], []
    rows = iter(range(0, s["batch"] * s["steps"], s["batch"]))

    def draw(_: torch.Generator) -> Batch:
        part = slice(start := next(rows), start + s["batch"])
        return document_batch(Documents(documents.tokens[part], documents.lengths[part]))

    def loss(model: MoEDecoder, batch: Batch) -> Tensor:
        logits, routings = model.routed(batch.inputs, noise, mask=batch.mask)
        seen[:] = routings
        task = next_token_loss(logits, batch.targets, batch.mask)
        return task + balancing_loss(routings, balance)

    history = fit(
        model,
        draw,
        steps=s["steps"],
        learning_rate=s["learning_rate"],
        generator=randomness.generator(seed, "moe-decoder", "unused"),
        progress=False,
        callback=lambda step, value: move_biases(layers, seen, balance),
        loss=loss,
    )
    return model, history.seconds


def gradient_norms(model: MoEDecoder, batch: Batch) -> list[list[float]]:
    """The length of the gradient of the task's loss in each expert's matrices, by layer.

    No loss of balance and no noise: what the text alone would teach each expert.
    """
    model.zero_grad()
    with torch.enable_grad():
        logits, _ = model.routed(batch.inputs)
        next_token_loss(logits, batch.targets, batch.mask).backward()
    found = []
    for block in model.blocks:
        squares = (p.grad.square().sum((1, 2)) for p in (block.moe.up, block.moe.down))
        found.append([round(x, 8) for x in sum(squares).sqrt().tolist()])
    model.zero_grad()
    return found


def specialisation(
    routing: Routing, batch: Batch, sample: NewswireSample, classes: Tensor, seed: int
) -> dict[str, Any]:
    """What a token's first expert tells of its document's topic and of the class of its word.

    The word is the one that is read; the start token, which has none, is left out.

    Args:
        routing: of all positions of the batch, row after row.
        batch: of the documents.
        sample: the documents with what is hidden behind them.
        classes: the class of each slot.
        seed: of the permutations.

    Returns:
        ``topic`` and ``word class``: the share explained, and ``control``, the shares with
        permuted labels: topics among documents, and among the words that were read the commonest
        class of each, so that what an expert knows of a word's identity alone is in it.
    """
    chance = randomness.generator(seed, "moe-decoder", "permutations")
    mask = batch.mask.clone()
    mask[:, 0] = False  # what is read at position t is token t - 1
    first = routing.chosen[:, 0].view(batch.inputs.shape)[mask]
    word_classes = classes[sample.slots[:, : mask.shape[1] - 1]][mask[:, 1:]]
    row = mask.nonzero()[:, 0]
    topics = permuted_labels(sample.topics, chance, 20)
    # A word has one class nearly always: permuted token by token, the labels would make special
    # even an expert that goes by the word alone.
    vocabulary, read = batch.inputs[mask].unique(return_inverse=True)
    kinds = int(classes.max()) + 1
    joint = torch.bincount(read * kinds + word_classes, minlength=len(vocabulary) * kinds)
    words = permuted_labels(joint.view(-1, kinds).argmax(1), chance, 20)
    return {
        "topic": {
            "share": rounded(explained_share(first, sample.topics[row])),
            "control": [rounded(explained_share(first, other[row])) for other in topics],
        },
        "word class": {
            "share": rounded(explained_share(first, word_classes)),
            "control": [rounded(explained_share(first, other[read])) for other in words],
        },
    }


@torch.no_grad()
def one_run(language: Newswire, balance: Balance, settings: Settings, seed: int) -> dict[str, Any]:
    """Train one decoder and measure it on fresh documents.

    Args:
        language: the newswire.
        balance: the arm.
        settings: as :func:`trained_decoder`; ``test``, the number of fresh documents.
        seed: the training seed.

    Returns:
        ``gap``: nats per token above the exact floor, on the same documents; ``layers``: for each
        layer ``balance.measures`` without noise, ``noisy``, the same with the noise of training
        (None without any), ``gradient``, each expert's, and ``specialisation``; ``seconds``.
    """
    s, context = settings, settings["sizes"]["context"]
    stream = partial(randomness.generator, seed, "moe-decoder")
    documents = language.sample(s["batch"] * s["steps"], stream("documents"), context)
    with torch.enable_grad():
        model, seconds = trained_decoder(balance, documents, s, seed)
    sample = language.sample_hidden(s["test"], stream("test"), context)
    fresh = sample.documents
    gap = token_nll(model, fresh).double().sum() + language.log_prob(fresh).sum()
    batch = document_batch(fresh)
    _, plain = model.routed(batch.inputs)
    noisy: Sequence[Routing | None] = [None] * len(plain)
    if balance.noise:
        noisy = model.routed(batch.inputs, stream("test-noise"), mask=batch.mask)[1]
    gradients, mask = gradient_norms(model, batch), batch.mask.flatten()
    return {
        "gap": rounded(gap / fresh.lengths.sum()),
        "seconds": round(seconds, 1),
        "layers": [
            {
                **measures(routing.at(mask)),
                "noisy": None if drawn is None else measures(drawn),
                "gradient": gradient,
                "specialisation": specialisation(routing, batch, sample, language.slot_class, seed),
            }
            for routing, drawn, gradient in zip(plain, noisy, gradients, strict=True)
        ],
    }


def measure(
    settings: Settings,
    seed: int,
    progress: bool = True,
    keep: Callable[[str, Callable[[], Any]], Any] = lambda part, compute: compute(),
) -> dict[str, Any]:
    """All arms over training seeds.

    Args:
        settings: as :func:`one_run`; ``seeds``, how many.
        seed: the first training seed.
        progress: show a bar.
        keep: see ``experiment.Experiment``.

    Returns:
        ``floor``: the language's entropy rate on documents so cut, in nats per token; ``runs``: by
        arm, one run of :func:`one_run` for each seed.
    """
    language, context = Newswire.standard(), settings["sizes"]["context"]
    floor = language.entropy_rate(4000, randomness.generator(seed, "floor"), context)
    runs: dict[str, Any] = {arm: [] for arm in ARMS}
    jobs = [(s, arm) for s in range(seed, seed + settings["seeds"]) for arm in ARMS]
    for s, arm in tqdm(jobs, disable=not progress, unit="run", ascii=True, dynamic_ncols=False):
        act = partial(one_run, language, ARMS[arm], settings, s)
        runs[arm].append(keep(f"{arm}-{s}", act))
    return {"floor": rounded(floor.value), "runs": runs}


EXPERIMENT = Experiment(
    name="balanced-decoders",
    summary="decoders with 16 experts on the newswire, by what balances them (about 15 minutes)",
    measure=measure,
    seed=0,
    settings={
        "sizes": {
            "vocab_size": 299,
            "context": 48,
            "width": 32,
            "layers": 2,
            "heads": 4,
            "hidden": 8,
            "experts": 16,
            "k": 2,
        },
        "batch": 32,
        "steps": 600,
        "learning_rate": 1e-2,
        "test": 512,
        "seeds": 4,
    },
    headline=lambda data: fmean(run["gap"] for run in data["runs"]["Switch 0.1"]),
    tolerance=0.1,
)
