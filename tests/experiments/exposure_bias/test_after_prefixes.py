"""What a model does after prefixes: tables with one row a prefix."""

import torch

from nlgnotes.experiments.exposure_bias import prefix_switching as ps
from nlgnotes.experiments.exposure_bias.conditional import DIVERGENCES
from nlgnotes.experiments.exposure_bias.marginal import SCORES
from nlgnotes.experiments.exposure_bias.prefixes import KINDS, four_prefixes
from nlgnotes.languages import Newswire
from nlgnotes.networks.transformer import Decoder, DecoderConfig
from nlgnotes.randomness import generator

TOY = Newswire.toy()


MODEL = Decoder(
    DecoderConfig(TOY.vocab_size, context=16, width=12, layers=1, heads=2, hidden=16), generator(0)
)


FOUR = four_prefixes(MODEL, TOY, 30, 3, generator(1))


def test_no_gap_is_right_after_the_prefix():
    right, gap = (
        ps.at_length(MODEL, TOY, FOUR),
        ps.after_gaps(MODEL, TOY, FOUR, [0, 2], generator(2)),
    )
    for kind in KINDS:
        for name in DIVERGENCES:
            assert right[kind][name].shape == (30, 1) and gap[kind][name].shape == (30, 2)
            assert torch.allclose(right[kind][name], gap[kind][name][:, :1])


def test_what_is_written_is_scored_text_by_text_and_its_diversity_group_by_group():
    table = ps.written_after(MODEL, TOY, FOUR, 3, generator(3), references=40, group=10)
    assert set(table["data"]) == set(SCORES)
    for kind in KINDS:
        assert table[kind]["nats"].shape == (30, 2) and table[kind]["distinct"].shape == (3, 1)
        assert not table[kind]["nats"].isnan().any() and (table[kind]["nats"][:, 1] <= 3).all()


def test_texts_of_every_decoder_begin_with_true_words():
    table = ps.along_texts(MODEL, TOY, 20, 3, generator(4), start=2)
    assert set(table) == {"data", *ps.DECODERS}
    assert table["greedy"]["kl"].shape == (20, 3) and not table["greedy"]["kl"][:, 0].isnan().any()
