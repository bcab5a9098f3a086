"""A copy is cut where its original is cut, and takes over its vectors; its sketch finds it.

Run: pytest tests/tasks/relate/test_copies.py
"""

from pathlib import Path
from typing import Any

import numpy as np

from tasks.memory.cut import passages, recut
from tasks.memory.keys import own_context, text_hash
from tasks.memory.known import Known
from tasks.memory.publish import publish
from tasks.memory.reader import open_memory
from tasks.memory.records import finished
from tasks.memory.sketch import MANY, Sketches, placed_sentences, sketch
from tasks.memory.staging import stage
from tasks.relate.recalled import Earlier
from tasks.text.outline import Outline
from tests.tasks.memory.rows import put, record, sees
from tests.tasks.relate.texts import copied, report

ABOUT = Outline("", "report", "")


def cut(text: str) -> list[str]:
    return [one.text for one in passages([(0, text)], ABOUT, 350)]


def hashes(text: str) -> list[int]:
    return sketch(said for _, _, said in placed_sentences([(0, text)]))


def test_a_copy_under_another_letterhead_has_the_passages_of_its_original() -> None:
    text = report(3)
    copy = copied(text, "Harbour Office of the Coast", "Copied for the files on 4 June 2024.")
    assert not set(cut(text)) <= set(cut(copy))  # the letterhead moves every boundary
    found = list(recut([(0, copy[:100]), (100, copy[100:])], ABOUT, 350, cut(text)))
    assert set(cut(text)) <= {one.text for one in found}
    assert all(copy[one.start : one.end] == one.text for one in found)
    assert "".join("".join(one.text for one in found).split()) == "".join(copy.split())


def test_a_passage_that_is_part_of_a_longer_sentence_is_not_cut_out() -> None:
    held = "The northern pier was lengthened by twelve metres"
    text = f"{held}, and nobody has noticed it until the storm of November."
    assert [one.text for one in recut([(0, text)], ABOUT, 350, [held])] == [text]


def test_nearly_equal_documents_share_most_of_their_sketch_and_others_nothing() -> None:
    sketches = Sketches(None)
    for number in range(10):
        sketches.add(f"d{number}", hashes(report(number)))
    copy = hashes(copied(report(3), "Harbour Office", "Copied for the files on 4 June 2024."))
    assert sketches.alike("copy", copy) == ["d3"]
    assert sketches.alike("other", hashes("A text of its own. It says what no other text here says.")) == []


def test_a_sentence_that_many_documents_have_nominates_none_of_them(tmp_path: Path) -> None:
    many, licence = MANY + 20, 7
    whole: dict[str, Any] = {"level": "document", "position": -1}
    rows = [record(f"d{at}", 0, sketch=[licence, 1000 + at], **whole) for at in range(many)]
    names = [f"d{at}" for at in range(many)]
    publish(tmp_path, "r1", [stage(tmp_path, "r1", rows)], sees(*names))
    sketches = Sketches(open_memory(tmp_path))
    for at in (3, many - 1, 8):
        assert sketches.alike("new", [licence, 1000 + at]) == [f"d{at}"]
    assert sketches.alike("new", [licence, 5]) == []
    for at in range(many):
        sketches.add(f"n{at}", [licence, 9000 + at])
    assert sketches.alike("new", [licence, 9000 + many - 1])[0] == f"n{many - 1}"


def test_any_number_of_documents_may_be_left_out_of_what_is_recalled(tmp_path: Path) -> None:
    names = [f"d{at}" for at in range(30)]
    put(tmp_path, "r1", names)
    memory = open_memory(tmp_path)
    earlier = Earlier(memory, set(names[1:]) | {f"gone{at}" for at in range(100_000)})
    (row,) = memory.rows("id = 'd7-2'", ["vector"])
    (near,) = earlier.nearest([row["vector"]])
    assert {one["id"] for one in near} == {one["id"] for one in earlier.of_words("agreements")}
    assert sorted(one["id"] for one in near) == [f"d0-{at}" for at in range(5)]


def test_a_document_of_an_old_memory_is_nobodys_copy(tmp_path: Path) -> None:
    put(tmp_path, "r1", ["a"])
    assert Sketches(open_memory(tmp_path)).alike("b", hashes(report(1))) == []


def row(text: str, title: str, before: str = "") -> dict[str, Any]:
    context = "\n".join(part for part in (title, "4 June 2024", before, text) if part)
    return {"text": text, "title": title, "section": "", "context": context, "text_hash": text_hash(text)}


def test_a_passage_of_the_same_words_takes_over_their_vectors() -> None:
    asked: list[str] = []

    def embed(texts: list[str]) -> np.ndarray:
        asked.extend(texts)
        return np.arange(len(texts) * 256, dtype=np.float32).reshape(len(texts), 256)

    known = Known(None, "key")
    said, other = "The pier is thirty metres long.", "It has two cranes."
    (first,) = finished([row(said, "Report")], embed, {}, known)
    (again,) = finished([row(said, "Copy of the report")], embed, {}, known)
    assert len(asked) == 2
    assert again["vector"] is first["vector"]
    assert again["context_vector"] is first["context_vector"]
    (moved,) = finished([row(said, "Report", before=other)], embed, {}, known)
    assert moved["vector"] is first["vector"]
    assert asked[2:] == [row(said, "Report", before=other)["context"]]
    assert (known.embedded, known.reused) == (3, 3)


def test_what_stands_around_a_passage_is_told_from_its_document() -> None:
    context = "Lease\nArticle 4\n5 March 2024\nThe rent is due.\nIt is paid monthly."
    assert own_context(context, "Lease", "Article 4") == "Article 4\nThe rent is due.\nIt is paid monthly."
    assert own_context("It is paid.", "", "") == "\nIt is paid."
