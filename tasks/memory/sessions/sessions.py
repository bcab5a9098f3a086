"""All sessions of a home: what can be done with them by their keys.

The idea: a session is one folder. It is copied, imported and forgotten as a whole, and the moment at which
that has happened is one rename: a process that is killed leaves a folder that the next command removes.
"""

import json
import shutil
import time
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from model.files import inside, make_durable, replacing
from tasks.errors import InvalidInput
from tasks.memory.sessions.round import Round, Said, said_from
from tasks.memory.sessions.session import Embed, Session, alone
from tasks.memory.sessions.store import FILE, Store

CONTEXT = "context"
"""Folder of a session in which `generate(memory_key=)` saves what it has read."""
BATCH = 128
"""Rounds that are embedded, or read, together."""
GONE, NEW = ".gone", ".new"
"""Ends of names of folders that are being removed, and that are being made (`model.files.replacing`)."""
ABANDONED_S = 86_400.0
"""Nothing takes so long to be made: after that its process has died."""


@dataclass(frozen=True, slots=True)
class Summary:
    """A session as it is listed; `last` is its newest round, `context_bytes` what the engine has saved."""

    key: str
    rounds: int
    last: Round | None
    context_bytes: int


def sessions_folder(home: Path) -> Path:
    """What `config.memory_folder` has to be for the engine's contexts to be part of sessions."""
    return home / "sessions"


def folder_of(home: Path, key: str, must_exist: bool = True, remedy: str = "") -> Path:
    """The folder of a session.

    Args:
        remedy: what to do where there is none, for the message.

    Raises:
        InvalidInput: if `key` is no plain name, or there is no such session and one is wanted.
    """
    try:
        folder = inside(sessions_folder(home), key)
    except ValueError as error:
        raise InvalidInput(str(error)) from error
    if must_exist and not folder.is_dir():
        there = ", ".join(sorted(path.name for path in _folders(home))) or "none yet"
        raise InvalidInput(f"there is no session {key!r}; there are: {there}{remedy and f'; {remedy}'}")
    return folder


def list_sessions(home: Path) -> list[Summary]:
    """Every session, the one that was used last first."""
    found = []
    for folder in _folders(home):
        rounds = newest(folder, 1)
        size = sum(path.stat().st_size for path in (folder / CONTEXT).rglob("*") if path.is_file())
        last = rounds[-1] if rounds else None
        found.append(Summary(folder.name, last.number if last else 0, last, size))
    return sorted(found, key=lambda one: one.last.time.timestamp() if one.last else 0.0, reverse=True)


def newest(folder: Path, count: int) -> list[Round]:
    """The newest rounds of a session, oldest first; [] where only the engine's context is there."""
    return list(islice(_rounds(folder, -count), count))


def export(folder: Path, to: Path) -> int:
    """Write every round to a JSONL file, which is replaced as a whole; how many."""
    count = 0
    with replacing(to) as fresh, fresh.open("w", encoding="utf-8") as file:
        for one in _rounds(folder):
            count += file.write(json.dumps(one.as_json(), ensure_ascii=False) + "\n") > 0
    return count


def import_rounds(home: Path, key: str, source: Path, embedder: str, embed: Embed) -> int:
    """Make a session of the rounds in a JSONL file, all or none; how many.

    Raises:
        InvalidInput: if there is such a session, a line is no round, or there is none.
    """
    folder = _new(home, key)
    with replacing(folder) as fresh, Session(fresh, embedder) as session:
        rounds = _read(source)
        while some := list(islice(rounds, BATCH)):
            session.add(some, embed)
        if not (count := session.store.last):
            raise InvalidInput(f"{source} holds no round: there is nothing to make session {key!r} of")
    return count


def copy(home: Path, key: str, new: str) -> None:
    """Copy a session with its saved context under another key.

    Raises:
        InvalidInput: if there is no such session, or one of the new name.
        Transient: if another process writes to it for longer than a minute.
    """
    folder, to = folder_of(home, key), _new(home, new)
    with alone(folder), replacing(to) as fresh:
        shutil.copytree(folder, fresh, ignore=shutil.ignore_patterns(f"{FILE}*", ".lock"))
        if (folder / FILE).exists():
            with closing(Store(folder)) as store:
                store.copy_to(fresh)


def forget(home: Path, key: str) -> None:
    """Remove a session with its rounds, its memory and its saved context.

    Raises:
        InvalidInput: if there is no such session.
        Transient: if another process writes to it for longer than a minute.
    """
    folder = folder_of(home, key)
    gone = folder.with_name(f".{key}{GONE}")
    with alone(folder):
        shutil.rmtree(gone, ignore_errors=True)
        folder.rename(gone)
    make_durable(gone.parent)
    shutil.rmtree(gone)


def forget_documents(home: Path, documents: Iterable[str]) -> dict[str, int]:
    """Empty every answer that quotes one of these documents; by session how many.

    What people said themselves stays, and so does what `generate(memory_key=)` has read into a context.
    """
    wanted, emptied = set(documents), {}
    for folder in _folders(home):
        if (folder / FILE).exists():
            with closing(Store(folder)) as store:
                if count := store.forget_answers(wanted):
                    emptied[folder.name] = count
    return emptied


def _new(home: Path, key: str) -> Path:
    folder = folder_of(home, key, must_exist=False)
    if folder.exists():
        raise InvalidInput(f"there is a session {key!r} already: give another key, or forget it first")
    folder.parent.mkdir(parents=True, exist_ok=True)
    return folder


def _folders(home: Path) -> Iterator[Path]:
    """Folders of sessions; what a process that died left of one is removed."""
    for path in sorted(sessions_folder(home).glob("*")):
        if path.name.startswith(".") and path.suffix in (GONE, NEW):
            if path.suffix == GONE or time.time() - path.stat().st_mtime > ABANDONED_S:
                shutil.rmtree(path, ignore_errors=True)
        elif path.is_dir():
            yield path


def _rounds(folder: Path, first: int = 1) -> Iterator[Round]:
    """Rounds in order, from a number on; a negative one counts from the end."""
    if not (folder / FILE).exists():
        return
    with closing(Store(folder)) as store:
        last = store.last
        for at in range(first if first > 0 else max(1, last + 1 + first), last + 1, BATCH):
            yield from store.rounds(at, min(last, at + BATCH - 1))


def _read(source: Path) -> Iterator[Said]:
    """Rounds of an export, one at a time."""
    try:
        with source.open(encoding="utf-8") as file:
            for number, line in enumerate(file, 1):
                if line.strip():
                    yield said_from(json.loads(line), f"{source}, line {number}")
    except FileNotFoundError as error:
        raise InvalidInput(
            f"{source} is not there: give the file that `nightread session export` wrote"
        ) from error
    except UnicodeDecodeError as error:
        raise InvalidInput(
            f"{source} is no text: give the file that `nightread session export` wrote"
        ) from error
    except OSError as error:
        raise InvalidInput(
            f"{source} cannot be read ({error.strerror}): give a file that this user may read"
        ) from error
    except json.JSONDecodeError as error:
        raise InvalidInput(f"{source}, line {number}: no JSON ({error})") from error
