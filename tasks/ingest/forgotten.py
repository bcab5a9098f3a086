"""Documents that were forgotten and are kept out of later runs, by salted hashes: no text, and no name.

The idea: a corpus that still holds a forgotten document must not bring it back in the night. It is known
again by its bytes, before it is parsed, or by its text, before that is stored; whoever names its URI to
`read`, or calls `forget --undo`, lets it in again.

    home/memory/forgotten.json   {"salt": hex, "forgotten": [{"on", "document", "contents", "uris", "named"}]}
"""

import hashlib
import json
import secrets
from collections.abc import Collection, Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from model.files import write_atomic
from tasks.runs.ledger import now


@dataclass(frozen=True)
class Tombstone:
    """A forgotten document: hashes of what it is known by."""

    on: str
    document: str
    """Of its text."""
    contents: tuple[str, ...]
    """Of the bytes of sources that held nothing else."""
    uris: tuple[str, ...]
    """Of the sources that held it, and of the parts of sources."""
    named: tuple[str, ...]
    """Of the URIs by which it was forgotten: a folder, a glob."""


class Forgotten:
    """What a home keeps out."""

    def __init__(self, home: Path) -> None:
        self.path = home / "memory" / "forgotten.json"
        kept = json.loads(self.path.read_text()) if self.path.exists() else {}
        self.salt: str = kept.get("salt") or secrets.token_hex(16)
        self._hold([_stone(row) for row in kept.get("forgotten", ())])

    def _hold(self, stones: list[Tombstone]) -> None:
        self.stones = stones
        self._texts = {stone.document for stone in stones}
        self._contents = {name: stone.document for stone in stones for name in stone.contents}

    def mark(self, kind: str, value: str) -> str:
        """The salted hash of a document, its bytes or a URI."""
        return hashlib.sha256(f"{self.salt}\0{kind}\0{value}".encode()).hexdigest()[:32]

    def document(self, document: str) -> str:
        """The mark of a document that is kept out; "" for any other."""
        mark = self.mark("document", document) if self._texts else ""
        return mark if mark in self._texts else ""

    def content(self, content: str) -> str:
        """The mark of the forgotten document that was all that these bytes held; "" for any other."""
        return self._contents.get(self.mark("content", content), "") if self._contents else ""

    def is_kept_out(self, mark: str) -> bool:
        """Whether the document of this mark is still kept out."""
        return mark in self._texts

    def names(self, uri: str) -> bool:
        """Whether a forgotten document was at exactly this URI."""
        mark = self.mark("uri", uri)
        return any(mark in stone.uris for stone in self.stones)

    def add(self, document: str, contents: Iterable[str], uris: Iterable[str], named: Iterable[str]) -> None:
        """Keep a document out from now on."""
        stone = Tombstone(
            now(),
            self.mark("document", document),
            tuple(self.mark("content", one) for one in contents),
            tuple(self.mark("uri", one) for one in uris),
            tuple(self.mark("named", one) for one in named),
        )
        self._save([one for one in self.stones if one.document != stone.document] + [stone])

    def admit(self, uris: Collection[str], folders: bool = True) -> int:
        """Let in again what was forgotten at these canonical URIs; how many documents.

        Args:
            folders: whether a URI is also what was named to forget: a folder, a glob.
        """
        at = {self.mark("uri", uri) for uri in uris}
        under = {self.mark("named", uri) for uri in uris} if folders else set()
        left = [one for one in self.stones if not (at & {*one.uris} or under & {*one.named})]
        admitted = len(self.stones) - len(left)
        if admitted:
            self._save(left)
        return admitted

    def remove(self, documents: Collection[str]) -> None:
        """Let these documents in again."""
        marks = {self.mark("document", document) for document in documents}
        self._save([one for one in self.stones if one.document not in marks])

    def _save(self, stones: list[Tombstone]) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        kept = {"salt": self.salt, "forgotten": [asdict(stone) for stone in stones]}
        write_atomic(self.path, json.dumps(kept, indent=1))
        self._hold(stones)


def _stone(row: dict[str, Any]) -> Tombstone:
    hashes = (tuple(row[name]) for name in ("contents", "uris", "named"))
    return Tombstone(row["on"], row["document"], *hashes)
