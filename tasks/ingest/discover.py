"""Discover: a list of uris becomes a stream of sources, each once, in a fixed order.

`sample:` is real text that every machine has: licence texts and long descriptions of the distributions
installed beside Nightread, bounded to about 60,000 tokens.
"""

import os
import re
from collections.abc import Collection, Iterator, Sequence
from importlib.metadata import Distribution, distributions
from pathlib import Path

from model.files import write_atomic
from tasks.errors import InvalidInput
from tasks.ingest.home.remote import remote_of
from tasks.ingest.storage import Found, find
from tasks.ingest.uris import S3, SAMPLE, canonical, path_of, place, uri_of
from tasks.runs.ledger import Ledger, ledger_path
from tasks.settings import StorageConfig

SAMPLE_CHARS = 200_000
"""About 60,000 tokens: a token of this prose and mark-up holds 3.3 characters."""
MANIFEST = ".manifest.json"
"""Ends the name of a file that names documents which belong together, see tasks/ingest/watch/manifests.py."""
_SHORTEST, _LONGEST = 3_500, 24_000


def discover(
    uris: Sequence[str], home: Path, config: StorageConfig, known: Collection[str] = ()
) -> Iterator[Found]:
    """Sources under all of these canonical URIs; one that two of them lead to comes once.

    Args:
        known: uris of sources that were read before: a place that held one of them may hold nothing now.

    Raises:
        InvalidInput: if a URI leads nowhere, or its place cannot be listed.
        Transient: if a store does not answer.
    """
    seen: set[str] = set()
    several = len(uris) > 1  # one place holds a source once
    for uri in uris:
        if uri == SAMPLE:
            sample_folder(home)
        empty = True
        for found in find(root(uri, home), config):
            empty = False
            if found.uri.endswith(MANIFEST) and found.uri != uri:
                continue  # it names documents, and is none
            if found.uri not in seen:
                if several:
                    seen.add(found.uri)
                yield found
        if empty:
            _refuse_nowhere(uri, known)


def root(uri: str, home: Path) -> str:
    """The place that a canonical URI stands for: sources found through it lie in it."""
    return uri_of(str(_sample(home))) if uri == SAMPLE else uri


def check_uris(uris: Sequence[str], home: Path, config: StorageConfig) -> None:
    """Refuse what a run would refuse, before anything heavy is loaded: a look at each place is all.

    Raises:
        InvalidInput: if there is no URI, or one is malformed, leads nowhere, or is not ours to read.
        Transient: if a store does not answer.
    """
    if not uris:
        raise InvalidInput("there is nothing to read; give a path, a glob or s3://bucket/prefix")
    check_apart(uris, home)
    path = ledger_path(home)
    for uri in [canonical(uri) for uri in uris]:
        if uri != SAMPLE and next(find(uri, config), None) is None:
            _refuse_nowhere(uri, Ledger(path).source_uris() if path.exists() else ())


def check_apart(uris: Sequence[str], home: Path) -> None:
    """Refuse a corpus in a bucket that holds the home: every run would read what the one before wrote.

    Raises:
        InvalidInput: if one of these URIs does.
    """
    if remote := remote_of(home):
        for uri in map(canonical, uris):
            if place(uri).holds(f"{remote.uri}/memory"):
                raise InvalidInput(
                    f"{uri} holds the home {remote.uri}, which would be read too: give them prefixes beside "
                    f"each other, such as s3://bucket/papers and home=s3://bucket/memory"
                )


def existing(uris: Sequence[str], config: StorageConfig) -> list[str]:
    """Those of these canonical URIs in whose place something is.

    Raises:
        InvalidInput: if a place is not ours to list.
        Transient: if a store does not answer.
    """
    return [uri for uri in uris if next(find(uri, config), None) is not None]


def _refuse_nowhere(uri: str, known: Collection[str]) -> None:
    """Refuse a place where nothing was found, unless it is an empty folder or held a known source."""
    at = place(uri)
    if any(map(at.holds, known)):
        return
    if uri.startswith(S3):
        raise InvalidInput(f"{uri}: no object there; check bucket and prefix")
    if not at.literal:
        raise InvalidInput(f"{uri}: the pattern matches nothing; quote it so that the shell leaves it alone")
    if not os.path.lexists(path_of(uri)):
        raise InvalidInput(f"{uri}: no such file or folder; check the path")


def _sample(home: Path) -> Path:
    return (home / "sample").absolute()


def sample_folder(home: Path) -> Path:
    """The sample corpus as files under `home`; written anew only where something differs."""
    folder = _sample(home)
    folder.mkdir(parents=True, exist_ok=True)
    wanted = dict(_sample_texts())
    for path in folder.iterdir():
        if path.name not in wanted and not path.name.startswith("."):  # what another run is writing is hidden
            path.unlink(missing_ok=True)
    for name, text in wanted.items():
        path = folder / name
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            write_atomic(path, text)
    return folder


def _sample_texts() -> Iterator[tuple[str, str]]:
    """Whole texts by file name, until the sample is full. No two begin alike."""
    total, beginnings = 0, set[str]()
    for distribution in sorted(distributions(), key=lambda d: (d.metadata["Name"] or "").lower()):
        for name, text in _texts(distribution):
            beginning = re.sub(r"\W+", "", text)[200:600]
            if _SHORTEST <= len(text) <= _LONGEST and beginning not in beginnings:
                if total + len(text) > SAMPLE_CHARS:
                    return
                beginnings.add(beginning)
                total += len(text)
                yield name, text


def _texts(distribution: Distribution) -> Iterator[tuple[str, str]]:
    name = re.sub(r"[^A-Za-z0-9.-]+", "-", distribution.metadata["Name"] or "unnamed").lower()
    # not the payload: the importlib_metadata backport, which any import may put in charge, leaves that empty
    fields = distribution.metadata
    if "Description" in fields and fields["Description"].strip():
        yield f"{name}.md", fields["Description"].replace("\r\n", "\n")
    for file in sorted(distribution.files or [], key=str):
        if re.search(r"(^|/)(LICEN[CS]E|COPYING)[^/]*$", str(file), re.IGNORECASE):
            path = Path(str(distribution.locate_file(file)))
            if path.is_file():
                text = _utf8(path.read_bytes())
                if text:
                    yield f"{name}-licence.txt", text
                return


def _utf8(content: bytes) -> str:
    """A text, or "" where a distribution carries one in another encoding: the sample can do without it."""
    try:
        return content.decode("utf-8").replace("\r\n", "\n")
    except UnicodeDecodeError:
        return ""
