"""Tokens: who may come in, to the memory of which tenant, and what they may do there.

The idea: a token is shown once and kept as its SHA-256 alone, in one small file of the home that is replaced
as a whole. Where there is no such file, nobody is asked for a token, and nobody elsewhere is let in.
"""

import hashlib
import json
import os
import secrets
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from model.files import locked, replacing
from tasks.errors import InvalidInput, writing
from tasks.memory.tenants import home_of, named
from tasks.runs.ledger import now

FILE = "tokens.json"
BEGINNING = "nr_"
"""Of every token, so that one that was left somewhere is known for what it is."""
ID_DIGITS = 12
"""Of a token's hash, by which it is named."""

May = Literal["read", "write"]


@dataclass(frozen=True, slots=True)
class Grant:
    """What a token is worth."""

    sha256: str
    user: str
    tenant: str
    may: May
    made: str
    """When, ISO."""

    @property
    def id(self) -> str:
        """By which it is told from others of the user."""
        return self.sha256[:ID_DIGITS]


class Tokens:
    """Those of one home, as its file says now. Safe for use by several threads."""

    def __init__(self, home: Path) -> None:
        self.path = home / FILE
        self._read: tuple[tuple[int, int, int], dict[str, Grant]] | None = None

    @property
    def are_asked_for(self) -> bool:
        """Whether whoever comes needs one; also where the last one was taken back."""
        return self.path.exists()

    def grant_of(self, token: str) -> Grant | None:
        """What a token is worth; None if nothing."""
        return self._by_hash().get(_hash(token))

    def all(self) -> list[Grant]:
        """Every one, by tenant and user."""
        return sorted(self._by_hash().values(), key=lambda one: (one.tenant, one.user, one.made))

    def _by_hash(self) -> dict[str, Grant]:
        try:
            stat = self.path.stat()
        except FileNotFoundError:
            return {}
        seen = (stat.st_ino, stat.st_mtime_ns, stat.st_size)
        held = self._read
        if held is None or held[0] != seen:
            held = self._read = (seen, {one.sha256: one for one in _from(self.path)})
        return held[1]


def add(home: Path, user: str, tenant: str = "", may: May = "read") -> tuple[Grant, str]:
    """Make a token; it is returned here and nowhere else.

    Raises:
        InvalidInput: if the user or the tenant is no plain name, or the home cannot be written.
    """
    named("user", home, user)
    home_of(home, tenant)
    token = BEGINNING + secrets.token_urlsafe(32)
    grant = Grant(_hash(token), user, tenant, may, now())
    with writing(home / FILE):
        home.mkdir(parents=True, exist_ok=True)
        with locked(home / f".{FILE}.lock"):
            _write(home / FILE, [*_from(home / FILE), grant])
    return grant, token


def remove(home: Path, which: str, tenant: str | None = None) -> list[Grant]:
    """Take back the tokens of a user, of one tenant or of all, or the one of an id.

    Raises:
        InvalidInput: if there is none.
    """
    with writing(home / FILE), locked(home / f".{FILE}.lock"):
        there = _from(home / FILE)
        gone = [one for one in there if which in (one.user, one.id) and tenant in (None, one.tenant)]
        if not gone:
            of = f" of tenant {tenant!r}" if tenant else ""
            raise InvalidInput(f"token remove {which}: no such user or id{of}; see: nightread token list")
        _write(home / FILE, [one for one in there if one not in gone])
    return gone


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()


def _from(path: Path) -> list[Grant]:
    if not path.exists():
        return []
    try:
        return [Grant(**row) for row in json.loads(path.read_bytes())["tokens"]]
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise InvalidInput(
            f"{path} cannot be read as tokens: bring back a copy, or delete it and add anew"
        ) from error


def _write(path: Path, grants: Sequence[Grant]) -> None:
    text = json.dumps({"tokens": [asdict(one) for one in grants]}, indent=1)
    with replacing(path) as fresh:
        descriptor = os.open(fresh, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
        with open(descriptor, "w") as file:
            file.write(text)
