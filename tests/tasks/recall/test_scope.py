"""Scope: exactly what a place holds, and the nearest name of a great many at once."""

from pathlib import Path
from time import process_time

import pyarrow as pa
import pytest

from tasks import schema
from tasks.errors import InvalidInput
from tasks.ingest.uris import canonical, place
from tasks.memory.reader import Memory
from tasks.recall.scope import documents_of
from tests.tasks.memory.rows import source

FEW = (
    *("/papers/lease-2023.txt", "/papers/lease-2024.txt", "/papers/Annex (B).pdf", "/papers/notes.md"),
    *("/papers/2024/minutes-01.txt", "/papers/2024/minutes-02.txt", "/papers/2024/.hidden/key.txt"),
    *("/papers-old/lease-2023.txt", "s3://bucket/letters/Müller.eml", "s3://bucket/letters/more/a[1].eml"),
)
MANY = 100_000


def memory_of(uris: tuple[str, ...] | list[str]) -> Memory:
    """One that holds a document of every URI, and one source that could not be read."""
    rows = [source(uri, f"d{number}", encoding="", omitted=[]) for number, uri in enumerate(uris)]
    rows.append(source("/papers/torn.pdf", "", encoding="", omitted=[], outcome="corrupt"))
    memory = Memory(Path("/home"), "r", 1, "", None)
    memory.__dict__["sources"] = pa.Table.from_pylist(rows, schema=schema.SOURCES)
    return memory


@pytest.fixture(scope="module")
def many() -> Memory:
    return memory_of([f"/corpus/of-{number % 97}/lease-{number:06}-signed.txt" for number in range(MANY)])


@pytest.mark.parametrize(
    "uri",
    [
        *("/papers", "/papers/", "/papers/*", "/papers/**", "/papers/2024", "/papers/lease-*.txt", "/p*/le*"),
        *("/papers/**/minutes-0?.txt", "/papers/lease-202[34].txt", "/papers/[!l]*", "/**/*.txt", "/*/*.md"),
        *("s3://bucket", "s3://bucket/letters/*.eml", "s3://bucket/letters/**/*.eml", "/papers/2024/.h*/*"),
    ],
)
def test_a_place_holds_what_reading_it_would_find(uri: str) -> None:
    where = place(canonical(uri))
    expected = [f"d{number}" for number, one in enumerate(FEW) if where.holds(one)]
    assert expected
    assert documents_of(memory_of(FEW), uri) == sorted(expected)


def test_the_last_part_of_a_name_is_enough() -> None:
    assert documents_of(memory_of(FEW), "lease-2023.txt") == ["d0", "d7"]
    assert documents_of(memory_of(FEW), "letters/Müller.eml") == ["d8"]
    assert documents_of(memory_of(FEW), None) is None


@pytest.mark.parametrize(
    ("given", "nearest"),
    [
        ("leese-2024.txt", "/papers/lease-2024.txt"),
        ("/papers/2024/minute-01.txt", "/papers/2024/minutes-01.txt"),
        ("annex (b).pdf", "/papers/Annex (B).pdf"),
        ("s3://bucket/letters/Mueller.eml", "s3://bucket/letters/Müller.eml"),
        ("torn.pdf", "/papers/Annex (B).pdf"),
    ],
)
def test_a_mistyped_name_is_refused_with_the_nearest(given: str, nearest: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        documents_of(memory_of(FEW), given)
    assert str(refused.value) == f"{given}: no such source was read; the nearest is {nearest}"


def test_of_nothing_that_was_read_there_is_no_nearest() -> None:
    with pytest.raises(InvalidInput, match="nothing was read"):
        documents_of(memory_of(()), "lease.txt")


@pytest.mark.parametrize(
    ("given", "nearest"),
    [
        ("leese-012345-signed.txt", "/corpus/of-26/lease-012345-signed.txt"),
        ("/corpus/of-1/Lease 012345 signed.TXT", "/corpus/of-26/lease-012345-signed.txt"),
        ("lease-012345-signd.tx", "/corpus/of-26/lease-012345-signed.txt"),
        ("/corpus/**/lease-012345-singed.txt", "/corpus/of-26/lease-012345-signed.txt"),
        ("x" * 5000, ""),
    ],
)
def test_a_mistyped_name_over_many_documents_is_refused_at_once(
    many: Memory, given: str, nearest: str
) -> None:
    began = process_time()
    with pytest.raises(InvalidInput) as refused:
        documents_of(many, given)
    took = process_time() - began
    assert nearest in str(refused.value)
    assert took < 0.5, took  # to compare each of them took seconds


def test_a_name_among_many_is_found_at_once(many: Memory) -> None:
    began = process_time()
    assert documents_of(many, "/corpus/**/lease-012345-*.txt") == ["d12345"]
    assert documents_of(many, "/corpus/of-26/lease-012345-signed.txt") == ["d12345"]
    assert process_time() - began < 0.5
