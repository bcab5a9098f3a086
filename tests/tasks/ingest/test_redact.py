"""What shall not be kept is blacked out before anything is stored, at its length, and counted.

Run: pytest tests/tasks/ingest/test_redact.py
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import pytest

from tasks.ingest.parse.base import Item, Omitted, TextSpan, parser_key
from tasks.ingest.parse.child import parse_file
from tasks.ingest.parse.redact import MARK, redacted
from tasks.ingest.parse.store import read_text
from tasks.settings import ParseConfig
from tasks.text.private import KINDS

KEY = "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBg\nkqhkiG9w0BAQEF\n-----END PRIVATE KEY-----"
VALUES = ("anna.lind@harbour.example", "+49 30 901820", "DE89 3704 0044 0532 0130 00", "4111-1111-1111-1111")


def spans(texts: Sequence[str]) -> list[Item]:
    return [TextSpan(text, "line", 1) for text in texts]


def said(items: Sequence[Item]) -> str:
    return "".join(item.text for item in items if isinstance(item, TextSpan))


@pytest.mark.parametrize("value", [*VALUES, "s3cr3tword9"])
@pytest.mark.parametrize("size", [7, 1000])
def test_a_value_is_found_wherever_the_text_is_cut(value: str, size: int) -> None:
    text = f"{'The mill was sold. ' * 12000}password: {value} {'It was rebuilt. ' * 9000}"
    cut = 60_000 if size == 1000 else 40_000
    at = text.index(value) + 5
    pieces = [text[:cut], text[cut : at - size], text[at - size : at], text[at : at + 3], text[at + 3 :]]
    found = list(redacted(spans(pieces), KINDS))
    assert len(said(found)) == len(text)
    assert value not in said(found)
    assert said(found).replace(MARK, "") == text.replace(value, "").replace(MARK, "")
    assert sum(item.count for item in found if isinstance(item, Omitted)) == 1


def test_a_source_is_kept_without_them_and_every_place_stays(tmp_path: Path) -> None:
    text = f"Harbour office\n\nWrite to {VALUES[0]} or pay {VALUES[2]}.\n{KEY}\nThe gate closes at noon.\n"
    source, target = tmp_path / "note.txt", tmp_path / "note.parquet"
    source.write_text(text)
    kinds: tuple[Literal["email", "iban", "secret"], ...] = ("email", "iban", "secret")
    (row,) = parse_file(source, "note.txt", target, ParseConfig(redact=kinds))
    kept = read_text(tmp_path, "note.parquet", 0, 0, len(text))
    assert len(kept) == len(text)
    assert kept.index("The gate") == text.index("The gate")
    assert kept.count("\n") == text.count("\n")
    assert not any(value in kept for value in (VALUES[0], VALUES[2], "MIIEvQ", "kqhkiG"))
    assert {one["kind"]: one["count"] for one in row["omitted"]} == {
        "redacted e-mail": 1, "redacted account number": 1, "redacted secret": 1,
    }  # fmt: skip


def test_what_is_redacted_is_part_of_the_key_and_nothing_is_by_default() -> None:
    plain = ParseConfig()
    assert plain.redact == ()
    assert parser_key(plain) != parser_key(ParseConfig(redact=("email",)))
    assert parser_key(ParseConfig(redact=("email", "card"))) == parser_key(
        ParseConfig(redact=("card", "email"))
    )
    items = spans([f"Write to {VALUES[0]}."])
    assert list(redacted(items, ())) == items
