"""Valid calls of the tasks: each at its smallest."""

from datetime import date

import torch

from hostile.calls.values import Fixed, Work, chance, logs, normal
from nlgnotes.tasks.arithmetic import running_sum
from nlgnotes.tasks.clusters import Clusters
from nlgnotes.tasks.comparisons import RatedAnswers, draw_rankings
from nlgnotes.tasks.dates import Dates, DateTask
from nlgnotes.tasks.derivations import SumDerivations
from nlgnotes.tasks.game24 import Step, encode_step
from nlgnotes.tasks.in_context import LabelledExamples
from nlgnotes.tasks.item_labels import ItemLabels
from nlgnotes.tasks.other_text import MixedDocuments
from nlgnotes.tasks.repeated_texts import RepeatedTexts
from nlgnotes.tasks.row_tasks import LETTERS, TASKS
from nlgnotes.tasks.scratchpad import ScratchpadTask
from nlgnotes.tasks.sinusoids import Sinusoids

DRAWN = {"n": Work(3), "generator": chance()}
SUM = running_sum(3)
INPUTS = torch.tensor([[3, 0, 1], [2, 1, 1]])
PAD = ScratchpadTask(SUM, 3)
SUMS = SumDerivations(3)
DIGITS = torch.tensor([[7, 2, 5], [1, 1, 0]])
ORDERS = torch.tensor([[2, 0, 1], [0, 1, 2]])
CLUSTERS = Clusters.draw(chance(), clusters=3, width=2, classes=4)
RATED = RatedAnswers(
    words=("a", "b", "c"),
    prompts=2,
    read=1,
    values=(1.0, 0.5, 0.0),
    habits=(0.5, 0.0, 0.2),
    openings=(0.0, 0.5, 1.0),
)
PROMPTS = torch.tensor([0, 1, 0])
DATES = Dates(("de", "fr"), 2023, 2024)
DATE = DateTask(date(2024, 3, 5), "de", "read full")
FAMILY = LabelledExamples(2, 4, 2, null_share=0.25, null_tilts=(1.0, 0.0))
EXAMPLES = FAMILY.sample(2, 3, chance())
PLAIN = LabelledExamples(2, 4, 2, mapping="fixed")
TEXTS = {"words": EXAMPLES.words, "labels": EXAMPLES.labels}
MIXED = MixedDocuments(PLAIN, 0.5, (0.8, 0.2))
MIXED_DRAWN = MIXED.sample(2, 3, chance())
ITEMS = ItemLabels(items=6, labels=3, pairs=4, copies=2)
WAVES = Sinusoids()
WAVE = WAVES.draw(2, chance())
SHOWN = WAVES.grid(WAVE, 3)
ROW = ("a", "b", "c", "d")
GAME = (2, 4, 4)
STEPS = [Step(4, "+", 2, 6), Step(6, "*", 4, 24)]
LAW = logs(2, 4)

CALLS = {
    "tasks.arithmetic:running_sum": {"modulus": Work(3)},
    "tasks.automata:Automaton": {
        "inputs": SUM.inputs,
        "states": SUM.states,
        "table": SUM.table,
    },
    "tasks.automata:automaton_states": {
        "automaton": SUM,
        "inputs": INPUTS,
        "start": torch.tensor([0, 1]),
    },
    "tasks.automata:draw_inputs": {
        "automaton": SUM,
        "lengths": torch.tensor([0, 3]),
        "slots": Work(3),
        "generator": chance(),
    },
    "tasks.clusters:Clusters": {
        "centres": CLUSTERS.centres,
        "rules": CLUSTERS.rules,
        "shares": CLUSTERS.shares,
        "common": CLUSTERS.common,
    },
    "tasks.clusters:Clusters.draw": {
        "generator": chance(),
        "clusters": Work(3),
        "width": Work(2),
        "classes": Work(4),
        "distance": 2.0,
        "common": 1.0,
        "zipf": 0.5,
    },
    "tasks.clusters:Clusters.sample": {"self": CLUSTERS, **DRAWN},
    "tasks.comparisons:RatedAnswers": {
        "words": RATED.words,
        "prompts": 2,
        "read": 1,
        "values": RATED.values,
        "repetition": 2.5,
        "helpfulness": 0.25,
        "habits": RATED.habits,
        "variety": 1.5,
        "openings": RATED.openings,
    },
    "tasks.comparisons:RatedAnswers.draw_texts": {
        "self": RATED,
        "many": Work(3),
        "words": Work(4),
        "generator": chance(),
    },
    "tasks.comparisons:RatedAnswers.numbers": {"self": RATED, "answers": RATED.answers[:3]},
    "tasks.comparisons:RatedAnswers.text": {"self": RATED, "prompt": 1, "answer": 2},
    "tasks.comparisons:RatedAnswers.tokens": {
        "self": RATED,
        "prompts": PROMPTS,
        "answers": torch.tensor([0, 5, 8]),
    },
    "tasks.comparisons:text_batch": {"tokens": DIGITS},
    "tasks.rankings:draw_answers": {
        "log_probs": LAW,
        "prompts": PROMPTS,
        "generator": chance(),
    },
    "tasks.rankings:draw_rankings": {
        "log_probs": LAW,
        "gold": normal(2, 4),
        "many": Work(3),
        "ranked": Work(2),
        "generator": chance(),
        "noise": 1.0,
    },
    "tasks.rankings:ranked_pairs": {"rankings": draw_rankings(LAW, normal(2, 4), 3, 3, chance())},
    "tasks.copying:copies": {
        "n": Work(3),
        "shortest": 1,
        "longest": Work(3),
        "symbols": 4,
        "generator": chance(),
    },
    "tasks.dates:DateTask": {"day": DATE.day, "locale": "de", "kind": "read full"},
    "tasks.dates:Dates": {"locales": ("de", "fr"), "first": 2023, "last": 2024},
    "tasks.dates:Dates.days": {"self": DATES, "split": "train"},
    "tasks.dates:Dates.decode": {"self": DATES, "ids": [1, 2, 5]},
    "tasks.dates:Dates.draw": {
        "self": DATES,
        **DRAWN,
        "split": "train",
        "kinds": ("read long", "write long"),
        "locales": ("de",),
    },
    "tasks.dates:Dates.encode": {"self": DATES, "task": DATE},
    "tasks.dates:Dates.encode_all": {"self": DATES, "tasks": [DATE]},
    "tasks.dates:by_group": {"tasks": [DATE, DATE], "matches": torch.tensor([True, False])},
    "tasks.dates:date_split": {"day": DATE.day},
    "tasks.derivations:SumDerivations": {"digits": Work(3)},
    "tasks.derivations:SumDerivations.batch": {
        "self": SUMS,
        "rows": SUMS.rows(DIGITS, ORDERS),
    },
    "tasks.derivations:SumDerivations.draw": {"self": SUMS, **DRAWN},
    "tasks.derivations:SumDerivations.prompts": {"self": SUMS, "inputs": DIGITS},
    "tasks.derivations:SumDerivations.read_answers": {
        "self": SUMS,
        "written": SUMS.rows(DIGITS, ORDERS)[:, 5:],
    },
    "tasks.derivations:SumDerivations.rows": {
        "self": SUMS,
        "inputs": DIGITS,
        "orders": ORDERS,
        "mistaken": torch.tensor([True, False]),
    },
    "tasks.game24:after": {"state": GAME, "step": STEPS[0]},
    "tasks.game24:encode_state": {"state": GAME, "numbers": Work(4)},
    "tasks.game24:encode_step": {"step": STEPS[0]},
    "tasks.game24:games": {"count": Work(2), "largest": Work(3)},
    "tasks.game24:is_solution": {"game": GAME, "steps": STEPS, "target": 24},
    "tasks.game24:moves": {"state": GAME},
    "tasks.game24:reachable": {"state": GAME, "target": 24},
    "tasks.game24:read_state": {"tokens": [0, 3, 5, 5]},
    "tasks.game24:read_step": {"tokens": encode_step(STEPS[0])},
    "tasks.game24:solutions": {"state": GAME, "target": 24},
    "tasks.game24:solving_steps": {"state": GAME, "target": 24},
    "tasks.game24:split_games": {
        "every": [GAME, (4, 6), (3, 8), (1, 1)],
        "tests": 1,
        "generator": chance(),
    },
    "tasks.in_context:LabelledExamples": {
        "kinds": 2,
        "words": Work(4),
        "words_per_example": 2,
        "tilt": 2.0,
        "mapping": "fixed",
        "burst": 0.5,
        "decay": 0.5,
        "null_share": 0.25,
        "null_tilts": (1.0, 0.0),
    },
    "tasks.in_context:LabelledExamples.batch": {
        "self": FAMILY,
        "examples": EXAMPLES,
        "signal": "label",
    },
    "tasks.in_context:LabelledExamples.draw_words": {
        "self": FAMILY,
        "kinds": torch.tensor([[0, 1, 1]]),
        "generator": chance(),
    },
    "tasks.in_context:LabelledExamples.label_log_probs": {
        "self": FAMILY,
        "logits": normal(2, 12, FAMILY.vocab_size),
    },
    "tasks.in_context:LabelledExamples.length": {"self": FAMILY, "examples": 3},
    "tasks.in_context:LabelledExamples.log_likelihood": {"self": FAMILY, "words": TEXTS["words"]},
    "tasks.in_context:LabelledExamples.log_posterior": {"self": FAMILY, **TEXTS},
    "tasks.in_context:LabelledExamples.null_log_probs": {"self": FAMILY},
    "tasks.in_context:LabelledExamples.sample": {"self": FAMILY, **DRAWN, "examples": Work(3)},
    "tasks.in_context:LabelledExamples.tokens": {"self": FAMILY, **TEXTS},
    "tasks.in_context:LabelledExamples.word_log_probs": {"self": FAMILY},
    "tasks.instructions:composed": {
        "first": Fixed(TASKS[3]),
        "second": Fixed(TASKS[6]),
        "number": 0,
        "row": ROW,
    },
    "tasks.instructions:draw_instructed": {
        "tasks": TASKS[:2],
        "templates": {TASKS[0].name: (0, 1), TASKS[1].name: (2,)},
        **DRAWN,
        "test": False,
        "instruction": True,
    },
    "tasks.instructions:draw_rows": {"symbols": LETTERS, **DRAWN, "test": False},
    "tasks.instructions:encode": {"words": ["<end>", "=", "a"]},
    "tasks.instructions:instructed": {"task": TASKS[3], "number": 1, "row": ROW},
    "tasks.instructions:rows_of": {"symbols": LETTERS, "test": True},
    "tasks.instructions:split_templates": {"generator": chance(), "training": 6, "new": 3},
    "tasks.instructions:template": {"task": TASKS[3], "number": 1},
    "tasks.item_labels:ItemLabels": {
        "items": Work(6),
        "labels": 3,
        "pairs": Work(4),
        "copies": 2,
        "mapping": "fixed",
        "bursty": True,
    },
    "tasks.item_labels:ItemLabels.batch": {
        "self": ITEMS,
        "documents": ITEMS.sample(2, chance()),
    },
    "tasks.item_labels:ItemLabels.in_context_test": {"self": ITEMS, **DRAWN},
    "tasks.item_labels:ItemLabels.in_weights_test": {"self": ITEMS, **DRAWN},
    "tasks.item_labels:ItemLabels.label_log_probs": {
        "self": ITEMS,
        "logits": normal(2, ITEMS.length, ITEMS.vocab_size),
    },
    "tasks.item_labels:ItemLabels.posterior": {
        "self": ITEMS,
        "documents": ITEMS.sample(2, chance()),
    },
    "tasks.item_labels:ItemLabels.sample": {"self": ITEMS, **DRAWN},
    "tasks.item_labels:ItemLabels.usual_label": {"self": ITEMS, "items": DIGITS},
    "tasks.other_text:MixedDocuments": {
        "family": PLAIN,
        "share": 0.5,
        "frequencies": (0.8, 0.2),
    },
    "tasks.other_text:MixedDocuments.log_posterior": {
        "self": MIXED,
        "words": MIXED_DRAWN.words,
        "labels": MIXED_DRAWN.labels,
    },
    "tasks.other_text:MixedDocuments.sample": {"self": MIXED, **DRAWN, "examples": Work(3)},
    "tasks.permutations:permutations_by_swaps": {"letters": 3},
    "tasks.repeated_texts:RepeatedTexts": {
        "symbols": 9,
        "length": 7,
        "shortest": 2,
        "longest": 3,
        "share": 0.5,
    },
    "tasks.repeated_texts:RepeatedTexts.block_texts": {
        "self": RepeatedTexts(9, 7, 3, 3),
        **DRAWN,
        "block": 3,
        "times": Work(2),
    },
    "tasks.repeated_texts:RepeatedTexts.draw": {"self": RepeatedTexts(9, 7, 3, 3), **DRAWN},
    "tasks.scratchpad:ScratchpadTask": {"automaton": SUM, "slots": 3},
    "tasks.scratchpad:ScratchpadTask.answer_place": {"self": PAD, "form": "direct"},
    "tasks.scratchpad:ScratchpadTask.batch": {
        "self": PAD,
        "rows": PAD.rows(INPUTS, "scratchpad"),
    },
    "tasks.scratchpad:ScratchpadTask.decode": {"self": PAD, "ids": [1, 2, 3]},
    "tasks.scratchpad:ScratchpadTask.questions": {"self": PAD, "inputs": INPUTS},
    "tasks.scratchpad:ScratchpadTask.rows": {
        "self": PAD,
        "inputs": INPUTS,
        "form": "after",
        "states": torch.tensor([[0, 1, 2], [2, 2, 2]]),
    },
    "tasks.sinusoids:Sinusoids": {"low": 0.5, "high": 2.0},
    "tasks.sinusoids:Sinusoids.best_prediction": {
        "self": WAVES,
        "shown": SHOWN,
        "x": SHOWN.x,
        "cells": Work(50),
    },
    "tasks.sinusoids:Sinusoids.draw": {"self": WAVES, **DRAWN},
    "tasks.sinusoids:Sinusoids.error_of_mean": {"self": WAVES},
    "tasks.sinusoids:Sinusoids.grid": {"self": WAVES, "tasks": WAVE, "points": Work(3)},
    "tasks.sinusoids:Sinusoids.mean": {"self": WAVES, "x": SHOWN.x},
    "tasks.sinusoids:Sinusoids.sample": {
        "self": WAVES,
        "tasks": WAVE,
        "points": Work(3),
        "generator": chance(),
    },
    "tasks.sinusoids:Sinusoids.values": {"self": WAVES, "tasks": WAVE, "x": SHOWN.x},
}
