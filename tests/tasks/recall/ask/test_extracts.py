"""What a claim shows: rows with their header, later terms of one contract, replies; no markup."""

from collections.abc import Callable

import pytest

from model.embed.embedder import Embedder
from tasks.bench.ask import read_texts
from tasks.errors import InvalidInput
from tasks.memory.reader import Memory
from tasks.recall.ask.ask import MOST_CHARS, Reply, ask

TEXTS = {
    "/texts/supply.txt": (
        "SUPPLY AGREEMENT\n\nThis Supply Agreement is made as of 2 April 2021 between Tern Foods, Inc. "
        "and Cove Fisheries Ltd.\n\n1. Supply. Supplier shall supply 400 tonnes of herring a year.\n\n"
        "2. Price. Buyer shall pay 1,150 pounds per tonne within thirty (30) days.\n\n"
        "AMENDMENT NO. 1\n\nMade as of 9 October 2022.\n\n"
        "1. Section 2 is deleted and replaced by: Buyer shall pay 1,320 pounds per tonne within 45 days.\n"
    ),
    "/texts/fees.md": (
        "# Fees of the harbour\n\n| Berth | Length | Fee per night |\n|---|---|---|\n"
        "| North pier | 12 m | 38 crowns |\n| South pier | 18 m | 55 crowns |\n"
        "| Inner basin | 9 m | 24 crowns |\n"
    ),
    "/texts/rent.txt": (
        "Minutes of the tenants\n\nThe rent of the workshop was discussed at length. It is 1,450 euros. "
        "The members agreed to pay it from May.\n"
    ),
    "/texts/berth.txt": (
        "Berthing agreement between Gull Marina Ltd and Ines Farrow.\n\n"
        "1. Charge. The guest pays a winter charge of 640 crowns before the first frost.\n"
        "2. Term. The agreement ends with the last ice.\n"
    ),
    "/texts/water.txt": (
        "东城区水务会议纪要\n\n会议讨论了新泵站的建设。新泵站将于2025年10月完工。"
        "工程预算为三百万元。王伟负责监督施工。\n"
    ),
    "/texts/tidepool.md": (
        "# Tidepool\n\nTidepool reads tide tables.\n\n## Resetting the cache\n"
        "To reset the cache, delete its folder and start the program again.\n"
    ),
    "/texts/talk.txt": (
        "[10:04 am on 12 April, 2024] Nora: I finally adopted a dog yesterday! His name is Biscuit.\n"
        "[10:05 am on 12 April, 2024] Felix: Wonderful, Nora! What else is new?\n"
        "[10:06 am on 12 April, 2024] Nora: Not much. Did you enrol in a course this spring?\n"
        "[10:07 am on 12 April, 2024] Felix: Yes, pottery in Leeds, with my sister Hanna.\n"
    ),
}

Asked = Callable[[str], Reply]


@pytest.fixture(scope="module")
def memory(embedder: Embedder, tmp_path_factory: pytest.TempPathFactory) -> Memory:
    return read_texts(TEXTS, embedder.encode, tmp_path_factory.mktemp("home"))


@pytest.fixture
def asked(memory: Memory, embedder: Embedder) -> Asked:
    return lambda question: ask(memory, question, embedder.encode)


def test_a_price_that_was_amended_in_the_same_file_is_shown_beside_the_first(asked: Asked) -> None:
    answer = asked("What does the Buyer pay per tonne?").answer
    assert "1,150 pounds" in answer
    assert "1,320 pounds" in answer


def test_a_row_of_a_table_is_read_with_its_header_and_cites_both(asked: Asked) -> None:
    (claim,) = asked("What is the fee per night at the South pier?").claims
    assert claim.text == "Berth: South pier; Length: 18 m; Fee per night: 55 crowns"
    assert [one.text for one in claim.citations] == [
        "| South pier | 18 m | 55 crowns |",
        "| Berth | Length | Fee per night |",
    ]
    assert all(TEXTS[one.uri][one.start : one.end] == one.text for one in claim.citations)


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        (
            "What is the rent of the workshop?",
            "The rent of the workshop was discussed at length. It is 1,450 euros.",
        ),
        (
            "新泵站什么时候完工\uff1f",
            "新泵站将于2025年10月完工。",
        ),
        (
            "How do I reset the cache of Tidepool?",
            "To reset the cache, delete its folder and start the program again.",
        ),
    ],
)
def test_the_first_claim_is_the_sentence_that_answers_and_nothing_around_it(
    asked: Asked, question: str, answer: str
) -> None:
    assert asked(question).claims[0].text == answer


@pytest.mark.parametrize("question", ["What does the Buyer pay per tonne?", "How do I reset the cache?"])
def test_a_claim_has_no_list_marker_and_is_no_heading(asked: Asked, question: str) -> None:
    reply = asked(question)
    assert reply.found
    assert all(claim.text[0].isalpha() for claim in reply.claims)


def test_a_claim_does_not_go_on_into_what_the_next_clause_is_called(asked: Asked) -> None:
    reply = asked("Who pays the winter charge and how much is it?")
    assert reply.claims[0].text == "The guest pays a winter charge of 640 crowns before the first frost."


def test_a_reply_is_found_by_the_question_that_it_answers(asked: Asked) -> None:
    assert "pottery in Leeds" in asked("Which course did Felix enrol in this spring?").answer


def test_what_another_speaker_did_is_no_answer(asked: Asked) -> None:
    assert "adopted a dog" in asked("When did Nora adopt a dog?").answer
    assert not asked("When did Felix adopt a dog?").found


def test_a_question_that_is_too_long_is_refused(asked: Asked) -> None:
    with pytest.raises(InvalidInput, match=r"the question has 2,001 characters: ask at most 2,000"):
        asked("a" * (MOST_CHARS + 1))
