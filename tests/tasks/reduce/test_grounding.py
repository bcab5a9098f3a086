"""Nothing invented is stored: what a draft says must stand in at most three source sentences, bound alike.

Run: pytest tests/tasks/reduce/test_grounding.py
"""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.reduce.grounding import MOST_SPANS, ground, support
from tasks.reduce.language import language_in
from tasks.settings import GroundConfig

SOURCES = (
    "The Department of Defense spent $4.3 billion on spare parts in 2011.",
    "GAO recommended that the Navy improve its forecasts.",
    "The licensee may not sell copies without the written consent of the owner.",
    "The museum in Lisbon opened in 1911.",
    "It holds 4,200 carriages.",
    "The tenant pays rent and the owner repairs the roof.",
    "The rent is low and the deposit is 1,450 euros.",
    "Anna paid Ben 300 dollars on 3 March 2024.",
    "The Navy failed to improve its forecasts.",
    "Revenue rose by 12% in 2019, but profits fell.",
    "The tenant may not sublet and may not assign the lease.",
    "If the tenant is late, the owner may terminate the lease.",
    "The fee is at least 500 euros.",
    "Carl: I moved to Porto in May.",
    "The company opened an office in Madrid in 2015.",
    "The company closed its factory in Oslo in 2018.",
    "The president of the bank met the tenants.",
    "The board doesn't approve the budget.",
    "Dora or Emil signs the report.",
    "The train goes from Lisbon to Porto.",
    "The Lisbon Post praised western Galicia, Asturias and the coast.",
    "In the event that Fay is late, Gil shall pay the fine.",
    "In the event that Gil is late, Fay shall pay the fine.",
)


@pytest.mark.parametrize(
    ("sentence", "spans"),
    [
        (SOURCES[0], (0,)),
        ("Department of Defense spent $4.3 billion on spare parts.", (0,)),
        ("The Department of Defense spent $4.3 billion in 2011.", (0,)),
        ("The licensee may not sell copies without the consent of the owner.", (2,)),
        ("The tenant pays rent.", (5,)),
        ("The owner repairs the roof.", (5,)),
        ("The tenant may not sublet.", (10,)),
        ("Anna paid Ben 300 dollars.", (7,)),
        ("Revenue rose by 12 % in 2019.", (9,)),
        ("The fee is at least 500 euros.", (12,)),
        ("If the tenant is late, the owner may terminate the lease.", (11,)),
        ("The board does not approve the budget.", (17,)),
    ],
)
def test_a_sentence_shortened_stands_on_it(sentence: str, spans: tuple[int, ...]) -> None:
    assert support(sentence, SOURCES) == spans


@pytest.mark.parametrize(
    ("sentence", "spans"),
    [
        ("The company opened an office in Madrid in 2015 and closed its factory in Oslo.", (14, 15)),
        ("The museum in Lisbon opened in 1911, and Anna paid Ben 300 dollars.", (3, 7)),
        ("The tenant pays rent, the fee is at least 500 euros, and Anna paid Ben 300 dollars.", (5, 7, 12)),
    ],
)
def test_clauses_may_stand_on_different_sentences_and_each_is_cited(
    sentence: str, spans: tuple[int, ...]
) -> None:
    assert support(sentence, SOURCES) == spans


def test_more_than_three_sentences_support_nothing() -> None:
    clauses = [SOURCES[number].removesuffix(".") for number in (3, 7, 10, 12)]
    sentence = ", and ".join(clauses) + "."
    assert MOST_SPANS == 3
    assert support(sentence, SOURCES) == ()


def test_a_pronoun_is_resolved_by_the_sentence_directly_before() -> None:
    sentence = "The museum in Lisbon holds 4,200 carriages."
    assert support(sentence, SOURCES) == (3, 4)
    assert support(sentence, SOURCES, apart={4}) == ()


def test_a_turn_of_a_dialogue_is_its_speakers_own_statement() -> None:
    assert support("Carl moved to Porto in May.", SOURCES) == (13,)
    assert support("Ben moved to Porto in May.", SOURCES) == ()


@pytest.mark.parametrize(
    "sentence",
    [
        # another number, unit, bound or currency
        "The Department of Defense spent $4.4 billion on spare parts in 2011.",
        "The Department of Defense spent $4.3 million on spare parts in 2011.",
        "The Department of Defense spent €4.3 billion on spare parts in 2011.",
        "Revenue rose by 12 in 2019.",
        "The fee is 500 euros.",
        "The fee is at most 500 euros.",
        "The museum in Lisbon holds 4,300 carriages.",
        # another name, or names exchanged
        "The Department of Energy spent $4.3 billion on spare parts in 2011.",
        "The Navy spent $4.3 billion on spare parts in 2011.",
        "Mr Smith paid Ben 300 dollars.",
        "Ben paid Anna 300 dollars.",
        "Anna was paid by Ben 300 dollars.",
        "Anna and Ben paid 300 dollars.",
        "Lisbon praised western Galicia.",
        "The Lisbon Post praised western Asturias and the coast.",
        "The train goes from Porto to Lisbon.",
        "The train goes to Lisbon from Porto.",
        # a negation, a modal verb or a condition lost, added or moved
        "The licensee may sell copies without the written consent of the owner.",
        "The licensee may sell copies with the written consent of the owner.",
        "The licensee must not sell copies without the written consent of the owner.",
        "The licensee may not sell copies.",
        "The tenant may sublet.",
        "The tenant may assign the lease.",
        "The tenant may not sublet and may assign the lease.",
        "The owner may terminate the lease.",
        "The board approves the budget.",
        "The board approve the budget.",
        "The Department of Defense never spent $4.3 billion on spare parts.",
        "The Department of Defense will spend $4.3 billion on spare parts.",
        "Dora and Emil sign the report.",
        "Dora signs the report.",
        # what was only advised, or failed
        "The Navy should improve its forecasts.",
        "The Navy improves its forecasts.",
        "The Navy improved its forecasts.",
        # pieces of different sentences joined
        "The Department of Defense recommended that the Navy improve its forecasts of 2011.",
        "The Department of Defense spent $4.3 billion, and recommended that the Navy improve its forecasts.",
        "The company opened an office in Madrid in 2018.",
        "The company opened an office in Oslo in 2015.",
        "The company closed its factory in Oslo in 2015.",
        "The company opened an office in Madrid and holds 4,200 carriages.",
        "Anna paid Ben in March 2011.",
        "In the event that Fay is late, Fay shall pay the fine.",
        # pieces of different clauses of one sentence joined
        "The tenant repairs the roof.",
        "The tenant pays rent and repairs the roof.",
        "The rent is 1,450 euros.",
        "Revenue fell.",
        "Revenue fell by 12% in 2019.",
        "The bank met the tenants.",
        # opposite or invented
        "Profits rose.",
        "Spare parts spent the Department of Defense.",
        "Defense spent $4.3 billion.",
        "A completely different claim is made here.",
        "Yes.",
    ],
)
def test_an_invention_is_dropped_and_counted(sentence: str) -> None:
    result = ground(sentence, SOURCES, GroundConfig())
    assert (result.summary, result.spans, result.dropped) == ("", (), 1)


@pytest.mark.parametrize(
    ("language", "source", "true", "false"),
    [
        (
            "german",
            "Der Mieter zahlt die Miete von 900 Euro nicht im Voraus, und der Vermieter zahlt die Heizung.",
            "Der Mieter zahlt die Miete von 900 Euro nicht im Voraus.",
            "Der Mieter zahlt die Miete von 900 Euro im Voraus.",
        ),
        (
            "french",
            "Le musée de Lyon a ouvert en 1911, et la ville ne paie pas les travaux.",
            "Le musée de Lyon a ouvert en 1911.",
            "Le musée de Lyon a ouvert en 1912.",
        ),
        (
            "russian",
            "Компания не платит налог, и директор уехал в Москву.",
            "Компания не платит налог.",
            "Компания платит налог.",
        ),
        (
            "unspaced",
            "公司二〇一五年在北京开设办事处、员工没有搬家。",
            "公司二〇一五年在北京开设办事处。",
            "公司二〇一五年在上海开设办事处。",
        ),
        (
            "unspaced",
            "承租人不得转租房屋、出租人负责修缮。",
            "承租人不得转租房屋。",
            "承租人得转租房屋。",
        ),
        (
            "unspaced",
            "如承租人迟延付款、出租人可终止合同。",
            "如承租人迟延付款、出租人可终止合同。",
            "出租人可终止合同。",
        ),
    ],
)
def test_every_language_is_grounded_in_its_own_words(
    language: str, source: str, true: str, false: str
) -> None:
    assert language_in(source).name == language
    assert support(true, [source]) == (0,)
    assert support(false, [source]) == ()


def test_of_a_language_without_lists_only_whole_sentences_stand() -> None:
    source = "Kampuni inalipa kodi, na mkurugenzi hakwenda Dodoma."
    assert support(source, [source], language_in("zzz")) == (0,)
    assert support("Kampuni inalipa kodi.", [source], language_in("zzz")) == ()


def test_what_the_model_would_have_said_anyway_is_dropped() -> None:
    asked: list[tuple[str, str]] = []

    def gains(pairs: Sequence[tuple[str, str]]) -> list[float]:
        asked.extend(pairs)
        return [0.1, 2.0]

    draft = "The tenant pays rent. The owner repairs the roof. The tenant repairs the roof."
    result = ground(draft, SOURCES, GroundConfig(gain=0.5), gains)
    assert (result.summary, result.spans, result.dropped) == ("The owner repairs the roof.", (5,), 2)
    assert asked == [(SOURCES[5], "The tenant pays rent."), (SOURCES[5], "The owner repairs the roof.")]


def test_an_unfinished_or_repeated_sentence_is_dropped() -> None:
    text = f"{SOURCES[1]} {SOURCES[1]} The Department of Defense spent"
    result = ground(text, SOURCES, GroundConfig())
    assert (result.summary, result.spans, result.dropped) == (SOURCES[1], (1,), 2)


def test_a_sentence_may_begin_with_a_pronoun_only_behind_what_it_means() -> None:
    museum, holds, late = SOURCES[3], SOURCES[4], SOURCES[7]
    assert ground(f"{museum} {holds}", SOURCES, GroundConfig()).summary == f"{museum} {holds}"
    assert ground(f"{late} {holds}", SOURCES, GroundConfig()).summary == late
    assert ground(holds, SOURCES, GroundConfig()).summary == ""


def test_nothing_supports_a_draft_without_spans() -> None:
    assert ground(SOURCES[0], [], GroundConfig()).summary == ""


def test_a_draft_is_cut_into_sentences_as_its_source_is() -> None:
    said = "Dr. Smith paid the owner $3.50."
    result = ground(f"{said} Dr. Smith", [said], GroundConfig())
    assert (result.summary, result.dropped) == (said, 1)


@given(st.text(max_size=80), st.text(max_size=80))
def test_any_text_can_be_judged(sentence: str, source: str) -> None:
    assert set(support(sentence, [source, sentence])) <= {0, 1}


def test_a_sentence_of_equal_words_is_judged_in_bounded_time() -> None:
    assert support("buy " * 60 + "sell.", ["buy " * 200]) == ()
