"""Sources that were made to do harm: each ends with an outcome and a reason that a person understands.

Run: pytest tests/tasks/ingest/test_hostile.py (a minute; -m slow for those of hostile/large.py, minutes more)
"""

import os
import re
import stat
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from tasks.ingest.discover import discover
from tasks.ingest.parse import parse_all, read_spans
from tasks.ingest.parse.parser import end_idle
from tasks.settings import ParseConfig, StorageConfig
from tests.tasks.ingest.hostile.archives import ARCHIVES
from tests.tasks.ingest.hostile.large import LARGE
from tests.tasks.ingest.hostile.made import Table
from tests.tasks.ingest.hostile.names import NAMES
from tests.tasks.ingest.hostile.office import OFFICE
from tests.tasks.ingest.hostile.texts import TEXTS

pytestmark = pytest.mark.heavy

LOCAL = StorageConfig()
CAPS = ParseConfig(timeout_s=60.0, memory_mb=1024, workers=1)
TABLE: Table = {**ARCHIVES, **OFFICE, **TEXTS}
_CODE = re.compile(r"\b[A-Za-z_]+(Error|Exception)\b|Traceback|0x[0-9a-f]{6,}|<[a-z_]+\.")
"""What a reason says to programmers alone."""


def tree(folder: Path) -> dict[str, tuple[int, int]]:
    """Everything under a folder, with its size and the time of its last change."""
    found = {}
    for path in folder.rglob("*"):
        status = path.lstat()
        found[str(path)] = (0 if stat.S_ISDIR(status.st_mode) else status.st_size, status.st_mtime_ns)
    return found


def parsed(folder: Path, home: Path, config: ParseConfig = CAPS) -> dict[bytes, list[dict[str, Any]]]:
    found = list(discover([str(folder)], home, LOCAL))
    rows = parse_all(found, home, config, LOCAL)
    named = {os.fsencode(path.name): path for path in folder.iterdir()}
    assert len(named) >= len(found)
    return {_name(some, named): some for some in rows}


def _name(rows: list[dict[str, Any]], named: Iterable[bytes]) -> bytes:
    """The file that rows tell of; the name of one that is not UTF-8 is shown escaped."""
    name = os.fsencode(rows[0]["uri"].rpartition("/")[2])
    return name if name in set(named) else b"latin\xe9.txt"


def text_of(home: Path, rows: list[dict[str, Any]]) -> str:
    good = [row for row in rows if row["outcome"] == "ok"]
    return "\n".join(
        "".join(span.text for span in read_spans(home, row["parsed"], row["part"])) for row in good
    )


def wrong(rows: dict[bytes, list[dict[str, Any]]], table: Table, home: Path) -> dict[str, str]:
    """What is not as the table says, by name."""
    found = {}
    for name, hostile in table.items():
        mine = rows[name.encode()]
        outcomes = " ".join(sorted({row["outcome"] for row in mine}))
        reasons = [row["reason"] for row in mine if row["outcome"] != "ok"]
        text = text_of(home, mine)
        if outcomes != hostile.outcomes:
            found[name] = f"{outcomes} for {hostile.outcomes}: {reasons[:2]} {text[:80]!r}"
        elif not all(reasons) or any(_CODE.search(reason) for reason in reasons):
            found[name] = f"not for people: {reasons[:2]}"
        elif hostile.says not in text + " ".join(reasons) or (hostile.never and hostile.never in text):
            found[name] = f"says {text[:200]!r} {reasons[:2]}"
    return found


def test_every_hostile_source_has_an_outcome_and_writes_nowhere(tmp_path: Path) -> None:
    folder, home = tmp_path / "corpus", tmp_path / "home"
    folder.mkdir()
    for name, hostile in TABLE.items():
        hostile.make(folder / name)
    for raw in NAMES:
        Path(os.fsdecode(os.fsencode(folder) + b"/" + raw)).write_text("The lamp was lit at dusk.")
    before = tree(tmp_path)
    rows = parsed(folder, home)
    end_idle(0)
    assert wrong(rows, TABLE, home) == {}
    assert {name: rows[name][0]["outcome"] if name in rows else "" for name in NAMES} == NAMES
    after = {path: how for path, how in tree(tmp_path).items() if not path.startswith(str(home))}
    assert after == before
    assert len(TABLE) + len(NAMES) > 100
    left = [path.name for path in (home / "parsed").iterdir() if path.name.startswith(".")]
    assert left == []


@pytest.mark.slow
@pytest.mark.parametrize("name", LARGE)
def test_a_source_of_a_hostile_size_has_an_outcome(name: str, tmp_path: Path) -> None:
    folder, home = tmp_path / "corpus", tmp_path / "home"
    folder.mkdir()
    LARGE[name].make(folder / name)
    rows = parsed(folder, home)
    end_idle(0)
    assert wrong(rows, {name: LARGE[name]}, home) == {}
    assert [path.name for path in (home / "parsed").iterdir() if path.name.startswith(".")] == []
