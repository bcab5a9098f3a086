"""Any error as one line for a person: what happened, where, and what to do about it.

The idea: errors of the world below (operating system, SQLite, Lance) come in many types but with few texts,
and a person is helped by the place and the remedy, not by the type.
"""

import re

from tasks.errors import BadDocument, InvalidInput, NightreadError, Transient

REMEDIES = {
    r"No space left on device|disk is full|Disk quota exceeded": (
        "the disk is full",
        "free some space there, or name another folder with home=; the same command continues",
    ),
    r"Read-only file system|readonly database|Permission denied|unable to open database file": (
        "cannot be written",
        "check its permissions, or name another folder with home=",
    ),
    r"Too many open files": ("too many open files", "raise the limit with `ulimit -n 4096`"),
    r"lance error: Not found": (
        "what was being read was dropped meanwhile, by an erasure or upkeep",
        "the same command finds the memory as it is now",
    ),
    r"[Cc]an(no|')t allocate memory|bad_alloc|MemoryError|[Oo]ut of memory": (
        "the memory is full",
        "read with fewer workers (infer.workers, parse.workers), or stop other programs",
    ),
    r"can't start new thread|Resource temporarily unavailable": (
        "no room for another thread",
        "free some memory by stopping other programs, or raise the limit with `ulimit -u 4096`",
    ),
}
"""Texts of errors of the system, what they mean, and what helps."""


def explained(error: BaseException, home: str = "") -> str:
    """One line for `error`. `home` is named where the error names no place of its own."""
    said = _flat(str(error))
    if isinstance(error, InvalidInput | BadDocument | Transient | ValueError):
        return said
    named = f"{type(error).__name__}: {said}"
    for pattern, (meaning, remedy) in REMEDIES.items():
        if re.search(pattern, named):
            place = getattr(error, "filename", None) or _path(said) or home
            return f"{place}: {meaning} ({_short(said)}): {remedy}"
    return said if isinstance(error, NightreadError) else f"{named} (--debug shows where)"


def _flat(text: str) -> str:
    """One line; of a word that no path is as long as, its beginning."""
    return re.sub(r"(\S{200})\S{4000,}", r"\1...", " ".join(text.split())) or "no message"


def _short(text: str, most: int = 160) -> str:
    return text if len(text) <= most else f"{text[:most]}..."


def _path(text: str) -> str:
    """An absolute path that a message names."""
    found = re.search(r"(?<![\w/])/[^\s'\":,]+", text)
    return found[0] if found else ""
