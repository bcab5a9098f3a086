"""Three levels answer, and the one that knows counts most. Run: pytest tests/tasks/recall/levels"""

from pathlib import Path

import pytest

from tasks.errors import InvalidInput
from tasks.memory.publish import publish
from tasks.memory.reader import open_memory
from tasks.memory.sessions.round import Round, Said
from tasks.memory.sessions.session import Session
from tasks.memory.sources import Seen
from tasks.memory.staging import stage
from tasks.recall.ask.ask import Claim
from tasks.recall.citation import Citation
from tasks.recall.levels.answer import Asking, Corpus, _documents, answer, recall_rounds
from tasks.recall.levels.level import Found, Item, Name, Place, strength_of, understood
from tasks.recall.levels.replies import answered
from tasks.recall.levels.router import Routed, ranked, weigh
from tasks.settings import RecallConfig
from tests.tasks.memory.rows import record, source
from tests.tasks.memory.sessions.talk import EMBEDDER, embed, said, talk

FACTS: dict[Name, tuple[int, str, str]] = {
    "long": (30, "Mirela keeps bees on the roof of the old brewery.", "Who keeps bees on the roof?"),
    "mid": (150, "Oskar sold his boat to a dentist from Bergen.", "Who bought the boat of Oskar?"),
    "short": (217, "Hana plays the bassoon in a circus band.", "What does Hana play in the circus?"),
}
HOW = Asking(embed, RecallConfig(), window=250)


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Session:
    rounds = talk(220)
    for number, text, _ in FACTS.values():
        rounds[number - 1] = said(number, text)
    session = Session(tmp_path_factory.mktemp("home") / "diary", EMBEDDER)
    session.add(rounds, embed)
    return session


def found(session: Session, question: str) -> Routed:
    return recall_rounds(session, question, HOW)[2]


@pytest.mark.parametrize("name", list(FACTS))
def test_the_level_that_holds_the_answer_counts_most_and_comes_first(session: Session, name: Name) -> None:
    number, _, question = FACTS[name]
    routed = found(session, question)
    assert max(routed.weights, key=lambda one: routed.weights[one]) == name
    assert sum(routed.weights.values()) == pytest.approx(1.0)
    level, item = routed.items[0]
    assert (level, item.said.number) == (name, number)


def test_a_round_is_in_one_level_only(session: Session) -> None:
    routed = found(session, "Where does the ladder stand?")
    rounds = {one.level: {item.said.number for item in one.items} for one in routed.found}
    assert min(rounds["short"]) > max(rounds["mid"]) > min(rounds["mid"]) > max(rounds["long"])


def test_an_answer_names_the_round_its_time_and_who_speaks(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TZ", "UTC")
    _, text, question = FACTS["long"]
    recalled = answer(session, question, HOW, None)
    (claim,) = recalled.reply.claims
    (cited,) = claim.citations
    assert (cited.text, cited.uri) == (text, "session diary")
    assert cited.place == "round 30, 3 May 2026 08:32, Ben"
    assert recalled.levels == ("long",)


def test_what_was_never_said_is_not_found_and_the_nearest_rounds_are_shown(session: Session) -> None:
    recalled = answer(session, "Which comet did the astronomer discover?", HOW, None)
    assert not recalled.reply.found
    assert len(recalled.reply.nearest) == 3


def test_questions_that_were_asked_before_are_no_evidence(session: Session) -> None:
    question = "Who wrote the opera about the miller?"
    session.add([Said("you", question, said(221).time, "not found")], embed)
    items = found(session, question).items
    assert session.store.last not in {item.said.number for _, item in items}


def test_what_is_said_of_another_beside_a_name_does_not_answer(tmp_path: Path) -> None:
    rounds = [
        "Leila is learning the zither in the evenings. Marco wants to know whether you come.",
        "Oskar was here. He is learning the harp in the evenings.",
    ]
    with Session(tmp_path / "new", EMBEDDER) as new:
        new.add([said(number, text) for number, text in enumerate(rounds, 1)], embed)
        assert not answer(new, "What is Marco learning in the evenings?", HOW, None).reply.found
        reply = answer(new, "What is Oskar learning in the evenings?", HOW, None).reply
    assert "He is learning the harp" in reply.claims[0].text
    assert "zither" not in reply.answer


def test_only_the_part_of_a_source_that_an_answer_quotes_is_noted(tmp_path: Path) -> None:
    parts = [source("/docs/mails.jsonl", f"d{n}", part=n, label=f"row={n}") for n in (0, 1)]
    rows = [record(f"d{n}", 0) for n in (0, 1)]
    publish(tmp_path, "r1", [stage(tmp_path, "r1", rows)], Seen(("/docs",), tuple(parts), ""))
    claim = Claim("Hello", (Citation("/docs/mails.jsonl", "line 1", 0, 5, "Hello", "row=1"),), 0.9)
    assert _documents(Corpus(open_memory(tmp_path)), [claim]) == ("d1",)


def test_an_empty_session_finds_nothing(tmp_path: Path) -> None:
    with Session(tmp_path / "new", EMBEDDER) as new:
        routed = found(new, "Who keeps bees?")
    assert routed.items == ()
    assert set(routed.weights.values()) == {0.0}


def test_weights_follow_the_strongest_and_a_level_without_anything_has_none() -> None:
    weights = weigh({"short": 0.3, "mid": 0.6, "long": 0.0})
    assert weights["mid"] > 0.9 > 0.1 > weights["short"] > weights["long"] == 0.0


def test_what_is_about_somebody_else_is_weaker() -> None:
    said = ["Oskar sails on Monday.", "Ines sails."]
    question = understood("When does Oskar sail?", embed, said)
    oskar, ines = 0.5 * question.vector, 0.7 * question.vector
    assert strength_of(question, said[0], oskar) > strength_of(question, said[1], ines)


def test_what_names_somebody_without_a_word_of_what_is_asked_is_weaker() -> None:
    """To the vector of the question the two are alike, as they are to a mean over words."""
    said = ["Have you heard anything from Oskar lately?", "Oskar was vaccinated against rabies.", "Not yet."]
    question = understood("What was Oskar vaccinated against?", embed, said)
    assert question.nameless @ embed(["What was vaccinated against?"])[0] == pytest.approx(1.0, abs=1e-5)
    alike = [strength_of(question, text, question.vector) for text in said]
    assert alike[1] > alike[0] > alike[2]


def test_a_question_of_nothing_but_names_is_left_as_it_is() -> None:
    question = understood("Who is Oskar?", embed, ["Oskar sails."])
    assert question.nameless @ question.vector == pytest.approx(1.0, abs=1e-5)


def test_items_are_ranked_by_their_level_and_within_it() -> None:
    def item(number: int, score: float, strength: float) -> Item:
        one = Round("Ann", "Hello", said(number).time, number=number)
        return Item(one, Place(number, 0, 5, ""), score, 0.0, strength)

    some = (Found("short", (item(3, 1.0, 0.3), item(4, 0.5, 0.2))), Found("long", (item(1, 1.0, 0.6),)))
    order = ranked(some, {"short": 0.2, "mid": 0.0, "long": 0.8})
    assert [pair[1].said.number for pair in order] == [1, 3, 4]


@pytest.mark.parametrize(("question", "said"), [(" \n", "is empty"), ("word " * 500, "ask at most 2,000")])
def test_what_is_no_question_becomes_no_round(tmp_path: Path, question: str, said: str) -> None:
    with pytest.raises(InvalidInput, match=said):
        answered(tmp_path, "diary", question, "", RecallConfig(), 512, None, None)
    assert not (tmp_path / "sessions").exists()
