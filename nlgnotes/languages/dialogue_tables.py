"""Tables of the standard dialogue language: how likely each query and reply is by topic."""

from typing import Any

import torch

from nlgnotes.languages.dialogue_words import FORMS, GENERIC, GROUPS, TEMPLATES, VAGUE
from nlgnotes.validation import check_count, check_interval

__all__ = ["standard_tables"]


def standard_tables(topics: int, generic: float, named: float) -> dict[str, Any]:
    """What ``Dialogue`` is made from, by the names of its arguments; see ``Dialogue.standard``.

    Raises:
        ValueError: more topics than there are, or a share outside its range.
    """
    every = [
        (group, topic, own.split())
        for group, members in GROUPS.items()
        for topic, own in members.items()
    ]
    topics = check_count("topics", topics)
    if topics > len(every):
        raise ValueError(f"topics must be at most {len(every)}; got {topics}")
    generic = float(check_interval("generic", generic, 0.0, 1.0, closed="neither"))
    named = float(check_interval("named", named, 0.0, 1.0, closed="right"))
    names = [*(topic for _, topic, _ in every), *GROUPS, VAGUE]
    own_words = [" ".join(own) for _, _, own in every]
    texts = [*FORMS, *TEMPLATES, GENERIC, " ".join(names), *own_words]
    ids: dict[str, int] = {}
    for word in ["<eos>", "?", *(w for text in texts for w in text.split() if w != "{}")]:
        ids.setdefault(word, len(ids))

    used = every[:topics]
    subjects = list(dict.fromkeys([*(t for _, t, _ in used), *(g for g, _, _ in used), VAGUE]))
    queries = [form.format(subject) for subject in subjects for form in FORMS]
    query_table = torch.zeros(topics, len(subjects), dtype=torch.float64)
    replies, reply_table = [GENERIC], torch.zeros(topics, 1 + topics * 20, dtype=torch.float64)
    reply_table[:, 0] = generic
    for c, (group, topic, own) in enumerate(used):
        for subject, share in ((topic, named), (group, (1 - named) / 2), (VAGUE, (1 - named) / 2)):
            query_table[c, subjects.index(subject)] += share
        specific = [template.format(word) for word in own for template in TEMPLATES]
        place = slice(len(replies), len(replies) + len(specific))
        reply_table[c, place] = (1 - generic) / len(specific)
        replies += specific
    return {
        "words": list(ids),
        "prior": torch.full((topics,), 1 / topics),
        "queries": [[ids[w] for w in query.split()] for query in queries],
        "query_table": query_table.repeat_interleave(len(FORMS), 1) / len(FORMS),
        "replies": [[*(ids[w] for w in reply.split()), ids["<eos>"]] for reply in replies],
        "reply_table": reply_table,
    }
