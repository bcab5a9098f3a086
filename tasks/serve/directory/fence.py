"""The store's side of a claim: a node that lost its lease while it slept saves nothing over a later one.

The idea: the largest fence that ever worked on a context's folder is noted in it. Whoever opens or saves the
context does so alone, and with a smaller fence not at all; so a directory that was lost, a clock that jumped
or a process that was stopped for a minute may cost an answer, but never what was saved. It holds where the
folder's file system keeps locks between nodes (local disks, NFS 4, CephFS).
"""

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from model.files import is_full, locked, write_atomic
from tasks.errors import Transient

_NOTE, _LOCK = "fence", "fence.lock"
LOCK_S = 5.0
"""For a save that is under way; a node that was stopped in one may hold the lock for long."""


class FencedOff(Transient):
    """Another node claimed the context since: nothing was written; drop it here, and ask there."""


@contextmanager
def fenced(folder: Path, fence: int) -> Iterator[None]:
    """Within the block the context in `folder` is opened or saved under the claim with this fence.

    Raises:
        FencedOff: if a later claim was here before.
        Transient: if another node does so now.
        OSError: if the folder cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with ExitStack() as held:
        try:
            held.enter_context(locked(folder / _LOCK, LOCK_S))
        except TimeoutError as error:
            raise Transient(f"{folder.name}: another node is saving it: ask again") from error
        note = folder / _NOTE
        latest = int(note.read_text()) if note.exists() else 0
        if fence < latest:
            raise FencedOff(f"{folder.name}: claimed by another node since: nothing was saved, ask there")
        if fence > latest:
            _note_down(note, str(fence))
        yield


def _note_down(note: Path, fence: str) -> None:
    """Write a note; on a full disk in the place of the one before, whose block holds it: a context can still
    be opened there, and forgotten, which makes room. Numbers only grow, so none of the old one's digits stay.
    """
    try:
        write_atomic(note, fence)
    except OSError as error:
        if not (is_full(error) and note.exists()):
            raise
        with note.open("r+b", buffering=0) as file:
            file.write(fence.encode())
            os.fsync(file.fileno())
