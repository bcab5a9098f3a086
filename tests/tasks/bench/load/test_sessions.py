"""What a session was told is told from what another one was."""

import re

import pytest

from tasks.bench.load.sessions import Fact, Session, sessions
from tasks.serve.door import Cited


def cited(text: str, start: int = 0) -> Cited:
    return Cited(0, 1, start, start + len(text), text)


def tell(session: Session, count: int) -> list[Fact]:
    facts = session.more(count)
    session.facts += facts
    session.text += "".join(fact.line for fact in facts)
    return facts


@pytest.fixture
def two() -> list[Session]:
    made = sessions(2, 0)
    for session in made:
        tell(session, 12)
    return made


def test_no_number_name_or_place_is_anothers() -> None:
    made = sessions(700, 0, ("", "a"))
    facts = [fact for session in made for fact in tell(session, 30)]
    assert len({fact.number for fact in facts}) == len(facts)
    assert {len(fact.number) for fact in facts} == {8}
    assert len({session.place for session in made}) == len({session.name for session in made}) == 700
    assert {session.name.tenant for session in made} == {"", "a"}
    assert len({fact.thing for fact in tell(made[0], 600)}) == 600


def test_a_session_is_the_same_with_every_run() -> None:
    one, other = (tell(sessions(3, 7)[2], 5) for _ in range(2))
    assert one == other


def test_its_own_text_is_right_wherever_it_is_cut(two: list[Session]) -> None:
    session = two[0]
    pieces = [cited(session.text[at : at + 37], at) for at in range(0, len(session.text), 37)]
    assert session.wrong(pieces) == ""
    assert all(session.holds(pieces, fact) for fact in session.facts)


def test_a_block_of_another_session_is_seen(two: list[Session]) -> None:
    mine, other = two
    assert mine.wrong([cited(other.text[:200])]) == "load-0: characters 0 to 200: tells what load-1 was told"
    moved = cited(mine.text[10:90], 11)
    assert mine.wrong([cited(mine.text[:50]), moved]).endswith("is not what it was told there")
    assert mine.wrong([cited(mine.text + "more")]) != ""


def test_a_fact_is_found_where_all_its_digits_are_cited(two: list[Session]) -> None:
    session, fact = two[0], two[0].facts[5]
    at = session.text.index(fact.number)
    whole, left, right = ((at - 20, at + 30), (at - 20, at + 4), (at + 4, at + 40))

    def found(*spans: tuple[int, int]) -> bool:
        return session.holds([cited(session.text[first:last], first) for first, last in spans], fact)

    assert found(whole)
    assert found(right, left)
    assert not found(left)
    assert not found(right)
    assert not found()


def test_a_number_of_another_session_is_known_in_words(two: list[Session]) -> None:
    mine, other = two
    number = other.facts[0].number
    assert mine.told.others(mine.name, f"it is {number}.") == "load-1"
    assert mine.told.others(mine.name, f"it is {mine.facts[0].number}, or 12345678901") == ""
    assert mine.told.others(mine.name, f"it is {number}0") == ""
    assert re.fullmatch(r"What is the number of the .* in .*\?", mine.question(mine.facts[0]))
