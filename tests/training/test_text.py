"""Text models: openings, windows and bits per byte, by hand and by a second road."""

import math

import pytest
import torch

from nlgnotes.intervals import Interval
from nlgnotes.networks.transformer import Decoder, DecoderConfig
from nlgnotes.randomness import generator
from nlgnotes.text.tokenizer import ByteBPE
from nlgnotes.training.text import document_nats, openings, text_metrics, windows

TEXTS = ["abc abc", "b", "the cat sat on the mat, and the dog on the log " * 3]


@pytest.fixture(scope="module")
def tokenizer():
    return ByteBPE.train(TEXTS, 270)


def test_openings_are_the_first_tokens_of_the_texts_that_are_long_enough(tokenizer):
    rows = openings(tokenizer, TEXTS, 4)
    assert rows.shape == (2, 4) and (rows[:, 0] == 0).all()
    for row, text in zip(rows, (TEXTS[0], TEXTS[2]), strict=True):
        assert row[1:].tolist() == tokenizer.encode(text)[:3]
    with pytest.raises(ValueError, match="texts must hold one of 500 tokens"):
        openings(tokenizer, TEXTS, 500)
    with pytest.raises(ValueError, match="length must be"):
        openings(tokenizer, TEXTS, 0)


def test_windows_are_pieces_of_the_documents_in_a_row(tokenizer):
    draw = windows(tokenizer, TEXTS, 6, 8, generator(0, "order"))
    row = [0]
    for i in torch.randperm(3, generator=generator(0, "order")).tolist():
        row += [*tokenizer.encode(TEXTS[i]), 0]
    row += row[1:7]
    pieces = {tuple(row[i : i + 7]) for i in range(len(row) - 6)}
    starts = {tuple(row[i : i + 7]) for i in range(len(row) - 6) if row[i] == 0}
    for n in range(20):
        batch = draw(generator(n, "batch"))
        assert bool(batch.mask.all()) and batch.inputs.shape == (8, 6)
        whole = torch.cat([batch.inputs, batch.targets[:, -1:]], 1)
        assert torch.equal(whole[:, 1:], batch.targets)
        assert {tuple(w) for w in whole.tolist()} <= pieces
        assert {tuple(w) for w in whole[:4].tolist()} <= starts, "half of them start at a document"


@pytest.mark.parametrize("longest", [7, 8])
def test_every_token_is_scored_once_with_at_least_half_a_context(tokenizer, longest):
    config = DecoderConfig(tokenizer.vocab_size, longest, 16, 1, 2, 32)
    model = Decoder(config, generator(0, "weights")).eval()
    half, step = longest // 2, longest - longest // 2
    found = text_metrics(model, tokenizer, TEXTS)
    total, tokens = 0.0, 0
    for text in TEXTS:
        ids = [0, *tokenizer.encode(text), 0]
        for t in range(1, len(ids)):
            # A token in the second half of its window: pieces begin every `step`.
            begin = 0 if t <= longest else step * ((t - half - 1) // step)
            context = [0, *ids[begin + 1 : t]] if begin else ids[:t]
            with torch.no_grad():
                total -= float(model(torch.tensor([context]))[0, -1].log_softmax(-1)[ids[t]])
            tokens += 1
    size = sum(len(t.encode()) for t in TEXTS)
    assert Interval(**found["bits_per_byte"]).value == pytest.approx(
        total / math.log(2) / size, rel=1e-4
    )
    assert Interval(**found["nats_per_token"]).value == pytest.approx(total / tokens, rel=1e-4)


@pytest.mark.parametrize("context", [1, 5, 30, 200])
@pytest.mark.parametrize("texts", [["a"], [""], ["ab", ""], ["", ""]])
def test_windows_of_a_short_row_go_round_it(tokenizer, context, texts):
    batch = windows(tokenizer, texts, context, 6, generator(0, "order"))(generator(1))
    assert batch.inputs.shape == (6, context)
    ids = {0, *(i for text in texts for i in tokenizer.encode(text))}
    assert set(batch.targets.flatten().tolist()) <= ids
    assert torch.equal(batch.inputs[:, 1:], batch.targets[:, :-1])


def test_texts_that_cannot_be_scored_are_named(tokenizer):
    model = Decoder(DecoderConfig(tokenizer.vocab_size, 8, 16, 1, 2, 32), generator(0))
    for texts in ([], ["abc"], ["", ""]):
        with pytest.raises(ValueError, match="texts must hold at least 2 documents and 1 byte"):
            text_metrics(model, tokenizer, texts)
    with pytest.raises(ValueError, match="texts must hold at least one"):
        windows(tokenizer, [], 5, 2, generator(0))
    narrow = Decoder(DecoderConfig(tokenizer.vocab_size, 1, 16, 1, 2, 32), generator(0))
    with pytest.raises(ValueError, match="context must be an integer of at least 2"):
        text_metrics(narrow, tokenizer, TEXTS)


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_ill_logits_have_no_bits_per_byte(tokenizer, value):
    model = Decoder(DecoderConfig(tokenizer.vocab_size, 8, 16, 1, 2, 32), generator(0))
    with torch.no_grad():
        model.norm[3] = value
    with pytest.raises(ValueError, match="model must give logits without NaN"):
        text_metrics(model, tokenizer, TEXTS)


def test_each_document_costs_what_it_costs_alone(tokenizer):
    config = DecoderConfig(tokenizer.vocab_size, 8, 16, 1, 2, 32)
    model = Decoder(config, generator(0, "weights")).eval()
    nats, counts = document_nats(model, tokenizer, TEXTS)
    assert counts.tolist() == [len(tokenizer.encode(text)) + 1 for text in TEXTS]
    alone = torch.cat([document_nats(model, tokenizer, [text])[0] for text in TEXTS])
    assert torch.allclose(nats, alone, atol=1e-4)
    with pytest.raises(ValueError, match="len.texts. must be"):
        document_nats(model, tokenizer, [])
