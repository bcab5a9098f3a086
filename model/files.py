"""Files that outlive a crash: replaced as a whole, made durable, locked between processes.

The idea: content is written under a fresh name, made durable, and only then takes the name that others read.
Whatever happens, a reader finds the old file or the new one, never a part.
"""

import ctypes
import errno
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

CACHE_VARIABLE = "NIGHTREAD_CACHE"
"""Environment variable that names another folder than the user's cache."""
COMMAND_CHARS = 80
"""Of a command line, in a message."""

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def user_cache() -> Path:
    """Folder for what can be made again, and is kept between processes and homes."""
    user = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    return Path(os.environ.get(CACHE_VARIABLE) or f"{user}/nightread")


def write_atomic(path: Path, content: bytes | str) -> None:
    """Write a small file, atomically and durably; two processes may do so at once.

    Raises:
        OSError: if the disk is full; the message says how much was wanted and where.
    """
    data = content.encode() if isinstance(content, str) else content
    with replacing(path) as fresh, named_when_full(path, len(data)):
        fresh.write_bytes(data)
        make_durable(fresh)


@contextmanager
def replacing(path: Path, durable: bool = True) -> Iterator[Path]:
    """A fresh name beside `path`: what is written there replaces `path` at the end, or goes after an error.

    It may be a file, or a folder where there is none at `path`.

    Args:
        durable: as `replace_file` takes it.
    """
    fresh = path.with_name(f".{path.name}.{secrets.token_hex(6)}.new")
    try:
        yield fresh
        replace_file(fresh, path, durable)
    finally:
        if fresh.is_dir():
            shutil.rmtree(fresh, ignore_errors=True)
        else:
            fresh.unlink(missing_ok=True)


def replace_file(fresh: Path, path: Path, durable: bool = True) -> None:
    """Rename a complete file, or folder, to `path` once it is durable; then the new name is durable too.

    Args:
        durable: False for what can be made again and is known for torn when it is read: then only a loss of
            power, never the death of a process, may leave less than the whole at `path`.
    """
    if not durable:
        os.replace(fresh, path)
        return
    for inside in fresh.rglob("*") if fresh.is_dir() else ():
        make_durable(inside)
    make_durable(fresh)
    os.replace(fresh, path)
    make_durable(path.parent)


def make_durable(path: Path) -> None:
    """Wait until a file's content, or the names in a folder, outlive a loss of power."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_all(place: Path) -> None:
    """Make everything durable that was written to the file system of `place`: one flush for many files."""
    opened = os.open(place, os.O_RDONLY)
    try:
        if ctypes.CDLL(None, use_errno=True).syncfs(opened):
            os.sync()  # no such call here: every file system, then
    finally:
        os.close(opened)


def is_filled(path: Path) -> bool:
    """Whether a file has content: one that was not made durable may be empty after a loss of power."""
    return path.is_file() and path.stat().st_size > 0


KEY_BYTES = 200
"""Longest key: names of files have 255, and those of unfinished folders are longer."""


def inside(folder: Path, key: str) -> Path:
    """The file or folder in `folder` that a `memory_key` names.

    Raises:
        ValueError: if the key is no plain name: it could lie elsewhere, or be taken for an unfinished folder.
    """
    if not isinstance(key, str) or key != Path(key).name or key.startswith(".") or not key.isprintable():
        raise ValueError(f"memory_key={key!r}: use a plain name without slashes, line ends or a first dot")
    if not 0 < (size := len(key.encode())) <= KEY_BYTES:
        raise ValueError(f"memory_key={key!r}: give a name of 1 to {KEY_BYTES} bytes, not {size}")
    return folder / key


@contextmanager
def locked(path: Path, timeout_s: float = -1) -> Iterator[None]:
    """Hold the lock file `path`, alone among processes and threads; the kernel releases what a dead one held.

    Args:
        timeout_s: how long to wait for whoever holds it; by default until they are done.

    Raises:
        TimeoutError: if they take longer.
    """
    from filelock import FileLock  # here: it loads asyncio, for those who lock nothing too

    with FileLock(path, timeout=timeout_s):
        yield


def holder(path: Path) -> str:
    """Who holds the lock file `path`, for messages: such as "process 4711 (nightread session add)"."""
    inode, table = f":{path.stat().st_ino}", Path("/proc/locks")
    for line in table.read_text().splitlines() if table.exists() else ():
        fields = line.split()  # 1: FLOCK ADVISORY WRITE 4711 08:01:5512 0 EOF
        if fields[1] == "FLOCK" and fields[5].endswith(inode) and (pid := int(fields[4])) > 0:
            return f"process {pid} ({_command(pid)})"
    return "another process"


def _command(pid: int) -> str:
    import psutil  # here: for a message

    try:
        return " ".join(psutil.Process(pid).cmdline())[:COMMAND_CHARS]
    except psutil.Error:
        return "which just ended"


def is_full(error: BaseException) -> bool:
    """Whether an error says that a disk, or a quota of it, has no room; safetensors' has no number."""
    said = "No space left on device" in str(error)
    return isinstance(error, OSError) and (error.errno in _FULL or said)


@contextmanager
def named_when_full(path: Path, wanted: int, remedy: str = "free space") -> Iterator[None]:
    """Let the error of a full disk name the place, the bytes that were wanted and the remedy."""
    try:
        yield
    except OSError as error:
        if not is_full(error):
            raise
        message = f"no room for {wanted} bytes: {remedy}; what was stored before can still be read"
        raise OSError(error.errno, message, str(path)) from error
