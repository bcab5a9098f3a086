"""Sentences and passages cover the text, in order, wherever a stream is cut.

Run: pytest tests/tasks/text/test_sentences.py
"""

import random
import time
from collections.abc import Iterator
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.text.passages import stream_passages
from tasks.text.sentences import SENTENCE_CHARS, Span, is_finished, sentences

PROSE = ["One two. ", "A b c! ", "Why? ", "\n", "\n\n", "- item\n", "3. ", "e.g. it ", "x" * 70, "No. 7 "]
OTHER = ["आया। ", "गया॥१॥", "جاء؟ ", "آیا۔", "進む．", "３．１", "…", "… a", "« Va. » ", "5. Mai "]
ODD = ["if (x) {\n", "  y;\n", "\t", "\r\n\r\n", "。他说", "...", "\u3000\n \n", '."', "(a) "]
WORDS = PROSE + ODD + OTHER
TEXTS = st.lists(st.sampled_from(WORDS), max_size=60).map("".join) | st.text(max_size=300)


def passages(text: str, size: int = 900) -> list[Span]:
    return [(start, end) for start, end, _ in stream_passages([(0, text)], size)]


def squeezed(text: str) -> str:
    return "".join(text.split())


@given(TEXTS, st.integers(1, SENTENCE_CHARS))
def test_sentences_cover_every_letter_once_and_in_order(text: str, longest: int) -> None:
    spans = sentences(text, longest)
    assert squeezed("".join(text[slice(*span)] for span in spans)) == squeezed(text)
    assert all(first[1] <= second[0] for first, second in pairwise(spans))
    assert all(0 < end - start <= longest for start, end in spans)
    assert all(text[start:end].strip() == text[start:end] for start, end in spans)


@given(TEXTS, st.integers(1, 300))
def test_passages_cover_every_letter_once_and_none_is_longer_than_asked(text: str, size: int) -> None:
    spans = passages(text, size)
    assert squeezed("".join(text[slice(*span)] for span in spans)) == squeezed(text)
    assert all(first[1] <= second[0] for first, second in pairwise(spans))
    assert all(0 < end - start <= size for start, end in spans)


def cut(text: str, edges: list[int]) -> Iterator[tuple[int, str]]:
    """The segments of a text between these edges, empty ones too."""
    for start, end in pairwise([0, *sorted(min(edge, len(text)) for edge in edges), len(text)]):
        yield start, text[start:end]


@given(TEXTS, st.lists(st.integers(0, 300), max_size=8), st.integers(10, 200))
def test_passages_do_not_depend_on_where_the_stream_is_cut(text: str, cuts: list[int], size: int) -> None:
    whole = list(stream_passages([(0, text)], size))
    assert list(stream_passages(cut(text, cuts), size)) == whole
    assert all(text[start:end] == passage for start, end, passage in whole)


@pytest.mark.parametrize("share", [0, 0.001, 0.2])
def test_nor_does_it_matter_in_a_long_text_with_paragraphs_of_any_length(share: float) -> None:
    rng = random.Random(1)
    text = "".join(rng.choice(WORDS if rng.random() < share else ["word ", "End. "]) for _ in range(20_000))
    text += " \n" * 40_000 + text
    whole = list(stream_passages([(0, text)], 900))
    for most in (70, 50_000):
        edges = [rng.randrange(len(text)) for _ in range(len(text) // most)]
        assert list(stream_passages(cut(text, edges), 900)) == whole
    assert squeezed("".join(passage for *_, passage in whole)) == squeezed(text)
    assert max(end - start for start, end, _ in whole) <= 900


def test_a_passage_goes_on_from_one_piece_into_the_next() -> None:
    assert list(stream_passages([(0, "One. "), (5, "Two.")], 900)) == [(0, 9, "One. Two.")]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Dr. Smith paid $3.50. He left.", ["Dr. Smith paid $3.50.", "He left."]),
        ("1. Term. The term is one year.", ["1. Term.", "The term is one year."]),
        ("Heading\n\nBody text here.", ["Heading", "Body text here."]),
        ("See:\n- first thing\n- second thing", ["See:", "- first thing", "- second thing"]),
        ("It costs\n3.5 million. He said\n(so) twice.", ["It costs\n3.5 million.", "He said\n(so) twice."]),
        ("Is it? No. See No. 7 and Fig. 2.", ["Is it?", "No.", "See No. 7 and Fig. 2."]),
        ("for (;;) {\n  stop();\n}\n", ["for (;;) {", "stop();", "}"]),
        ('He said "Go." Then left!! Why...', ['He said "Go."', "Then left!!", "Why..."]),
        ("他来了。我走了!", ["他来了。", "我走了!"]),
        ("e.g. this, i.e. that.\r\n\r\nNext", ["e.g. this, i.e. that.", "Next"]),
        ("(a) First clause;\n(b) second clause.", ["(a) First clause;", "(b) second clause."]),
        ("Er kam am 5. März. Sie ging, z. B. gestern.", ["Er kam am 5. März.", "Sie ging, z. B. gestern."]),
        ("Er rief: „Geh.“ Dann ging er.", ["Er rief: „Geh.“", "Dann ging er."]),
        ("« Va. » Il part. ¿Quién? Nadie.", ["« Va. »", "Il part.", "¿Quién?", "Nadie."]),
        (
            "He … left. He said... and left. Oh… Then no.",
            ["He … left.", "He said... and left.", "Oh…", "Then no."],
        ),
        ("जहाज़ निकला। कप्तान ने लिखा।क्या? हाँ॥१॥ अंत", ["जहाज़ निकला।", "कप्तान ने लिखा।", "क्या?", "हाँ॥१॥", "अंत"]),
        ("هل جاء؟ نعم، جاء؛ ثم ذهب. وعاد!", ["هل جاء؟", "نعم، جاء؛ ثم ذهب.", "وعاد!"]),
        ("وہ آیا۔ وہ گیا۔", ["وہ آیا۔", "وہ گیا۔"]),
        ("値は３．１４である．次に進む．", ["値は３．１４である．", "次に進む．"]),
        (
            "他说：「走吧。」他走了……然后回来（真的！）好｡完",
            ["他说：「走吧。」", "他走了……然后回来（真的！）", "好｡", "完"],
        ),
        ("Он пришёл. «Ну?» Да!", ["Он пришёл.", "«Ну?»", "Да!"]),
        ("Ο ήλιος δύει. Νύχτα; Ναι.", ["Ο ήλιος δύει.", "Νύχτα; Ναι."]),
        ("ሰላም ነው። ደህና ነው።", ["ሰላም ነው።", "ደህና ነው።"]),
        ("မင်္ဂလာပါ။ နေကောင်းလား။", ["မင်္ဂလာပါ။", "နေကောင်းလား။"]),
        (" \n ", []),
    ],
)
def test_sentences_end_where_a_reader_would_end_them(text: str, expected: list[str]) -> None:
    assert [text[slice(*span)] for span in sentences(text)] == expected


def test_a_passage_ends_with_its_paragraph_once_it_is_half_full() -> None:
    text = "First paragraph, long enough.\n\nSecond one. And more."
    assert [text[slice(*span)] for span in passages(text, 50)] == [text[:29], text[31:]]
    assert passages(text, 200) == [(0, len(text))]


def test_a_run_without_white_space_is_cut_hard() -> None:
    assert passages("x" * 2000) == [(0, 600), (600, 1200), (1200, 2000)]


@pytest.mark.parametrize(
    "unit",
    [
        ".",
        "\n",
        " \n",
        "a. ",
        "Mr. ",
        "!)",
        "\n-",
        "{\n",
        "\n   ",
        "1",
        "?\u201d",
        "।",
        "…",
        "．",
        "5. ",
        "؟ ",
    ],
)
def test_no_text_makes_it_slow(unit: str) -> None:
    text = unit * (200_000 // len(unit))
    began = time.process_time()
    list(stream_passages([(0, text)], 900))
    assert time.process_time() - began < 60  # quadratic time would take many minutes


def test_a_passage_of_no_characters_is_refused() -> None:
    with pytest.raises(ValueError, match="max_chars=0"):
        passages("text", 0)


@pytest.mark.parametrize(
    ("sentence", "finished"),
    [
        ("He left.", True),
        ('He said "Go!"', True),
        ("他来了。", True),
        ("वह आया।", True),
        ("هل جاء؟", True),
        ("وہ آیا۔”", True),
        ("次に進む．", True),
        ("वह आया", False),
        ("He left", False),
        ("a, b;", False),
        ("", False),
    ],
)
def test_a_sentence_that_was_cut_off_is_told_from_a_finished_one(sentence: str, finished: bool) -> None:
    assert is_finished(sentence) is finished
