"""Dates mean one day, are split by day, and reach both designs as the same tokens; copying is
copying.
"""

import math
import re
from datetime import date, timedelta

import pytest
import torch
from babel import Locale
from babel.dates import format_date, get_date_format
from hypothesis import given, settings
from hypothesis import strategies as st

from nlgnotes.batches import encoder_decoder_batch
from nlgnotes.decoding.generation import generate
from nlgnotes.equations.metrics import exact_match
from nlgnotes.equations.sampling import TopK
from nlgnotes.networks.encoder_decoder import EncoderDecoder, EncoderDecoderConfig
from nlgnotes.networks.transformer import Decoder, DecoderConfig
from nlgnotes.randomness import generator
from nlgnotes.tasks import GROUPS, KINDS, LOCALES, Dates, DateTask, by_group, copies, date_split
from nlgnotes.training.loop import fit

LEAP = [date(2024, 1, 1) + timedelta(i) for i in range(366)]
FEW = Dates(("en", "de", "ru", "zh"), 2000, 2039)


def test_at_least_fifty_locales_each_in_one_group():
    assert len(LOCALES) == len(set(LOCALES)) == sum(map(len, GROUPS.values())) >= 50
    assert len({Locale.parse(locale).language_name for locale in LOCALES}) == len(LOCALES)


def test_a_date_determines_its_day():
    """Each format writes day, month and the whole year, in a Gregorian calendar, and all days of a
    leap year differ.
    """
    words = set(Dates().words)
    for locale in LOCALES:
        for style in ("long", "full"):
            pattern = re.sub("'[^']*'", "", get_date_format(style, locale).pattern)
            assert (
                re.search("d", pattern)
                and re.search("[ML]", pattern)
                and re.search("(?<!y)(y|yyyy)(?!y)", pattern)
            ), (locale, pattern)
            texts = [
                DateTask(day, locale, f"read {style}").source
                for day in LEAP[:: 1 if locale in ("en", "mt", "lo") else 5]
            ]
            assert len(set(texts)) == len(texts)
            assert set("".join(texts)) <= words
            assert (
                len({format_date(date(2024, month, 9), style, locale) for month in range(1, 13)})
                == 12
            )


def test_reading_and_writing_by_hand():
    day = date(2024, 3, 5)
    read, write = DateTask(day, "de", "read full"), DateTask(day, "de", "write long")
    assert (read.source, read.target, read.tags) == (
        "Dienstag, 5. März 2024",
        "2024-03-05",
        ("<read>", "<de>", "<full>"),
    )
    assert (write.source, write.target, write.tags) == (
        "2024-03-05",
        "5. März 2024",
        ("<write>", "<de>", "<long>"),
    )
    assert DateTask(day, "ja", "write full").target == "2024年3月5日火曜日"


def test_the_split_is_by_day():
    """No test day is drawn for training in any language or direction; the share is a tenth
    (binomial, 5.5 sigma: once in 2e7).
    """
    days = [date(1900, 1, 1) + timedelta(i) for i in range(73049)]
    share = sum(date_split(day) == "test" for day in days) / len(days)
    assert abs(share - 0.1) < 5.5 * math.sqrt(0.09 / len(days))
    for split in ("train", "test"):
        tasks = FEW.draw(200, generator(0), split=split)
        assert {date_split(task.day) for task in tasks} == {split}
    assert sorted(FEW.days("train") + FEW.days("test")) == [
        d for d in days if 2000 <= d.year < 2040
    ]


def test_draws_are_uniform_and_come_from_the_generator():
    tasks = FEW.draw(6000, generator(1))
    assert tasks == FEW.draw(6000, generator(1)) and tasks != FEW.draw(6000, generator(2))
    for of, choices in ((lambda t: t.locale, FEW.locales), (lambda t: t.kind, KINDS)):
        for choice in choices:  # binomial, 5.5 sigma
            p = 1 / len(choices)
            assert abs(sum(of(t) == choice for t in tasks) / 6000 - p) < 5.5 * math.sqrt(
                p * (1 - p) / 6000
            )
    assert {t.kind for t in FEW.draw(50, generator(1), kinds=["write full"], locales=["zh"])} == {
        "write full"
    }


@settings(max_examples=30, deadline=None)
@given(
    st.dates(date(1900, 1, 1), date(2099, 12, 31)),
    st.sampled_from(LOCALES),
    st.sampled_from((*KINDS, "write full")),
)
def test_encoding_round_trip(day, locale, kind):
    dates, task = Dates(), DateTask(day, locale, kind)
    source, target = dates.encode(task)
    assert (
        dates.decode(source) == "".join(task.tags) + task.source
        and dates.decode([*target, 0, 5]) == task.target
    )
    assert 0 not in source + target and max(source + target) < dates.vocab_size == len(
        set(dates.words)
    )


@pytest.mark.parametrize("seed", range(3))
def test_exact_match_is_what_greedy_writing_gives(seed):
    """Two roads, on models trained a little so that some are right: the argmax given the target,
    and the text itself.
    """
    model = EncoderDecoder(
        EncoderDecoderConfig(4, 8, width=32, encoder_layers=1, layers=1, heads=2, hidden=16),
        generator(seed),
    )
    g = generator(seed, "rows")

    def draw(g):
        rows = torch.randint(1, 4, (32, 2), generator=g).tolist()
        return encoder_decoder_batch(rows, rows)

    fit(model, draw, steps=80, learning_rate=1e-2, generator=g, progress=False)
    rows = [[a, b] for a in range(1, 4) for b in range(1, 4)]
    batch = encoder_decoder_batch(rows, rows)
    matches = exact_match(model(batch.inputs), batch.targets, batch.mask)
    written = generate(
        model.read(batch.inputs.source, batch.inputs.mask),
        torch.zeros(9, 1, dtype=torch.long),
        max_new_tokens=4,
        sampler=TopK(1),
        generator=g,
        stop_token=0,
    )
    expected = [
        w[:n] == [*row, 0]
        for w, n, row in zip(written.tokens.tolist(), written.lengths.tolist(), rows, strict=True)
    ]
    assert matches.tolist() == expected and any(expected)


def test_copies():
    batch = copies(400, 2, 6, 5, generator(0))
    lengths = []
    for inputs, targets, mask in zip(*(t.tolist() for t in batch), strict=True):
        n = inputs.index(0)
        lengths.append(n)
        row = inputs[:n]
        assert inputs[: 2 * n + 1] == [*row, 0, *row] and targets[: 2 * n + 1] == [
            *row[1:],
            0,
            *row,
            0,
        ]
        assert mask == [n <= i <= 2 * n for i in range(len(mask))] and not any(inputs[2 * n + 1 :])
    for n in range(2, 7):  # binomial, 5.5 sigma
        assert abs(lengths.count(n) / 400 - 0.2) < 5.5 * math.sqrt(0.16 / 400)
    model = Decoder(DecoderConfig(6, 13, width=8, layers=1, heads=2, hidden=8), generator(0))
    assert exact_match(model(batch.inputs), batch.targets, batch.mask).shape == (400,)


def test_by_group():
    day = date(2024, 3, 5)
    tasks = [DateTask(day, locale, "read long") for locale in ("de", "ja", "en", "zh", "ko")]
    assert by_group(tasks, torch.tensor([True, False, False, True, True])) == {
        "Germanic": (1, 2),
        "East Asian": (2, 3),
    }


def test_bad_arguments_are_named():
    with pytest.raises(
        ValueError, match="locales must be different ones of en, de, .*; got \\('xx',\\)"
    ):
        Dates(("xx",))
    with pytest.raises(ValueError, match="first must be an integer of at least 1000; got 99"):
        Dates(("en",), 99, 2000)
    with pytest.raises(ValueError, match="last must be at most 9999"):
        Dates(("en",), 2000, 10000)
    with pytest.raises(ValueError, match="split must be 'train' or 'test'; got 'dev'"):
        FEW.draw(1, generator(0), split="dev")
    with pytest.raises(ValueError, match="kinds must be some of read long, .*; got \\('read',\\)"):
        FEW.draw(1, generator(0), kinds=["read"])
    with pytest.raises(ValueError, match="locales must be some of en, de, ru, zh; got \\('fr',\\)"):
        FEW.draw(1, generator(0), locales=["fr"])
    with pytest.raises(
        ValueError, match="task must be written in this object's words; got \\['<fr>'"
    ):
        FEW.encode(DateTask(date(2024, 8, 1), "fr", "read long"))
    with pytest.raises(ValueError, match="longest must be an integer of at least 3; got 2"):
        copies(1, 3, 2, 4, generator(0))
    with pytest.raises(ValueError, match="matches must be one per task, 0; got torch.bool of"):
        by_group([], torch.tensor([True]))
