"""Tables of the standard newswire and of a toy one, made from words and slots."""

import torch
from torch import Tensor

from nlgnotes.languages import newswire_words as data

__all__ = ["standard_tables", "toy_tables"]


def toy_tables() -> dict:
    """Two topics of two names over six words."""
    words = ["<eos>", ".", "ada", "bo", "ran", "fell"]
    name = torch.zeros(2, 2, 6)
    name[0, 0, 2], name[0, 0, 3] = 0.9, 0.1
    name[0, 1, 2], name[0, 1, 3] = 0.3, 0.7
    name[1, 0, 2], name[1, 0, 3] = 0.6, 0.4
    name[1, 1, 3] = 1.0
    verb = torch.zeros(2, 2, 6)
    verb[0, :, 4], verb[0, :, 5] = 0.8, 0.2
    verb[1, :, 4], verb[1, :, 5] = 0.1, 0.9
    stop, end = torch.zeros(2, 2, 6), torch.zeros(2, 2, 6)
    stop[..., 1], end[..., 0] = 1.0, 1.0
    return {
        "words": words,
        "topic_prior": torch.tensor([0.6, 0.4], dtype=torch.float64),
        "entity_prior": torch.tensor([[0.7, 0.3], [0.5, 0.5]], dtype=torch.float64),
        "start": torch.tensor([0.8, 0.2, 0.0, 0.0], dtype=torch.float64),
        # name, verb, stop, end: a verb may be followed by another, a stop by another sentence.
        "transition": torch.tensor(
            [[0, 1, 0, 0], [0, 0.25, 0.75, 0], [0.4, 0, 0, 0.6], [1, 0, 0, 0]], dtype=torch.float64
        ),
        "slot_class": torch.arange(4),
        "emission": torch.stack([name, verb, stop, end]).double(),
        "topic_names": ["up", "down"],
    }


def standard_tables() -> dict:
    """The tables of the newswire of the book, from the words and slots of ``newswire_words``."""
    topics = list(data.TOPICS)
    fixed = list(
        dict.fromkeys(
            w
            for w in data.SLOTS.values()
            if w not in ("entity", "mention", *data.SHARED, *data.CLOSED)
        )
    )
    words = ["<eos>", ".", ","] + [w for w in fixed if w not in ("<eos>", ".", ",")] + ["it"]
    for group in (data.CLOSED, data.SHARED, *data.TOPICS.values(), data.ENTITIES):
        words += [w for line in group.values() for w in line.split()]
    words = list(dict.fromkeys(words))
    ids = {w: i for i, w in enumerate(words)}
    entities = [data.ENTITIES[z].split() for z in topics]
    classes = list(dict.fromkeys(data.SLOTS.values()))
    emission = torch.zeros(
        len(classes), len(topics), len(entities[0]), len(words), dtype=torch.float64
    )

    def add(table: Tensor, line: str | list[str], share: float, power: float = 1.0) -> None:
        """Give ``share`` to the words of a line, Zipfian: the r-th has a weight of r ** -power."""
        listed = line.split() if isinstance(line, str) else line
        weight = torch.arange(1, len(listed) + 1, dtype=torch.float64) ** -power
        for word, p in zip(listed, weight / weight.sum(), strict=True):
            table[..., ids[word]] += share * p

    for c, name in enumerate(classes):
        if (
            name in data.SHARED
        ):  # an open class: words of the topic, of all topics, and a few of the others'
            for z, topic in enumerate(topics):
                add(emission[c, z], data.TOPICS[topic][name], 0.52, 0.7)
                add(emission[c, z], data.SHARED[name], 0.32, 0.7)
                for other in topics:
                    if other != topic:
                        add(emission[c, z], data.TOPICS[other][name], 0.16 / (len(topics) - 1), 0.7)
        elif name in data.CLOSED:
            add(emission[c], data.CLOSED[name], 1.0, 0.6)
        elif name in ("entity", "mention"):  # a mention may be "it"
            pronoun = 0.12 if name == "mention" else 0.0
            add(emission[c], ["it"], pronoun)
            for z, names in enumerate(entities):
                for e, own in enumerate(names):
                    add(emission[c, z, e], [own], (1 - pronoun) * 0.85)
                    add(emission[c, z, e], [n for n in names if n != own], (1 - pronoun) * 0.15)
        else:
            add(emission[c], [name], 1.0)

    slots = list(data.SLOTS)
    where = {s: i for i, s in enumerate(slots)}
    start = torch.zeros(len(slots), dtype=torch.float64)
    transition = torch.zeros(len(slots), len(slots), dtype=torch.float64)
    for s, p in data.START.items():
        start[where[s]] = p
    for s, below in zip(slots, [*slots[1:], ""], strict=True):
        for to, p in data.EDGES.get(s, {below: 1.0}).items():
            transition[where[s], where[to]] += p
    rank = torch.arange(1, len(topics) + 1, dtype=torch.float64)
    name_rank = torch.arange(1, len(entities[0]) + 1, dtype=torch.float64)
    return {
        "words": words,
        "topic_prior": rank**-0.3 / (rank**-0.3).sum(),
        "entity_prior": (name_rank**-0.7 / (name_rank**-0.7).sum()).expand(len(topics), -1),
        "start": start,
        "transition": transition,
        "slot_class": torch.tensor([classes.index(c) for c in data.SLOTS.values()]),
        "emission": emission,
        "topic_names": topics,
    }
