"""Words of the newswire and the order they stand in (data only)."""

__all__ = ["CLOSED", "EDGES", "ENTITIES", "SHARED", "SLOTS", "START", "TOPICS"]

# Each topic has words of its own in five open classes, the most frequent first. Verbs have one form
# for "seized" and "had seized", objects are plural, actors singular: that is all the agreement the
# slots need.
TOPICS = {
    "air force": {
        "actor": "squadron pilot general",
        "verb": "intercepted escorted launched tracked grounded",
        "object": "jets missiles aircraft bombers patrols",
        "adjective": "armed airborne hostile",
        "place": "airbase runway coast",
    },
    "weather": {
        "actor": "forecaster storm front",
        "verb": "flooded soaked battered predicted cooled",
        "object": "showers winds roads clouds floods",
        "adjective": "rainy frozen mild",
        "place": "valley river delta",
    },
    "football": {
        "actor": "coach striker keeper",
        "verb": "scored missed defended celebrated conceded",
        "object": "goals penalties matches fans rivals",
        "adjective": "injured unbeaten offside",
        "place": "stadium pitch league",
    },
    "markets": {
        "actor": "broker trader bank",
        "verb": "bought sold raised traded priced",
        "object": "shares bonds profits loans stocks",
        "adjective": "bullish volatile costly",
        "place": "exchange floor fund",
    },
    "elections": {
        "actor": "candidate minister party",
        "verb": "counted contested promised debated polled",
        "object": "votes ballots seats reforms voters",
        "adjective": "elected liberal undecided",
        "place": "parliament district senate",
    },
    "space": {
        "actor": "astronaut crew rocket",
        "verb": "orbited docked repaired photographed ignited",
        "object": "satellites engines probes craters modules",
        "adjective": "orbital lunar weightless",
        "place": "station launchpad crater",
    },
    "court": {
        "actor": "judge lawyer jury",
        "verb": "accused sentenced acquitted questioned charged",
        "object": "witnesses charges appeals verdicts suspects",
        "adjective": "guilty legal innocent",
        "place": "courtroom prison tribunal",
    },
    "harvest": {
        "actor": "farmer grower miller",
        "verb": "harvested planted stored ripened watered",
        "object": "crops apples fields barrels seeds",
        "adjective": "ripe organic fertile",
        "place": "orchard farm barn",
    },
}


# Names that the documents of a topic are about: one per document, named again and again.
ENTITIES = {
    "air force": "kestra vorlun ardane skyrra talvex brenmar",
    "weather": "nimbra halwin ostrel murvane drizel calvora",
    "football": "rovanta kickford lorvane dunmar astrix pelham",
    "markets": "finora crednal bursia monvex tradon goldane",
    "elections": "votaire calder senmore polvia ruskin demora",
    "space": "astrava lunexa orbion stelmar cosmir novara",
    "court": "lexmore judara themisa barlow verdane advok",
    "harvest": "graniva ormeld fenwick agrona sildre marlow",
}


# Words of the open classes that every topic uses.
SHARED = {
    "actor": "spokesman director expert rival team",
    "verb": "reported lost found watched welcomed",
    "object": "reports plans delays results losses questions",
    "adjective": "new northern late early strong quiet",
    "place": "city capital border region island harbour village",
}


# The closed classes: the same words with the same frequencies in every topic.
CLOSED = {
    "quantity": "two the three several four many some",
    "preposition": "near in over outside around across behind",
    "day": "monday friday sunday tuesday saturday thursday wednesday",
    "conjunction": "after despite before without amid",
    "saying": "said confirmed warned denied insisted",
    "determiner": "the a this another its",
    "time": "on before after until by",
    "single copula": "was seemed looked stayed",
    "plural copula": "were seemed looked stayed",
    "modal": "will may must could",
    "prospect": "expected likely planned due",
    "infinitive": "return continue decide respond travel",
    "outcome": "decision statement review ceremony meeting",
}


# Where a document starts, with probabilities.
START = {"l.determiner": 0.5, "l.entity": 0.5}


# Every slot and what it holds: a class (open, closed, "entity", "mention"), or else one fixed word.
# The part before the dot is the kind of sentence: lead, event, reaction, closing.
SLOTS = {
    "l.determiner": "determiner",
    "l.adjective": "adjective",
    "l.actor": "actor",
    "l.entity": "entity",
    "l.verb": "verb",
    "l.quantity": "quantity",
    "l.adjective2": "adjective",
    "l.object": "object",
    "l.preposition": "preposition",
    "l.determiner2": "determiner",
    "l.place": "place",
    "l.time": "time",
    "l.day": "day",
    "l.stop": ".",
    "e.time": "time",
    "e.day": "day",
    "e.conjunction": "conjunction",
    "e.quantity0": "quantity",
    "e.object0": "object",
    "e.comma": ",",
    "e.mention": "mention",
    "e.verb": "verb",
    "e.quantity": "quantity",
    "e.adjective": "adjective",
    "e.object": "object",
    "e.and": "and",
    "e.copula": "single copula",
    "e.quantity1": "quantity",
    "e.object1": "object",
    "e.copula1": "plural copula",
    "e.state": "adjective",
    "e.preposition": "preposition",
    "e.determiner": "determiner",
    "e.place": "place",
    "e.stop": ".",
    "r.determiner": "determiner",
    "r.adjective": "adjective",
    "r.actor": "actor",
    "r.of": "of",
    "r.entity": "entity",
    "r.saying": "saying",
    "r.that": "that",
    "r.mention": "mention",
    "r.had": "had",
    "r.verb": "verb",
    "r.quantity": "quantity",
    "r.object": "object",
    "r.quantity1": "quantity",
    "r.object1": "object",
    "r.copula": "plural copula",
    "r.state": "adjective",
    "r.stop": ".",
    "c.entity": "entity",
    "c.modal": "modal",
    "c.infinitive": "infinitive",
    "c.a": "a",
    "c.outcome": "outcome",
    "c.is": "is",
    "c.prospect": "prospect",
    "c.time": "time",
    "c.day": "day",
    "c.stop": ".",
    "c.eos": "<eos>",
}


_EVENT = {"e.mention": 0.4, "e.time": 0.15, "e.conjunction": 0.2, "e.quantity1": 0.25}


_CLOSING = {"c.entity": 0.65, "c.a": 0.35}


def _mix(*parts: tuple[float, dict[str, float]]) -> dict[str, float]:
    """The successors of one slot: shares of whole groups."""
    return {slot: share * p for share, group in parts for slot, p in group.items()}


# Where each slot leads. A slot that is not named leads to the slot below it.
EDGES = {
    "l.determiner": {"l.adjective": 0.5, "l.actor": 0.5},
    "l.verb": {"l.quantity": 0.55, "l.adjective2": 0.25, "l.object": 0.2},
    "l.quantity": {"l.adjective2": 0.3, "l.object": 0.7},
    "l.object": {"l.preposition": 0.7, "l.time": 0.3},
    "l.place": {"l.time": 0.6, "l.stop": 0.4},
    "l.stop": _EVENT,
    "e.day": {"e.comma": 1.0},
    "e.mention": {"e.verb": 0.75, "e.copula": 0.25},
    "e.verb": {"e.quantity": 0.5, "e.adjective": 0.3, "e.object": 0.2},
    "e.quantity": {"e.adjective": 0.3, "e.object": 0.7},
    "e.object": {"e.preposition": 0.45, "e.and": 0.15, "e.stop": 0.4},
    "e.and": {"e.verb": 1.0},
    "e.copula": {"e.state": 1.0},
    "e.state": {"e.preposition": 0.6, "e.stop": 0.4},
    "e.place": {"e.stop": 0.85, "e.and": 0.15},
    "e.stop": _mix((0.45, _EVENT), (0.45, {"r.determiner": 1.0}), (0.1, _CLOSING)),
    "r.determiner": {"r.adjective": 0.4, "r.actor": 0.6},
    "r.actor": {"r.of": 0.3, "r.saying": 0.7},
    "r.that": {"r.mention": 0.65, "r.quantity1": 0.35},
    "r.verb": {"r.quantity": 0.6, "r.object": 0.4},
    "r.object": {"r.stop": 1.0},
    "r.stop": _mix((0.4, {"r.determiner": 1.0}), (0.6, _CLOSING)),
    "c.infinitive": {"c.time": 0.6, "c.stop": 0.4},
    # Only a word that chance put in the place of "<eos>" comes here: the document goes on.
    "c.eos": _EVENT,
}
