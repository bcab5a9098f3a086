"""Long natural text without repetition, from given files or from what is installed with Python.

The idea: deduplicate by paragraph. Licences and manuals are copied from package to package with a word
changed, so whole files would not do; a long paragraph that was seen before is left out. A machine with
Nightread has hundreds of megabytes: Python's manual, descriptions and licences of the installed
distributions, and their sources, in this order.
"""

import json
import re
import sysconfig
from collections.abc import Iterable, Iterator, Sequence
from hashlib import blake2b
from importlib.metadata import Distribution, distributions
from pathlib import Path
from random import Random
from typing import TypeVar

from tasks.errors import InvalidInput

T = TypeVar("T")

SUFFIXES = (".txt", ".md", ".py", ".jsonl")
_LONG = 60
"""Characters from which a repeated paragraph is dropped: headings and braces may repeat."""
_LICENCE = re.compile(r"(^|/)(LICEN[CS]E|COPYING|NOTICE)[^/]*$", re.IGNORECASE)


def natural_text(paths: Sequence[Path] | None, characters: int, seed: int) -> str:
    """Exactly so many characters of natural text in which no long paragraph repeats.

    Args:
        paths: files and folders of .txt, .md, .py, .jsonl (rows with a "text"); None is what is installed.
        seed: of the order of the documents.

    Raises:
        InvalidInput: if a path cannot be used, or there is too little text; the message says how much.
    """
    pieces, total = [], 0
    for paragraph in paragraphs(paths, seed):
        pieces.append(paragraph)
        total += len(paragraph)
        if total >= characters:
            return "".join(pieces)[:characters]
    origin = f"haystack {', '.join(map(str, paths))}" if paths else "this machine's own text"
    raise InvalidInput(
        f"{origin}: {total:,} characters that do not repeat, {characters:,} are needed; "
        f"{'add files' if paths else 'give files or folders with more'}, or read less"
    )


def paragraphs(paths: Sequence[Path] | None, seed: int) -> Iterator[str]:
    """The paragraphs of such a text, one by one, each with the blank line behind it.

    Raises:
        InvalidInput: if a path cannot be used.
    """
    random = Random(seed)
    return _deduplicated(_given(paths, random) if paths else _installed(random))


def _deduplicated(documents: Iterable[str]) -> Iterator[str]:
    """Paragraphs with the blank lines behind them, without long ones that came before."""
    seen: set[bytes] = set()
    for document in documents:
        for paragraph in re.split(r"\n\s*\n", document):
            text = paragraph.strip("\n").rstrip()
            mark = blake2b(" ".join(text.split()).encode(errors="replace"), digest_size=8).digest()
            if text and (len(text) < _LONG or mark not in seen):
                seen.add(mark)
                yield f"{text}\n\n"


def _given(paths: Sequence[Path], random: Random) -> Iterator[str]:
    files = sorted({file for path in paths for file in _files(path)})
    random.shuffle(files)
    for file in files:
        yield from _jsonl(file, random) if file.suffix == ".jsonl" else [_text(file)]


def _files(path: Path) -> list[Path]:
    if path.is_file() and path.suffix in SUFFIXES:
        return [path]
    found = [file for file in path.rglob("*") if file.suffix in SUFFIXES and file.is_file()]
    if not found:
        raise InvalidInput(
            f"haystack {path}: no text there; give a file or a folder of {', '.join(SUFFIXES)} files"
        )
    return found


def _jsonl(file: Path, random: Random) -> list[str]:
    """The field "text" of every row."""
    try:
        texts = [str(json.loads(line)["text"]) for line in _text(file).splitlines() if line.strip()]
    except (json.JSONDecodeError, KeyError, TypeError) as error:
        raise InvalidInput(f'haystack {file}: every line must be a JSON object with a "text"') from error
    random.shuffle(texts)
    return texts


def _text(file: Path) -> str:
    return file.read_text(encoding="utf-8", errors="replace").replace("\r\n", "\n")


def _installed(random: Random) -> Iterator[str]:
    """What is installed, prose first; a file is opened when it is needed."""
    from pydoc_data.topics import topics

    yield from _shuffled(topics.values(), random)
    installed = sorted(distributions(), key=lambda distribution: str(distribution.metadata["Name"]))
    for distribution in _shuffled(installed, random):
        yield from _about(distribution)
    yield from map(_text, _shuffled(_sources(), random))


def _shuffled(items: Iterable[T], random: Random) -> list[T]:
    shuffled = list(items)
    random.shuffle(shuffled)
    return shuffled


def _about(distribution: Distribution) -> Iterator[str]:
    """A distribution's long description and its licences."""
    fields = distribution.metadata
    if "Description" in fields:
        yield fields["Description"].replace("\r\n", "\n")
    for file in sorted(distribution.files or [], key=str):
        path = Path(str(distribution.locate_file(file)))
        if _LICENCE.search(str(file)) and path.suffix in ("", ".txt", ".md") and path.is_file():
            yield _text(path)


def _sources() -> list[Path]:
    """Python files of the standard library and of what is installed."""
    places = {Path(sysconfig.get_path(name)) for name in ("stdlib", "purelib", "platlib")}
    return sorted({file for place in places for file in place.rglob("*.py")})
