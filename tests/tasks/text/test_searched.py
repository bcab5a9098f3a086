"""Words of any language are cut alike in a text and in a question, so that a search by words finds them.

Run: pytest tests/tasks/text/test_searched.py
"""

import pytest

from tasks.text.scripts import pairs, words
from tasks.text.searched import asked, searched
from tasks.text.words import likely_language


@pytest.mark.parametrize(
    ("text", "question", "shared"),
    [
        ("大副负责保管船上的六分仪。", "六分仪", "六分 分仪"),
        ("船长把猫带上了船。", "猫", "猫"),
        ("一等航海士が六分儀を保管している。", "六分儀は誰が持っていますか?", "六分 分儀"),
        ("ต้นเรือเก็บเข็มทิศไว้ในห้องแผนที่", "เข็มทิศอยู่ที่ไหน", "เข็ม ข็มทิ มทิศ"),
        ("일등 항해사가 육분의를 보관한다.", "육분의는 어디 있나?", "육분 분의"),
        ("يحتفظ الضابط بالسدسية في غرفة الخرائط.", "من عنده سدسية؟", "سدس"),
        ("سفينة شحن والبوصلة.", "البوصلة", "بوصل"),
        ("החובל הראשון שומר על הסקסטנט בחדר המפות.", "איפה סקסטנט?", "סקסטנט"),
        ("Старший помощник хранит секстант в рубке.", "Кто говорил о секстанте?", "секстант"),
        ("Der Offizier verwahrt die Sextanten nicht.", "Sextant", "sextant"),
        ("Le second garde les boussoles.", "Où est la boussole ?", "boussol"),
        ("El primer oficial guarda las brújulas.", "¿Dónde está la brujula?", "brujul"),
        ("पहला अधिकारी दिशासूचक को कमरे में रखता है।", "दिशासूचक किसके पास है?", "दिशासूचक"),
        ("Ο ύπαρχος φυλάει τις πυξίδες στο δωμάτιο.", "Πού είναι η πυξίδα;", "πυξιδ"),
    ],
)
def test_what_is_asked_has_the_words_that_the_text_has(text: str, question: str, shared: str) -> None:
    held = set(searched(text, likely_language(text)).split())
    assert set(shared.split()) <= held & set(asked(question).split())


@pytest.mark.parametrize("text", ["The mate keeps the sextant in the chart room.", "", "GPLv3 0x1F", "!?"])
def test_a_text_in_english_costs_nothing(text: str) -> None:
    assert searched(text, likely_language(text)) == ""


def test_a_question_in_english_asks_for_nothing_more() -> None:
    assert asked("Who keeps the sextant of the Morning Star?") == ""


def test_a_word_of_another_script_is_found_in_an_english_text() -> None:
    text = "The word for a sextant is 六分仪 and it is kept by the mate."
    assert searched(text, likely_language(text)).split() == ["六分", "分仪", "六", "分", "仪"]
    assert asked("What does 六分仪 mean?").split()[:2] == ["六分", "分仪"]


def test_signs_stay_with_their_letter() -> None:
    assert [pair for _, pair in pairs("น้ำมัน")] == ["น้ำ", "ำมั", "มัน"]
    assert list(words("जहाज़ 3月 don't")) == ["जहाज़", "3", "月", "don't"]
