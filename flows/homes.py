"""Homes in buckets, as commands and flows meet them: a working copy to read from, and the right to write.

The idea: a command that is given home=s3://bucket/prefix goes on with the folder of its working copy, and no
other line of it knows. Which commands only look, and which write, is said here, once.
"""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from tasks.errors import InvalidInput
from tasks.ingest.uris import is_remote

if TYPE_CHECKING:
    from flows.config import ReadConfig, RunConfig, TendConfig

    Config = TypeVar("Config", RunConfig, ReadConfig, TendConfig)

LEDGER = frozenset(
    {
        "runs",
        "documents",
        "show",
        "health",
        "quarantine",
        "plan",
        "read",
        "watch",
        "forget",
        "rollback",
        "upkeep",
    }
)
"""Commands that look into the ledger."""
FOLDER_ONLY = {
    "session": "a dialogue is kept on one machine",
    "token": "tokens are kept where the gateway runs",
}
"""Commands for which a home must be a folder, and why."""
WRITING = frozenset({"rollback", "correct", "pin", "corrections", "forget"})
"""Commands that write to the memory themselves; flows do so on their own."""


def at_hand(config: "Config", *, with_ledger: bool = True) -> "Config":
    """The same settings with a folder as home: for one in a bucket, its working copy as it is now."""
    if not is_remote(config.home):
        return config
    from tasks.ingest.home.writing import opened

    return replace(config, home=str(opened(config.home, config.storage, with_ledger=with_ledger)))


def named(config: "Config") -> "Config":
    """The same settings with the home as people name it, to be understood on another machine."""
    if is_remote(config.home):
        return config
    from tasks.ingest.home.remote import shown

    return replace(config, home=shown(Path(config.home)))


@contextmanager
def prepared(command: str, config: "RunConfig", given: dict[str, Any]) -> Iterator["RunConfig"]:
    """The settings that a command works with, while it has the right to write if it does.

    Raises:
        InvalidInput: if the command cannot work on a home in a bucket.
    """
    if not is_remote(config.home):
        yield config
        return
    reason = FOLDER_ONLY.get(command) or (FOLDER_ONLY["session"] if given.get("memory") else "")
    if reason:
        raise InvalidInput(f"home={config.home}: {command}: {reason}: give a folder with home=FOLDER")
    if command in ("serve", "deploy", "worker"):  # their runs may start on other machines
        yield config
        return
    from tasks.ingest.home.remote import reached
    from tasks.ingest.home.writing import writing

    config = at_hand(config, with_ledger=command in LEDGER)
    home = Path(config.home)
    with reached(home), writing(home, f"nightread {command}") if command in WRITING else nullcontext():
        if command == "forget":
            from tasks.ingest.home.whole import fetch_all

            fetch_all(home)
        yield config


def renew(home: Path) -> None:
    """Have the working copy of a home in a bucket as it is now; nothing to do for a folder.

    Raises:
        Transient: if the store does not answer.
    """
    from tasks.ingest.home.remote import remote_of
    from tasks.ingest.home.writing import opened

    if remote := remote_of(home):
        opened(remote.uri, remote.storage, with_ledger=True)


def folder_of(config: "Config") -> Path:
    """The folder of a home; of one in a bucket that of its working copy, whatever it holds by now."""
    if not is_remote(config.home):
        return Path(config.home)
    from tasks.ingest.home.remote import established

    return established(config.home, config.storage).folder
