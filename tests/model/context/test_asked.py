# ruff: noqa: RUF001 - punctuation and letters of other languages are meant
"""Where a prompt asks, told by its form: documents and questions in all orders and several languages.

Run: pytest tests/model/context/test_asked.py
"""

import pytest

from model.context.asked import at_the_end, at_the_start

MINUTES = (
    "Minutes of the harbour board\n\nThe crane at pier four is to be painted by June. "
    "Who pays is not settled yet.\n\n"
    "Ms Okafor reported on dredging. The board adjourned at noon."
)
NOTES = """# Pump house

- built in 1880
- two boilers

## Open points

1. Who holds the key?
2. The roof leaks.
"""
CODE = '''def level(tank):
    """Litres in a tank."""
    # is this ever negative?
    return tank.full - tank.drawn if tank else 0
'''
GERMAN = (
    "Der Kran wurde im Mai geprüft. Die Kosten trägt die Stadt.\n\nFrau Okafor berichtete über das Baggern."
)
JAPANESE = "クレーンは六月までに塗装されます。費用はまだ決まっていません。\n\n大久保さんが報告しました。"
RUSSIAN = "Кран покрасят к июню. Кто платит, пока не решено.\n\nСовет закончил работу в полдень."
CHINESE = "起重机将在六月之前粉刷。费用尚未确定。\n\n会议中午结束。"
ARABIC = "سيتم طلاء الرافعة قبل يونيو.\n\nانتهى الاجتماع ظهرا."
FRENCH = "La grue sera repeinte avant juin.\n\nLe conseil s'est séparé à midi."
STORY = "He came back late.\n\n“Where have you been?”"
FAQ = "What is a pier?\n\nA pier is a walkway.\n\nWhat is a quay?\n\nA quay is a wall."

BEHIND = [
    (MINUTES, "\n\n", "When is the crane to be painted?"),
    (MINUTES, "\n", "When is the crane to be painted?"),
    (MINUTES, "\n\n", "Question: When is the crane to be painted?\nAnswer:"),
    (MINUTES, "\n\n", "Q: When is the crane to be painted?\nA:"),
    (MINUTES, "\n\n", "**Question:** When is the crane to be painted?\n\n**Answer:**"),
    (MINUTES, "\n\n", "### Question\nWhen is the crane to be painted?\n\n### Answer"),
    (MINUTES, "\n\n---\n\n", "Use only the minutes above. When is the crane to be painted?"),
    (MINUTES, "\n\n", "Task: List what is not settled."),
    (
        MINUTES,
        "\n\n",
        "Answer these questions:\n1. Who reported?\n2. When did the board adjourn?\n3. On what?",
    ),
    (MINUTES, "\n\n", "Who reported on dredging?\nWhen did the board adjourn?"),
    (MINUTES, "\n\n", "Who reported on dredging (name only)?\n\n"),
    (
        f"Answer the question from the minutes.\n\n{MINUTES}",
        "\n\n",
        "Question: Who reported on dredging?\nAnswer:",
    ),
    (f"You are a clerk. Be brief.\n\n{MINUTES}", "\n\n", "Who reported on dredging?"),
    (f"<document>\n{MINUTES}\n</document>", "\n\n", "Who reported on dredging?"),
    (NOTES, "\n", "How many boilers are there?"),
    (NOTES, "\n\n", "Question: How many boilers are there?\nAnswer:"),
    (CODE, "\n\n", "What does `level` return for an empty tank?"),
    (f"```python\n{CODE}```", "\n\n", "What does this return for None?"),
    (FAQ, "\n\n", "Question: What is a wall by the water called?\nAnswer:"),
    (STORY, "\n\n", "Question: Who came back?\nAnswer:"),
    (GERMAN, "\n\n", "Frage: Wer trägt die Kosten?\nAntwort:"),
    (GERMAN, "\n\n", "Wer trägt die Kosten?"),
    (JAPANESE, "\n\n", "質問：誰が報告しましたか。\n回答："),
    (JAPANESE, "\n\n", "誰が報告しましたか。"),
    (RUSSIAN, "\n\n", "Вопрос: Когда покрасят кран?\nОтвет:"),
    (CHINESE, "\n\n", "起重机什么时候粉刷？"),
    (CHINESE, "\n\n", "问题：会议什么时候结束？\n答案："),
    (ARABIC, "\n\n", "متى سيتم طلاء الرافعة؟"),
    (FRENCH, "\n\n", "Question : Quand la grue sera-t-elle repeinte ?\nRéponse :"),
    ("Η γέφυρα άνοιξε το 1890.\n\nΤο κόστος ήταν μεγάλο.", "\n\n", "Πότε άνοιξε η γέφυρα;"),
]
BEFORE = [
    ("Who reported on dredging?", MINUTES),
    ("Question: Who reported on dredging?", MINUTES),
    ("Answer from the following text: who reported on dredging?", MINUTES),
    ("Summarise the following minutes in one sentence.", MINUTES),
    ("Welche Kosten trägt die Stadt?", GERMAN),
    ("クレーンはいつ塗装されますか。", JAPANESE),
]
NOTHING_ASKED = [
    *(MINUTES, NOTES, CODE, GERMAN, JAPANESE, RUSSIAN, STORY, FAQ),
    "She turned.\n\n— Who is there?",
    "x = 3\nif x:\n    y = 4\nelse:",
    "Contents\n\n1. Piers\n2. Cranes\n\nTable 3:",
    "The capital of France is",
    "Dear Ms Okafor,\n\nthank you for the report. The following points are open:",
    "The following day it rained.\n\nNobody came to the pier.",
    "Prices\n\nA: 12 euros\nB: 14 euros\nC:",
]


@pytest.mark.parametrize(("document", "between", "question"), BEHIND)
def test_a_question_behind_a_document_is_found_to_the_letter(
    document: str, between: str, question: str
) -> None:
    text = document + between + question
    asked = at_the_end(text)
    assert asked is not None
    assert text[asked.start : asked.stop] == question.rstrip()


@pytest.mark.parametrize(("question", "document"), BEFORE)
def test_a_question_before_a_document_is_found(question: str, document: str) -> None:
    text = f"{question}\n\n{document}"
    assert at_the_end(text) is None
    asked = at_the_start(text)
    assert asked is not None
    assert text[asked.start : asked.stop] == question


@pytest.mark.parametrize("text", NOTHING_ASKED)
def test_a_text_that_asks_nothing_goes_on(text: str) -> None:
    assert at_the_end(text) is None
    assert at_the_start(text) is None


def test_labels_are_told_from_the_words() -> None:
    asked = at_the_end("Text.\n\n**Question 2:** Why?\n\n### Answer")
    assert asked is not None
    assert (asked.label, asked.answer) == ("**Question 2:**", "### Answer")
