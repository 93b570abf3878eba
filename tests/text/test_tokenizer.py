"""Byte-pair encoding: by hand, against the slow oracle, and round trips of anything."""

import copy
import itertools
import json
import pickle
import random
from collections import Counter

import numpy as np
import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st

from nlgnotes.text.tokenizer import ByteBPE, pieces

ENGLISH = [
    "The cat sat on the mat, and the other cat sat on that hat.",
    "Return the sum of the items; they are numbers.",
] * 2
TRAINED = ByteBPE.train(ENGLISH, 300)
A, B, C, D = (ord(c) + 1 for c in "abcd")
any_text = st.text(st.characters(exclude_categories=["Cs"]))


def test_by_hand():
    # aaabdaaabac: the pair aa stands 4 times (overlaps count) and ab twice, so aa is 257. In
    # 257 a b d 257 a b a c the pairs (257, a) and (a, b) stand twice: the smaller ids win, ab is
    # 258. In 257 258 d 257 258 a c only (257, 258) stands twice.
    tokenizer = ByteBPE.train(["aaabdaaabac"], 260)
    assert tokenizer.merges == ((A, A), (A, B), (257, 258))
    assert tokenizer.encode("aaabdaaabac") == [259, D, 259, A, C]
    assert [tokenizer.token_bytes(i) for i in (0, A, 257, 258, 259)] == [
        b"",
        b"a",
        b"aa",
        b"ab",
        b"aaab",
    ]


def test_learning_stops_when_no_pair_occurs_twice():
    assert ByteBPE.train(["abcd"], 300).merges == ()
    assert ByteBPE.train([], 300).vocab_size == 257


def slow_train(texts, vocab_size):
    """Count all pairs of all pieces anew for each merge."""
    words = [[b + 1 for b in piece.encode()] for text in texts for piece in pieces(text)]
    merges = []
    while 257 + len(merges) < vocab_size:
        counts = Counter(pair for word in words for pair in itertools.pairwise(word))
        if not counts or max(counts.values()) < 2:
            break
        best = min(counts, key=lambda pair: (-counts[pair], pair))
        words = [slow_merge(word, best, 257 + len(merges)) for word in words]
        merges.append(best)
    return merges


def slow_merge(word, pair, new):
    for i in range(len(word) - 1):
        if (word[i], word[i + 1]) == pair:
            return [*word[:i], new, *slow_merge(word[i + 2 :], pair, new)]
    return word


def slow_encode(text, merges):
    """Apply every merge, in the order of learning, to every piece."""
    ids = []
    for piece in pieces(text):
        word = [b + 1 for b in piece.encode()]
        for i, pair in enumerate(merges):
            word = slow_merge(word, tuple(pair), 257 + i)
        ids += word
    return ids


@settings(max_examples=60, deadline=None)
@given(st.lists(st.text("ab c", max_size=25), max_size=6), st.integers(257, 275))
def test_training_and_encoding_agree_with_the_slow_road(texts, vocab_size):
    tokenizer = ByteBPE.train(texts, vocab_size)
    assert list(tokenizer.merges) == slow_train(texts, vocab_size)
    for text in texts:
        assert tokenizer.encode(text) == slow_encode(text, tokenizer.merges)


def test_on_english_too():
    assert list(TRAINED.merges) == slow_train(ENGLISH, 300) and TRAINED.vocab_size == 300
    assert TRAINED.encode(ENGLISH[0]) == slow_encode(ENGLISH[0], TRAINED.merges)
    assert len(TRAINED.encode(ENGLISH[0])) < 0.6 * len(ENGLISH[0])


@given(any_text)
@example("naïve café — 语言模型 🙂👩‍👩‍👧 \x00\x1c\u2028\r\n\t  <eos> ²½٣")
def test_round_trip(text):
    ids = TRAINED.encode(text)
    assert TRAINED.decode(ids) == text
    assert TRAINED.decode(torch.tensor(ids, dtype=torch.long)) == text
    assert all(0 < i < TRAINED.vocab_size for i in ids)


@given(any_text)
def test_pieces_partition_the_text(text):
    assert "".join(pieces(text)) == text
    assert all(1 <= len(piece) <= 41 for piece in pieces(text))


def test_the_end_is_no_text():
    ids = ByteBPE.train(["<eos><eos><eos>"], 300).encode("<eos>")
    assert 0 not in ids
    assert TRAINED.decode([0, *TRAINED.encode("the end"), 0]) == "the end"


def test_a_cut_character_is_replaced_not_raised():
    assert TRAINED.decode(TRAINED.encode("é")[:1]) == "\ufffd"


def test_long_runs_take_linear_time():
    # 100,000 equal letters: a quadratic encoder needs minutes, ours encodes one piece of 40 once.
    text = "a" * 100_000 + " " * 100_000
    assert TRAINED.decode(TRAINED.encode(text)) == text


@pytest.mark.parametrize("action", [TRAINED.encode, lambda text: ByteBPE.train([text], 300)])
def test_lone_surrogates_are_a_clear_error(action):
    with pytest.raises(ValueError, match=r"text must not hold a lone surrogate; got '\\ud800'"):
        action("a\ud800")


@pytest.mark.parametrize("ids", [[300], [-1], [2**70], np.array([300]), torch.tensor([-1])])
def test_foreign_ids_are_errors(ids):
    with pytest.raises(ValueError, match=r"ids must lie in \[0, 300\); got"):
        TRAINED.decode(ids)


@pytest.mark.parametrize("kind", [np.int64, np.int32, np.uint8, np.int16])
def test_ids_of_numpy_are_ids(kind):
    assert ByteBPE().decode(np.array([98, 99], dtype=kind)) == "ab"
    assert ByteBPE().decode([kind(98), 99]) == "ab" and ByteBPE().token_bytes(kind(98)) == b"a"
    assert ByteBPE([(kind(98), 98)]) == ByteBPE([(98, 98)])
    json.loads(ByteBPE([(kind(98), 98)]).to_json())


@pytest.mark.parametrize("kind", [torch.int64, torch.int32, torch.int16, torch.uint8])
def test_ids_of_torch_are_ids(kind):
    ids = torch.tensor([98, 99], dtype=kind)
    assert ByteBPE().decode(ids) == ByteBPE().decode(list(ids)) == "ab"
    assert ByteBPE().token_bytes(ids[0]) == b"a" and ByteBPE([ids.tolist()]).vocab_size == 258


@pytest.mark.parametrize("one", [True, 1.0, "a", None, np.bool_(True), np.float64(1), b"a", [1]])
def test_what_is_no_integer_is_no_id(one):
    for wrong in (one, torch.tensor(True), torch.tensor(1.0), torch.tensor([1]), np.array([1])):
        with pytest.raises(ValueError, match="ids must be integers; got"):
            ByteBPE().decode([98, wrong])
        with pytest.raises(ValueError, match="merges must be"):
            ByteBPE([(98, wrong)])


@pytest.mark.parametrize(
    "ids",
    [
        torch.zeros(2, 2, dtype=torch.long),
        torch.zeros(2),
        torch.zeros(2) > 0,
        torch.zeros(2).cfloat(),
        np.zeros(2),
        np.zeros((2, 2), dtype=int),
        np.array(["a"]),
        np.array(98),
        torch.tensor(98),
    ],
)
def test_tensors_must_be_one_row_of_integers(ids):
    with pytest.raises(ValueError, match="ids must be a row of integers; got .* of shape"):
        ByteBPE().decode(ids)


def test_what_is_no_text_is_named(plain):
    setup = "from nlgnotes.text.tokenizer import ByteBPE, pieces\nimport numpy as np"
    cases = {
        "ByteBPE().encode(b'ab')": "text must be a string; got bytes",
        "ByteBPE().encode(None)": "text must be a string; got NoneType",
        "ByteBPE().encode(['ab'])": "text must be a string; got list",
        "pieces(3)": "text must be a string; got int",
        "ByteBPE.train([None], 300)": "text must be a string; got NoneType",
        "ByteBPE.train([b'ab'], 300)": "text must be a string; got bytes",
        "ByteBPE.train(b'ab', 300)": "texts must be several strings, not one",
        "ByteBPE.train(None, 300)": "texts must be strings in a list; got None",
        "ByteBPE().decode('ab')": "ids must be a list; got 'ab'",
        "ByteBPE().decode(98)": "ids must be a list; got 98",
        "ByteBPE().decode(None)": "ids must be a list; got None",
        "ByteBPE(3)": "merges must be a list; got 3",
        "ByteBPE('ab')": "merges must be a list; got 'ab'",
        "ByteBPE(['ab'])": "merges must be a list; got 'ab'",
        "ByteBPE([3])": "merges must be a list; got 3",
    }
    right = "ByteBPE.train(['aaaa'], np.int64(258)).merges"
    answers = plain(setup, {code: code for code in (*cases, right)})
    for code, message in cases.items():
        assert answers[code][0] == "ValueError" and message in answers[code][1], answers[code]
    assert answers[right] == ["value", "((98, 98),)"]


def test_training_arguments():
    with pytest.raises(ValueError, match="vocab_size must be an integer of at least 257; got 256"):
        ByteBPE.train(["a"], 256)
    with pytest.raises(ValueError, match="texts must be several strings"):
        ByteBPE.train("not a list", 300)


@pytest.mark.parametrize(
    "merges", [[(0, 1)], [(1, 257)], [(1, 2), (1, 2)], [(1, -1)], [(1, 2, 3)], [()], [(1, 2**70)]]
)
def test_impossible_merges_are_errors(merges):
    with pytest.raises(ValueError, match="merges must be new pairs of ids in"):
        ByteBPE(merges)


def test_files(tmp_path):
    TRAINED.save(tmp_path / "t.json")
    again = ByteBPE.load(tmp_path / "t.json")
    assert again == TRAINED and hash(again) == hash(TRAINED) and again.merges == TRAINED.merges
    assert again != ByteBPE() and repr(again) == "ByteBPE(300 ids)"
    assert [p.name for p in tmp_path.iterdir()] == ["t.json"]
    with pytest.raises(FileNotFoundError):
        ByteBPE.load(tmp_path / "none.json")


def changed(**keys):
    return json.dumps({**json.loads(TRAINED.to_json()), **keys})


@pytest.mark.parametrize(
    "text, message",
    [
        (TRAINED.to_json()[:-5], "is not JSON"),
        (TRAINED.to_json().replace("1,", "1.0,", 1), "nothing else"),
        (changed(version=True), "nothing else"),
        ("[" * 200_000, "nested too deeply"),
        ("[]", "nothing else; got list"),
        (changed(extra=1), "nothing else"),
        (changed(version=2), "nothing else"),
        (changed(merges=[[1, 2, 3]]), "merges must be"),
        (changed(merges={"1": 2}), "merges must be"),
        (changed(merges=[[1, 2.5]]), "new pairs of ids"),
        (changed(merges=[[1, True]]), "new pairs of ids"),
    ],
)
def test_reading_is_strict(text, message):
    with pytest.raises(ValueError, match=message):
        ByteBPE.from_json(text)


DOUBLING = [(98, 98)] + [(257 + i, 257 + i) for i in range(40)]


def test_merges_that_double_are_refused_before_they_are_long():
    assert len(ByteBPE(DOUBLING[:7]).token_bytes(263)) == 128
    for read in (ByteBPE, lambda merges: ByteBPE.from_json(changed(merges=merges))):
        with pytest.raises(ValueError, match="tokens of at most 161 bytes; got 256 of .263, 263."):
            read(DOUBLING)


def test_the_longest_piece_can_be_learned():
    """A space and 40 letters of four bytes each."""
    piece = " " + "\U00010400" * 40
    assert pieces(piece + "\U00010400")[0] == piece and len(piece.encode()) == 161
    tokenizer = ByteBPE.train([piece * 3], 1000)
    assert max(len(tokenizer.token_bytes(i)) for i in range(tokenizer.vocab_size)) == 161


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_any_change_of_a_file_is_read_or_refused(tmp_path_factory, data):
    content = bytearray(TRAINED.to_json().encode())
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    file = tmp_path_factory.getbasetemp() / "changed.json"
    file.write_bytes(content)
    try:
        ByteBPE.load(file)
    except ValueError as error:
        assert type(error) is ValueError and "changed.json" in str(error)


@settings(max_examples=100, deadline=None)
@given(st.recursive(st.integers() | st.floats() | st.text() | st.none(), st.lists, max_leaves=6))
def test_any_merges_are_taken_or_refused(merges):
    try:
        ByteBPE.from_json(changed(merges=merges))
    except ValueError as error:
        assert type(error) is ValueError


def test_copies_and_pickles_encode_alike():
    text = random.Random(0).choice(ENGLISH)
    for again in (copy.deepcopy(TRAINED), pickle.loads(pickle.dumps(TRAINED))):
        assert again == TRAINED and again.encode(text) == TRAINED.encode(text)
