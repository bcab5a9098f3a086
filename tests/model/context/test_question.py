"""The question of a prompt in tokens, how it is put to a model, and where its answer ends.

Run: pytest tests/model/context/test_question.py
"""

from pathlib import Path

import pytest

from model.context.ending import Ending, loops
from model.context.question import FORM, GIVEN, TEMPLATE, found, given, last_paragraph
from model.context.wording import Wording, wording_of

DOCUMENT = "The pump in Cork was built in 1880.\nIt is red.\n\nThe station closed. Nobody knows why. " * 20
ASKED = "Who built the pump?"


@pytest.fixture(scope="module")
def wording(model_dir: Path) -> Wording:
    found = wording_of(str(model_dir))
    assert found is not None
    return found


def chat(wording: Wording, *messages: str) -> str:
    """Messages of a user and, between them, of the model."""
    roles = [{"role": ("user", "assistant")[place % 2], "content": one} for place, one in enumerate(messages)]
    text: str = wording.tokenizer.apply_chat_template(roles, tokenize=False, add_generation_prompt=True)
    return text


def test_a_template_is_known_by_what_it_renders(wording: Wording) -> None:
    turn = wording.turn
    assert turn is not None
    assert (turn.opening, turn.end) == ("<|im_start|>user\n", "<|im_end|>")
    assert turn.closing == "<|im_end|>\n<|im_start|>assistant\n"


@pytest.mark.parametrize(
    ("told", "messages"),
    [
        (FORM, [f"{DOCUMENT}\n\nQuestion: {ASKED}\nAnswer:"]),
        (FORM, [f"{ASKED}\n\n{DOCUMENT}"]),
        (TEMPLATE, [ASKED]),
        (TEMPLATE, [f"{DOCUMENT}\n\n{ASKED}"]),
        (TEMPLATE, [f"{ASKED}\n\n{DOCUMENT}"]),
        (TEMPLATE, [DOCUMENT, "It is about a pump.", ASKED]),
    ],
)
def test_a_question_is_found_in_tokens(wording: Wording, told: str, messages: list[str]) -> None:
    text = messages[0] if told == FORM else chat(wording, *messages)
    ids = wording.encode(text)
    question = found(ids, wording)
    assert question is not None
    assert (question.told, question.text) == (told, ASKED)
    behind = wording.decode(ids[question.start :])
    assert behind.startswith((ASKED, f"Question: {ASKED}"))
    assert question.stop == (len(ids) if len(behind) < 100 else question.start + len(wording.encode(ASKED)))


def test_a_message_in_no_known_form_is_asked_all_the_same(wording: Wording) -> None:
    for message in (f"A table of pumps.\n\n{DOCUMENT}", f"{DOCUMENT}\n\nA table of pumps."):
        question = found(wording.encode(chat(wording, message)), wording)
        assert question is not None
        assert question.text == "A table of pumps."
    assert found(wording.encode(DOCUMENT), wording) is None
    assert found(wording.encode(f"{DOCUMENT}\n\n{ASKED}"), None) is None


def test_a_question_is_put_through_the_template_and_votes_in_its_own_words(wording: Wording) -> None:
    document = wording.encode(DOCUMENT)
    prompt = wording.encode(f"{DOCUMENT}\n\nQ: {ASKED}\nA:")
    question = given(prompt, len(prompt) - len(document), wording)
    assert question.told == GIVEN
    put = wording.decode(question.asked(prompt, wording, alone=False))
    assert put == f"\n\n<|im_start|>user\n{ASKED}<|im_end|>\n<|im_start|>assistant\n"
    assert wording.decode(question.asked(prompt, wording, alone=True)) == chat(wording, ASKED)
    assert question.votes(prompt, wording) == [wording.encode(f"\n\n{ASKED}")]
    assert question.stops(wording) == {wording.tokenizer.eos_token_id}
    assert question.asked(prompt, None, alone=False) == prompt[len(document) :]
    listed = wording.encode("1. Who built it?\n2. Why?")
    votes = given(listed, len(listed), wording).votes(listed, wording)
    assert [wording.decode(ids) for ids in votes] == ["\n\n1. Who built it?", "\n\n2. Why?"]


def test_a_short_last_paragraph_may_ask(wording: Wording) -> None:
    ids = wording.encode(f"{DOCUMENT}\n\nTell me of the pump")
    assert wording.decode(ids[last_paragraph(ids, wording) :]).strip() == "Tell me of the pump"
    assert last_paragraph(ids, None) == len(ids) - 64
    assert last_paragraph(ids[:9], wording) == 0


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        (" Portugal.\n\nQuestion: Who else?\nAnswer: Spain", " Portugal."),
        (" Portugal.\nQ: Who else?", " Portugal."),
        (" Portugal.\n\n\nAnd more.", " Portugal."),
        (" 1. Cork\n2. Bergen, where it rains and the pumps are red\n3. Turku", None),
        ("\n\n Portugal", None),
        (" It is:\nAnswer: none", " It is:"),
        (" The answer: a pump.", None),
    ],
)
def test_an_answer_ends_before_the_next_question(wording: Wording, written: str, kept: str | None) -> None:
    ending, shown = Ending(wording.decode), list[int]()
    for token in wording.encode(written):
        if not ending.ended:
            shown += ending.take(token)
    shown += [] if ending.ended else ending.release()
    assert wording.decode(shown) == (written if kept is None else kept)
    assert ending.ended is (kept is not None)


@pytest.mark.parametrize("length", [1, 7, 40, 256])
def test_an_answer_that_repeats_itself_ends(length: int) -> None:
    """From 32 repeated tokens on, or a whole round of more; a list with other numbers is none."""
    said = list(range(1000, 1060)) + list(range(length)) * 40
    ending = Ending(None)
    taken = next(count for count, token in enumerate(said, 1) if ending.take(token) and ending.ended)
    assert taken == 60 + length + max(32, length)
    assert not loops([token for number in range(40) for token in (5, number, 7, 8, 9)])
    assert not loops(list(range(31)) * 2)
