"""What kind of document a text is, from its beginning and from its name if it has one.

Each kind is known by words and forms of its own; the most telling are asked first.
"""

import re
from typing import Literal

from tasks.text.licences import licence_name
from tasks.text.markup import readable
from tasks.text.speakers import is_dialogue

Kind = Literal[
    "contract", "licence", "minutes", "dialogue", "report", "paper", "book",
    "code", "changelog", "mail", "notebook", "readme", "slides", "table", "text",
]  # fmt: skip

_BY_NAME: tuple[tuple[Kind, str], ...] = (
    ("changelog",
     r"(?:.*[-_])?(?:change(?:log|s)|news|history|releases?(?:[ _-]?notes)?)"
     r"(?:\.(?:md|rst|txt|gz|debian))*$"),
    ("licence", r"(?:.*[-_])?(?:licen[cs]es?|copying|notice)(?:[.-].{0,20})?$"),
    ("readme", r"(?:readme(?:\.\w+)?|metadata|pkg-info)$"),
    ("mail", r".*\.(?:eml|mbox|msg)$"),
    ("table", r".*\.(?:csv|tsv|tab|xls[xm]|xltx|ods|ots)$"),
    ("slides", r".*\.(?:pp[ts][xm]|potx|odp|otp)$"),
    ("notebook", r".*\.ipynb$"),
    ("book", r".*\.epub$"),
    ("code",
     r".*\.(?:pyi?|jsx?|tsx?|java|c|h|cc|cpp|hpp|cs|go|rs|rb|php|pl|sh|bash|sql|r|jl|scala|kt|swift|lua|hs"
             r"|ml|ex|erl|clj|css|ya?ml|toml|ini|cfg|json|xml)$"),
)  # fmt: skip
_MAIL = re.compile(
    r"(?:From|To|Subject|Date|Cc|Sent|Message-ID|Received|Return-Path|Von|An|Betreff|De|Objet|Asunto): "
)
_METADATA = re.compile(r"\s*+(?:Metadata-Version: |Name: .+\nVersion: )")
_TEX = re.compile(r"\\documentclass|\\begin\{document\}")
_DATA_LINE = re.compile(
    r"\s*(?:\"[\w-]+\":|[a-z_][\w.-]*:(?: [^.]{0,60})?$|- [a-z\"][^.]{0,60}$"
    r"|\[[\w.-]+\]$)"
)
_CODE_LINE = re.compile(
    r"\s*+(?:import [\w.]+|from [\w.]+ import |def \w+\(|class \w+[(:]|@\w+|return\b.{0,60}|#include\b"
    r"|package [\w.]+;"
    r"|(?:public|private|static|const|let|var|func|fn|function|struct|impl|type|async|export)\b.{0,80}[{;(=]"
    r"|(?:if|for|while|elif|else|try|except|with)\b.*[:{]|.*[;{}]|[\w.\[\]]+ [+|-]?= .*|[\w.]+\(.*\)?,?"
    r"|[)\]}]+,?)\s*$"
)
_CONTRACT = re.compile(
    r"\b(?:this [\"“]?(?:[\w-]+ ){0,6}(?:agreement|contract|lease|amendment|deed)\b|by and (?:between"
    r"|among)|entered into|whereas"
    r"|w i t n e s s e t h|witnesseth|now,? therefore|hereinafter|hereto\b|hereby agrees?|undersigned"
    r"|dated as of|the parties|effective date"
    r"|party of the|indemnif|vertragspartei|mieter\b|vermieter|wird folgender|le présent contrat"
    r"|is made (?:on|between|as of|this)|these terms|agrees? to|landlord|tenant|employer|employee|lessor"
    r"|lessee"
    r"|les parties|el presente contrato|las partes|настоящий договор|стороны)|यह अनुबंध|किरायेदार|पक्षकार"
    r"|الطرف الأول|الطرف الثاني|المؤجر|المستأجر|甲方|乙方|合同编号|本合同|本协议|契約書|本契約",
    re.IGNORECASE,
)
_CONTRACT_NAME = re.compile(
    r"\b(?:agreement|contract|lease|amendment|deed|memorandum of understanding|terms (?:of service"
    r"|and conditions)"
    r"|vertrag|contrat|contrato|\w+vertrag|договор)\b|अनुबंध|समझौता|عقد|اتفاقية|合同|协议|契約",
    re.IGNORECASE,
)
_MINUTES = re.compile(
    r"\b(?:minutes of|meeting minutes|board minutes|council minutes|called to order"
    r"|meeting (?:was )?adjourned|attendees:"
    r"|present:|apologies|in attendance|agenda item|action items?:|moved by|seconded by"
    r"|motion (?:was )?(?:carried|passed)"
    r"|protokoll der|sitzungsprotokoll|procès-verbal|acta de la)|会议纪要|議事録",
    re.IGNORECASE,
)
_PAPER = re.compile(
    r"(?m)^[^\w\n]{0,12}(?:\d\.? )?(?:abstract|references|introduction|related work|keywords?|methods?"
    r"|results"
    r"|conclusions?)\b.{0,3}$"
    r"|\bet al\.|\barxiv\b|\bdoi\b|\bwe (?:propose|present|show that|introduce|study)\b"
    r"|^[^\w\n]{0,12}abstract\b",
    re.IGNORECASE,
)
_REPORT = re.compile(
    r"\bthis report\b|\bexecutive summary\b|\b(?:findings|recommendations?)\b|\bcongress(?:ional)?\b"
    r"|\bfiscal year\b|\bagenc(?:y|ies)\b"
    r"|\bannual report\b|\bfederal\b|\bpolicy\b|\bbericht\b|\brapport\b|\binforme\b|\bquarter(?:ly)?\b|报告",
    re.IGNORECASE,
)
_REPORT_NAME = re.compile(
    r"\b(?:(?:annual|quarterly|interim|final|progress|audit) report|report (?:of|on|to)|rapport annuel"
    r"|jahresbericht|informe anual|bericht über)\b|年度报告|報告書",
    re.IGNORECASE,
)
_CHAPTER = re.compile(
    r"(?m)^[^\w\n]{0,12}(?:chapter|book|part|kapitel|chapitre|capítulo|глава|अध्याय)\s+(?:\d+|[ivxlc]+|one"
    r"|two|the"
    r"|first)\b.{0,60}$"
    r"|^[ \t\u3000]{0,12}第[一二三四五六七八九十百\d]+[章回]",
    re.IGNORECASE,
)
_VERSION = re.compile(
    r"(?m)^[^\w\n]{0,4}(?:version |release |v)?\[?(?!\d+\.\d+\.\d+\.\d+\s)\d+\.\d+(?:\.\d+)*\w*\]?"
    r"(?:[^\w\n]{1,5}[\w., -]{0,30})?[^\w\n]{0,4}$|^[^\w\n]{0,4}(?:noteworthy )?changes in (?:version"
    r"|release) \d",
    re.IGNORECASE,
)
DEBIAN = re.compile(r"(?m)^(?P<package>[a-z0-9][\w.+-]{1,60}) \([\w.:~+-]{1,60}\) [\w -]{1,60}; urgency=")
"""An entry of a changelog as Debian writes them."""
_CHANGES = re.compile(
    r"(?mi)^[^\w\n]{0,12}(?:change ?log|changes|release (?:notes|history)|what's new|unreleased|history)\b"
)
_MARKDOWN = re.compile(
    r"(?m)^#{1,3} \S|^```|^[ \t$]{0,8}(?:pip|npm|conda|apt|cargo) install\b|^[^\w\n]{0,12}(?:installation"
    r"|usage|quick ?start"
    r"|getting started|license"
    r"|features|contributing)[^\w\n]{0,12}$|\[!\[|^\.\. (?:image|code|_)|^={4,}$",
    re.IGNORECASE,
)


def kind_of(head: str, name: str = "") -> Kind:
    """The kind of the document that begins with `head` (some thousand characters of it are enough)."""
    if "<html" in head[:1000].lower():
        head = readable(head)
    file = name.replace("\\", "/").rstrip("/").rsplit("/", 1)[-1].lower()
    lines = [line for line in head.split("\n") if line.strip()]
    if named := next((kind for kind, form in _BY_NAME if re.match(form, file)), None):
        return named
    if _METADATA.match(head):
        return "readme"
    if _TEX.search(head[:4000]):
        return "paper"
    if _is_mail(lines):
        return "mail"
    if _is_code(lines):
        return "code"
    if _is_table(lines):
        return "table"
    if licence_name(head) and not _mostly_readme(head):
        return "licence"
    if is_dialogue(head):
        return "dialogue"
    return _prose_kind(head)


def _prose_kind(head: str) -> Kind:
    start = head[:8000]
    if len(_MINUTES.findall(start)) >= 2 or (_MINUTES.search(head[:300]) and len(_MINUTES.findall(start))):
        return "minutes"
    if _is_contract(start):
        return "contract"
    if DEBIAN.match(head):
        return "changelog"
    if (len(_VERSION.findall(start)) >= 3 and not _mostly_readme(head)) or (
        _CHANGES.search(head[:300]) and _VERSION.search(start)
    ):
        return "changelog"
    if len(_CHAPTER.findall(head)) >= 2 or re.search(r"project gutenberg", start[:500], re.IGNORECASE):
        return "book"
    if _mostly_readme(head):
        return "readme"
    if len({found.lower().strip() for found in _PAPER.findall(head)}) >= 3:
        return "paper"
    if (
        _REPORT_NAME.search(start[:300])
        or re.search(r"\bthis report\b", head, re.IGNORECASE)
        or len(set(map(str.lower, _REPORT.findall(start)))) >= 4
    ):
        return "report"
    return "text"


def _is_contract(start: str) -> bool:
    """It names itself one at the beginning, and uses the words of one: more of them the later it does."""
    named = _CONTRACT_NAME.search(start[:2500])
    if not named:
        return False
    said = len({found.lower() for found in _CONTRACT.findall(start)})
    often = len(_CONTRACT_NAME.findall(start)) >= 6
    return said >= 3 or (said >= 2 and named.start() < 300) or (said >= 1 and often and named.start() < 600)


def _is_mail(lines: list[str]) -> bool:
    fields = [match[0] for line in lines[:12] if (match := _MAIL.match(line))]
    if len(lines) > 1 and lines[0].startswith("Subject: "):
        return True
    return len(set(fields)) >= 2 and bool(_MAIL.match(lines[0].lstrip("> ")))


def _is_code(lines: list[str]) -> bool:
    lines = lines[:200]
    if lines and lines[0].startswith(("#!", "<?php", "package ", "#include")):
        return True
    if lines and (lines[0].startswith(('{"', "[{", "<?xml")) or all(map(_DATA_LINE.match, lines[:40]))):
        return True
    return len(lines) >= 4 and sum(bool(_CODE_LINE.match(line[:200])) for line in lines) > 0.5 * len(lines)


def _is_table(lines: list[str]) -> bool:
    lines = lines[:50]
    for delimiter in ("\t", ";", "|", ","):
        counts = [line.count(delimiter) for line in lines]
        if len(lines) >= 3 and counts[0] >= 2 and counts.count(counts[0]) >= 0.9 * len(lines):
            return True
    return False


def _mostly_readme(head: str) -> bool:
    return len(_MARKDOWN.findall(head[:8000])) >= 3
