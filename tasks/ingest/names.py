"""Names by the million: where each stands in a list, known by a hash of it.

The idea: a set of a million names takes 200 MB, their sorted hashes and places take 24. A hash has 128 bits:
two names of one hash are not to be met with.
"""

import hashlib
from collections.abc import Iterable

import numpy as np

_BYTES = 16


class Names:
    """Whether a name is among these, and at which place it came first."""

    def __init__(self, names: Iterable[str]) -> None:
        buffer = bytearray()
        for name in names:
            buffer += _digest(name)
        digests = np.frombuffer(buffer, f"S{_BYTES}")
        self._order = digests.argsort(kind="stable")
        self._digests = digests[self._order]

    def __len__(self) -> int:
        """How many were given."""
        return len(self._order)

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and self.find(name) >= 0

    def find(self, name: str) -> int:
        """The place of the first of this name; -1 for none."""
        wanted = _digest(name).rstrip(b"\0")  # as NumPy gives them
        at = int(self._digests.searchsorted(np.bytes_(wanted)))
        found = at < len(self._digests) and self._digests[at] == wanted
        return int(self._order[at]) if found else -1

    def firsts(self) -> "np.ndarray[tuple[int], np.dtype[np.int64]]":
        """Places of the first of each name, in their order."""
        another = np.ones(len(self._digests), bool)
        another[1:] = self._digests[1:] != self._digests[:-1]
        return np.sort(self._order[another])


def _digest(name: str) -> bytes:
    return hashlib.blake2b(name.encode(errors="surrogatepass"), digest_size=_BYTES).digest()
