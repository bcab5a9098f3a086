"""Texts, pages, mails, tables and rows that are deep, endless, wrongly encoded, or steer a terminal."""

import json

from tests.tasks.ingest.formats import files
from tests.tasks.ingest.hostile.made import Hostile, Table, content, cut

_MANY = 100_000
MAIL = b"From: Ingrid <i@quay.example>\nTo: o@quay.example\nSubject: Rent\nMIME-Version: 1.0\n"
PART = b"--b\nContent-Type: text/plain\n\nNumber %d.\n"


def parts(count: int) -> bytes:
    """A mail of so many parts."""
    body = b"".join(PART % number for number in range(count))
    return MAIL + b"Content-Type: multipart/mixed; boundary=b\n\n" + body + b"--b--\n"


def _inside(depth: int) -> bytes:
    some = MAIL + b"Content-Type: text/plain\n\nThe innermost.\n"
    for _ in range(depth):
        some = MAIL + b"Content-Type: message/rfc822\n\n" + some
    return some


def _boundaries(depth: int) -> bytes:
    heads = b"".join(b"Content-Type: multipart/mixed; boundary=b%d\n\n--b%d\n" % (n, n) for n in range(depth))
    return MAIL + heads + b"Content-Type: text/plain\n\nThe innermost.\n"


PROSE = "The weir at Orrin was rebuilt in 1962 after the flood. "
TEXTS: Table = {
    "empty.html": content(b"", "empty_text"),
    "empty.eml": content(b"", "empty_text"),
    "empty.csv": content(b"", "empty_text"),
    "empty.jsonl": content(b"", "empty_text"),
    "empty.docx": content(b"", "empty_text"),
    "bom.txt": content(b"\xef\xbb\xbf", "empty_text"),
    "bom16.txt": content(b"\xff\xfe", "empty_text"),
    "odd16.txt": content(b"\xff\xfe" + PROSE.encode("utf-16-le") + b"x", "corrupt"),
    "half16.txt": content(
        b"\xff\xfe" + (PROSE + "\ud83d" + PROSE).encode("utf-16-le", "surrogatepass"), "corrupt"
    ),
    "bom32.txt": content(PROSE.encode("utf-32"), "ok", PROSE.strip()),
    "overlong.txt": content(PROSE.encode() * 9 + b"\xc0\xaf\xe0\x80\xaf" + PROSE.encode() * 9, "ok"),
    "mixed.txt": content((PROSE + "Größe. ").encode() * 40 + "Größe".encode("cp1252"), "corrupt"),
    "nul-far.txt": content(PROSE.encode() * 2000 + b"\0" + PROSE.encode(), "corrupt", "NUL"),
    "nul.html": content(b"<html><p>One\0two</p></html>", "ok"),
    "nul.csv": content(b"a,b\n1,x\0y\n2,z\n", "ok"),
    "utf7.html": content(b'<meta charset="utf-7"><p>One +ADw-script+AD4- page</p>', "ok", "One"),
    "nonsense.html": content(b'<meta charset="klingon-8"><p>One page</p>', "ok", "One page"),
    "rot13.html": content(b'<meta charset="rot13"><p>One page</p>', "ok", "One page"),
    "zlib.html": content(b'<meta charset="zlib"><p>One page</p>', "ok", "One page"),
    "half.html": content(b"<p>One &#xD800; &#1114112; page</p>", "ok", "page"),
    "deep.md": content(b"> " * _MANY + b"deep", "ok", "deep"),
    "lists.html": content(b"<ul><li>" * 20_000 + b"deep", "ok", "deep"),
    "tables.html": content(b"<table><tr><td>" * 5_000 + b"deep", "ok", "deep"),
    "comments.html": content(b"<html><p>One page</p>" + b"<!--" * _MANY, "ok", "One page"),
    "angles.html": content(b"<html><p>One page</p>" + b"<" * _MANY, "ok", "One page"),
    "attributes.html": content(
        b"<html><p " + b" ".join(b"a%d=1" % n for n in range(20_000)) + b">One page</p>", "ok", "One page"
    ),
    "entity.html": content(
        b'<!DOCTYPE html [<!ENTITY x SYSTEM "file:///etc/passwd">]><p>One &x; page</p>', "ok", "page", "root:"
    ),
    "deep.jsonl": content(
        b'{"text": ' + b"[" * _MANY + b'\n{"text": "a good row"}\n', "corrupt ok", "a good row"
    ),
    "half.jsonl": content(b'{"text": "\\ud800"}\n{"text": "a good row"}\n', "corrupt ok", "a good row"),
    "digits.jsonl": content(b'{"n": ' + b"9" * _MANY + b', "text": "a good row"}\n', "corrupt"),
    "cell.jsonl": content(json.dumps({"text": "word " * 400_000}).encode(), "ok"),
    "deep.ipynb": content(b'{"cells": ' + b"[" * _MANY, "corrupt"),
    "odd.ipynb": content(b'{"cells": [1, null, {"cell_type": []}], "metadata": 3}', "empty_text"),
    "half.ipynb": content(
        b'{"cells": [{"cell_type": "markdown", "source": "One \\ud800 cell"}], "metadata": {}}', "ok", "One"
    ),
    "deep.rtf": content(b"{\\rtf1 " + b"{" * _MANY + b"deep", "ok", "deep"),
    "binary.rtf": content(b"{\\rtf1 One\\bin999999999 xx}", "ok", "One"),
    "numbers.rtf": content(b"{\\rtf1 One\\u99999999999999999999? \\uc999999999 two\\'zz}", "ok", "One"),
    "quotes.csv": content(b'a,b\n"' + b"word " * 100_000, "ok"),
    "wide.csv": content(b",".join(b"c%d" % n for n in range(20_000)) + b"\n" + b"1," * 20_000, "ok"),
    "ragged.csv": content(b"a,b\n1\n1,2,3,4\n\n,,,\n2,3\n", "ok"),
    "marks.csv": content(b'"' * _MANY, "ok"),
    "parts.eml": content(parts(3_000), "ok", "Number 2999."),
    "too-many-parts.eml": content(parts(10_001), "too_large", "parts"),
    "inside.eml": content(_inside(40), "too_large", "inside each other"),
    "boundaries.eml": content(_boundaries(400), "ok"),
    "too-deep.eml": content(_boundaries(2_000), "corrupt"),
    "endless.eml": content(MAIL + b"Content-Type: multipart/mixed; boundary=b\n\n--b\n", "ok"),
    "header.eml": content(
        b"Subject: " + b"a" * 1_000_000 + b"\n" + MAIL + b"\nThe rent is due.", "ok", "due"
    ),
    "charset.eml": content(
        MAIL + b"Content-Type: text/plain; charset=klingon\n\nThe rent is due.", "ok", "due"
    ),
    "base64.eml": content(MAIL + b"Content-Transfer-Encoding: base64\n\n!!!not base64!!!", "ok"),
    "words.eml": content(MAIL + b"Cc: " + b"=?x?q?" * 20_000 + b"\n\nThe rent is due.", "ok", "due"),
    "climbs.eml": content(
        MAIL + b"Content-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: text/plain\n"
        b'Content-Disposition: attachment; filename="../../../climbed.txt"\n\nThe rent is due.\n--b--\n',
        "ok",
        "due",
    ),
    "lines.mbox": content(b"From a@b Mon Jan  1 00:00:00 2026\n" * 2_000, "corrupt"),
    "torn.html": cut(lambda path: path.write_bytes(b"<html><p>One page</p><table><tr><td>a</td>"), 0.8, "ok"),
    "torn.eml": cut(lambda path: path.write_bytes(parts(9)), 0.6, "ok"),
    "torn.csv": content(b'Side,Rent\nNorth,"14', "ok", "14"),
    "torn.jsonl": content(b'{"text": "a good row"}\n{"text": "a bro', "corrupt ok", "a good row"),
    "bidi.txt": content(f"{PROSE}\u202e{PROSE}\u2066{PROSE}".encode(), "ok", "weir"),
    "escapes.txt": content(f"{PROSE}\x1b]0;title\x07\x1b[2J{PROSE}".encode(), "ok", "weir"),
    "one-letter.txt": content(b"a" * 1_000_000, "ok"),
    "lines.txt": content(b"\r" * _MANY + b"x", "ok", "x"),
    "marks.txt": content(("e" + "\u0301" * 50_000).encode(), "ok"),
    "notes.odt": Hostile(files.rich, "ok", "The Weir"),
}
