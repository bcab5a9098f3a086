"""Archives that unpack without end, climb out of their folder, hold themselves, or are two things at once."""

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

from tests.sources import pdf
from tests.tasks.ingest.formats import files
from tests.tasks.ingest.hostile.made import Hostile, Table, content, cut

WORDS = "No swimming within fifty metres of the weir."
_OVER = 65 << 20
"""One MiB more than any source may unpack to."""


def _zstd(some: bytes) -> bytes:
    packed: bytes = pa.Codec("zstd").compress(some, asbytes=True)
    return packed


def _members(*names: str) -> Callable[[Path], None]:
    return lambda path: files.zipped(path, dict.fromkeys(names, WORDS))


def _flagged(path: Path) -> None:
    """A zip file of which one member of two says that it is encrypted."""
    files.zipped(path, {"locked.txt": WORDS, "open.txt": WORDS})
    whole = bytearray(path.read_bytes())
    whole[whole.find(b"PK\x03\x04") + 6] |= 1
    whole[whole.find(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(whole)


def _locked(path: Path) -> None:
    files.zipped(path, {"locked.txt": WORDS})
    whole = bytearray(path.read_bytes())
    whole[6] |= 1
    whole[whole.find(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(whole)


def _overlapping(path: Path) -> None:
    """A directory that names one member of a megabyte again and again."""
    files.zipped(path, {"a.txt": bytes(1 << 20)})
    whole = path.read_bytes()
    at, end = whole.find(b"PK\x01\x02"), whole.find(b"PK\x05\x06")
    entry, count = whole[at:end], 500
    numbers = count.to_bytes(2, "little") * 2 + (len(entry) * count).to_bytes(4, "little")
    path.write_bytes(whole[:at] + entry * count + whole[end : end + 8] + numbers + whole[end + 16 :])


def _lying(path: Path) -> None:
    """A member that unpacks to more than the directory says."""
    files.zipped(path, {"a.txt": b"word " * 100_000})
    whole = bytearray(path.read_bytes())
    at = whole.find(b"PK\x01\x02")
    whole[at + 24 : at + 28] = whole[22:26] = (10).to_bytes(4, "little")
    path.write_bytes(whole)


def _nested(pack: Callable[[bytes], bytes], depth: int) -> Callable[[Path], object]:
    def make(path: Path) -> None:
        some = WORDS.encode()
        for _ in range(depth):
            some = pack(some)
        path.write_bytes(some)

    return make


def _boxed(some: bytes) -> bytes:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w") as archive:
        archive.writestr("inside.zip" if some.startswith(b"PK") else "inside.txt", some)
    return held.getvalue()


def _many_boxes(path: Path) -> None:
    """Ten boxes of ten boxes of ten: few bytes, many members."""
    some, name = WORDS.encode(), "a.txt"
    for level in range(3):
        held = io.BytesIO()
        with zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED) as archive:
            for number in range(10):
                archive.writestr(f"{number}-{level}-{name}", some)
        some, name = held.getvalue(), "a.zip"
    path.write_bytes(some)


def _tar(*entries: tuple[str, bytes, str]) -> Callable[[Path], None]:
    """Entries of name, type and link."""

    def make(path: Path) -> None:
        with tarfile.open(path, "w") as archive:
            for name, kind, link in entries:
                entry = tarfile.TarInfo(name)
                entry.type, entry.linkname = kind, link
                entry.size = len(WORDS) if kind == tarfile.REGTYPE else 0
                archive.addfile(entry, io.BytesIO(WORDS.encode()))

    return make


def _huge_entry(path: Path) -> None:
    entry = tarfile.TarInfo("huge.txt")
    entry.size = 1 << 50
    path.write_bytes(entry.tobuf() + WORDS.encode().ljust(1024, b"\0"))


def _device(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        for name, mode in (("null", stat.S_IFCHR), ("pipe", stat.S_IFIFO), ("link", stat.S_IFLNK)):
            entry = zipfile.ZipInfo(f"{name}.txt")
            entry.external_attr = (mode | 0o777) << 16
            archive.writestr(entry, "/etc/passwd")
        archive.writestr("a.txt", WORDS)


def _behind(first: Callable[[Path], object], second: Callable[[Path], object]) -> Callable[[Path], None]:
    """Two files as one: what is behind is found by those who look from the end."""

    def make(path: Path) -> None:
        first(path)
        some = path.read_bytes()
        path.unlink()
        second(path)
        path.write_bytes(some + path.read_bytes())

    return make


def _paper(path: Path) -> None:
    pdf(path, "A printed sentence.")


LINK, FILE = tarfile.SYMTYPE, tarfile.REGTYPE
ARCHIVES: Table = {
    "locked.zip": Hostile(_locked, "encrypted", "password"),
    "half-locked.zip": Hostile(_flagged, "encrypted ok"),
    "empty.zip": Hostile(_members(), "empty_text"),
    "bomb.zip": Hostile(lambda path: files.zipped(path, {"a.txt": bytes(_OVER)}), "too_large"),
    "bomb.txt.gz": Hostile(lambda path: path.write_bytes(gzip.compress(bytes(_OVER), 1)), "too_large"),
    "bomb.txt.zst": Hostile(lambda path: path.write_bytes(_zstd(bytes(_OVER))), "too_large"),
    "bomb.txt.bz2": Hostile(lambda path: path.write_bytes(bz2.compress(bytes(9 << 20)) * 8), "too_large"),
    "bomb.txt.xz": Hostile(
        lambda path: path.write_bytes(lzma.compress(bytes(9 << 20), preset=0) * 8), "too_large"
    ),
    "overlap.zip": Hostile(_overlapping, "too_large"),
    "lying.zip": Hostile(_lying, "corrupt"),
    "boxes.zip": Hostile(_many_boxes, "ok", WORDS),
    "deep.zip": Hostile(_nested(_boxed, 9), "too_large", "inside each other"),
    "deep.gz": Hostile(_nested(gzip.compress, 9), "too_large", "inside each other"),
    "climbs.zip": Hostile(_members("../../../../tmp/climbed.txt", "..\\..\\climbed.txt"), "ok", WORDS),
    "absolute.zip": Hostile(_members("/tmp/climbed.txt", "C:\\climbed.txt", "//host/share/c.txt"), "ok"),
    "names.zip": Hostile(
        _members("a\nb.txt", "a\x1b[31mred.txt", "\u202etxt.exe", "a" * 5000, " ", "con", "-rf"), "ok"
    ),
    "twice.zip": Hostile(_members("a/../a.txt", "a.txt"), "ok"),
    "devices.zip": Hostile(_device, "ok", WORDS),
    "climbs.tar": Hostile(_tar(("../../climbed.txt", FILE, ""), ("/abs.txt", FILE, "")), "ok", WORDS),
    "through.tar": Hostile(
        _tar(("out", LINK, "/tmp"), ("out/climbed.txt", FILE, ""), ("in", LINK, "in")), "ok", WORDS
    ),
    "devices.tar": Hostile(
        _tar(("zero", tarfile.CHRTYPE, ""), ("pipe", tarfile.FIFOTYPE, ""), ("a.txt", FILE, "")), "ok", WORDS
    ),
    "links.tar": Hostile(_tar(("a", LINK, "/etc/passwd"), ("b", tarfile.LNKTYPE, "../a")), "empty_text"),
    "huge-entry.tar": Hostile(_huge_entry, "corrupt"),
    "torn.zip": cut(_members("a.txt", "b.txt"), 0.7, "corrupt"),
    "torn.tar": cut(_tar(*((f"{n}.txt", FILE, "") for n in range(9))), 0.33, "corrupt ok"),
    "torn.txt.gz": content(gzip.compress(WORDS.encode() * 99)[:-20], "corrupt"),
    "torn.txt.bz2": content(bz2.compress(WORDS.encode() * 99)[:-20], "corrupt"),
    "torn.txt.xz": content(lzma.compress(WORDS.encode() * 99)[:-20], "corrupt"),
    "torn.txt.zst": content(_zstd(WORDS.encode() * 99)[:-9], "corrupt"),
    "noise.txt.gz": content(b"\x1f\x8b\x08\0" + bytes(range(256)), "corrupt"),
    "pdf-and-zip.pdf": Hostile(_behind(_paper, _members("a.txt")), "ok", "A printed sentence."),
    "pdf-and-zip.zip": Hostile(_behind(_paper, _members("a.txt")), "ok", "A printed sentence."),
    "zip-and-pdf.zip": Hostile(_behind(_members("a.txt"), _paper), "ok", WORDS),
    "html-and-pdf.html": Hostile(
        _behind(lambda path: path.write_bytes(b"<html><p>One page</p></html>\n"), _paper), "ok", "One page"
    ),
    "html-and-zip.html": Hostile(
        _behind(lambda path: path.write_bytes(b"<html><p>One page</p></html>\n"), _members("a.txt")),
        "unsupported",
    ),
    "picture-and-page.html": content(
        b"GIF89a\x01\x00\x01\x00\x00\xff\x00,<html><p>One page</p></html>", "unsupported", "image"
    ),
    "picture-and-zip.jpg": Hostile(
        _behind(lambda path: path.write_bytes(b"\xff\xd8\xff\xe0" * 9), _members("a.txt")), "unsupported"
    ),
    "tar-and-zip.tar": Hostile(_behind(_tar(("a.txt", FILE, "")), _members("b.txt")), "ok", WORDS),
}
