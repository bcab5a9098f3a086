"""What a sentence is for: to say something, or as heading, code, boilerplate, or part of what is around it.

Rules on the words and the form of one sentence, after its markup is removed.
"""

import re
from enum import StrEnum

from tasks.text.headings import is_titled
from tasks.text.markup import readable
from tasks.text.sentences import is_finished


class Role(StrEnum):
    """What a sentence is in its document."""

    STATEMENT = "statement"
    DEPENDENT = "dependent"
    """Needs the sentence before it, or a place elsewhere, to be understood."""
    FRAGMENT = "fragment"
    """Cut off, or never a whole sentence."""
    LEGAL = "legal"
    """A notice or clause that any document of its kind has."""
    HEADING = "heading"
    MARKER = "marker"
    """Of a list, without its item."""
    CODE = "code"
    TABLE = "table"
    CITATION = "citation"
    """A request to cite, or the entry to cite."""
    NAVIGATION = "navigation"
    """Leads elsewhere: a badge, a link, how to reach somebody, the number of a page."""
    QUOTED = "quoted"
    """Of the mail that is answered."""
    SIGNATURE = "signature"
    COURTESY = "courtesy"
    """Thanks, greets, asks for money or applause, or says what every file of its kind says of itself."""


LABEL_WORDS = 4
"""Of what a numbered clause is called, such as "4. Term and Termination."."""

_WORD = re.compile(r"[^\W\d_]{2,}")
_LEAD = re.compile(
    r"^(?:\s|[-*•#>+–—]+(?=\s)|\(?(?:\d{1,3}(?:\.\d{1,3})*|[a-zA-Z]"
    r"|[ivxIVX]{1,5})[.)](?=\s|$))*+"
)
_CODE = re.compile(
    r"[{}<>=\\|`^~_]|\w\((?!s\))|::|->|\+\+|\w\.\w+\(|--\w|(?<!\w)/\w+/|\b(?:import|def|return|null|None"
    r"|self|npm|pip|sudo|git)\b"
)
_COMMAND = re.compile(
    r"\s*(?:>>> |\$ |% |\.\.\. |pip3? install |npm |sudo |git |python3? -|import \w"
    r"|from \w+ import |#include|@\w+\{)"
)
_URL = re.compile(r"(?:https?://|www\.)\S+")
_MAIL_HEAD = re.compile(
    r"(?:From|To|Cc|Date|Subject|Sent|Von|An|Datum|Betreff|De|Objet|Asunto): [^\n]*"
    r"\n(?:To|Cc|Date|Subject|Sent|An|Datum|Gesendet|Betreff|Objet|Para|Asunto): "
)
_CELLS = re.compile(r"(?<=\S)(?:[^\S\n]*+\||\t++|[^\S\n]{3,})")
_CELL_WORDS = 4
# What follows is matched against small letters.
_CITATION = re.compile(
    r"\b(?:please|to|should|kindly|can|consider|must)\s+(?:also\s+)?(?:cite|citing"
    r"|reference the following)\b|\bbibtex\b|@(?:article|misc|inproceedings|software|book)\b"
    r"|\bcite (?:this|our|the|us|it)\b|\bif you use\b.{0,80}\b(?:research|work|paper|publication)s?\b"
    r"|\bhow to cite\b|\bcitation\b.{0,30}:"
    r"|\bbitte zitieren\b|\bveuillez citer\b|\bpor favor,? cite\b|\bdoi\.org/",
)
_NAVIGATION = re.compile(
    r"\b(?:click (?:here|on|the)|back to top|table of contents|read more|learn more|find out more"
    r"|see also\b|skip to|scroll)"
    r"|\bfor (?:more|further|additional|full|complete)\s+(?:information|details?|documentation|help)\b"
    r"|\b(?:follow|find|contact|reach|email|join|call|write to) us\b"
    r"|\bjoin (?:our|the) (?:\w+ )?(?:slack|discord|mailing list|community|chat)\b|\bstar (?:us|the repo)"
    r"|\bsubscribe\b|\bpage \d+ of \d+\b"
    r"|\b(?:documentation|docs|changelog|source code|release notes|issues?|examples?)\b.{0,30}\b(?:is |are "
    r"|can be )?(?:available|found|hosted|here|at|on|under)\b.{0,40}(?:https?:|\bgithub\b|\bread the docs\b"
    r"|:$|here\.?$)"
    r"|\b(?:tel|fax|phone|telephone|e-?mail|attention|attn)\b\.?\s*(?:no\.?)?\s*:|^\W*(?:https?://"
    r"|www\.)\S+\W*$|(?<=\w)@[\w-]+\.\w+.{0,20}$|^\W*(?:©|\(c\))"
    r"|\bbuild status\b|\bcode coverage\b|\bopen in colab\b",
)
_COURTESY = re.compile(
    r"\b(?:our|become a|amazing|github|gold|silver|bronze) (?:sponsors?|backers?)\b|\bopen ?collective\b"
    r"|\b(?:please|consider|to|by|via|your|welcome|accepts?)\W+(?:\w+\W+){0,3}?(?:donat(?:e|ing|ions?)"
    r"|sponsor(?:ing|ship)?)\b|\btidelift\b|\bpatreon\b|\bbuy (?:me|us) a coffee\b|\bliberapay\b"
    r"|\bif you (?:find|like|enjoy|love)\b.{0,60}\bplease\b|\b(?:star|stars) on github\b"
    r"|^\W*(?:(?:many |dear \w+, )?thank(?:s| you)\b(?: very much| so much| a lot| again)? (?:for (?:your|the"
    r"|getting|reaching|writing|contacting)|in advance)|i hope (?:this|that this|you are|you're|all is)\b"
    r"|hope (?:this|you|all)\b|(?:i am |i'm |we are )?looking forward to (?:hear|your|see|meet)"
    r"|(?:please )?(?:do not|don't|feel free to) ?(?:hesitate to )?(?:contact|write|call|reach|ask)\b"
    r"|let (?:me|us) know if you have (?:any )?(?:\w+ )?questions"
    r"|(?:vielen|herzlichen|besten) dank für (?:ihre|deine|die)\b|danke für\b"
    r"|merci (?:pour|de) (?:votre|ton)\b|(?:muchas )?gracias por (?:su|tu)\b)"
    r"|\ball notable changes\b.{0,60}\b(?:are |be )?(?:documented|listed|recorded|found)\b"
    r"|\bkeep a ?changelog\b|\b(?:adheres?|adhering|conforms?) to \W{0,3}(?:semantic versioning|semver)\b",
)
_SIGNATURE = re.compile(
    r"\bby:\s|_{4,}|/s/|\bin witness whereof\b|\bsignature page\b|^\W*(?:sincerely|best regards"
    r"|kind regards|yours (?:truly|sincerely|faithfully)|regards|cheers|"
    r"mit freundlichen grüßen|cordialement|atentamente)\b|\bname:.{0,60}\btitle:|\bauthorized signat"
    r"|\b(?:have|has) (?:caused|executed) this\b",
)
_NOTICE = re.compile(
    r"\"as is\"|'as is'|“as is”|\bas-is\b|\bas is\b(?=.{0,40}\b(?:basis|without|warrant))"
    r"|\ball rights reserved\b|\bwithout (?:any )?warrant(?:y|ies)\b|\bno event shall\b|\bimplied warrant"
    r"|\bcopyright\s+(?:\(c\)|©|\d{4})|©\s*\d{4}|\btrademarks? of\b|\bforward-looking statements?\b"
    r"|\bconfidential treatment\b|\bomissions are (?:designated|marked|indicated)\b"
    r"|\bomit(?:s|ted)\b.{0,60}\bconfidential|\bfiled separately with the\b"
    r"|\bunder the terms of the .{0,40}licen[cs]e\b"
    r"|\blicensed under\b|\b(?:alle rechte vorbehalten|tous droits réservés|todos los derechos reservados"
    r"|ohne gewähr)\b|版权所有|保留所有权利",
)
_BOILERPLATE = re.compile(
    r"\bcounterparts?\b|\bseverab|\bentire (?:agreement|understanding)\b"
    r"|\bheadings?\b.{0,80}\b(?:convenience|reference)\b|\bsuccessors and (?:permitted )?assigns\b"
    r"|\bnotices?\b.{0,120}\b(?:in writing|deemed|registered mail|overnight courier)\b|\bforce majeure\b"
    r"|\bfurther assurances?\b|\bfacsimile\b|\binvalid(?:,? illegal)? or unenforceable\b"
    r"|\btime is of the essence\b|\bno waiver\b|\bwaiver of any\b|\bjointly drafted\b"
    r"|\bsingular\b.{0,40}\bplural\b|\bgenders?\b|\bwords? importing\b|\bmutual (?:covenants|promises)\b"
    r"|\bgood and valuable consideration\b|\brecitals? (?:above|are)\b|\bnow,? therefore\b|\bwitnesseth\b"
    r"|\bjury trial\b|\bexhibits?\b.{0,40}\bincorporated\b|\bmay not be amended\b"
    r"|\bsalvatorische\b|\bschriftform\b|\bdivisibilité\b",
)
_ELSEWHERE = re.compile(
    r"^(?:see|refer to|cf\.?|vgl\.?|voir|siehe|véase)\b|\b(?:see|as|described|shown|listed|mentioned|noted"
    r"|given) (?:above|below)\b|\bthe (?:above|following|latter|former)\b.{0,40}[:.]$"
    r"|\b(?:following|below|as follows)\s*:$|^for (?:example|instance)\b|^(?:e\.g|i\.e)\.",
)
_ANAPHOR = re.compile(
    r"(?:it|its|they|their|them|he|his|she|her|this|these|those|such|that|here|there|however|but|and|or|nor"
    r"|so|also|thus|hence|then|therefore"
    r"|moreover|furthermore|additionally|in addition|similarly|otherwise|instead|nevertheless|meanwhile"
    r"|likewise|consequently|accordingly|alternatively"
    r"|finally|second|secondly|third|thirdly|yes|ok|er|sie|es|dies|diese[rs]?|jedoch|aber"
    r"|und|auch|daher|außerdem|il|elles?|ils|cela|ceci|cet"
    r"|cette|ces|mais|donc|ello|esto|est[ae]|pero|también|यह|वह|ये|लेकिन|परन्तु|इसलिए|هذا|هذه|لكن|وهو|وهي)"
    r"(?![\w'’-])(?! (?:agreement|licen[cs]e|report|paper|document|contract|study|article|software|lease"
    r"|package|library|module|project|guide|book|file"
    r"|repository|chapter|is an? agreement|vertrag|bericht)\b)",
)  # fmt: skip


_ANAPHOR_CJK = re.compile(
    r"(?:他|她|它|这(?!份|项)|這(?!份|項)|那|但|因此|所以|しかし|これ|それ|また|そして)"
)


def role(sentence: str, kind: str = "text") -> Role:
    """The role of a sentence in a document of that kind (`tasks.text.kinds`)."""
    if _MAIL_HEAD.match(sentence):
        return Role.NAVIGATION
    if _is_row(sentence):
        return Role.TABLE
    lead = _LEAD.match(sentence)[0]  # type: ignore[index]
    body = sentence[len(lead) :]
    if not _WORD.search(body) and not re.search(r"[^\W\d_]", body):
        return Role.MARKER
    shown = " ".join(readable(body).split())
    low = shown.lower()
    if found := _without_statement(sentence, shown, low, kind):
        return found
    if _NOTICE.search(low) or (kind in ("contract", "licence") and _BOILERPLATE.search(low)):
        return Role.LEGAL
    if not is_finished(shown) or (shown[:1].islower() and kind != "mail"):
        return _unfinished(shown, kind)
    if lead.strip() and len(shown.split()) <= LABEL_WORDS and is_titled(shown):
        return Role.HEADING  # "2. Term."
    return (
        Role.DEPENDENT
        if _ELSEWHERE.search(low) or _ANAPHOR.match(low) or _ANAPHOR_CJK.match(low)
        else Role.STATEMENT
    )


def _without_statement(sentence: str, shown: str, low: str, kind: str) -> Role | None:
    """The role of what states nothing."""
    words = len(_WORD.findall(shown))
    if not shown:
        return Role.NAVIGATION
    if kind != "dialogue" and _SIGNATURE.search(low):
        return Role.SIGNATURE
    if _CITATION.search(low):
        return Role.CITATION
    if kind != "dialogue" and _COURTESY.search(low):
        return Role.COURTESY
    if _COMMAND.match(sentence) or len(_CODE.findall(shown)) > max(1, words // 5):
        return Role.CODE
    if _URL.search(shown) and len(_WORD.findall(_URL.sub("", shown))) < 4:
        return Role.NAVIGATION
    if kind != "dialogue" and words < 30 and _NAVIGATION.search(low):
        return Role.NAVIGATION
    return None


def _is_row(sentence: str) -> bool:
    """Whether it is cells of a table, or hardly anything but numbers."""
    cells = len(_CELLS.findall(sentence.strip()))
    digits = sum(char.isdigit() for char in sentence)
    return (
        cells >= 2 and len(sentence.split()) <= _CELL_WORDS * (cells + 1) and not is_finished(sentence)
    ) or (digits > 8 and digits > 0.5 * len(sentence))


def _unfinished(shown: str, kind: str) -> Role:
    if len(shown) < 90 and not is_finished(shown) and (shown.isupper() or is_titled(shown)):
        return Role.HEADING
    items = kind in ("dialogue", "changelog", "minutes", "slides", "table")  # whose lines need no stop
    return Role.STATEMENT if items and not shown.endswith(":") else Role.FRAGMENT
