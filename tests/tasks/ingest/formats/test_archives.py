"""Archives: every member is a document, a bad one harms no other, and none unpacks without end.

Run: pytest tests/tasks/ingest/formats/test_archives.py
"""

import bz2
import gzip
import io
import lzma
import stat
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pytest

from tasks.errors import BadDocument
from tests.tasks.ingest.formats import files
from tests.tasks.ingest.formats.reading import document, documents

WORDS = "No swimming within fifty metres of the weir."


def test_members_of_a_zip_are_parsed_by_what_they_are(tmp_path: Path) -> None:
    files.deck(tmp_path / "pumps.pptx")
    path = tmp_path / "papers.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.write(tmp_path / "pumps.pptx", "2026/pumps.pptx")
        archive.writestr("../../etc/rules.txt", WORDS)
        archive.writestr("C:\\old\\rules.md", f"# Old\n\n{WORDS}")
        archive.writestr("bad.docx", b"PK\x03\x04junk")
        archive.writestr("__MACOSX/._rules.txt", b"\0\0")
        archive.mkdir("empty")
        link = zipfile.ZipInfo("link.txt")
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(link, "/etc/passwd")
    read = documents(path)
    assert list(read) == ["2026/pumps.pptx", "etc/rules.txt", "old/rules.md", "bad.docx"]
    assert read["2026/pumps.pptx"].place("gate valve") == "slide 2"
    assert (read["etc/rules.txt"].text, read["bad.docx"].row["outcome"]) == (WORDS, "corrupt")
    assert read["2026/pumps.pptx"].omitted["link"] == 1


def test_a_member_with_a_password_or_damage_harms_no_other(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in ("locked.txt", "torn.txt", "good.txt"):
            archive.writestr(name, WORDS * 9)
    content = bytearray(path.read_bytes())
    for at in (content.find(b"PK\x01\x02"), content.find(b"PK\x03\x04")):
        content[at + (8 if content[at + 2] == 1 else 6)] |= 1  # the flag of an encrypted member
    content[content.find(b"torn.txt") + 12] ^= 0xFF
    path.write_bytes(content)
    read = documents(path)
    assert {name: one.row["outcome"] for name, one in read.items()} == {
        "locked.txt": "encrypted", "torn.txt": "corrupt", "good.txt": "ok",
    }  # fmt: skip
    assert read["good.txt"].text == WORDS * 9


def test_members_of_a_compressed_tar_are_read_and_what_breaks_off_keeps_what_came_before(
    tmp_path: Path,
) -> None:
    path = tmp_path / "old.tar"
    with tarfile.open(path, "w") as archive:
        for name in ("a.txt", "/abs/b.txt"):
            entry = tarfile.TarInfo(name)
            entry.size = len(WORDS)
            archive.addfile(entry, io.BytesIO(WORDS.encode()))
        link = tarfile.TarInfo("link")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(link)
        tail = tarfile.TarInfo("tail.txt")
        tail.size = 1 << 20
        archive.addfile(tail, io.BytesIO(b"x" * tail.size))
    content = path.read_bytes()
    (tmp_path / "old.tgz").write_bytes(gzip.compress(content))
    read = documents(tmp_path / "old.tgz")
    assert list(read) == ["a.txt", "abs/b.txt", "tail.txt"]
    assert (read["a.txt"].text, read["a.txt"].omitted) == (WORDS, {"link or device": 1})
    path.write_bytes(content[:8000])
    read = documents(path)
    assert read["abs/b.txt"].text == WORDS
    assert {one.row["outcome"] for one in read.values()} == {"ok", "corrupt"}


@pytest.mark.parametrize("suffix", ["gz", "bz2", "xz", "zst"])
def test_a_compressed_file_is_read_as_what_is_inside(tmp_path: Path, suffix: str) -> None:
    content = b"Year,Outages\n2024,7\n2025,2\n"
    pack: dict[str, Callable[[bytes], bytes]] = {
        "gz": gzip.compress, "bz2": bz2.compress, "xz": lzma.compress,
    }  # fmt: skip
    packed = pack[suffix](content) if suffix in pack else pa.Codec("zstd").compress(content, asbytes=True)
    path = tmp_path / f"outages.csv.{suffix}"
    path.write_bytes(packed)
    assert document(path).place("Year: 2025; Outages: 2.") == "row 3"
    path.write_bytes(packed[: len(packed) // 2])
    with pytest.raises(BadDocument, match="corrupt: it cannot be unpacked"):
        document(path)


def test_bombs_are_refused_and_boxes_in_boxes_end(tmp_path: Path) -> None:
    (tmp_path / "bomb.gz").write_bytes(gzip.compress(bytes(70 << 20)))
    with pytest.raises(BadDocument, match="too_large: it unpacks to more than"):
        document(tmp_path / "bomb.gz")
    with zipfile.ZipFile(tmp_path / "bomb.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for number in range(8):
            archive.writestr(f"{number}.txt", b"word " * (2 << 20))
    with pytest.raises(BadDocument, match="too_large"):
        document(tmp_path / "bomb.zip")
    content = WORDS.encode()
    for number in range(7):
        held = io.BytesIO()
        with zipfile.ZipFile(held, "w") as archive:
            archive.writestr(f"{number}.zip" if number else "a.txt", content)
        content = held.getvalue()
    (tmp_path / "deep.zip").write_bytes(content)
    with pytest.raises(BadDocument, match="too_large: containers inside each other"):
        document(tmp_path / "deep.zip")


def test_an_archive_of_many_members_is_read_in_order(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "many.zip", "w") as archive:
        for number in range(300):
            archive.writestr(f"{number:03}.txt", f"Note number {number}.")
    read = documents(tmp_path / "many.zip")
    assert [one.row["part"] for one in read.values()] == list(range(300))
    assert read["299.txt"].text == "Note number 299."


@pytest.mark.parametrize(
    ("name", "encoding"),
    [
        ("港口的船", "gb18030"),
        ("港の管理人", "cp932"),
        ("Größe", "cp437"),
        ("Größe", "utf-8"),
        ("Журнал", "cp866"),
    ],
)
def test_a_name_that_does_not_say_its_encoding_is_read_in_that_of_its_country(
    name: str, encoding: str, tmp_path: Path
) -> None:
    written = name.encode(encoding)
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr(f"{'A' * len(written)}.txt", "Words.")
    path = tmp_path / "a.zip"
    path.write_bytes(path.read_bytes().replace(b"A" * len(written), written))
    assert list(documents(path)) == [f"{name}.txt"]
