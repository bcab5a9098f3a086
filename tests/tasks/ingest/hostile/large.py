"""Sources that do harm by their size: gigabytes of nothing, cells of 50 MB, tags a hundred thousand deep."""

import json
from collections.abc import Callable
from pathlib import Path

from tests.tasks.ingest.hostile.made import Hostile, Table, content
from tests.tasks.ingest.hostile.office import cell, drawn, odt

_MANY, _CELL = 100_000, 50_000_000
_WORDS = "word " * (_CELL // 5)


def _sparse(head: bytes) -> Callable[[Path], None]:
    """A file of two gigabytes that takes no room on a disk."""

    def write(path: Path) -> None:
        with path.open("wb") as file:
            file.write(head)
            file.truncate(2 << 30)

    return write


def _written(text: Callable[[], str]) -> Callable[[Path], None]:
    def write(path: Path) -> None:
        path.write_text(text())

    return write


LARGE: Table = {
    "sparse.txt": Hostile(_sparse(b""), "too_large"),
    "sparse.pdf": Hostile(_sparse(b"%PDF-1.4\n"), "too_large"),
    "sparse.csv": Hostile(_sparse(b"a,b\n1,2\n"), "too_large"),
    "cell.xlsx": Hostile(cell(_CELL), "too_large"),
    "cell.csv": Hostile(_written(lambda: f"Name,Note\nA,{_WORDS}\n"), "ok"),
    "cell.jsonl": Hostile(_written(lambda: json.dumps({"text": _WORDS})), "ok"),
    "cell.html": Hostile(_written(lambda: f"<table><tr><td>{_WORDS}<td>b</table>"), "out_of_memory"),
    "cell.odt": Hostile(odt("", f"<text:p>{_WORDS}</text:p>"), "too_large"),
    "tags.html": content(b"<div>" * _MANY + b"deep", "ok", "deep"),
    "spans.html": content(b"<p>" + b"<span class=a>" * _MANY + b"deep", "ok", "deep"),
    "lists.html": content(b"<ol><li>" * _MANY + b"deep", "ok", "deep"),
    "tables.html": content(b"<table><tr><td>" * _MANY + b"deep", "ok", "deep"),
    "rules.html": content(
        b"<style>" + b".a .b .c{display:none}" * _MANY + b"</style>" + b"<i class=c>x</i>" * (_MANY // 50),
        "ok",
        "x",
    ),
    "forms.pdf": content(
        drawn(*((b"/X Do", b"/X %d 0 R" % (6 + at)) for at in range(_MANY)), (b"", b"")), "ok"
    ),
}
"""Minutes of work: for the slow tests."""
