"""Negative training: the loss by hand, frequent replies, and the safe reply unlearned."""

from collections import deque

import pytest
import torch

from nlgnotes.batches import document_batch, reply_batch
from nlgnotes.decoding.documents import generate_documents
from nlgnotes.documents import Documents
from nlgnotes.equations.sampling import Sampler
from nlgnotes.languages import Dialogue, Markov
from nlgnotes.networks.transformer import Decoder, DecoderConfig
from nlgnotes.randomness import generator
from nlgnotes.training.likelihood import next_token_loss, token_nll
from nlgnotes.training.loop import fit
from nlgnotes.training.negative import FrequentReplies, bad_replies, negative_training

CONFIG = DecoderConfig(vocab_size=12, context=32, width=16, layers=1, heads=2, hidden=32)
LANGUAGE = Markov.even(12, generator(0, "finetuning"))
OPTIONS = {"learning_rate": 3e-3, "progress": False}
TOPICS = 3


def draw(g):
    return document_batch(LANGUAGE.sample(8, g, max_length=24))


def fresh(seed=0, config=CONFIG):
    return Decoder(config, generator(seed, "weights"))


def same(a, b):
    return all(torch.equal(p, q) for p, q in zip(a.parameters(), b.parameters(), strict=True))


def test_a_reply_batch_counts_what_the_model_gives_to_the_reply():
    language = Dialogue.standard(TOPICS)
    queries, replies = language.sample_pairs(9, generator(0, "pairs"))
    batch = reply_batch(queries, replies)
    assert batch.mask.sum(-1).tolist() == replies.lengths.tolist()
    config = DecoderConfig(language.vocab_size, 96, 16, 1, 2, 32)
    model = fresh(config=config)
    nll = token_nll(model, language.joined(queries, replies))
    with torch.no_grad():
        scores = model(batch.inputs).log_softmax(-1).gather(-1, batch.targets[..., None])[..., 0]
    for i in range(9):
        start, end = int(queries.lengths[i]), int(queries.lengths[i] + replies.lengths[i])
        assert float(scores[i][batch.mask[i]].sum()) == pytest.approx(
            -float(nll[i, start:end].sum()), rel=1e-5
        )


@pytest.mark.parametrize("seed", range(5))
def test_frequent_replies_against_counting_the_window_anew(seed):
    g, past = generator(seed, "replies"), deque(maxlen=20)
    frequent = FrequentReplies(window=20, threshold=0.15)
    for _ in range(12):
        replies = Documents.from_lists(
            [[int(i), 0] for i in (torch.rand(7, generator=g) ** 2 * 5).long() + 1]
        )
        rows = [tuple(row) for row in replies.tokens.tolist()]
        past.extend(rows)
        assert frequent(replies).tolist() == [past.count(row) > 3 for row in rows]


def test_frequent_replies_refuse_what_makes_no_sense():
    with pytest.raises(ValueError, match="window"):
        FrequentReplies(window=0)
    with pytest.raises(ValueError, match="threshold must lie in"):
        FrequentReplies(threshold=1.0)


def test_the_first_loss_of_negative_training_by_hand():
    language = Dialogue.standard(TOPICS)
    model = fresh(config=DecoderConfig(language.vocab_size, 96, 16, 1, 2, 32))
    queries, good = language.sample_pairs(6, generator(0, "pairs"))
    said = []

    def is_bad(replies):
        said.append(replies)
        return torch.tensor([True, False, True, False, False, False])

    def total(q, r):
        return -token_nll(model, language.joined(q, r) if r is good else joined(q, r)).sum(
            -1
        ) + token_nll(model, q).sum(-1)

    def joined(q, r):
        rows = [
            q.tokens[i, : q.lengths[i]].tolist() + r.tokens[i, : r.lengths[i]].tolist()
            for i in range(len(q))
        ]
        return Documents.from_lists(rows)

    options = {"steps": 1, "generator": generator(0, "run"), **OPTIONS}
    bad = bad_replies(model, lambda g: queries, is_bad, max_new_tokens=5)
    before = {k: v.clone() for k, v in model.state_dict().items()}
    run = negative_training(model, bad, lambda g: reply_batch(queries, good), weight=0.5, **options)
    model.load_state_dict(before)
    rows = torch.tensor([0, 2])
    expected = (
        -total(queries, good).mean()
        + 0.5 * total(queries.select(rows), said[0].select(rows)).mean()
    )
    assert run.losses[0] == pytest.approx(float(expected), rel=1e-4)
    assert run.tokens == int(good.lengths.sum() + said[0].lengths[rows].sum())


def test_the_loss_falls_without_bound_where_nothing_good_holds_it():
    language = Dialogue.standard(TOPICS, named=1.0)
    model = fresh(config=DecoderConfig(language.vocab_size, 96, 32, 1, 2, 64))

    def pairs(g):
        return reply_batch(*language.sample_pairs(32, g))

    def ask(g):
        return language.sample_pairs(32, g)[0]

    def generic(replies):
        return language.in_list(replies) == 0

    fit(
        model, pairs, steps=150, learning_rate=1e-2, generator=generator(0, "learn"), progress=False
    )
    weights = {k: v.clone() for k, v in model.state_dict().items()}
    queries, good = language.sample_pairs(200, generator(1, "test"))
    specific = language.in_list(good) > 0

    def measured():
        said = generate_documents(
            model, queries, max_new_tokens=12, sampler=Sampler(), generator=generator(2, "said")
        )
        batch = reply_batch(queries.select(specific), good.select(specific))
        with torch.no_grad():
            return float(generic(said).float().mean()), float(
                next_token_loss(model(batch.inputs), batch.targets, batch.mask)
            )

    options = {"steps": 60, "learning_rate": 3e-3, "progress": False}
    share, nll = measured()
    own = bad_replies(model, ask, generic, max_new_tokens=12)
    negative_training(model, own, pairs, generator=generator(3, "held"), **options)
    held_share, held_nll = measured()
    assert 0.35 < share < 0.65 and held_share < 0.2 and held_nll < nll + 0.2
    # Given bad replies and nothing good: the loss goes on falling, and the good replies go too.
    model.load_state_dict(weights)

    def given(g):
        asked = ask(g)
        return reply_batch(
            asked, language.replies.select(torch.zeros(len(asked), dtype=torch.long))
        )

    run = negative_training(model, given, None, generator=generator(4, "loose"), **options)
    assert run.losses[-1] < -30 < run.losses[0] and measured()[1] > nll + 1


def test_with_nothing_bad_and_nothing_good_nothing_moves():
    model, ask, none = (
        fresh(),
        (lambda g: LANGUAGE.sample(4, g, max_length=3)),
        (lambda r: torch.zeros(len(r), dtype=torch.bool)),
    )
    options = {"steps": 3, "weight_decay": 0.0, **OPTIONS}
    own = bad_replies(model, ask, none, max_new_tokens=3)
    run = negative_training(model, own, None, generator=generator(0), **options)
    assert run.losses == (0.0, 0.0, 0.0) and run.tokens == 0 and same(model, fresh())
    run = negative_training(model, own, draw, generator=generator(0), **options)
    assert run.losses[0] > 0 and not same(model, fresh())
    with pytest.raises(ValueError, match="weight must lie in"):
        negative_training(model, own, None, weight=-1, generator=generator(0), **options)


def test_what_the_model_samples_has_no_mean_gradient():
    """The expected gradient of log P(y) over the model's own y is 0, by enumeration."""
    model = fresh()
    score = model(torch.tensor([[0, 5]]))[0, -1].log_softmax(-1)
    (score.exp().detach() * score).sum().backward()
    assert max(float(p.grad.abs().max()) for p in model.parameters()) < 1e-6


def test_interrupted_and_resumed_equals_uninterrupted(tmp_path):
    def start(model, path=None, callback=None):
        own = bad_replies(
            model,
            lambda g: LANGUAGE.sample(6, g, max_length=4),
            lambda replies: replies.lengths > 2,
            max_new_tokens=5,
        )
        options = {"checkpoint": path, "checkpoint_every": 3, "callback": callback, **OPTIONS}
        return negative_training(
            model, own, draw, steps=7, generator=generator(0, "run"), **options
        )

    def interrupt(step, loss):
        if step == 4:
            raise KeyboardInterrupt

    whole, cut, other = fresh(), fresh(), fresh()
    expected = start(whole)
    with pytest.raises(KeyboardInterrupt):
        start(cut, tmp_path / "run", interrupt)
    assert start(other, tmp_path / "run").losses == expected.losses and same(whole, other)


def test_a_memory_that_is_not_in_the_file_is_refused(tmp_path):
    model = fresh()
    own = bad_replies(
        model, lambda g: LANGUAGE.sample(6, g, max_length=4), FrequentReplies(9), max_new_tokens=5
    )
    options = {"steps": 2, "generator": generator(0, "run"), **OPTIONS}
    with pytest.raises(ValueError, match="checkpoint must be None where FrequentReplies"):
        negative_training(model, own, draw, checkpoint=tmp_path / "run", **options)
    assert not (tmp_path / "run").exists() and same(model, fresh())
    assert negative_training(model, own, draw, **options).steps == 2


def test_another_weight_is_another_run(tmp_path):
    """Also where the first batch holds nothing bad, so that both begin alike."""

    def none_bad(replies):
        return torch.zeros(len(replies), dtype=torch.bool)

    def start(weight, steps=3):
        model = fresh()
        own = bad_replies(
            model, lambda g: LANGUAGE.sample(6, g, max_length=4), none_bad, max_new_tokens=5
        )
        options = {"steps": steps, "checkpoint": tmp_path / "run", **OPTIONS}
        return negative_training(model, own, draw, weight=weight, generator=generator(0), **options)

    assert start(1.0) == start(1)
    with pytest.raises(ValueError, match="other sizes or settings"):
        start(0.5)


@pytest.mark.parametrize(
    "bad",
    [
        torch.ones(6),
        torch.ones(5, dtype=torch.bool),
        torch.ones(6, 1, dtype=torch.bool),
        torch.ones(6, dtype=torch.long),
        torch.ones((), dtype=torch.bool),
    ],
)
def test_a_rule_says_it_of_every_reply(bad):
    own = bad_replies(
        fresh(), lambda g: LANGUAGE.sample(6, g, max_length=4), lambda r: bad, max_new_tokens=5
    )
    with pytest.raises(ValueError, match="is_bad must give a boolean for each of 6 replies"):
        own(generator(0))


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_ill_weights_name_the_step(value):
    model = fresh()

    def spoil(step, loss):
        if step == 2:
            with torch.no_grad():
                model.norm[0] = value

    options = {"steps": 4, "generator": generator(0), "callback": spoil, **OPTIONS}
    with pytest.raises(FloatingPointError, match=r"must be finite.*at step 2"):
        negative_training(model, lambda g: None, draw, **options)
