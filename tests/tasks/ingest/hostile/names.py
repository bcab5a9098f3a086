"""Names that break lines, steer a terminal, are no UTF-8, or look like patterns, options and addresses."""

NAMES: dict[bytes, str] = {
    b"new\nline.txt": "ok",
    b"red\x1b[31m.txt": "ok",
    "\u202etxt.exe.txt".encode(): "ok",
    b"latin\xe9.txt": "unsupported",
    b"-rf.txt": "ok",
    b"*?[a].txt": "ok",
    b"%00%2e%2e.txt": "ok",
    b"a#b?c=d&e.txt": "ok",
    b"'; DROP TABLE records; --.txt": "ok",
    b"{{7*7}}<script>.txt": "ok",
    b" .txt": "ok",
    b"s3:bucket.txt": "ok",
    b"home=x.txt": "ok",
    b"~$letter.txt": "",
    b".~lock.letter.odt#": "",
    b"a" * 251 + b".txt": "ok",
    "\U0001f4a3\u0000bad".replace("\0", "").encode() + b".txt": "ok",
}
"""Outcomes of a good text that is called so; "" is passed over."""
