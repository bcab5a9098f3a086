# ruff: noqa: RUF001 - punctuation and letters of other languages are meant
"""Where a prompt asks: the question in a text, by its own form.

The idea: people end a prompt with what they want, on lines of its own: a question mark, a label before it
("Question:"), or a label that waits for the answer ("Answer:"). Others put the question first and the text
behind it. What has none of these forms is left to the model's own likelihoods (see `model.context.write`).
"""

import re
from dataclasses import dataclass

CHARS = 1200
"""Of a question, at most; what is longer is a text."""
_WRAPPED_CHARS = 50
"""Of a line, from which a sentence may go on in the next."""
_FIRST_CHARS = 400
"""Of a question that stands before a text."""
_ANSWERS = (
    *("answer", "answers", "a", "response", "reply", "assistant", "ai", "bot", "output", "solution"),
    *("antwort", "antworten", "réponse", "reponse", "respuesta", "resposta", "risposta", "antwoord", "svar"),
    *("odpowiedź", "odpověď", "vastaus", "cevap", "ответ", "відповідь", "απάντηση", "الجواب", "الإجابة"),
    *("उत्तर", "答", "答案", "回答", "答え", "답", "답변", "đáp án", "trả lời", "jawaban"),
)
_QUESTIONS = (
    *("question", "questions", "q", "query", "task", "instruction", "user", "human", "prompt", "request"),
    *("frage", "fragen", "aufgabe", "pregunta", "pergunta", "domanda", "vraag", "fråga", "spørgsmål"),
    *("pytanie", "otázka", "kysymys", "soru", "вопрос", "питання", "ερώτηση", "السؤال", "سؤال", "प्रश्न"),
    *("问", "问题", "問題", "質問", "질문", "câu hỏi", "pertanyaan"),
)


def _label(names: tuple[str, ...]) -> str:
    """A pattern of a label: "Answer:", "**Q1:**", "Question 2 :"."""
    words = "|".join(sorted(map(re.escape, names), key=len, reverse=True))
    return rf"(?:#+ *)?\**(?:{words})(?: ?\d+)?\** ?[:：]\**"


ANSWER = re.compile(rf"^[ \t]*(?:{_label(_ANSWERS)}|###+ (?:{'|'.join(_ANSWERS[:6])}))[ \t]*$", re.I | re.M)
QUESTION = re.compile(rf"^[ \t]*(?:{_label(_QUESTIONS)}|###+ (?:{'|'.join(_QUESTIONS[:8])})$)", re.I | re.M)
_MARK = re.compile(r"(?:[?？؟⁇]|(?:か|吗|呢)[。．]|\u037e)[)\]\s*_]*$")
_GREEK = re.compile(r"[α-ωά-ώ];\s*$")
_SPEECH = re.compile(r"^\s*(?:[-–—] |[\"“„«‘'])")
_CODE = re.compile(r"^\s*(?://|#(?![# ]?[A-Z])|/\*|\*|--|>>>|\$ )")
_ITEM = re.compile(r"^\s*(?:[-*•]|\(?\d{1,2}[.)]|\(?[a-z][.)])\s+\S")
_REFERS = re.compile(
    r"\b(?:following|below|beneath|given|folgende\w*|suivant\w*|siguiente\w*|seguente|ниже|следующ\w*)\b"
    r"|以下|下記|下面|다음",
    re.I,
)

_TELLS = re.compile(
    r"(?:please\s+)?(?:answer|based|describe|explain|extract|find|from|give|identify|list|name|quote|read|state"
    r"|summari[sz]e|tell|translate|use|using|write|anal[yi][sz]e|fasse|lies|beantworte|nenne|lis|r[ée]sume[zn]?"
    r"|r[ée]ponds|lee|responde|leggi|riassumi)\b",
    re.I,
)
"""Words that an instruction begins with."""


@dataclass(frozen=True)
class Asked:
    """A question in a text."""

    start: int
    stop: int
    """Its first character, and the one behind its last."""
    label: str = ""
    """What stands before it on its line, such as "Question:"."""
    answer: str = ""
    """What stands behind it and waits for the answer, such as "Answer:"."""


def at_the_end(text: str) -> Asked | None:
    """The question that a text ends with: its last lines, if they have the form of one."""
    end = len(text.rstrip())
    waiting = _last_line(text, end)
    answer = text[waiting:end].strip() if ANSWER.fullmatch(text[waiting:end]) else ""
    stop = len(text[:waiting].rstrip()) if answer else end
    lines = _lines(text, max(0, stop - CHARS), stop)
    labelled = next((start for start, line in reversed(lines) if QUESTION.match(line)), None)
    if labelled is not None and (answer or _asks(text[labelled:stop]) or labelled == lines[-1][0]):
        label = QUESTION.match(text[labelled:stop])
        assert label is not None
        return Asked(labelled, end, label.group().strip(), answer)
    if answer:
        return Asked(_paragraph(text, stop), end, "", answer)
    if not _asks(text[lines[-1][0] : stop] if lines else ""):
        return None
    return Asked(_first_that_asks(text, lines), end)


def at_the_start(text: str) -> Asked | None:
    """The question that a text begins with, before what it is asked about, if it says so by its form."""
    begin = len(text) - len(text.lstrip())
    stop = text.find("\n\n", begin)
    if not 0 < stop - begin <= _FIRST_CHARS:
        return None
    first, follows = text[begin:stop].strip(), text[stop:].strip()
    if (label := QUESTION.match(first)) and _asks(first):
        return Asked(begin, stop, label.group().strip())
    if _asks(first) and not _SPEECH.match(first) and not re.search(r"[?？؟]\s*$", follows, re.M):
        return Asked(begin, stop)
    tells = _REFERS.search(first) and ("?" in first or _TELLS.match(first))
    return Asked(begin, stop) if tells else None


def _asks(text: str) -> bool:
    """Whether a line or paragraph ends as a question does, and is none in a dialogue or in code."""
    last = text.strip().rsplit("\n", 1)[-1]
    if _SPEECH.match(last) and not _ITEM.match(last):
        return False
    return bool(_MARK.search(last) or _GREEK.search(last)) and not _CODE.match(last)


def _first_that_asks(text: str, lines: list[tuple[int, str]]) -> int:
    """Where a run of lines that ask begins: a list of questions, what introduces it, their paragraph."""
    first = len(lines) - 1
    while first > 0 and (_asks(lines[first - 1][1]) or _introduces(lines[first - 1][1], lines[first][1])):
        first -= 1
    while first > 0 and _wrapped(text, lines[first - 1], lines[first][0]):
        first -= 1
    return lines[first][0]


def _wrapped(text: str, line: tuple[int, str], following: int) -> bool:
    """Whether a sentence goes on in the line that follows: a long line that nothing ends."""
    start, words = line
    adjacent = text[start + len(words) : following] == "\n"
    return adjacent and len(words) > _WRAPPED_CHARS and words.rstrip()[-1] not in ".!?:;。！？：…\"')”"


def _introduces(line: str, following: str) -> bool:
    return line.rstrip().endswith((":", "：")) and len(line) <= 200 and bool(_ITEM.match(following))


def _lines(text: str, start: int, stop: int) -> list[tuple[int, str]]:
    """Lines that are not empty, with their first characters."""
    found = []
    for line in re.finditer(r"[^\n]+", text[start:stop]):
        if line.group().strip():
            found.append((start + line.start(), line.group()))
    return found


def _last_line(text: str, end: int) -> int:
    return text.rfind("\n", 0, end) + 1


def _paragraph(text: str, stop: int) -> int:
    """First character of the paragraph that holds the one before `stop`."""
    blank = text.rfind("\n\n", 0, stop)
    return 0 if blank < 0 else blank + 2
