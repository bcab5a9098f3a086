"""Forgetting a context, killed between any two steps and done again, leaves nothing of it.

Run: pytest tests/tasks/serve/test_forget.py
"""

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from model.context.wording import Wording
from tasks.serve.contexts import CHECKPOINT, TRANSCRIPT, Budget, Contexts
from tasks.serve.directory.claims import Claims
from tasks.serve.directory.local import LocalDirectory
from tasks.serve.door import UnknownContext
from tasks.serve.pieces import Pieces
from tasks.serve.places import folder_of
from tests.tasks.serve.readers import HEADS, NAME, Tiny, text_of


class Killed(BaseException):
    """The process ends here."""


def contexts_of(tiny: Tiny, home: Path) -> Contexts:
    """Those of a new process."""
    return Contexts(tiny.reader, HEADS, home, Claims(LocalDirectory(600.0), "here"), Budget(4, 1 << 30))


@pytest.fixture(scope="module")
def read_home(tiny: Tiny, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with a context that was read and saved."""
    home: Path = tmp_path_factory.mktemp("read")
    contexts = contexts_of(tiny, home)
    hot = contexts.open(NAME, create=True)
    pieces = Pieces(tiny.folder, Wording(tiny.reader.tokenizer), tiny.reader.config.vocab_size)
    for piece in [*pieces.of_text(text_of(40)), *pieces.rest()]:
        contexts.append(hot, piece)
    contexts.drop(hot)
    return home


def kill_at(patch: pytest.MonkeyPatch, step: int) -> None:
    """End at the deletion with this number."""
    left = [step]

    def counted(delete: Callable[..., None]) -> Callable[..., None]:
        def deletes(*arguments: Any, **options: Any) -> None:
            if left[0] == 0:
                raise Killed
            left[0] -= 1
            delete(*arguments, **options)

        return deletes

    for name in ("unlink", "rmdir"):
        patch.setattr(os, name, counted(getattr(os, name)))


def test_forgetting_again_finishes_what_a_kill_broke_off(
    tiny: Tiny, read_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = {path.name for path in folder_of(read_home, NAME).rglob("*")}
    assert {TRANSCRIPT, CHECKPOINT, "context.json"} < kept
    finished, step = False, -1
    while not finished:
        step += 1
        home = shutil.copytree(read_home, tmp_path / str(step))
        with monkeypatch.context() as patch:
            kill_at(patch, step)
            try:
                contexts_of(tiny, home).forget(NAME)
                finished = True
            except Killed:
                pass
        again = contexts_of(tiny, home)
        again.forget(NAME)
        left = {path.name for path in folder_of(home, NAME).rglob("*") if path.is_file()}
        assert {name for name in left if not name.startswith(".fence.")} <= {"fence", "fence.lock"}, step
        with pytest.raises(UnknownContext):
            again.open(NAME, create=False)
    assert step > 6


def test_a_context_is_whole_again_where_it_is_opened_before_it_is_forgotten_again(
    tiny: Tiny, read_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was not acknowledged as forgotten; what is left of its checkpoint is no checkpoint."""
    for step in (2, 4):
        home = shutil.copytree(read_home, tmp_path / str(step))
        with monkeypatch.context() as patch:
            kill_at(patch, step)
            with pytest.raises(Killed):
                contexts_of(tiny, home).forget(NAME)
        contexts = contexts_of(tiny, home)
        hot = contexts.open(NAME, create=False)
        assert list(contexts.catch_up(hot))
        assert hot.behind == 0 < len(hot.context)
        contexts.drop(hot)
