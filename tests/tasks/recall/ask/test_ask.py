"""Ask: verbatim sentences with places that were checked, several where sources disagree, or "not found"."""

from collections.abc import Callable
from pathlib import Path

import pytest

from model.embed.embedder import Embedder
from tasks.bench.ask import read_texts
from tasks.errors import InvalidInput
from tasks.ingest.parse import place_of, read_text
from tasks.memory.reader import Memory
from tasks.recall.ask.ask import GONE, Claim, Reply, ask
from tasks.recall.filters import Filters
from tasks.recall.scope import documents_of

TEXTS = {
    "/texts/lease-2024.txt": (
        "Lease Agreement between Marlow Holdings Ltd and Ida Fenn\n\nThis lease is dated 4 March 2024.\n\n"
        "1. Rent. The tenant shall pay a monthly rent of 1,450 euros on the first day of every month.\n\n"
        "2. Deposit. The tenant pays a deposit of three months' rent.\n\n"
        "3. Notice. Either party may end the lease with ninety (90) days' written notice.\n"
    ),
    "/texts/lease-amended.txt": (
        "Amendment to the Lease Agreement between Marlow Holdings Ltd and Ida Fenn\n\nDated 1 June 2025.\n\n"
        "1. Rent. The tenant shall pay a monthly rent of 1,590 euros on the first day of every month.\n"
    ),
    "/texts/storm.txt": (
        "Harbour log of Quay 7\n\nThe storm of 3 March tore two planks off the slipway at Quay 7. The "
        "harbour master, Jonas Ekdahl, closed the slipway for nine days. The repair cost 2,300 crowns. "
        "It was paid by the harbour board.\n"
    ),
    "/texts/storm-copy.txt": (
        "A letter to the editor\n\nI was there. The storm of 3 March tore two planks off the slipway at "
        "Quay 7.\n"
    ),
    "/texts/miete.txt": (
        "Mietvertrag zwischen der Stadt Lindau und Frau Petra Vogt\n\nDie Miete beträgt 820 Euro im Monat. "
        "Die Kündigungsfrist beträgt drei Monate. Haustiere sind nicht erlaubt.\n"
    ),
    "/texts/library.txt": (
        "图书馆规则\n\n图书馆每天上午九点开门。每位读者最多可以借五本书。借书期限为三十天。\n"
    ),
    "/texts/ferry.txt": (
        "The old ferry\n\nSupport for the engine of the old ferry ended on 29 April 2026. Support for the "
        "engine of the old ferry at its yard ended on 31 October 2025.\n"
    ),
    "/texts/talk.txt": (
        "[10:04 am on 12 April, 2024] Nora: I finally adopted a dog yesterday! His name is Biscuit.\n"
        "[10:05 am on 12 April, 2024] Felix: Wonderful! I signed up for a pottery course in Leeds.\n"
    ),
}

Asked = Callable[..., Reply]


@pytest.fixture(scope="module")
def memory(embedder: Embedder, tmp_path_factory: pytest.TempPathFactory) -> Memory:
    return read_texts(TEXTS, embedder.encode, tmp_path_factory.mktemp("home"))


@pytest.fixture
def asked(memory: Memory, embedder: Embedder) -> Asked:
    def of(question: str, **options: object) -> Reply:
        return ask(memory, question, embedder.encode, **options)  # type: ignore[arg-type]

    return of


@pytest.mark.parametrize(
    ("question", "uri", "answer"),
    [
        ("Who closed the slipway?", "storm.txt", "Jonas Ekdahl"),
        ("How much did the repair of the slipway cost?", "storm.txt", "2,300 crowns"),
        ("How long was the slipway closed?", "storm.txt", "nine days"),
        (
            "What deposit is paid under the lease between Marlow Holdings Ltd and Ida Fenn?",
            "lease-2024.txt",
            "three months' rent",
        ),
        ("When did Nora adopt a dog?", "talk.txt", "yesterday"),
        ("Wie hoch ist die Miete?", "miete.txt", "820 Euro"),
        (
            "每位读者可以借几本书\uff1f",
            "library.txt",
            "五本书",
        ),
    ],
)
def test_what_was_read_is_answered_with_its_exact_characters(
    asked: Asked, question: str, uri: str, answer: str
) -> None:
    reply = asked(question)
    assert reply.found
    first = reply.claims[0]
    assert answer in first.text
    cited = next(one for one in first.citations if one.uri.endswith(uri))
    assert TEXTS[cited.uri][cited.start : cited.end] == cited.text
    assert " ".join(cited.text.split()) == first.text
    assert cited.place.startswith("line ")


@pytest.mark.parametrize(
    "question",
    [
        "What is the annual salary of the harbour master?",
        "When was the lighthouse built?",
        "What is the monthly rent under the lease between Kestrel LLC and Bob Moss?",
        "Was kostet ein Parkplatz?",
        "图书馆有多少员工\uff1f",
        "Who is the president of France?",
        "zxqv brrt ???",
        "?!",
        "'; DROP TABLE records; --",
    ],
)
def test_what_was_never_read_is_not_found_and_the_nearest_passages_are_shown(
    asked: Asked, question: str
) -> None:
    reply = asked(question)
    assert not reply.found
    assert reply.answer == ""
    assert [one for one in reply.nearest if TEXTS[one.uri][one.start : one.end] != one.text] == []


def test_nearest_passages_are_those_that_recall_finds(asked: Asked) -> None:
    assert asked("What is the annual salary of the harbour master?").nearest[0].uri.endswith("storm.txt")


def test_sources_that_disagree_are_shown_with_their_dates(asked: Asked) -> None:
    reply = asked("What is the monthly rent?")
    assert {claim.source for claim in reply.claims} == {
        "Lease Agreement between Marlow Holdings Ltd and Ida Fenn (2024-03-04)",
        "Amendment to the Lease Agreement between Marlow Holdings Ltd and Ida Fenn (2025-06-01)",
    }
    assert reply.answer.startswith("Sources disagree.")
    assert "1,450 euros" in reply.answer
    assert "1,590 euros" in reply.answer


def test_two_dates_in_one_document_are_no_disagreement_of_sources(asked: Asked) -> None:
    reply = asked("When did support for the engine of the old ferry end?")
    assert {claim.source for claim in reply.claims} == {""}


def test_an_equal_sentence_is_one_claim_that_cites_both_sources(asked: Asked) -> None:
    first = asked("How many planks did the storm tear off the slipway?").claims[0]
    assert {one.uri for one in first.citations} == {"/texts/storm.txt", "/texts/storm-copy.txt"}


def test_claims_are_told_one_by_one_in_the_order_of_the_answer(asked: Asked) -> None:
    told: list[Claim] = []
    reply = asked("What is the monthly rent?", told=told.append)
    assert tuple(told) == reply.claims
    assert len(told) == 2


def test_no_more_claims_than_are_asked_for(asked: Asked) -> None:
    assert len(asked("Who closed the slipway at Quay 7?", most=1).claims) == 1


def test_a_question_may_be_asked_of_some_documents_only(memory: Memory, asked: Asked) -> None:
    only = documents_of(memory, "/texts/lease-amended.txt")
    reply = asked("What is the monthly rent?", documents=only)
    assert (
        reply.answer == "The tenant shall pay a monthly rent of 1,590 euros on the first day of every month."
    )
    assert not asked("Who closed the slipway?", documents=only).found


def test_a_question_may_be_asked_of_some_dates_only(asked: Asked) -> None:
    then = Filters(dates=["2025"])
    (claim,) = asked("What is the monthly rent?", filters=then).claims
    assert "1,590 euros" in claim.text
    assert not asked("Who closed the slipway?", filters=then).found


@pytest.mark.parametrize(
    ("uri", "count"), [("/texts", 8), ("/texts/storm*", 2), ("storm.txt", 1), ("/texts/*.txt", 8)]
)
def test_documents_are_named_by_uri_folder_glob_or_name(memory: Memory, uri: str, count: int) -> None:
    assert len(documents_of(memory, uri) or ()) == count


def test_a_source_that_was_not_read_is_refused_with_the_nearest(memory: Memory) -> None:
    with pytest.raises(InvalidInput, match=r"lease-2023\.txt: .* nearest is /texts/lease-2024\.txt"):
        documents_of(memory, "lease-2023.txt")


@pytest.mark.parametrize("question", ["", "  \n"])
def test_an_empty_question_is_refused(asked: Asked, question: str) -> None:
    with pytest.raises(InvalidInput, match="the question is empty"):
        asked(question)


def test_an_empty_memory_answers_nothing(embedder: Embedder, tmp_path: Path) -> None:
    reply = ask(read_texts({}, embedder.encode, tmp_path), "Who closed the slipway?", embedder.encode)
    assert (reply.found, reply.nearest) == (False, ())


def test_a_claim_whose_stored_text_is_gone_is_not_shown(embedder: Embedder, tmp_path: Path) -> None:
    memory = read_texts({"/texts/storm.txt": TEXTS["/texts/storm.txt"]}, embedder.encode, tmp_path)
    question = "Who closed the slipway?"
    assert ask(memory, question, embedder.encode).found
    for file in (tmp_path / "parsed").iterdir():
        file.unlink()
    reply = ask(memory, question, embedder.encode)
    assert not reply.found
    assert [one.place for one in reply.nearest] == [GONE]


def test_every_citation_of_a_reply_opens_in_the_stored_text(memory: Memory, asked: Asked) -> None:
    for claim in asked("What is the monthly rent?").claims:
        for one in claim.citations:
            source = next(row for row in memory.sources.to_pylist() if row["uri"] == one.uri)
            where = memory.home, source["parsed"], source["part"]
            assert read_text(*where, one.start, one.end) == one.text
            assert place_of(*where, one.start) == one.place


def test_a_program_gets_exactly_these_fields(asked: Asked) -> None:
    found = asked("Who closed the slipway?").as_json()
    assert list(found) == ["question", "found", "answer", "claims", "nearest", "seconds"]
    assert list(found["claims"][0]) == ["text", "citations", "source", "by_person", "labels", "superseded_by"]
    assert list(found["claims"][0]["citations"][0]) == [
        "uri",
        "place",
        "start",
        "end",
        "text",
        "label",
        "document",
    ]
    assert set(found["seconds"]) == {"recall", "judge", "check"}
