"""Documents are cut where they can be cited, and every passage knows where it stands."""

from tasks.memory.cut import TURN_CHARS, passages
from tasks.memory.keys import Key, spoken
from tasks.memory.records import passage_records
from tasks.text.outline import outline

TALK = """\
Session of 3 June 2024

Ann: Good morning. Did you take the tram?
Bob: I did. It was late again,
and full.
Ann: We adopted a parrot yesterday.
Bob: What is it called?
Ann: Rio.
Bob: Lovely.
"""


def cut(text: str, max_chars: int = 300) -> list[tuple[str, str, str]]:
    found = list(passages([(0, text)], outline([(0, text)]), max_chars))
    assert all(text[one.start : one.end] == one.text for one in found)
    return [(one.speaker, one.date, one.text) for one in found]


def test_every_turn_of_a_dialogue_is_a_passage_with_its_speaker_and_date() -> None:
    header, *turns = cut(TALK)
    assert header == ("", "2024-06-03", "Session of 3 June 2024")
    assert turns[1] == ("Bob", "2024-06-03", "Bob: I did. It was late again,\nand full.")
    assert [speaker for speaker, *_ in turns] == ["Ann", "Bob", "Ann", "Bob", "Ann", "Bob"]


def test_only_a_turn_that_goes_on_and_on_is_cut_and_its_parts_keep_the_speaker() -> None:
    long = "Bob: " + "The tram was late and full again. " * 40
    parts = [one for one in cut(TALK + long, max_chars=100) if "late and full" in one[2]]
    assert len(parts) == 2
    assert {speaker for speaker, *_ in parts} == {"Bob"}
    assert all(len(text) <= TURN_CHARS for *_, text in parts)
    assert Key(speaker="Bob").context(parts[1][2]).startswith("Bob: The tram")


def test_any_other_document_is_cut_into_sentences() -> None:
    text = "The rent is due monthly. It is paid in advance. " * 20
    assert all(len(one) <= 100 for *_, one in cut(text, max_chars=100))


def test_a_sentence_is_not_cut_where_it_is_not_endless() -> None:
    long = "The tenant shall " + "repair the weir and " * 15 + "grease the wheel."
    found = [one for *_, one in cut(f"Rent is due. {long} Then it ends.", max_chars=100)]
    assert found == ["Rent is due.", long, "Then it ends."]
    assert all(len(one) <= 450 for *_, one in cut("endless " * 400, max_chars=100))


def test_a_context_says_where_a_passage_stands_and_what_is_before_it() -> None:
    key = Key("Lease of the mill", "Article 4 > Rent", "2024-03-05", "", "The rent is 900 crowns.", 7)
    assert key.context("It is due on the first.") == (
        "Lease of the mill\nArticle 4 > Rent\n5 March 2024\nThe rent is 900 crowns.\nIt is due on the first."
    )
    assert Key().context("Alone.") == "Alone."
    columns = key.columns("Paid to Ann Lee on 1 April 2024.")
    assert (columns["dates"], columns["entities"]) == (["2024-03-05", "2024-04-01"], ["Ann Lee"])


def test_records_of_passages_are_numbered_and_know_the_one_before() -> None:
    text = "# Lease of the mill\n\nOf 5 March 2024.\n\n## Rent\n\nThe rent is 900 crowns. It is due monthly."
    about = outline([(0, text)], "lease.md")
    rows = list(passage_records("d", "k", about, passages([(0, text)], about, 30)))
    assert [row["position"] for row in rows] == list(range(len(rows)))
    last = rows[-1]
    assert (last["text"], last["title"], last["section"]) == ("It is due monthly.", about.title, "Rent")
    assert last["context"].endswith("The rent is 900 crowns.\nIt is due monthly.")
    assert all(text[row["char_start"] : row["char_end"]] == row["text"] for row in rows)


def test_dates_are_spoken_as_precisely_as_they_are_known() -> None:
    assert [spoken(date) for date in ("2024-03-05", "2024-03", "2024", "")] == [
        "5 March 2024", "March 2024", "2024", "",
    ]  # fmt: skip
