"""What is forgotten is gone from everything a home holds, and nothing else changes.

Run: pytest tests/tasks/memory/test_forget.py (-m slow: 20 of 200 documents)
"""

import json
import shutil
import sqlite3
from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from flows import erasure
from tasks import schema
from tasks.errors import InvalidInput, NightreadError
from tasks.ingest.forgotten import Forgotten
from tasks.memory.embedders import made_by
from tasks.memory.forget.forget import Means, finish, forget
from tasks.memory.forget.needles import holds, needles
from tasks.memory.forget.preview import preview
from tasks.memory.forget.receipt import receipts
from tasks.memory.forget.targets import resolve
from tasks.memory.reader import connect, history, open_memory
from tasks.memory.rollback import rollback
from tasks.memory.sessions.round import Said
from tasks.memory.sessions.session import Session
from tasks.memory.sources import told_apart
from tasks.memory.upkeep.reembed import reembed
from tests.marks import slow
from tests.tasks.memory.library import Library, build, embed, name_of, uri, words_of
from tests.tasks.memory.rows import source

MEANS = Means(embed, lambda folder, names: False)
Build = Callable[[int], Library]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Callable[[int], Path]:
    """Homes by their number of documents, each made once."""

    @cache
    def of(size: int) -> Path:
        build(home := tmp_path_factory.mktemp("made"), size).ledger.close()
        return home

    return of


@pytest.fixture
def built(made: Callable[[int], Path], tmp_path: Path) -> Build:
    """`built(size)`: the library in a copy of its home, which is `tmp_path`."""
    return lambda size: Library(Path(shutil.copytree(made(size), tmp_path, dirs_exist_ok=True)))


def forgotten(library: Library, names: list[str], run: str = "f1", **how: Any) -> dict[str, Any]:
    targets = resolve(library.home, library.ledger, names, **how)
    return forget(library.home, library.ledger, targets, run, MEANS)


def summaries(home: Path, as_of: str | None = None) -> dict[str, tuple[str, str]]:
    """Text and document of every record, by id."""
    rows = open_memory(home, as_of).rows(columns=["id", "text", "document"])
    return {row["id"]: (row["text"], row["document"]) for row in rows}


def strings_of(home: Path) -> list[tuple[str, str]]:
    """Everything a home holds as text, with its place: told apart from the product's own search."""
    found = [
        (str(path), path.read_bytes().decode("utf-8", "replace"))
        for path in home.rglob("*")
        if path.is_file()
    ]
    found += [(str(path), path.name) for path in home.rglob("*")]
    found += [(str(path), str(pq.read_table(path).to_pylist())) for path in home.rglob("*.parquet")]
    for path in (home / "ledger.sqlite", *(home / "prefect").glob("*.db")):
        with sqlite3.connect(path) as db:
            found.append((str(path), "\n".join(db.iterdump())))
        db.close()
    table = connect(home).open_table("records")
    for version in table.list_versions():
        table.checkout(version["version"])
        rows = table.search().limit(10**6).to_list()
        found.append((f"version {version['version']}", json.dumps(rows, default=str)))
        for words in ("winter", "mill", "council"):
            if table.list_indices():
                hits = table.search(words, query_type="fts").limit(10**4).to_list()
                found.append((f"words of version {version['version']}", json.dumps(hits, default=str)))
    return found


def left(home: Path, wanted: list[str]) -> set[tuple[str, str]]:
    texts = strings_of(home)
    return {(place, words) for words in wanted for place, said in texts if words in said}


@pytest.mark.parametrize("going_of", [(3, 16), *slow((20, 200))], ids=str)
def test_what_is_forgotten_is_found_nowhere_and_only_what_told_of_it_is_made_again(
    going_of: tuple[int, int], built: Build, tmp_path: Path
) -> None:
    going, size = going_of
    library = built(size)
    numbers = [number * (size // going) for number in range(going)]
    wanted = [words for number in numbers for words in words_of(number)] + words_of(0, 2)
    assert {words for _, words in left(tmp_path, wanted)} == set(wanted)
    answered = Said(
        "you", "What was said?", datetime(2026, 5, 3, tzinfo=UTC), words_of(0)[0], (name_of(0, 1),)
    )
    with Session(tmp_path / "sessions" / "diary", "words") as session:
        session.add([answered], embed)
    before = {run: summaries(tmp_path, run) for run in ("r1", "r2", "r3")}
    touching = {
        row["id"]
        for row in open_memory(tmp_path).rows("level = 'corpus'")
        if any(quote["document"] in gone_documents(numbers) for quote in row["quotes"])
    }
    assert compared(tmp_path) == {name_of(0)}
    receipt = forgotten(library, [uri(number) for number in numbers])
    assert compared(tmp_path) == set()
    assert left(tmp_path, wanted) == set()
    assert (receipt["found"], len(receipt["documents"])) == (0, going + 1)
    assert receipts(tmp_path)[0]["run"] == "f1"
    assert [row["run"] for row in history(tmp_path)] == ["f1", "r3", "r2", "r1"]
    after = summaries(tmp_path)
    stay = {ident: told for ident, told in before["r3"].items() if told[1] not in gone_documents(numbers)}
    assert {ident: told for ident, told in after.items() if ident in stay} == {
        ident: told for ident, told in stay.items() if ident not in touching and ident in after
    }
    assert stay.keys() - after.keys() >= touching
    assert {told[1] for ident, told in stay.items() if ident not in after} == {""}
    assert {after[ident][1] for ident in after.keys() - stay.keys()} == {""}
    for run in ("r1", "r2"):
        then = {ident: told for ident, told in before[run].items() if told[1]}
        kept = {ident: told for ident, told in then.items() if told[1] not in gone_documents(numbers)}
        assert {ident: told for ident, told in summaries(tmp_path, run).items() if told[1]} == kept


def compared(home: Path) -> set[str]:
    """Documents that records of others lead to."""
    rows = open_memory(home).rows(columns=["related", "relations"])
    told = {one["other"]["document"] for row in rows for one in row["relations"]}
    return told | {name for row in rows for name in row["related"]}


def gone_documents(numbers: list[int]) -> set[str]:
    return {name_of(number, edition) for number in numbers for edition in (1, 2)}


def test_before_it_happens_it_is_shown_what_would_go(built: Build, tmp_path: Path) -> None:
    library = built(8)
    found = preview(tmp_path, resolve(tmp_path, library.ledger, [uri(0)]))
    assert {(one.places, one.earlier) for one in found.documents} == {((uri(0),), False), ((uri(0),), True)}
    assert found.records == {"document": 1, "passage": 3, "window": 1}
    assert found.runs == ("r1", "r2", "r3")
    assert found.states == 2


def test_versions_of_a_file_are_one_document_and_parts_of_a_container_each_their_own(
    built: Build, tmp_path: Path
) -> None:
    library = built(4)
    found = preview(tmp_path, resolve(tmp_path, library.ledger, [uri(0), uri(1)]))
    assert erasure.preview(asdict(found)).startswith("2 documents (3 versions) would be erased:")
    done = erasure.receipt(forgotten(library, [uri(0)]))
    assert done.startswith("run f1: forgot 1 document (2 versions)\n")
    assert "UTC  1 document (2 versions): " in erasure.receipts(receipts(tmp_path))
    parts = [
        source("/docs/rows.jsonl", name, label=f"row={row}")
        for row, name in ((1, "a"), (1, "b"), (2, "b"), (2, "c"))
    ]
    assert told_apart(parts) == (3, 3)
    assert told_apart([source("/docs/a.txt", "a"), source("/docs/copy.txt", "a")]) == (1, 1)


def test_what_another_erasure_has_taken_meanwhile_is_not_published_again(
    built: Build, tmp_path: Path
) -> None:
    library = built(4)
    both = resolve(tmp_path, library.ledger, [uri(1), uri(2)])
    one = resolve(tmp_path, library.ledger, [uri(1)])
    forgotten(library, [uri(1)])
    with pytest.raises(InvalidInput, match="was forgotten meanwhile"):
        forget(tmp_path, library.ledger, one, "f2", MEANS)
    assert open_memory(tmp_path).run == "f1"
    assert len(forget(tmp_path, library.ledger, both, "f3", MEANS)["documents"]) == 1


def test_a_folder_or_a_hash_stands_for_documents_and_anything_else_is_refused(
    built: Build, tmp_path: Path
) -> None:
    library = built(8)
    assert len(resolve(tmp_path, library.ledger, ["/docs"]).documents) == 9
    assert resolve(tmp_path, library.ledger, [name_of(3)[:12]]).documents == {name_of(3)}
    with pytest.raises(InvalidInput, match="nowhere"):
        resolve(tmp_path, library.ledger, ["/docs/nowhere.txt"])
    with pytest.raises(InvalidInput, match=f"give the whole place: {uri(3)}$"):
        resolve(tmp_path, library.ledger, [uri(3).rpartition("/")[2]])
    forgotten(library, [uri(3)])
    with pytest.raises(InvalidInput, match="it was forgotten"):
        resolve(tmp_path, library.ledger, [uri(3)])


def test_a_copy_elsewhere_keeps_the_text_until_it_is_named_too(built: Build, tmp_path: Path) -> None:
    library = built(8)
    row = {**library.source(3, 1), "uri": "/docs/copy.txt"}
    library.source = lambda number, edition: row if number == 99 else Library.source(library, number, edition)  # type: ignore[method-assign]
    from tasks.memory.publish import publish
    from tasks.memory.sources import Seen

    publish(tmp_path, "r4", [], Seen(("/docs/copy.txt",), (row,), "r3"))
    with pytest.raises(InvalidInput, match=r"copy at /docs/copy\.txt still holds .*--all"):
        resolve(tmp_path, library.ledger, [uri(3)])
    assert len(resolve(tmp_path, library.ledger, [uri(3), "/docs/copy.txt"]).documents) == 1
    assert len(resolve(tmp_path, library.ledger, [uri(3)], everywhere=True).documents) == 1


def test_as_of_and_rollback_lead_to_the_history_without_it(built: Build, tmp_path: Path) -> None:
    library = built(8)
    forgotten(library, [uri(1)])
    rollback(tmp_path, "b1", "r1")
    assert {told for _, told in summaries(tmp_path).values()} == {"", name_of(0), name_of(2), name_of(3)}
    assert left(tmp_path, words_of(1)) == set()


@pytest.mark.slow
def test_two_erasures_follow_each_other(built: Build, tmp_path: Path) -> None:
    library = built(8)
    forgotten(library, [uri(1)])
    forgotten(library, [uri(2), uri(0)], "f2")
    assert left(tmp_path, [*words_of(1), *words_of(2), *words_of(0), *words_of(0, 2)]) == set()
    assert len(Forgotten(tmp_path).stones) == 4


def test_a_text_without_blanks_is_searched_for_by_its_own_words(built: Build, tmp_path: Path) -> None:
    library = built(4)
    said = "\u543e\u8f29\u306f\u732b\u3067\u3042\u308b\u540d\u524d\u306f\u307e\u3060\u7121\u3044"
    row = library.source(1, 1)
    span = {"part": 0, "char_start": 0, "text": f"{said}\u3002", "place": "line", "number": 1}
    pq.write_table(pa.Table.from_pylist([span], schema=schema.TEXT), tmp_path / row["parsed"])
    found = needles(tmp_path, [row], [row["document"]])
    assert said in found.words
    assert holds(pa.array([f"<p>{said}\u3002</p>".encode()]), found)
    assert not holds(pa.array([said[:5].encode()]), found)


def test_a_title_within_the_title_of_another_document_is_not_searched_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    titles = {0: "lease of the old mill", 1: "Amendment to the lease of the old mill"}
    named = "tests.tasks.memory.library.title"
    monkeypatch.setattr(named, lambda number, edition=1: titles.get(number, f"Paper {number:03d}"))
    assert forgotten(build(tmp_path, 4), [uri(0)])["found"] == 0


def test_each_version_keeps_the_vectors_it_had_and_whose_they_are(built: Build, tmp_path: Path) -> None:
    library = built(4)
    reembed(tmp_path, "two@2222", lambda: lambda texts: -embed(texts), lambda *_: None)
    library.read("r4", {0: 2, 1: 1, 2: 1, 3: 1, 4: 1})
    before = {run: vectors(tmp_path, run) for run in ("r2", "r3", "r4")}
    forgotten(library, [uri(1)])
    for run, held in before.items():
        kept = {ident: vector for ident, vector in vectors(tmp_path, run).items() if ident in held}
        assert kept == {ident: held[ident] for ident in kept}
        assert len(kept) > 4
    makers = [made_by(open_memory(tmp_path, run)) for run in ("r2", "r3", "r4", "f1")]
    assert makers == ["", "two@2222", "two@2222", "two@2222"]


def vectors(home: Path, run: str) -> dict[str, tuple[float, ...]]:
    rows = open_memory(home, run).rows(columns=["id", "vector"])
    return {row["id"]: tuple(row["vector"]) for row in rows}


def test_all_that_memory_holds_may_be_forgotten(built: Build, tmp_path: Path) -> None:
    library = built(4)
    forgotten(library, ["/docs"])
    assert open_memory(tmp_path).is_empty
    assert open_memory(tmp_path, "r1").is_empty


def test_text_that_is_left_somewhere_fails_the_command_by_name_and_the_next_call_finishes(
    built: Build,
    tmp_path: Path,
) -> None:
    library = built(8)
    note = tmp_path / "notes.log"
    note.write_text(f"somebody wrote: {words_of(5)[0]}")
    with pytest.raises(NightreadError, match=r"still in .*notes\.log"):
        forgotten(library, [uri(5)])
    with pytest.raises(InvalidInput, match="finish it with: nightread forget"):
        rollback(tmp_path, "b1", "r1")
    note.unlink()
    done = finish(tmp_path, library.ledger, MEANS)
    assert done is not None
    assert done["found"] == 0
    assert left(tmp_path, words_of(5)) == set()


def test_while_a_run_is_going_on_nothing_is_forgotten(built: Build, tmp_path: Path) -> None:
    library = built(4)
    library.ledger.start_run("r9", ["/docs"], "{}")
    with pytest.raises(InvalidInput, match="r9 is going on"):
        forgotten(library, [uri(1)])
    assert not Forgotten(tmp_path).stones
    assert open_memory(tmp_path).run == "r3"
