"""URIs: one spelling for every place, and which sources lie under it.

The idea: what a URI expands to and what it contains are one predicate, `Place.holds`. Listing walks a
folder or a bucket and keeps what the predicate keeps; what memory holds of a place is asked of it too.

A URI is a local path, a glob, `s3://bucket/prefix`, `file:///path` (RFC 8089) or `sample:`. In a glob `*`,
`?` and `[...]` stay inside one name, `**` is any depth of folders, and a folder that matches is meant whole.
A local path that exists is itself, whatever characters it holds. Hidden local files are only those named
with their dot. A byte of a local name that is not UTF-8 is written `\\xe9`, so that a URI is always text;
a backslash that could be mistaken for that is written `\\x5c`.
"""

import os
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from urllib.parse import unquote

from wcmatch.glob import DOTGLOB, GLOBSTAR, globmatch

from tasks.errors import InvalidInput

SAMPLE = "sample:"
S3 = "s3://"
_ESCAPE = re.compile(r"\\x(5c|[89a-f][0-9a-f])")
_UNDECODED = re.compile("[\udc80-\udcff]")


def is_remote(home: str) -> bool:
    """Whether a home is named that is no folder of this machine."""
    return home[: len(S3)].lower() == S3


def canonical(uri: str) -> str:
    """The one spelling of a URI: absolute, without `.`, `..` or a slash at its end.

    Raises:
        InvalidInput: if it is empty, its scheme is not known, or it carries credentials. Those are not
            repeated in the message.
    """
    scheme, separator, rest = uri.partition("://")
    scheme = scheme.lower()
    if separator and scheme == "file":
        rest = unquote(re.sub("^localhost(?=/)", "", rest), errors="surrogateescape")
    if not uri or "\0" in uri + rest:
        raise InvalidInput(f"{uri!r} is no place; give a path, a glob or s3://bucket/prefix")
    if uri == SAMPLE:
        return uri
    if separator and scheme == "s3":
        return _canonical_s3(rest)
    if separator and scheme != "file":
        raise InvalidInput(
            f"{scheme}://...: scheme {scheme!r} is not known; give a path, a glob or s3://bucket/prefix"
        )
    given = rest if separator else uri
    path = "/" + os.path.abspath(os.path.expanduser(given)).lstrip("/")
    if os.path.lexists(path):
        return uri_of(path)
    return _UNDECODED.sub(_hexadecimal, path)


def _canonical_s3(rest: str) -> str:
    bucket = rest.partition("/")[0]
    if "@" in bucket or ":" in bucket:
        raise InvalidInput(
            "s3://...: a URI must not hold credentials; write s3://bucket/prefix, and set "
            "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY in the environment"
        )
    if not bucket:
        raise InvalidInput("s3://: no bucket; write s3://bucket/prefix")
    return S3 + _UNDECODED.sub(_hexadecimal, rest.removesuffix("/"))


def uri_of(path: str) -> str:
    """The URI of a local path, as a listing finds it: valid text, whatever bytes the name has."""
    return _UNDECODED.sub(_hexadecimal, _ESCAPE.sub(r"\\x5cx\1", path))


def path_of(uri: str) -> str:
    """The local path of a URI, in Python's own spelling of bytes that are not UTF-8."""
    return _ESCAPE.sub(lambda m: "\\" if m[1] == "5c" else chr(0xDC00 + int(m[1], 16)), uri)


def _hexadecimal(match: re.Match[str]) -> str:
    return f"\\x{ord(match[0]) - 0xDC00:02x}"


@dataclass(frozen=True)
class Place:
    """What a canonical URI stands for, a glob unless `literal`."""

    uri: str
    literal: bool

    @cached_property
    def base(self) -> str:
        """Folder, file or beginning of a key from which everything in the place is found."""
        if self.literal:
            return self.uri
        before = self.uri[: _magic(self.uri)]
        return before if self.uri.startswith(S3) else before.rpartition("/")[0] or "/"

    def holds(self, source: str) -> bool:
        """Whether a source lies in this place."""
        return (self._names(source) or self._matches(source)) and not self._behind_link(source)

    def enters(self, folder: str) -> bool:
        """Whether sources in a local folder may lie in this place."""
        if not below(self.base, folder):
            return False
        if self.literal or self._matches(folder):
            return not self.literal or self._visible(folder)
        head = self._parts[: folder.count("/") + 1]
        if "**" not in head:
            return len(head) > folder.count("/") and self._fits(folder, head)
        at = head.index("**")
        dotted = any(part.startswith(".") for part in self._parts[at:])
        return dotted or self._fits(folder, self._parts[: at + 1])

    def follows(self, folder: str) -> bool:
        """Whether a link to a folder is gone into: only where the glob itself names it, never below `**`."""
        head = self._parts[: folder.count("/") + 1]
        named = not self.literal and "**" not in head and len(head) > folder.count("/")
        return named and self._fits(folder, head)

    @cached_property
    def _parts(self) -> list[str]:
        return self.uri.replace("\\", "\\\\").split("/")  # a backslash is a character like any other

    @property
    def _flags(self) -> int:
        return GLOBSTAR | DOTGLOB if self.uri.startswith(S3) else GLOBSTAR

    def _fits(self, path: str, parts: Sequence[str]) -> bool:
        return globmatch(path, "/".join(parts), flags=self._flags)

    def _matches(self, source: str) -> bool:
        """Whether a glob matches a source or a folder it is in."""
        if self.literal:
            return False
        whole = "/".join(self._parts)
        return globmatch(source, [whole, whole.removesuffix("/") + "/**"], flags=self._flags)

    def _names(self, source: str) -> bool:
        """Whether a source is what the URI says letter by letter, or lies below it."""
        if source == self.uri:
            return True
        return source.startswith(self.uri.removesuffix("/") + "/") and self._visible(source)

    def _visible(self, source: str) -> bool:
        """Whether nothing below the URI itself is hidden."""
        return self.uri.startswith(S3) or "/." not in source[len(self.uri.removesuffix("/")) :]

    def _behind_link(self, source: str) -> bool:
        """Whether a walk from `base` would not come to a source, as it lies behind a link to a folder."""
        if self.uri.startswith(S3):
            return False
        ends = [at.start() for at in re.finditer("/", source) if at.start() > len(self.base)]
        folders = [source[:end] for end in ends]
        return any(os.path.islink(path_of(one)) and not self.follows(one) for one in folders)


def place(uri: str) -> Place:
    """What a canonical URI stands for now: a local path that exists is never taken for a glob."""
    magic = _magic(uri) < len(uri)
    return _place(uri, not magic or (not uri.startswith(S3) and os.path.lexists(path_of(uri))))


_place = lru_cache(Place)


def _magic(uri: str) -> int:
    """Where the first wildcard of a URI stands; its length where it has none."""
    found = re.search(r"[*?\[]", uri)
    return found.start() if found else len(uri)


def below(folder: str, uri: str) -> bool:
    """Whether a URI is that of a folder or of anything in it, hidden or not."""
    return uri == folder or uri.startswith(folder.removesuffix("/") + "/")


# A corpus: what is read together.


def corpus_of(uris: Collection[str]) -> str:
    """The name of the corpus that these canonical URIs make."""
    return " ".join(sorted(set(uris)))


def is_corpus(name: str, uris: Collection[str]) -> bool:
    """Whether a corpus is that of these canonical URIs, in whatever spelling it was named."""
    return name == corpus_of(uris) or _spells(name.split(" "), set(uris), set(uris))


def _spells(words: list[str], uris: set[str], left: set[str]) -> bool:
    """Whether words spell URIs of `uris`, among them all that are left; a URI may hold blanks itself."""
    if not words:
        return not left
    for count in range(1, len(words) + 1):
        try:
            first = canonical(" ".join(words[:count]))
        except InvalidInput:
            continue
        if first in uris and _spells(words[count:], uris, left - {first}):
            return True
    return False
