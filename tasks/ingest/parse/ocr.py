"""Words on pictures of pages, by tesseract where it is installed: a program beside us, one page at a time."""

import os
import shutil
import subprocess
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from tasks.errors import BadDocument
from tasks.settings import ParseConfig

announce: Callable[[float], None] = lambda seconds: None  # noqa: E731  # set where somebody watches the time
"""Told before a page is read, with the seconds that it may take."""
NOT_HERE = "tesseract is not installed"
"""Said of scanned pages wherever they are left out because of that."""
DPI = 300
"""Dots per inch that tesseract reads best."""
_MOST_PIXELS = 36_000_000
_PAGE_S = 60.0
"""Seconds that one page may take."""


def can_read(config: ParseConfig) -> bool:
    """Whether pictures of pages are read on this machine."""
    return config.ocr != "never" and _program() is not None


def could_read_more(rows: Iterable[Mapping[str, Any]], config: ParseConfig) -> bool:
    """Whether words of these documents were left out for want of tesseract, and can be read now.

    Args:
        rows: parts of a parsed source, or rows of schema.SOURCES.
    """
    left_out = any(
        NOT_HERE in row["reason"] or any(NOT_HERE in one["kind"] for one in row["omitted"]) for row in rows
    )
    return left_out and can_read(config)  # in this order: to look for the program takes many system calls


def _program() -> str | None:
    return shutil.which("tesseract")


def words_on(page: Any, config: ParseConfig) -> str:
    """The words on a page of pypdfium2, line by line; "" where tesseract finds none in time.

    Raises:
        BadDocument: unsupported, if tesseract lacks a language of `parse.ocr_languages`.
    """
    width, height = page.get_size()
    scale = min(DPI / 72, (_MOST_PIXELS / max(width * height, 1.0)) ** 0.5)
    pixels = page.render(scale=scale, grayscale=True).to_numpy()
    rows, columns = pixels.shape[:2]
    picture = b"P5 %d %d 255\n" % (columns, rows) + pixels.tobytes()
    announce(_PAGE_S)
    program = _program()
    assert program is not None, "can_read was not asked"
    command = [program, "-", "-", "-l", config.ocr_languages, "--dpi", str(round(scale * 72))]
    try:
        done = subprocess.run(
            command,
            input=picture,
            capture_output=True,
            timeout=_PAGE_S,
            env={**os.environ, "OMP_THREAD_LIMIT": "1"},
            check=False,
        )
    except subprocess.TimeoutExpired:
        return ""
    said = done.stderr.decode("utf-8", "replace")
    if done.returncode and "language" in said:
        raise BadDocument(
            "unsupported", f"tesseract lacks a language of {config.ocr_languages!r}: {_first(said)}"
        )
    return "\n".join(line.rstrip() for line in done.stdout.decode("utf-8", "replace").split("\n")).strip(
        "\f\n"
    )


def _first(text: str) -> str:
    return next((line.strip() for line in text.split("\n") if "language" in line), "").rstrip(".")
