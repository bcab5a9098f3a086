"""What a person would call a document: one line without markup, made of its own words, by its kind."""

import re
from collections import Counter
from collections.abc import Callable, Sequence
from itertools import pairwise

from tasks.text.casing import cased
from tasks.text.contracts import contract_title
from tasks.text.dates import dates
from tasks.text.file_names import own_name, package, parts
from tasks.text.front_matter import front_date, front_matter, front_title
from tasks.text.headings import LONGEST, Heading, is_numbered, is_titled, plain, shortened
from tasks.text.kinds import DEBIAN
from tasks.text.licences import licence_title
from tasks.text.markup import readable
from tasks.text.roles import Role, role
from tasks.text.sentences import sentences
from tasks.text.speakers import opening, session_date, turns

_GENERIC = re.compile(
    r"\W{0,12}(?:[\dIVX.]+\s+)?(?:introduction|background(?: and \w+)?|overview|abstract|summary"
    r"|executive summary|contents|table of contents|preface|foreword"
    r"|index|read ?me|change ?log|changes|history|news|release notes|licen[cs]e|copying|notice|installation"
    r"|usage|toc|description"
    r"|webvtt|confidential|draft|page \d+|(?:exhibit|ex-)\s?[\w.()]+|execution (?:version|copy)|appendix"
    r"|(?:\w+ )?sponsors|why .{1,20}|features|documentation|links|contents|references|note|notes|about"
    r"|einleitung|inhalt|einführung|sommaire|introducción)\W*$",
    re.IGNORECASE,
)
_LABEL = re.compile(
    r"(?:title|titel|titre|título|subject|betreff|题目|标题)\s*[:：]\s*(?P<title>\S.{2,200})", re.IGNORECASE
)
_COMMENT = re.compile(r"<!--.{0,4000}?-->", re.DOTALL)
_SUBJECT = re.compile(
    r"(?:The |An? )?(?P<subject>[A-Z][\w'’.-]*(?: (?:[A-Z][\w'’.-]*|of|and|the|for|in|on))*"
    r"(?: \([A-Z][A-Za-z]+\))?)"
    r" (?:is|was|are|were|has|have|provides?|refers|consists|contains)\b"
)
_DROP_CAPITAL = re.compile(r"^([B-HJ-Z]) (?=[a-z]{2})")
_TITLE_TAG = re.compile(r"<title>\s*([^<]{2,200})</title>|\\title\{([^{}]{2,200})\}", re.IGNORECASE)
_STAMPS = re.compile(r"\s*(?:\[?(\d{4}-\d\d-\d\d)[T ]\d\d:\d\d.*\n\[?){2}\d{4}-\d\d-\d\d[T ]")
_CASE = re.compile(
    r"(?P<one>[A-Z][^\n]{2,60}?)\W{1,4}(?:Plaintiff|Petitioner|Appellant|Applicant"
    r"|Claimant)s?\W+(?:-against-\W+|vs?\.?\s+)"
    r"(?P<two>[A-Z][^\n]{2,60}?)\W{1,4}(?:Defendant|Respondent|Appellee)",
    re.IGNORECASE,
)
_LETTER = re.compile(
    r"(?m)^\s*(?:Dear|Sehr geehrte[r]?|Liebe[r]?|Cher|Chère"
    r"|Estimad[oa]) (?P<reader>[^\n,:]{2,40})[,:]\s*$"
)
_ISSUER = re.compile(
    r"(?:united states .*(?:office|senate|house|congress)|report to (?:the |congress)|department of"
    r"|u\.s\. department"
    r"|ministry of|office of|congressional research service|testimony before|for release|volume \d|issn"
    r"|isbn|doi)",
    re.IGNORECASE,
)
_SPEAKING = (Role.STATEMENT, Role.DEPENDENT, Role.FRAGMENT)
_FIELD = re.compile(r"[\w -]{2,20}:\s")
_ABOUT = re.compile(
    r"\bThis (?P<what>report|paper|article|document|guide|study|book|chapter|brief|memorandum|manual|page"
    r"|essay)\s+"
    r"(?:(?:also|first|briefly|therefore)\s+)?(?:addresses|discusses|describes|examines|provides|reviews"
    r"|explains|analy[sz]es|presents|explores|covers|surveys"
    r"|introduces|summari[sz]es|outlines|lists|focuses on|deals with|is about|considers|proposes|documents"
    r"|assesses|evaluates|looks at)\s+(?P<topic>[^.?!]{8,400})"
)
_TOPIC_ENDS = re.compile(
    r"(?:[,;:(]|\s(?:and|that|which|who|for Congress|as well|including|in order|but|so that)\b).*", re.DOTALL
)
_DEFINED = re.compile(
    r"(?m)^(?:export |pub |public )?(?:async )?(?:def|class|func|fn|function|struct|interface|enum"
    r"|trait) +(\w+)"
)
_PROGRAM = re.compile(r"(?m)^\s*(?:import|from|if|def|class|return|const|var|let|#include)\b")
_KEY = re.compile(r"(?m)^\s{0,4}[{\[]?\"?([a-zA-Z_][\w-]{1,30})\"?\s?[:=]")
_DOCSTRING = re.compile(
    r"\s*+(?:#.*\n|\s)*+(?:[rRuUbB]{0,2}(?:\"\"\"|''')|/\*+!?"
    r"|(?=//[/!]?\s))\s*(?P<text>[^\n]*(?:\n(?!\s*\n)[^\n]*){0,2})"
)
_MAIL = re.compile(r"(?im)^(?:Subject|Betreff|Objet|Asunto):[ \t]*(?P<subject>.+(?:\n[ \t]+.+)*)")
_FROM = re.compile(r"(?im)^(?:From|Von|De):[ \t]*\"?(?P<sender>[^<\"\n]{1,80})")
_PACKAGE = re.compile(r"(?m)^(Name|Version|Summary): *(.+)$")
_DATED = re.compile(
    r"\b(?:dated?|as of|effective|made|entered into|signed|executed|published|updated|issued|released?)\b"
    r"|日期|签[订署]|订立|发布|发表|生效|施行|締結|発行|作成|施行日",
    re.IGNORECASE,
)
_MARKED = re.compile(r"#{1,6} ")
_HEAD = 4000
_SAYS = 20
"""Bytes of UTF-8 that a sentence has at least: a character of Chinese has three, and says as much."""
_TITLE_LINE = 45
"""A longer line with another one right below it is taken for the beginning of a paragraph."""


def title_of(head: str, kind: str, found: Sequence[Heading], name: str = "") -> str:
    """The title of a document of that kind, at most LONGEST characters, "" only for a text without letters.

    Args:
        head: its beginning.
        found: its headings.
        name: its path or file name, "" if unknown.
    """
    front = "" if kind == "code" else front_title(head)
    head = head if kind == "code" else _COMMENT.sub("", head.removeprefix(front_matter(head)))
    by_kind: dict[str, Callable[[str, str], str]] = {
        "contract": lambda text, _: contract_title(text),
        "licence": _licence,
        "mail": _mail,
        "dialogue": _dialogue,
        "table": _table,
    }
    tagged = _TITLE_TAG.search(head[:_HEAD])
    title = readable(tagged[1] or tagged[2]) if tagged else _package(head) if kind == "readme" else ""
    title = title or (front if _says(front) else "")
    if kind == "code":
        return shortened(" ".join(_code(head, name).split()))
    if not title and kind in by_kind:
        title = by_kind[kind](head, name)
    title = title or _own_title(head, found, kind) or _topic(head, found) or _first_words(head)
    if kind == "readme":
        title = _named(title, head, name)
    return plain(_of_package(title, kind, name))[:LONGEST]


def _named(title: str, head: str, name: str) -> str:
    """The title of a readme with the name that its file has, where the text bears that name too."""
    stem = own_name(name)
    written = (
        re.findall(rf"(?<![\w-]){re.escape(stem)}(?![\w-])", head, re.IGNORECASE) if len(stem) > 2 else []
    )
    bears = _letters(stem) in _letters(title) and not title.startswith("This ")
    if len(written) < 3 or bears:
        return title
    return f"{Counter(written).most_common(1)[0][0]}: {title}"


def _letters(text: str) -> str:
    return re.sub(r"[\W_]", "", text).casefold()


def _of_package(title: str, kind: str, name: str) -> str:
    """A title that many documents share, with the package or folder that this one lies in."""
    shared = (kind == "licence" and "(" not in title) or _GENERIC.match(title)
    belongs = package(name) if shared else ""
    return f"{title} ({belongs})" if belongs and _letters(belongs) != _letters(title) else title


def date_of(head: str, kind: str) -> str:
    """When a document is from, ISO; "" where its beginning does not say."""
    if kind == "mail":
        match = re.search(r"(?im)^(?:Date|Sent|Datum|Gesendet):(.*)", head)
        return next((found.iso for found in dates(match[1])), "") if match else ""
    if given := front_date(head):
        return given
    if kind in ("code", "licence", "readme", "book", "table"):
        return ""
    if kind == "dialogue":
        return next((turn.date for turn in turns(head) if turn.date), "")
    found = dates(head[: _HEAD if kind in ("contract", "changelog", "minutes") else 1500])
    full = [one for one in found if len(one.iso) > 4]
    if kind in ("changelog", "minutes"):
        return next((one.iso for one in full or found), "")
    said = (
        one.iso
        for one in full
        if _DATED.search(head, max(0, one.start - 60), one.start) or _alone(head, one.start)
    )
    return next(said, "")


def _alone(text: str, at: int) -> bool:
    """Whether a line says little but the date at `at`."""
    start, end = text.rfind("\n", 0, at) + 1, text.find("\n", at)
    return bool(session_date(text[start : end if end >= 0 else len(text)]))


def _licence(head: str, name: str) -> str:
    return licence_title(head)


def _mail(head: str, name: str) -> str:
    subject, sender = _MAIL.search(head), _FROM.search(head)
    title = " ".join(subject["subject"].split()) if subject else "Mail"
    writer = sender["sender"].strip() if sender else ""
    return f"{title} (from {writer})" if writer else title


def _package(head: str) -> str:
    fields = (
        dict(reversed(_PACKAGE.findall(head[:_HEAD])))
        if head.lstrip().startswith(("Metadata-Version", "Name:"))
        else {}
    )
    if "Name" not in fields:
        return ""
    summary = fields.get("Summary", "").strip()
    name = f"{fields['Name'].strip()} {fields.get('Version', '').strip()}".strip()
    return f"{name}: {readable(summary)}" if summary and summary != "UNKNOWN" else name


def _code(head: str, name: str) -> str:
    file = "/".join(parts(name)[-2:])
    said = ""
    if match := _DOCSTRING.match(head):
        text = re.sub(r"(?m)^\s*(?://[/!]?|\*)", " ", match["text"])
        text = re.split(r"\"\"\"|'''|\*/", text)[0]
        said = readable(" ".join(text.split()))
        said = next((said[start:end] for start, end in sentences(said)), "").rstrip(".")
    if not said or _GENERIC.match(said) or re.match(r"copyright|licen[cs]e|-\*-", said, re.IGNORECASE):
        names = list(dict.fromkeys(_DEFINED.findall(head)))
        public = [one for one in names if not one.startswith("_")] or names
        said = ", ".join(
            public[:5]
            or ([] if _PROGRAM.search(head) else list(dict.fromkeys(_KEY.findall(head[:_HEAD]))))[:5]
        )
    return f"{file}: {said}" if file and said else file or said


def _dialogue(head: str, name: str) -> str:
    first = next((line.strip() for line in head.split("\n") if line.strip()), "")
    if first and opening(first) is None and not session_date(first) and len(first) < LONGEST and _says(first):
        return readable(first)
    speakers = list(dict.fromkeys(turn.speaker for turn in turns(head)))
    if len(speakers) > 4:
        return f"Conversation of {', '.join(speakers[:3])} and {len(speakers) - 3} others"
    if not speakers:
        return ""
    return "Conversation between " + " and ".join(filter(None, [", ".join(speakers[:-1]), *speakers[-1:]]))


def _table(head: str, name: str) -> str:
    """What stands above the table, or the names of its columns, behind the name of the file."""
    lines = [line for line in head.split("\n") if line.strip() and not _MARKED.match(line)]
    delimiter = max("\t;|,", key=lines[0].count) if lines else ","
    cells = [cell.strip(' "|.') for cell in lines[0].split(delimiter)] if lines else []
    columns = ", ".join([cell for cell in cells if cell][:8])
    file = "".join(parts(name)[-1:])
    return f"{file}: {columns}" if file else f"Table of {columns}"


def _own_title(head: str, found: Sequence[Heading], kind: str) -> str:
    """The title that stands at the beginning, as a heading or as a short line."""
    if stamped := _STAMPS.match(head):
        return f"Log from {stamped[1]}"
    if case := _CASE.search(head[:1500]):
        return f"{cased(case['one'].strip(' ,'), head)} v. {cased(case['two'].strip(' ,'), head)}"
    if letter := _LETTER.search(head[:800]):
        return f"Letter to {letter['reader']}"
    if label := _LABEL.search(head[:1500]):
        return label["title"]
    if kind == "changelog":
        if debian := DEBIAN.search(head[:_HEAD]):
            return f"{debian['package']}: Changelog"
        first = [one.text for one in found[:1] if one.start < 300 and not re.search(r"\d\.\d", one.text)]
        return first[0] if first else "Changelog"
    for heading, following in pairwise([*found[:6], Heading(1 << 30, 9, "")]):
        if (
            heading.start < 1500
            and heading.level <= 2
            and not _is_one_of_many(heading.text)
            and _says(heading.text)
        ):
            title = cased(heading.text, head)
            near = following.start - heading.start - len(heading.text) < 40 and len(title.split()) < 4
            return (
                f"{title}: {following.text}" if kind == "report" and near and _says(following.text) else title
            )
    lines = [line for line in head[:_HEAD].split("\n") if line.strip()][:7]
    for line, below in pairwise([*lines, ""]):
        text = plain(readable(line.lstrip("/#; ")))
        if not _says(text) or _FIELD.match(text) or _is_one_of_many(text):
            continue
        if len(line) > _TITLE_LINE and f"{line}\n{below}" in head:  # a paragraph
            break
        if below[:1].islower() and len(below) < 80:
            text = f"{text} {plain(below)}"
        ended = line.rstrip().endswith((".", ";", ",", "।", "。"))
        if (
            len(line.strip()) <= LONGEST
            and not ended
            and (is_titled(text) or not text.isascii() or text[0].isupper())
        ):
            return cased(text, head)
        break
    return ""


def _is_one_of_many(title: str) -> bool:
    """A chapter or clause: a year in front makes none."""
    return is_numbered(title) and not re.match(r"\d{4}\b", title)


def _says(title: str) -> bool:
    """Whether it names one document, not any of its kind, nor who issued it or when."""
    return len(title) >= 3 and not (_GENERIC.match(title) or _ISSUER.match(title) or session_date(title))


def _topic(head: str, found: Sequence[Heading]) -> str:
    """What a text without a title says that it is about, or its first heading that says anything."""
    if match := _ABOUT.search(head[:12_000]):
        topic = _TOPIC_ENDS.sub("", " ".join(match["topic"].split()))
        if len(topic.split()) >= 3:
            return f"{match['what'].capitalize()} on {topic}"
    early = next(
        (
            heading
            for heading in found[:2]
            if heading.start < 1500 and _says(heading.text) and not _is_one_of_many(heading.text)
        ),
        None,
    )
    return early.text if early else ""


def _first_words(head: str) -> str:
    text = readable(head[:_HEAD])
    spans = [text[start:end] for start, end in sentences(text)]
    said = [one for one in spans if role(one) in _SPEAKING and len(one.encode()) > _SAYS]
    said = said or [one for one in spans if len(one.encode()) > _SAYS and not _GENERIC.match(one)] or spans
    first = _DROP_CAPITAL.sub(r"\1", " ".join(said[0].split())) if said else ""
    subject = _SUBJECT.match(first)
    return subject["subject"] if subject and len(subject["subject"].split()) > 1 else first
