"""What of a mail is a quotation of another, told from what its writer says.

The idea: a quoted line is marked with ">" whichever program wrote the mail. Where the mail that it quotes is
in the same mailbox, it is left out: what was said is then said once.
"""

import re
from collections.abc import Iterator, Sequence

_WROTE = re.compile(
    r"(?:On|Am|Le|El|Il|Op|Den|W dniu|Em)\b.{5,200}\b(?:wrote|schrieb.{0,80}|a écrit|escribió|ha scritto"
    r"|schreef.{0,80}|skrev.{0,80}|napisał.{0,80}|escreveu)\s?:$"
    r"|.{3,200}\b(?:wrote|schrieb|писал\(а\)|写道)\s?[:：]$"
)
_DIVIDER = re.compile(
    r"\W{0,3}-{2,}\s?(?:Original Message|Ursprüngliche Nachricht|Message d'origine|Mensaje original|Messaggio"
    r" originale|Oorspronkelijk bericht|原始邮件|Forwarded message|Weitergeleitete Nachricht)\s?-{2,}\W{0,3}$"
    r"|Begin forwarded message:$|_{20,}$",
    re.IGNORECASE,
)
_FIELD = re.compile(
    r"\*?(?:From|Sent|To|Cc|Date|Subject|Von|Gesendet|An|Datum|Betreff|De|Envoyé|À|Objet|Enviado|Para|Asunto"
    r"|发件人|发送时间|收件人|主题)\s?[:：]\*?\s",
)
_FEWEST_FIELDS = 3
_SHORTEST = 12
"""Letters that a line has at least to be known again."""
_MOST_LINES = 1_000_000
"""Lines that are remembered, 8 bytes of each."""


def marked(text: str) -> str:
    """A mail's text with every quoted line marked with ">"."""
    lines = text.split("\n")
    start = _reply(lines)
    if start is None:
        return text
    below = [line if line.startswith(">") else f"> {line}".rstrip() for line in lines[start:]]
    return "\n".join([*lines[:start], *below])


_OPENED, _CLOSED = "\ue000", "\ue001"
"""Characters of private use that stand where a quotation in HTML begins and ends."""


def quoting(page: bytes) -> bytes:
    """HTML whose quotations can be told in its text by `unquoting`."""
    page = re.sub(rb"(?i)<blockquote\b[^>]*>", rb"\g<0><p>&#%d;</p>" % ord(_OPENED), page)
    return re.sub(rb"(?i)</blockquote\s*>", rb"<p>&#%d;</p>\g<0>" % ord(_CLOSED), page)


def unquoting(text: str) -> str:
    """The text of such a page with every quoted line marked with ">"."""
    depth, lines = 0, list[str]()
    for line in text.split("\n"):
        if _OPENED in line or _CLOSED in line:
            depth = max(0, depth + line.count(_OPENED) - line.count(_CLOSED))
            line = line.replace(_OPENED, "").replace(_CLOSED, "").strip()
            if not line:
                continue
        lines.append(f"{'>' * depth} {line}" if depth and line.strip() else line)
    return "\n".join(lines)


def _reply(lines: Sequence[str]) -> int | None:
    """First line of a quoted mail that is not marked; None where there is none."""
    for at, line in enumerate(lines):
        text = line.strip()
        if _DIVIDER.match(text) and _fields(lines[at + 1 :]):
            return at + 1
        if _FIELD.match(text) and at and not lines[at - 1].strip() and _fields(lines[at:]):
            return at
        if _WROTE.match(text) and at + 1 < len(lines):
            following = next((one for one in lines[at + 1 :] if one.strip()), "")
            if following and not following.startswith(">"):
                return at + 1
    return None


def _fields(lines: Sequence[str]) -> bool:
    """Whether these lines begin with the head of a mail."""
    first = [line.strip() for line in lines[:12] if line.strip()][:6]
    return sum(_FIELD.match(line) is not None for line in first) >= _FEWEST_FIELDS


class Said:
    """What the mails of a mailbox have said so far, by line."""

    def __init__(self) -> None:
        self._known: set[int] = set()

    def once(self, text: str) -> tuple[str, int]:
        """A marked text without quotations of what was said before, and how many lines those had."""
        kept: list[str] = []
        left_out = 0
        for block in _blocks(text.split("\n")):
            told = [key for line in block if (key := _key(line))]
            quoted = block[0].startswith(">")
            if quoted and told and all(key in self._known for key in told):
                left_out += len(block)
                _drop_introduction(kept)
            else:
                kept += block
            if len(self._known) < _MOST_LINES and not quoted:
                self._known.update(told)
        said = "\n".join(kept)
        return (re.sub(r"\n{3,}", "\n\n", said).rstrip("\n") if left_out else said), left_out


def _drop_introduction(lines: list[str]) -> None:
    """Take away the line that introduces a quotation."""
    at = next((at for at in range(len(lines) - 1, -1, -1) if lines[at].strip()), -1)
    if at >= 0 and _WROTE.match(lines[at].strip()):
        del lines[at:]


def _blocks(lines: Sequence[str]) -> Iterator[list[str]]:
    """Runs of lines that are quoted, and of lines that are not."""
    block: list[str] = []
    for line in lines:
        if block and line.startswith(">") != block[0].startswith(">"):
            yield block
            block = []
        block.append(line)
    if block:
        yield block


def _key(line: str) -> int:
    """By which a line is known again, whatever marks and spaces are in it; 0 for one that says little."""
    letters = re.sub(r"[\W_]", "", line).casefold()
    return hash(letters) if len(letters) >= _SHORTEST else 0
