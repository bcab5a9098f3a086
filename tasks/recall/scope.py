"""Scope: which documents a question is asked of, by URI, glob or folder.

The idea: a name is matched with the one language for places that reading has (`tasks.ingest.uris`), against
what was read; one that matches nothing is refused with the nearest that is there. A memory may hold a million
sources, so both look at whole columns, and at single names only where few are left.
"""

import re
from collections.abc import Iterator
from difflib import get_close_matches
from pathlib import PurePosixPath

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tasks.errors import InvalidInput
from tasks.ingest.source_rows import Numbers
from tasks.ingest.uris import Place, canonical, place
from tasks.memory.reader import Memory

LIKELY = 64
"""Sources with the likeliest names, of which the nearest one is looked for letter by letter."""
MOST_LETTERS = 200
"""Of a name that is compared so."""
SLICE = 1 << 16
"""Sources whose letters are looked at together."""


def documents_of(memory: Memory, uri: str | None) -> list[str] | None:
    """Ids of the documents that `uri` names; None for all.

    Args:
        uri: a source, a folder or a glob, as for reading; or the last part of a source's URI.

    Raises:
        InvalidInput: if it matches nothing that was read.
    """
    if uri is None:
        return None
    sources = memory.sources
    read = sources.select(["uri", "document"]).filter(pc.equal(sources["outcome"], "ok"))
    return sorted(set(_named(read, uri)["document"].to_pylist()))


def _named(read: pa.Table, uri: str) -> pa.Table:
    """The sources that are meant."""
    where = place(canonical(uri))
    near = _near(read, where)
    held = near.filter(pa.array([where.holds(one) for one in near["uri"].to_pylist()], pa.bool_()))
    if not held.num_rows:
        held = read.filter(pc.ends_with(read["uri"], f"/{uri.strip('/')}"))
    if not held.num_rows:
        raise InvalidInput(f"{uri}: no such source was read; {_nearest(read, uri)}")
    return held


def _near(read: pa.Table, where: Place) -> pa.Table:
    """Sources that may lie in a place: they begin as it does, and hold the letters that a glob names."""
    near = read.filter(pc.starts_with(read["uri"], where.base))
    if not where.literal and (letters := max(_letters(where), key=len, default="")):
        near = near.filter(pc.match_substring(near["uri"], letters))
    return near


def _letters(where: Place) -> Iterator[str]:
    """What every source in the place of a glob holds, as it stands between wildcards inside one name."""
    for part in where.uri[len(where.base) :].split("/"):
        if "[" not in part:
            yield from re.split(r"[*?]+", part)


def _nearest(read: pa.Table, uri: str) -> str:
    """Names the source whose name is most like that of `uri`."""
    if not read.num_rows:
        return "nothing was read"
    name = PurePosixPath(uri).name.lower()[:MOST_LETTERS]
    by_name = {PurePosixPath(one).name.lower()[:MOST_LETTERS]: one for one in _likely(read["uri"], name)}
    found = get_close_matches(name, by_name, 1, 0.0)
    return f"the nearest is {by_name[found[0]] if found else read['uri'][0]}"


def _likely(uris: pa.ChunkedArray, name: str) -> list[str]:
    """The URIs that end most like a name."""
    shared = np.concatenate([_shared(uris.slice(at, SLICE), name) for at in range(0, len(uris), SLICE)])
    best = np.argpartition(-shared, min(LIKELY, len(shared)) - 1)[:LIKELY]
    likely: list[str] = uris.take(pa.array(np.sort(best))).to_pylist()
    return likely


def _shared(uris: pa.ChunkedArray, name: str) -> Numbers:
    """How many pairs of letters at the end of each URI stand in a name too: a letter that is wrong changes
    two of them (q-grams; Ukkonen 1992)."""
    lower = pc.utf8_lower(uris).cast(pa.large_string()).combine_chunks()
    _, offsets, data = lower.buffers()
    ends = np.frombuffer(offsets, np.int64)[lower.offset :][: len(lower) + 1]
    letters = np.frombuffer(data, np.uint8)[: ends[-1]].astype(np.uint16)
    wanted = np.frombuffer(f"/{name}".encode("utf-8", "replace"), np.uint8).astype(np.uint16)
    is_wanted = np.zeros(1 << 16, np.int64)
    is_wanted[wanted[:-1] << 8 | wanted[1:]] = 1
    before = np.concatenate(([0], np.cumsum(is_wanted[letters[:-1] << 8 | letters[1:]])))
    begins = np.maximum(ends[:-1], ends[1:] - len(wanted))
    counts: Numbers = before[np.maximum(ends[1:] - 1, begins)] - before[begins]
    return counts
