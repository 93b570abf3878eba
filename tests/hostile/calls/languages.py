"""Valid calls of the languages: each at its smallest."""

import torch

from hostile.calls.values import Fixed, Work, chance, shares
from nlgnotes.documents import Documents
from nlgnotes.languages import Brackets, Dialogue, Markov, Newswire
from nlgnotes.languages.newswire_tables import toy_tables
from nlgnotes.languages.oracle import LSTMOracle

TABLE = shares(3, 3).double()
WALK = {"n": Work(3), "generator": chance(), "max_length": Work(5)}
PREFIX = torch.tensor([[1, 2], [2, 1]])
TEXTS = Documents.from_lists([[1, 2, 0], [2, 1]])
LANGUAGES = {
    "brackets:Brackets": Brackets(2, 2, max_depth=2),
    "markov:Markov": Markov.even(5, chance()),
    "newswire:Newswire": Newswire.toy(),
    "oracle:LSTMOracle": LSTMOracle(5, chance(), hidden=4, end=0.1),
}
SMALL = {
    "words": ("<eos>", "?", "a", "b"),
    "prior": torch.tensor([0.5, 0.5], dtype=torch.float64),
    "queries": [[2, 1], [3, 1]],
    "query_table": torch.tensor([[0.5, 0.5], [0.25, 0.75]], dtype=torch.float64),
    "replies": [[2, 0], [3, 2, 0]],
    "reply_table": torch.tensor([[0.5, 0.5], [0.25, 0.75]], dtype=torch.float64),
    "epsilon": 0.1,
    "end": 0.2,
}
TALK = Dialogue(**SMALL)
QUERIES, REPLIES = Documents.from_lists([[2, 1], [3, 1]]), Documents.from_lists([[2, 0], [3, 0]])
EVEN = {"vocab_size": 5, "generator": chance(), "order": 1, "exponent": 1.0, "end": 0.1}


def speaking(name: str, language) -> dict:
    """The calls that every language answers."""
    said = f"languages.{name}"
    return {
        f"{said}.sample": {"self": language, **WALK},
        f"{said}.all_next_log_probs": {"self": language, "prefix": PREFIX},
        f"{said}.next_log_probs": {"self": language, "prefix": PREFIX},
        f"{said}.token_log_probs": {"self": language, "documents": TEXTS},
        f"{said}.log_prob": {"self": language, "documents": TEXTS},
        f"{said}.entropy_rate": {"self": language, **WALK},
        f"{said}.encode": {"self": language, "text": language.words[1]},
        f"{said}.decode": {"self": language, "ids": [1, 2]},
    }


CALLS = {
    "languages.base:Language.decode": {"self": LANGUAGES["markov:Markov"], "ids": PREFIX[0]},
    "languages.base:check_sample": {"n": 3, "generator": chance(), "max_length": 5},
    "languages.base:extended": {"prefix": PREFIX, "vocab_size": Fixed(5)},
    "languages.base:inside": {"tokens": PREFIX},
    "languages.brackets:Brackets": {
        "kinds": 2,
        "fillers": 2,
        "max_depth": 2,
        "open_outside": 0.3,
        "open_inside": 0.1,
        "close": 0.1,
        "end": 0.1,
        "exponent": 1.0,
        "epsilon": 0.01,
    },
    "languages.brackets:Brackets.stack_after": {
        "self": LANGUAGES["brackets:Brackets"],
        "prefix": PREFIX,
    },
    "languages.brackets:Brackets.standard": {},
    "languages.newswire:Newswire": {**toy_tables(), "epsilon": 0.05},
    "languages.dialogue:Dialogue": SMALL,
    "languages.dialogue:Dialogue.standard": {
        "topics": 2,
        "generic": 0.5,
        "named": 0.8,
        "epsilon": 0.1,
        "end": 0.2,
    },
    "languages.dialogue:Dialogue.log_query": {"self": TALK, "queries": QUERIES},
    "languages.dialogue:Dialogue.log_reply": {"self": TALK, "replies": REPLIES},
    "languages.dialogue:Dialogue.log_reply_given_query": {
        "self": TALK,
        "queries": QUERIES,
        "replies": REPLIES,
    },
    "languages.dialogue:Dialogue.log_query_given_reply": {
        "self": TALK,
        "queries": QUERIES,
        "replies": REPLIES,
    },
    "languages.dialogue:Dialogue.topic_posterior": {"self": TALK, "queries": QUERIES},
    "languages.dialogue:Dialogue.reply_log_probs": {"self": TALK, "queries": QUERIES},
    "languages.dialogue:Dialogue.reply_entropy": {"self": TALK, "queries": QUERIES},
    "languages.dialogue:Dialogue.in_list": {"self": TALK, "replies": REPLIES},
    "languages.dialogue:Dialogue.sample_pairs": {
        "self": TALK,
        "n": Work(3),
        "generator": chance(),
    },
    "languages.dialogue:Dialogue.sample": {"self": TALK, **WALK},
    "languages.dialogue:Dialogue.all_next_log_probs": {"self": TALK, "prefix": PREFIX},
    "languages.dialogue:Dialogue.joined": {
        "self": TALK,
        "queries": QUERIES,
        "replies": REPLIES,
    },
    "languages.dialogue:Dialogue.swapped": {
        "self": TALK,
        "queries": QUERIES,
        "replies": REPLIES,
    },
    "languages.dialogue_tables:standard_tables": {"topics": 2, "generic": 0.5, "named": 0.8},
    "languages.markov:Markov": {"words": ("<eos>", "a", "b"), "table": TABLE},
    "languages.markov:Markov.even": EVEN,
    "languages.markov:Markov.uneven": {**EVEN, "sure": 0.6, "top": 0.9},
    "languages.newswire:Newswire.standard": {"epsilon": Fixed(0.01)},
    "languages.newswire:Newswire.toy": {"epsilon": 0.05},
    "languages.newswire:Newswire.sample_hidden": {
        "self": LANGUAGES["newswire:Newswire"],
        **WALK,
        "topic": 1,
    },
    "languages.newswire:Newswire.topic_posterior": {
        "self": LANGUAGES["newswire:Newswire"],
        "prefix": PREFIX,
    },
    "languages.newswire_tables:standard_tables": {},
    "languages.newswire_tables:toy_tables": {},
    "languages.oracle:LSTMOracle": {
        "vocab_size": 5,
        "generator": chance(),
        "hidden": 4,
        "end": 0.1,
    },
    "languages.registry:language_digest": {"language": LANGUAGES["markov:Markov"]},
    "languages.registry:language_for": {
        "recipe": {"language": "markov-even", "language_vocab_size": 5, "language_seed": 0}
    },
    "languages.tables:check_rows": {
        "name": Fixed("x"),
        "table": TABLE,
        "shape": Fixed((3, 3)),
    },
}
for _name, _language in LANGUAGES.items():
    CALLS |= speaking(_name, _language)
