"""Texts that repeat: what is copied can be copied, and the share is what was asked for."""

import pytest
import torch

from nlgnotes.randomness import generator
from nlgnotes.tasks.repeated_texts import RepeatedTexts


def test_copied_tokens_are_told_by_the_text_before():
    task = RepeatedTexts(symbols=20, length=40, shortest=3, longest=12, share=0.5)
    drawn = task.draw(200, generator(0))
    assert drawn.tokens.shape == drawn.copied.shape == (200, 41) and not drawn.tokens[:, 0].any()
    for row, copied, period in zip(
        drawn.tokens.tolist(), drawn.copied.tolist(), drawn.periods.tolist(), strict=True
    ):
        assert all(1 <= token <= 20 for token in row[1:])
        if period == 0:
            assert not any(copied)
            continue
        assert 3 <= period <= 12
        # The block takes the places 1 to period. Its first token comes back at period + 1, where
        # nothing before tells it; each later one is told by the token before it.
        assert [i for i in range(41) if copied[i]] == list(range(period + 2, 41))
        assert all(row[i] == row[i - period] for i in range(period + 1, 41))


def test_share_symbols_and_periods_are_uniform():
    """Binomial counts within 5.5 deviations: a false alarm of at most 1e-6 in all."""
    drawn = RepeatedTexts(symbols=8, length=30, shortest=5, longest=8, share=0.25).draw(
        4000, generator(1)
    )
    repeats = int((drawn.periods > 0).sum())
    assert abs(repeats - 1000) < 5.5 * (4000 * 0.25 * 0.75) ** 0.5
    for period in range(5, 9):
        count = int((drawn.periods == period).sum())
        assert abs(count - repeats / 4) < 5.5 * (repeats * 3 / 16) ** 0.5
    first = drawn.tokens[:, 1]
    for token in range(1, 9):
        assert abs(int((first == token).sum()) - 500) < 5.5 * (4000 * 7 / 64) ** 0.5


@pytest.mark.parametrize(("share", "wanted"), [(0, False), (1, True)])
def test_none_and_all_repeat(share, wanted):
    drawn = RepeatedTexts(share=share).draw(50, generator(2))
    assert ((drawn.periods > 0) == wanted).all() and drawn.tokens.shape == (50, 129)


def test_batch_reads_each_token_but_the_last():
    drawn = RepeatedTexts().draw(3, generator(3))
    inputs, targets, mask = drawn.batch
    assert torch.equal(inputs[:, 1:], targets[:, :-1]) and mask.all()
    assert torch.equal(torch.cat((inputs[:, :1], targets), 1), drawn.tokens)


def test_blocks_hold_different_tokens():
    tokens = RepeatedTexts(symbols=30).block_texts(40, 25, 4, generator(4))
    assert tokens.shape == (40, 101) and not tokens[:, 0].any()
    blocks = tokens[:, 1:].view(40, 4, 25)
    assert (blocks == blocks[:, :1]).all()
    assert all(len(set(row)) == 25 for row in blocks[:, 0].tolist())
    assert int(tokens.max()) == 30 and int(blocks.min()) == 1


def test_errors_say_what_is_wrong():
    for wrong, match in (
        ({"symbols": 0}, "symbols must be"),
        ({"shortest": 9, "longest": 8}, "longest must be"),
        ({"length": 48}, "longest must be"),
        ({"share": 1.1}, "share must lie"),
    ):
        with pytest.raises(ValueError, match=match):
            RepeatedTexts(**wrong)
    with pytest.raises(ValueError, match="n must be"):
        RepeatedTexts().draw(0, generator(0))
    with pytest.raises(ValueError, match="block must be"):
        RepeatedTexts(symbols=9).block_texts(1, 10, 1, generator(0))
