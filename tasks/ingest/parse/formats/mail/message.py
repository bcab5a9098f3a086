"""One mail: the head that people read, the body in plain text, the attachments.

Read with the standard library's lenient policy, which raises for nothing that a mail may hold; what HTML says
is read as any page is.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from email import policy
from email.errors import MessageError
from email.header import decode_header, make_header
from email.message import Message
from email.parser import BytesParser
from pathlib import PurePath

from tasks.errors import BadDocument
from tasks.ingest.parse import encoding
from tasks.ingest.parse.base import Decoded, Omitted, TextSpan
from tasks.ingest.parse.formats.mail.quoted import marked, quoting, unquoting
from tasks.ingest.parse.members import embedded
from tasks.settings import ParseConfig

HEADERS = ("From", "To", "Cc", "Date", "Subject")
_SIGNATURES = ("application/pgp-signature", "application/pkcs7-signature", "application/x-pkcs7-signature")
_SEALED = ("application/pkcs7-mime", "application/x-pkcs7-mime")
_STUB = 3
"""Plain text is a stub where the HTML beside it says so many times more."""
_MOST_HEADER = 50_000
"""Characters of a header that are shown."""
_MOST_PARTS, _MOST_INSIDE = 10_000, 500
"""Parts of a mail, and those of them that hold others."""


@dataclass
class Mail:
    """A mail as people see it."""

    head: str
    body: str = ""
    attachments: list[tuple[str, bytes]] = field(default_factory=list)
    omitted: list[Omitted] = field(default_factory=list)
    decoded: Decoded | None = None


def read(content: bytes, config: ParseConfig) -> Mail:
    """A mail from its bytes.

    Raises:
        BadDocument: encrypted, or corrupt where it has no header.
    """
    if content.lower().count(b"content-type: multipart/") > _MOST_INSIDE:
        raise BadDocument("corrupt", f"more than {_MOST_INSIDE:,} parts with parts in one mail")
    try:
        message = BytesParser(policy=policy.compat32).parsebytes(content)
        parts = list(_leaves(message))
    except RecursionError as error:
        raise BadDocument("corrupt", "parts of the mail lie inside each other too deep") from error
    if not any(message.get(name) for name in (*HEADERS, "Received", "Message-ID")):
        raise BadDocument("corrupt", "not a mail: it has none of the headers of one")
    mail = Mail("".join(f"{name}: {said}\n" for name in HEADERS if (said := header(message, name))))
    if long := sum(len(str(message.get(name) or "")) > _MOST_HEADER for name in HEADERS):
        mail.omitted.append(Omitted("part of a long header", long))
    bodies = [part for part in parts if _is_body(part)]
    mail.body = "\n\n".join(filter(str.strip, _bodies(bodies, mail, config)))
    mail.body = marked(re.sub(r"\n{3,}", "\n\n", mail.body).strip("\n"))
    taken = {id(part) for part in bodies}
    for part in parts:
        if id(part) not in taken:
            _attach(part, mail)
    return mail


def header(message: Message, name: str) -> str:
    """A header in plain characters on one line; "" if it is not there."""
    written = (value for key, value in message.raw_items() if key.lower() == name.lower())
    raw = str(next(written, ""))[:_MOST_HEADER]
    if not raw.isascii():  # bytes that nothing declares
        raw, _ = decode(raw.encode("utf-8", "surrogateescape"), "")
    try:
        said = str(make_header(decode_header(raw)))
    except (LookupError, ValueError, MessageError):
        said = raw
    said = said.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    return " ".join(said.replace("\0", " ").split())


def _leaves(message: Message) -> Iterator[Message]:
    """Parts without parts; a mail inside the mail is one, and of alternatives all are."""
    stack = [message]
    count = 0
    while stack:
        part = stack.pop()
        count += 1
        if count > _MOST_PARTS:
            raise BadDocument("too_large", f"a mail of more than {_MOST_PARTS:,} parts")
        kind = part.get_content_type()
        sealed = kind in _SEALED and part.get_param("smime-type") != "signed-data"
        if kind == "multipart/encrypted" or sealed:
            raise BadDocument("encrypted", "the mail is encrypted")
        if kind != "message/rfc822" and part.is_multipart():
            inside = [one for one in part.get_payload() if isinstance(one, Message)]
            group = str(id(part)) if kind == "multipart/alternative" else str(part.get("X-Alternative") or "")
            for one in inside if group and kind in ("multipart/alternative", "multipart/related") else ():
                one["X-Alternative"] = group
            stack += reversed(inside)
        else:
            yield part


def _is_body(part: Message) -> bool:
    named = part.get_filename() or part.get_content_disposition() == "attachment"
    return part.get_content_type() in ("text/plain", "text/html", "message/delivery-status") and not named


def _bodies(parts: list[Message], mail: Mail, config: ParseConfig) -> Iterator[str]:
    """Text of the parts that are the mail itself; of alternatives the plain one unless it is a stub."""
    plain: dict[str, str] = {}
    for part in parts:
        group = part.get("X-Alternative") or str(id(part))
        said = _plain(part, mail) if part.get_content_type() != "text/html" else ""
        if part.get_content_type() == "text/html":
            other = plain.pop(group, "")
            said = _html(part, mail, config)
            said = other if other.strip() and len(said) < _STUB * len(other) + 200 else said
        plain[group] = "\n\n".join(filter(None, [plain.get(group, ""), said]))
    yield from plain.values()


def _payload(part: Message) -> bytes:
    content = part.get_payload(decode=True)
    return content if isinstance(content, bytes) else part.as_bytes()


def _plain(part: Message, mail: Mail) -> str:
    said, mail.decoded = decode(_payload(part), part.get_content_charset() or "")
    if part.get_param("format") == "flowed":
        said = re.sub(r"(?m)(?<!^--) \n(?!>|-- $)", " ", said)
    return said


def _html(part: Message, mail: Mail, config: ParseConfig) -> str:
    content, charset = _payload(part), part.get_content_charset()
    if charset and b"charset" not in content[:2048].lower():
        content = f'<html><meta charset="{charset}">'.encode() + content
    pieces = []
    for item in embedded("body.html", quoting(content), config):
        if isinstance(item, TextSpan):
            pieces.append(item.text)
        elif isinstance(item, Omitted):
            mail.omitted.append(item)
    return unquoting("".join(pieces))


def decode(content: bytes, declared: str) -> tuple[str, Decoded | None]:
    """A text of a mail in the encoding that it declares, or that its bytes are in."""
    try:
        said, found = encoding.decode(content, declared)
    except (BadDocument, UnicodeDecodeError):  # one bad byte makes no mail unreadable: it shows as U+FFFD
        said, found = content.decode("utf-8", "replace"), Decoded("utf-8", guessed=True)
    return said.replace("\r\n", "\n").replace("\0", "\ufffd"), found if found.guessed else None


def _attach(part: Message, mail: Mail) -> None:
    """An attachment; pictures, sound and signatures are counted instead."""
    kind, name = part.get_content_type(), header_name(part)
    if kind in _SIGNATURES:
        mail.omitted.append(Omitted("signature"))
    elif part.get_content_maintype() in ("image", "audio", "video"):
        what = "image" if part.get_content_maintype() == "image" else "sound or film"
        mail.omitted.append(Omitted(what, where=name))
    elif kind == "message/rfc822":
        inside = part.get_payload()
        first = inside[0] if isinstance(inside, list) and inside else None
        content = first.as_bytes() if isinstance(first, Message) else _payload(part)
        mail.attachments.append((name if name.lower().endswith(".eml") else f"{name}.eml", content))
    else:
        mail.attachments.append((name, _payload(part)))


def header_name(part: Message) -> str:
    """What an attachment is called; its kind where it has no name."""
    raw = part.get_filename() or ""
    try:
        name = str(make_header(decode_header(raw)))
    except (LookupError, ValueError, MessageError):
        name = raw
    name = PurePath(" ".join(name.replace("\\", "/").replace("\0", "").split())).name
    if name:
        return name.encode("utf-8", "replace").decode()
    if part.get_content_type() == "message/rfc822":
        inside = part.get_payload()
        subject = (
            header(inside[0], "Subject")
            if isinstance(inside, list) and isinstance(inside[0], Message)
            else ""
        )
        return re.sub(r"[/\\]", "-", subject)[:80] or "mail"
    return f"attachment.{part.get_content_subtype()}"
