"""`nightread session`: dialogues that are kept by their keys, one function an action.

The idea: what lists, shows, exports or forgets needs no model and no table, and is answered at once.
"""

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flows.answer import Answer
from flows.hits import verbatim
from flows.show import size, table
from tasks.errors import InvalidInput
from tasks.text.counted import counted

if TYPE_CHECKING:
    from flows.config import RunConfig
    from tasks.memory.sessions.round import Round

SHOWN = 20
"""Rounds that are shown unless more are asked for."""


def session(
    config: "RunConfig", action: str = "list", key: str = "", words: Sequence[str] = (), **options: Any
) -> Answer:
    """Do something with the session of this key; list all sessions without one."""
    if action == "list":
        if key:
            raise InvalidInput(f"session list {key}: it lists all; one is shown by: session show {key}")
        return _list(config)
    if not key:
        raise InvalidInput(f"session {action}: give the key of a session, such as: session {action} diary")
    actions: dict[str, Callable[..., Answer]] = {
        "show": _show,
        "add": _add,
        "copy": _copy,
        "export": _export,
        "import": _import,
        "forget": _forget,
    }
    return actions[action](config, key, list(words), **options)


def _home(config: "RunConfig") -> Path:
    return Path(config.home)


def _list(config: "RunConfig") -> Answer:
    from tasks.memory.sessions import sessions

    found = sessions.list_sessions(_home(config))
    rows = [
        [one.key, f"{one.rounds:,}", _when(one.last), size(one.context_bytes) if one.context_bytes else ""]
        for one in found
    ]
    lines = table(["session", "rounds", "last", "saved context"], rows)
    data = [
        {"key": one.key, "rounds": one.rounds, "last": one.last and one.last.as_json(),
         "context_bytes": one.context_bytes}
        for one in found
    ]  # fmt: skip
    return Answer(
        {"sessions": data}, "\n".join(lines) if found else "no session yet: nightread session add KEY"
    )


def _when(last: "Round | None") -> str:
    return last.place.partition(", ")[2] if last else ""


def _show(config: "RunConfig", key: str, words: list[str], last: int | None = None, **_: Any) -> Answer:
    from tasks.memory.sessions import sessions

    _nothing_more("show", words)
    if last is not None and last < 1:
        raise InvalidInput(f"--last {last}: give 1 or more")
    rounds = sessions.newest(sessions.folder_of(_home(config), key), min(last or SHOWN, sys.maxsize))
    return Answer({"key": key, "rounds": [one.as_json() for one in rounds]}, "\n".join(map(said, rounds)))


def said(one: "Round") -> str:
    """A round word for word, behind its number, its time and who speaks; its answer under it."""
    lines = [f"{one.place}, {one.speaker}:", verbatim(one.text, "   ")]
    return "\n".join([*lines, *([verbatim(one.answer, "   | ")] if one.answer else [])])


def _add(
    config: "RunConfig",
    key: str,
    words: list[str],
    speaker: str = "you",
    time: str | None = None,
    **_: Any,
) -> Answer:
    from tasks.memory.sessions.round import Said, time_from

    text = " ".join(words) if words else _typed(key)
    if not text.strip() or not speaker.strip():
        raise InvalidInput(f"session add {key}: a round needs a text and a speaker")
    one = Said(" ".join(speaker.split()), text.strip("\n"), time_from(time, "--time"))
    with opened(config, key) as session:
        (added,) = session.add([one], _embed(config))
    return Answer({"key": key, **added.as_json()}, added.place)


def _typed(key: str) -> str:
    """The text that is piped in."""
    if sys.stdin is None or sys.stdin.isatty():
        raise InvalidInput(f"session add {key}: give a text behind the key, or pipe it in")
    return sys.stdin.read()


def opened(config: "RunConfig", key: str) -> Any:
    """The session of a key, made where there is none."""
    from model import weights
    from tasks.memory.embedders import embedder_name
    from tasks.memory.sessions import sessions
    from tasks.memory.sessions.session import Session

    folder = sessions.folder_of(_home(config), key, must_exist=False)
    return Session(folder, embedder_name(weights.resolve_embedder(config.infer.embedder)))


def _embed(config: "RunConfig") -> Any:
    from model.embed.question import load_question_embedder

    return load_question_embedder(config.infer.embedder)


def _copy(config: "RunConfig", key: str, words: list[str], **_: Any) -> Answer:
    from tasks.memory.sessions import sessions

    new = _one("copy", words, "the key of the copy")
    sessions.copy(_home(config), key, new)
    return Answer({"key": new, "copy_of": key}, f"{key} copied to {new}")


def _export(config: "RunConfig", key: str, words: list[str], **_: Any) -> Answer:
    from tasks.memory.sessions import sessions

    to = Path(_one("export", words, "a file to write (rounds.jsonl)")).expanduser()
    if to.is_dir() or not to.parent.is_dir():
        raise InvalidInput(f"session export {key} {to}: give a file, in a folder that there is")
    count = sessions.export(sessions.folder_of(_home(config), key), to)
    return Answer(
        {"key": key, "file": str(to), "rounds": count}, f"{counted(count, 'round')} written to {to}"
    )


def _import(config: "RunConfig", key: str, words: list[str], **_: Any) -> Answer:
    from tasks.memory.sessions import sessions

    source = Path(_one("import", words, "a file that was exported")).expanduser()
    from model import weights
    from tasks.memory.embedders import embedder_name

    made = embedder_name(weights.resolve_embedder(config.infer.embedder))
    count = sessions.import_rounds(_home(config), key, source, made, _embed(config))
    return Answer({"key": key, "rounds": count}, f"{counted(count, 'round')} imported as session {key}")


def _forget(config: "RunConfig", key: str, words: list[str], yes: bool = False, **_: Any) -> Answer:
    from tasks.memory.sessions import sessions

    _nothing_more("forget", words)
    folder = sessions.folder_of(_home(config), key)
    count = sum(one.number for one in sessions.newest(folder, 1))
    if not yes:
        raise InvalidInput(
            f"session {key} has {counted(count, 'round')}, and nothing brings them back: "
            f"nightread session forget {key} --yes"
        )
    sessions.forget(_home(config), key)
    return Answer({"key": key, "rounds": count}, f"session {key} forgotten, {counted(count, 'round')}")


def _one(action: str, words: list[str], what: str) -> str:
    if len(words) != 1:
        raise InvalidInput(f"session {action} KEY: give {what} behind the key")
    return words[0]


def _nothing_more(action: str, words: list[str]) -> None:
    if words:
        raise InvalidInput(
            f"session {action} KEY: nothing more is to be given than the key, not {words[0]!r}"
        )
