"""Rounds outlive their process and move to long-term memory. Run: pytest tests/tasks/memory/sessions"""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import lancedb
import pyarrow as pa
import pytest

from tasks import schema
from tasks.errors import InvalidInput, Transient
from tasks.memory.sessions import longterm, sessions
from tasks.memory.sessions.clusters import Tuning
from tasks.memory.sessions.longterm import open_long_term
from tasks.memory.sessions.round import Said
from tasks.memory.sessions.session import MID_TERM, Session, alone
from tasks.recall.candidates import by_words
from tests.tasks.memory.sessions.talk import BEGAN, EMBEDDER, embed, said, talk


def start(home: Path, key: str, count: int) -> Path:
    folder = sessions.folder_of(home, key, must_exist=False)
    with Session(folder, EMBEDDER) as session:
        session.add(talk(count), embed)
    return folder


def test_rounds_are_numbered_and_come_back_as_they_were_said(tmp_path: Path) -> None:
    folder = start(tmp_path, "diary", 3)
    with Session(folder, EMBEDDER) as session:
        (added,) = session.add([said(4, "Tabs\tand\n  lines stay.")], embed)
    assert added.number == 4
    assert [one.number for one in sessions.newest(folder, 2)] == [3, 4]
    assert sessions.newest(folder, 1)[0].text == "Tabs\tand\n  lines stay."
    assert sessions.newest(folder, 1)[0].time == added.time


def test_a_round_is_called_by_its_number_and_time(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("TZ", "UTC")
    (one,) = sessions.newest(start(tmp_path, "diary", 120), 1)
    assert one.place == "round 120, 3 May 2026 10:02"


def test_what_is_older_than_the_newest_hundred_rounds_moves_to_long_term_memory(tmp_path: Path) -> None:
    folder = start(tmp_path, "diary", 300)
    memory = open_long_term(folder)
    assert memory is not None
    moved = {row["round"] for row in memory.table.search().select(["round"]).limit(1000).to_list()}
    with Session(folder, EMBEDDER) as session:
        kept = {span.round for span in session.store.spans()}
        assert len(session.clusters) <= MID_TERM
    assert moved | kept == set(range(1, 301))
    assert moved.isdisjoint(kept)
    assert set(range(201, 301)) <= kept
    assert len(kept) < 2 * MID_TERM


def test_what_is_evicted_for_want_of_vectors_is_searched_in_long_term_memory(tmp_path: Path) -> None:
    with Session(tmp_path / "small", EMBEDDER, Tuning(most=16)) as session:
        session.add(talk(90), embed)
        assert len(session.clusters) == 16
        assert session.store.count_spans("cluster >= 0") < 30
    memory = open_long_term(tmp_path / "small")
    assert memory is not None
    assert memory.count() >= 64


def test_what_has_moved_is_found_before_it_is_indexed(tmp_path: Path) -> None:
    """To index what is new writes the whole table anew, so some of it waits."""
    with Session(tmp_path / "diary", EMBEDDER) as session:
        session.add(talk(1_400), embed)
        session.add([said(number) for number in range(1_401, 1_471)], embed)
    memory = open_long_term(tmp_path / "diary")
    assert memory is not None
    unindexed = [index.num_unindexed_rows for index in memory.table.list_indices()]
    assert all(0 < count < 100 for count in unindexed)
    newest = max(memory.rows(columns=["id", "round"]), key=lambda row: row["round"])
    found = by_words(memory, "text", f"Remark {newest['round']}", 3, None, ["id"]).to_pylist()
    assert newest["id"] in {row["id"] for row in found}


def test_a_move_that_died_is_made_again(tmp_path: Path) -> None:
    """Spans were written, and neither indexed nor taken out of the mid-term memory."""
    folder = start(tmp_path, "diary", 160)
    with Session(folder, EMBEDDER) as session:
        assert open_long_term(folder) is None
        spans = session.store.spans()[:30]
        rows = [longterm._row(one, session.store.of_numbers([one.round])[one.round]) for one in spans]
        lancedb.connect(str(folder)).create_table("rounds", pa.Table.from_pylist(rows, schema.ROUNDS))
        assert open_long_term(folder) is None
        session.add([said(number) for number in range(161, 180)], embed)
    memory = open_long_term(folder)
    assert memory is not None
    assert sorted(int(row["id"]) for row in memory.rows(columns=["id"])) == list(range(memory.count()))


def test_another_process_sees_the_same_mid_term_memory(tmp_path: Path) -> None:
    folder = start(tmp_path, "diary", 30)
    with Session(folder, EMBEDDER) as one, Session(folder, EMBEDDER) as two:
        assert len(two.clusters) == len(one.clusters)
        one.add(talk(40)[30:], embed)
        two.add([said(41)], embed)
        assert len(two.clusters) == len(one.clusters)
        assert [row[0] for row in one.store.clusters()] == [row[0] for row in two.store.clusters()]
        assert two.store.last == 41


def test_vectors_of_another_embedder_are_refused(tmp_path: Path) -> None:
    folder = start(tmp_path, "diary", 3)
    with Session(folder, "other") as session, pytest.raises(InvalidInput, match=r"set infer\.embedder back"):
        session.add([said(4)], embed)


KILLED = """
import sys
from pathlib import Path
from tasks.memory.sessions.session import Session
from tests.tasks.memory.sessions.talk import EMBEDDER, embed, said
with Session(Path(sys.argv[1]), EMBEDDER) as session:
    for number in range(session.store.last + 1, 100000):
        session.add([said(number)], embed)
        print(number, flush=True)
"""


def test_what_was_acknowledged_survives_a_kill(tmp_path: Path) -> None:
    folder = tmp_path / "diary"
    for _ in range(2):
        child = subprocess.Popen(
            [sys.executable, "-c", KILLED, str(folder)], stdout=subprocess.PIPE, text=True
        )
        assert child.stdout is not None
        told = [int(child.stdout.readline()) for _ in range(70)]
        os.kill(child.pid, signal.SIGKILL)
        told += [int(line) for line in child.stdout.read().split()]
        child.wait()
        child.stdout.close()
        kept = [one.number for one in sessions.newest(folder, 10_000)]
        assert kept == list(range(1, len(kept) + 1))
        assert told[-1] <= len(kept) <= told[-1] + 1
    with Session(folder, EMBEDDER) as session:
        assert {one.round for one in session.store.spans()} >= set(range(len(kept) - 99, len(kept) + 1))
        members = sum(count for _, _, count, _ in session.store.clusters())
        assert members == session.store.count_spans("cluster >= 0")


def test_a_session_is_exported_and_imported_with_all_its_rounds(tmp_path: Path) -> None:
    folder, file = start(tmp_path, "diary", 140), tmp_path / "diary.jsonl"
    assert sessions.export(folder, file) == 140
    assert json.loads(file.read_text().splitlines()[0])["speaker"] == "Ann"
    assert sessions.import_rounds(tmp_path, "again", file, EMBEDDER, embed) == 140
    assert sessions.newest(tmp_path / "sessions/again", 200) == sessions.newest(folder, 200)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('{"speaker": "Ann"}', "line 2: text='' must be a text that is not empty"),
        ("Hello", "line 2: no JSON"),
        ("[]", "line 2: give an object"),
        ('{"speaker": "Ann", "text": "Hello", "time": "noon"}', "'noon' is no ISO time"),
    ],
)
def test_an_import_that_fails_leaves_nothing(tmp_path: Path, line: str, said: str) -> None:
    file = tmp_path / "rounds.jsonl"
    file.write_text('{"speaker": "Ann", "text": "Hello"}\n' + line + "\n")
    with pytest.raises(InvalidInput, match=said.replace("'", ".")):
        sessions.import_rounds(tmp_path, "diary", file, EMBEDDER, embed)
    assert list((tmp_path / "sessions").iterdir()) == []


def test_an_import_of_nothing_leaves_nothing(tmp_path: Path) -> None:
    file = tmp_path / "rounds.jsonl"
    file.write_text("\n")
    with pytest.raises(InvalidInput, match="holds no round: there is nothing to make session 'diary' of"):
        sessions.import_rounds(tmp_path, "diary", file, EMBEDDER, embed)
    assert list((tmp_path / "sessions").iterdir()) == []


def test_who_holds_a_session_for_long_is_named(tmp_path: Path) -> None:
    folder = start(tmp_path, "diary", 3)
    code = "import sys, time; from pathlib import Path; from tasks.memory.sessions.session import alone\n"
    code += "with alone(Path(sys.argv[1])): print('held', flush=True); time.sleep(60)"
    child = subprocess.Popen([sys.executable, "-c", code, str(folder)], stdout=subprocess.PIPE, text=True)
    try:
        assert child.stdout is not None
        assert child.stdout.readline() == "held\n"
        said = rf"session 'diary': process {child.pid} \(.*python.*\) has been writing to it for 0.1 s"
        with pytest.raises(Transient, match=said), alone(folder, 0.1):
            pass
    finally:
        child.kill()
        child.communicate()


def test_a_copy_goes_on_by_itself_and_takes_the_saved_context_with_it(tmp_path: Path) -> None:
    folder = start(tmp_path, "diary", 200)
    (folder / sessions.CONTEXT).mkdir()
    (folder / sessions.CONTEXT / "manifest.json").write_text("{}")
    sessions.copy(tmp_path, "diary", "second")
    with Session(tmp_path / "sessions/second", EMBEDDER) as session:
        session.add([said(201)], embed)
    assert [(one.key, one.rounds, one.context_bytes) for one in sessions.list_sessions(tmp_path)] == [
        ("second", 201, 2),
        ("diary", 200, 2),
    ]
    memory = open_long_term(tmp_path / "sessions/second")
    assert memory is not None
    assert memory.count() == 100
    with pytest.raises(InvalidInput, match="there is a session 'second' already"):
        sessions.copy(tmp_path, "diary", "second")


def test_nothing_is_left_of_a_session_that_is_forgotten(tmp_path: Path) -> None:
    folder = start(tmp_path, "diary", 120)
    (folder / sessions.CONTEXT).mkdir()
    half = tmp_path / "sessions/.older.gone"
    half.mkdir()
    sessions.forget(tmp_path, "diary")
    assert sessions.list_sessions(tmp_path) == []
    assert list((tmp_path / "sessions").iterdir()) == []
    with pytest.raises(InvalidInput, match="there is no session 'diary'; there are: none yet"):
        sessions.folder_of(tmp_path, "diary")


def test_a_round_is_not_acknowledged_in_a_session_that_was_forgotten_meanwhile(tmp_path: Path) -> None:
    folder = start(tmp_path, "diary", 3)
    with Session(folder, EMBEDDER) as session:
        sessions.forget(tmp_path, "diary")
        with pytest.raises(InvalidInput, match="was forgotten meanwhile"):
            session.add([said(4, "The lamp is lit.")], embed)


def test_a_key_in_the_shape_of_a_left_over_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="or a first dot"):
        sessions.folder_of(tmp_path, ".diary.gone", must_exist=False)


@pytest.mark.parametrize(
    ("key", "remedy"),
    [
        ("", "give a name of 1 to 200 bytes, not 0"),
        ("..", "use a plain name"),
        ("a/b", "use a plain name"),
        ("/tmp", "use a plain name"),
        (".", "use a plain name"),
    ],
)
def test_a_key_that_is_no_plain_name_is_refused(tmp_path: Path, key: str, remedy: str) -> None:
    with pytest.raises(InvalidInput, match=remedy):
        sessions.folder_of(tmp_path, key, must_exist=False)


def test_answers_that_quote_a_forgotten_document_are_emptied_and_leave_no_byte(tmp_path: Path) -> None:
    folder = start(tmp_path, "diary", 3)
    with Session(folder, EMBEDDER) as session:
        quoted = Said("you", "Who pays?", BEGAN, "The miller pays the toll.", ("d1", "d2"))
        other = Said("you", "Who rows?", BEGAN, "The ferryman rows.", ("d3",))
        session.add([quoted, other], embed)
    assert sessions.forget_documents(tmp_path, ["d2"]) == {"diary": 1}
    assert [one.answer for one in sessions.newest(folder, 2)] == ["", "The ferryman rows."]
    held = b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())
    assert b"miller" not in held
    assert b"ferryman" in held
    assert sessions.forget_documents(tmp_path, ["d2"]) == {}
