"""Discover: a list of uris becomes a stream of sources, each once, in a fixed order.

`sample:` is real text that every machine has: licence texts and long descriptions of the distributions
installed beside Nightread, bounded to about 60,000 tokens.
"""

import re
from collections.abc import Iterator, Sequence
from importlib.metadata import Distribution, distributions
from pathlib import Path

from tasks.ingest.storage import Found, find
from tasks.settings import StorageConfig

SAMPLE = "sample:"
SAMPLE_CHARS = 200_000
"""About 60,000 tokens: a token of this prose and mark-up holds 3.3 characters."""
_SHORTEST, _LONGEST = 3_500, 24_000


def discover(uris: Sequence[str], home: Path, config: StorageConfig) -> Iterator[Found]:
    """Sources under all of `uris`; one that two of them lead to comes once."""
    seen: set[str] = set()
    for uri in uris:
        folder = sample_folder(home) if uri == SAMPLE else None
        for found in find(str(folder) if folder else uri, config):
            if found.uri not in seen:
                seen.add(found.uri)
                yield found


def root(uri: str, home: Path) -> str:
    """The place that `uri` stands for: sources found through it lie under it."""
    return str((home / "sample").absolute()) if uri == SAMPLE else uri


def sample_folder(home: Path) -> Path:
    """The sample corpus as files under `home`; written anew only where something differs."""
    folder = (home / "sample").absolute()
    folder.mkdir(parents=True, exist_ok=True)
    wanted = dict(_sample_texts())
    for path in folder.iterdir():
        if path.name not in wanted:
            path.unlink()
    for name, text in wanted.items():
        path = folder / name
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")
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
