"""Shares of right answers, on readers whose answers are known beforehand."""

import pytest
import torch

from nlgnotes.experiments.instruction_tuning import accuracy
from nlgnotes.tasks.instructions import WORDS
from nlgnotes.tasks.row_tasks import DIGITS, LETTERS, TASKS

OF = {task.name: task for task in TASKS}
ALL = {task.name: range(10) for task in TASKS}
EQUALS, END = 1, 0


class Reader:
    """Logits of a reader that always does one task, with the first row that it has read last."""

    def __init__(self, solve, row=lambda words: words[-4:]):
        self.solve, self.row = solve, row

    def __call__(self, tokens):
        out = torch.zeros(*tokens.shape, len(WORDS))
        for i, text in enumerate(tokens.tolist()):
            marks = [j for j, token in enumerate(text) if token == EQUALS]
            start = marks[-1]
            words = [WORDS[token] for token in text[1:start]]
            symbols = [w for w in words if w in (*LETTERS, *DIGITS)]
            answer = [*self.solve(tuple(self.row(symbols))), "<end>"]
            for place, word in enumerate(answer):
                if start + place < tokens.shape[1]:
                    out[i, start + place, WORDS.index(word)] = 1
        return out


def test_a_reader_of_one_task_is_right_in_that_task_alone():
    reader = Reader(OF["reverse"].solve)
    tasks = [OF["reverse"], OF["copy"], OF["largest"]]
    plain = {task.name: range(8) for task in tasks}
    found = accuracy.instructed_share(reader, tasks, plain, 50, 0)
    assert found["reverse"] == 1 and found["copy"] < 0.2 and found["largest"] == 0
    assert accuracy.headed_share(reader, tasks, 40, 0)["reverse"] == 1
    assert accuracy.by_shots(reader, tasks, (0, 3), 40, 0)["3"]["reverse"] == 1
    bare = accuracy.instructed_share(reader, tasks, plain, 50, 0, instruction=False)
    assert bare["reverse"] == 1


def test_chance_is_the_best_constant_answer_and_no_reader_of_one_answer_beats_it():
    tasks = [OF["vowels"], OF["reverse"]]
    best = accuracy.chance(tasks, ALL, 200, 0)
    assert 0.3 < best["vowels"] < 0.6 and best["reverse"] < 0.03
    constant = [
        accuracy.instructed_share(Reader(lambda x, d=d: (d,)), [OF["vowels"]], ALL, 200, 0)
        for d in "01234"
    ]
    assert max(found["vowels"] for found in constant) == best["vowels"]


def test_the_tokens_of_prompts_are_counted():
    found = accuracy.prompt_tokens([OF["copy"], OF["first"]], ALL, (1, 2), 10, 0)
    # copy: 4 + 1 + 4 + 1 tokens an example; first: 7; and 5 of the question
    assert found["1"] == 8.5 + 5 and found["2"] == 17 + 5 and 8 < found["instruction"] < 14


def test_another_instruction_tells_who_obeys():
    tasks = [OF["reverse"], OF["rotate"], OF["copy"]]
    deaf = accuracy.other_instruction(Reader(OF["reverse"].solve), tasks, ALL, 60, 0)
    # Of three tasks a deaf reader of one is right in a third, under any instruction.
    assert deaf["n"] > 150 and abs(deaf["own"] - 1 / 3) < 0.1
    assert abs(deaf["right task"] - 1 / 3) < 0.1 and abs(deaf["instructed task"] - 1 / 3) < 0.1


def test_who_obeys_writes_the_answer_of_the_instructed_task():
    tasks = [OF["first"], OF["last"]]

    class Obedient(Reader):
        def __call__(self, tokens):
            words = [{WORDS[token] for token in text} for text in tokens.tolist()]
            first = [bool({"first", "initial", "opening", "start"} & w) for w in words]
            parts = [
                Reader(OF["first" if is_first else "last"].solve)(tokens[i : i + 1])
                for i, is_first in enumerate(first)
            ]
            return torch.cat(parts)

    found = accuracy.other_instruction(Obedient(None), tasks, ALL, 60, 0)
    assert found["own"] == found["instructed task"] == 1 and found["right task"] == 0


def test_other_symbols_are_asked_where_the_task_has_a_meaning():
    reader = Reader(OF["reverse"].solve)
    tasks = [OF[name] for name in ("reverse", "largest", "next", "add ends", "even first")]
    found = accuracy.other_symbols(reader, tasks, ALL, 30, 0)
    assert found["usual"].keys() == found["other"].keys() == {"reverse", "largest"}
    assert found["usual"]["reverse"] == found["other"]["reverse"] == 1


def test_compositions_are_told_from_their_parts():
    both = Reader(lambda x: OF["next"].solve(OF["reverse"].solve(x)))
    found = accuracy.compositions(both, [OF["reverse"], OF["next"]], 20, 0)
    assert found["composed"] == 1 and found["first alone"] == found["second alone"] == 0
    # Only reverse and then first compose here: whoever reverses does the first alone.
    half = accuracy.compositions(Reader(OF["reverse"].solve), [OF["reverse"], OF["first"]], 20, 0)
    assert half["first alone"] == 1 and half["composed"] == half["second alone"] == 0
    with pytest.raises(ValueError, match="tasks must hold two that compose"):
        accuracy.compositions(both, [OF["copy"]], 5, 0)


def test_a_template_that_turns_nothing_around():
    templates = {"copy": (8, 3, 9, 5)}
    assert {accuracy.plain_template(OF["copy"], templates, i) for i in range(4)} == {3, 5}
    with pytest.raises(ValueError, match="templates must hold one of 0 to 7"):
        accuracy.plain_template(OF["copy"], {"copy": (8, 9)}, 0)
