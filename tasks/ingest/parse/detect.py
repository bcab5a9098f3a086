"""What a source is: told from its bytes first, and from its name only among kinds of text.

The idea: bytes that begin as a PDF are a PDF whatever the file is called; a name decides between things that
look alike, such as a table in CSV and prose.
"""

import re
import zipfile
from pathlib import Path

from tasks.errors import BadDocument
from tasks.ingest.parse.encoding import is_binary, wide_encoding

HEAD = 4096
"""Bytes that are looked at; of a zip file its directory too."""

_BY_EXTENSION = {
    "bz2": ".bz2 .tbz2",
    "csv": ".csv .tsv .tab",
    "docx": ".docx .docm .dotx .dotm",
    "eml": ".eml .mht .mhtml",
    "epub": ".epub",
    "gz": ".gz .tgz",
    "html": ".html .htm .xhtml .xht",
    "ipynb": ".ipynb",
    "jsonl": ".jsonl .ndjson",
    "mbox": ".mbox .mbx",
    "odp": ".odp .otp",
    "ods": ".ods .ots",
    "odt": ".odt .ott",
    "parquet": ".parquet .pq",
    "pdf": ".pdf",
    "pptx": ".pptx .pptm .ppsx .potx",
    "rtf": ".rtf",
    "tar": ".tar",
    "xlsx": ".xlsx .xlsm .xltx",
    "xz": ".xz .txz",
    "zip": ".zip",
    "zstd": ".zst .zstd .tzst",
}
EXTENSIONS = {extension: kind for kind, some in _BY_EXTENSION.items() for extension in some.split()}
"""Kinds by what a name ends in; any other name is that of a text or of something unknown."""
_TEXT_KINDS = frozenset({"csv", "eml", "html", "ipynb", "jsonl", "mbox", "rtf"})
_BINARY_EXTENSIONS = frozenset(
    ".exe .dll .so .bin .o .a .class .pyc .png .jpg .jpeg .gif .bmp .tif .tiff .webp .ico .mp3 .mp4 .wav "
    ".avi .mov .mkv .doc .xls .ppt .msg .rar .7z .iso .dmg .db .sqlite .npy .npz .pt .onnx".split()
) | {extension for extension, kind in EXTENSIONS.items() if kind not in _TEXT_KINDS}
_LEAST_TEXT = 32
"""Bytes of text that are believed against a name that promises something else."""

_MAGIC = (
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "ole"),
    (b"\x1f\x8b", "gz"),
    (b"\x28\xb5\x2f\xfd", "zstd"),
    (b"BZh", "bz2"),
    (b"\xfd7zXZ\0", "xz"),
    (b"PAR1", "parquet"),
)
_FOREIGN = (
    (b"\x89PNG\r\n\x1a\n", "a PNG image"),
    (b"\xff\xd8\xff", "a JPEG image"),
    (b"GIF87a", "a GIF image"),
    (b"GIF89a", "a GIF image"),
    (b"II*\0", "a TIFF image"),
    (b"MM\0*", "a TIFF image"),
    (b"\0\0\1\0", "an icon"),
    (b"OggS", "Ogg sound or film"),
    (b"ID3", "MP3 sound"),
    (b"fLaC", "FLAC sound"),
    (b"\x1aE\xdf\xa3", "a Matroska film"),
    (b"\x7fELF", "a program"),
    (b"MZ", "a program"),
    (b"\xca\xfe\xba\xbe", "a program"),
    (b"\xcf\xfa\xed\xfe", "a program"),
    (b"\0asm", "a program"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive"),
    (b"Rar!\x1a\x07", "a RAR archive"),
    (b"SQLite format 3\0", "an SQLite database"),
    (b"\x93NUMPY", "a NumPy array"),
    (b"wOFF", "a font"),
    (b"wOF2", "a font"),
    (b"\0\1\0\0\0", "a font"),
)
_PDF = re.compile(rb"%PDF-\d(?:\.\d)?+(?! +[A-Za-z])")
_CONTROL = re.compile(rb"[^\t\n\r\f\x1b -~]")
_PAGE = re.compile(rb"(?>\s|<\?xml.*?\?>|<!--.*?-->)*+<(?:!doctype\s+html|html)\b", re.I | re.S)
_MARKUP = re.compile(rb"\s*<(?:!doctype|html|head|body|title|meta|table|div|p|h\d)\b", re.I)
_HEADER = re.compile(rb"^([A-Za-z][A-Za-z0-9-]{1,40}):[ \t]*\S", re.M)
_MAIL = frozenset(
    {b"from", b"to", b"subject", b"date", b"received", b"return-path", b"message-id", b"mime-version"}
)
_SENT = frozenset({b"received", b"return-path", b"message-id", b"mime-version"})
"""Headers that no person writes."""
_MBOX = re.compile(rb"From \S+ .{0,80}\d\d:\d\d")
_PARTS = (
    ("word/", "docx"),
    ("ppt/", "pptx"),
    ("xl/workbook.bin", "an Excel workbook in binary form (.xlsb)"),
    ("xl/", "xlsx"),
)
_MIMETYPES = {
    "application/epub+zip": "epub",
    "application/vnd.oasis.opendocument.presentation": "odp",
    "application/vnd.oasis.opendocument.spreadsheet": "ods",
    "application/vnd.oasis.opendocument.text": "odt",
}
_OFFICE = "application/vnd.oasis."


def suffix_of(name: str) -> str:
    """What a name ends in, in small letters, such as ".txt"; of a compressed file both, such as ".csv.gz"."""
    rest, found = _split(name)
    return _split(rest)[1] + found if EXTENSIONS.get(found) in ("gz", "zstd") else found


def _split(name: str) -> tuple[str, str]:
    rest, dot, last = name.rpartition(".")
    good = dot and last.isalnum() and last.isascii() and len(last) <= 16
    return (rest, f".{last.lower()}") if good else (name, "")


def detect(path: Path, name: str) -> str:
    """The kind of a source, as `FORMATS` names it; `name` is what the source is called.

    Raises:
        BadDocument: unsupported, encrypted or empty_text, where the bytes say that nobody can read them.
        OSError: if it cannot be opened.
    """
    extension = _split(name)[1]
    with path.open("rb") as file:
        head = file.read(HEAD)
    if not head:
        raise BadDocument("empty_text", "the file is empty")
    promised = EXTENSIONS.get(extension, "")
    if kind := _by_magic(path, head, promised):
        return kind
    if is_binary(head):
        raise BadDocument("unsupported", f"{extension or 'no extension'}: binary data")
    if extension in _BINARY_EXTENSIONS and len(head.strip()) < _LEAST_TEXT:
        if not promised:
            raise BadDocument("unsupported", f"{extension}: no parser for this kind of file")
        return promised
    if wide := wide_encoding(head.removeprefix(b"\xff\xfe").removeprefix(b"\xfe\xff")):
        head = head.decode(wide, "ignore").lstrip("\ufeff").encode()
    if kind := _by_markup(head, extension):
        return kind
    return promised if promised in _TEXT_KINDS else "text"


def _by_magic(path: Path, head: bytes, promised: str) -> str:
    """The kind that the first bytes tell; "" for text and for what nobody knows."""
    if _PDF.match(head.lstrip(b"\xef\xbb\xbf\0 \t\r\n")) or (promised == "pdf" and _PDF.search(head[:1024])):
        return "pdf"
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return _zipped(path, promised)
    if head.startswith(b"{\\rtf"):
        return "rtf"
    if _reads_as_text(head):  # such as notes on "MZ" or "ID3": letters alone are no magic
        return ""
    for magic, kind in _MAGIC:
        if head.startswith(magic):
            return kind if kind != "ole" else _compound(path, promised)
    if head[257:262] == b"ustar":
        return "tar"
    for magic, what in _FOREIGN:
        if head.startswith(magic):
            raise BadDocument("unsupported", f"{what}, whatever it is called")
    if head[:4] == b"RIFF" or head[4:8] == b"ftyp":
        raise BadDocument("unsupported", "sound, film or an image, whatever it is called")
    return ""


def _reads_as_text(head: bytes) -> bool:
    """Whether a beginning is plain ASCII without a control character, which no binary format is for long."""
    return head.isascii() and not _CONTROL.search(head)


def _zipped(path: Path, promised: str) -> str:
    """Which of the formats that are zip files this is, by what lies in it."""
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
            mimetype = ""
            if "mimetype" in names:
                with archive.open("mimetype") as file:
                    mimetype = file.read(200).decode("ascii", "replace")
    except (zipfile.BadZipFile, OSError, RuntimeError, NotImplementedError, EOFError, ValueError):
        return promised or "zip"  # whoever reads it says what is wrong with it
    if mimetype.startswith(_OFFICE) or mimetype.strip() in _MIMETYPES:
        return _MIMETYPES.get(mimetype.strip(), mimetype.strip())
    if "[Content_Types].xml" in names or promised in ("docx", "pptx", "xlsx"):
        for beginning, kind in _PARTS:
            if any(name.startswith(beginning) for name in names):
                return kind
    return "zip"


def _compound(path: Path, promised: str) -> str:
    """A compound file: what Office wraps around a document with a password, and its older formats."""
    names = {name: name.encode("utf-16-le") for name in ("EncryptedPackage", "WordDocument", "Workbook")}
    found, rest = set[str](), b""
    with path.open("rb") as file:
        while piece := file.read(1 << 20):
            found |= {name for name, needle in names.items() if needle in rest + piece}
            rest = piece[-64:]
    if "EncryptedPackage" in found:
        raise BadDocument("encrypted", f"the {promised or 'Office document'} asks for a password")
    what = {"WordDocument": "an older Word document (.doc); save it as .docx"} | {
        "Workbook": "an older Excel workbook (.xls); save it as .xlsx"
    }
    told = [text for name, text in what.items() if name in found]
    raise BadDocument("unsupported", told[0] if told else "an older Office document or a mail of Outlook")


def _by_markup(head: bytes, extension: str) -> str:
    """The kind that a text's own marks tell; "" for a text without them."""
    text = head.removeprefix(b"\xef\xbb\xbf")
    if _PAGE.match(text) or (extension in _BINARY_EXTENSIONS and _MARKUP.match(text)):
        return "html"
    if extension not in EXTENSIONS and _MBOX.match(text):
        return "mbox"
    if extension in ("", ".txt") or extension in _BINARY_EXTENSIONS:
        headers = {found.lower() for found in _HEADER.findall(re.split(rb"\r?\n\r?\n", text, maxsplit=1)[0])}
        first = _HEADER.match(text)
        if (
            first
            and first[1].lower() in _MAIL | {b"x-mailer"}
            and len(headers & _MAIL) >= 3
            and headers & _SENT
        ):
            return "eml"
    return ""
