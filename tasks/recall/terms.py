"""Terms: the content words of a question or a sentence, brought to a form in which they can be compared.

The idea: a term is what remains of a word without case, accents and endings; where words do not stand apart,
two neighbouring characters. Names and numbers are told from other words, since a passage about
another name is about something else, however alike the words.
"""

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Literal

from tasks.text import stems as snowball
from tasks.text.scripts import HANGUL, MARKS, UNSPACED, pairs
from tasks.text.stems import bare
from tasks.text.stop_words import BY_LANGUAGE, PAIRS, PARTICLES, STOP_WORDS

Kind = Literal["word", "name", "number"]

_PAIRED = UNSPACED + HANGUL
_LETTER = rf"(?:(?![{_PAIRED}])[^\W_])"
_WORD = re.compile(
    rf"(?P<pairs>[{UNSPACED}]+|[{HANGUL}]+)|\d+(?:[.,]\d+)*|(?:[A-Za-z]\.){{2,}}"
    rf"|{_LETTER}(?:{_LETTER}|[{MARKS}])*(?:['\u2019](?:(?!\d){_LETTER})+)*"
)

_ASCII_WORD = re.compile(r"\d+(?:[.,]\d+)*|(?:[A-Za-z]\.){2,}|[A-Za-z0-9]+(?:'[A-Za-z]+)*")
"""The same words of a text in ASCII, found several times as fast."""

STOP = STOP_WORDS | frozenset(
    """
    above against also aren below done don else ever every get gets got herself himself isn let like many
    may might much must myself often per please said say says shall tell upon us wasn whether whose within
    yourself happen happens happened someone somebody anyone anybody something anything d ll m re ve
    hereby herein hereof hereto thereof
    der die das den dem des ein eine einen einem einer eines und oder aber ist sind war waren wird werden
    wurde wurden hat haben hatte im in am an auf aus bei mit nach von vom zu zum zur f\u00fcr \u00fcber unter
    nicht auch als wie was wer wen wem wann wo warum welche welcher welches welchen es sie er ich wir ihr
    sich nur noch viel viele
    le la les un une des du de et ou est sont \u00e9tait a au aux dans en par pour sur avec qui que quoi
    quand o\u00f9 comment combien quel quelle quels quelles il elle ils elles se ne pas
    el los las uno unos unas y o es son era fue del al por para con sin qui\u00e9n cu\u00e1ndo d\u00f3nde
    c\u00f3mo cu\u00e1nto cu\u00e1nta cu\u00e1ntos cu\u00e1l
    """.split()
).union(*(BY_LANGUAGE[one] for one in ("russian", "ukrainian", "greek", "arabic", "hebrew", "hindi", "urdu")))
"""Words that carry no content, of English and of its neighbours, and of languages of other scripts."""

_GERMAN = frozenset(
    "der die das dem des ein eine einen ist sind wird wer wie wann welche welcher wo warum".split()
) - {"die"}

_BETWEEN = re.compile(f"[^{''.join(sorted(PARTICLES))}]+")
_ENDING = re.compile("[\u3041-\u3096]")
"""A sign of Japanese that is left of an ending."""
_STEMMERS = (
    (re.compile("[\u0400-\u04ff]"), "russian"),
    (re.compile("[\u0370-\u03ff]"), "greek"),
    (re.compile("[\u0900-\u097f]"), "hindi"),
)
"""Whose endings a word has, by its script; any other one has those of English."""

_IRREGULAR = {
    form: base
    for line in """
    be:is,are,was,were,been begin:began,begun bring:brought build:built buy:bought catch:caught
    choose:chose,chosen come:came draw:drew,drawn drive:drove,driven eat:ate,eaten fall:fell,fallen
    feel:felt find:found fly:flew,flown forget:forgot,forgotten give:gave,given go:went,gone,goes
    grow:grew,grown hold:held hear:heard keep:kept know:knew,known lead:led leave:left lend:lent lose:lost
    make:made meet:met pay:paid read:read ride:rode,ridden rise:rose,risen run:ran see:saw,seen sell:sold
    send:sent sing:sang,sung sit:sat sleep:slept speak:spoke,spoken spend:spent stand:stood swim:swam,swum
    take:took,taken teach:taught think:thought throw:threw,thrown understand:understood wear:wore,worn
    win:won write:wrote,written child:children man:men woman:women person:people wife:wives life:lives
    tear:tore,torn sink:sank,sunk break:broke,broken become:became bear:born,bore steal:stole,stolen
    """.split()
    for base, forms in [line.split(":")]
    for form in forms.split(",")
}
"""Irregular forms and the word that they are forms of."""


@dataclass(frozen=True, slots=True)
class Term:
    """What is compared, as it was written, and what it is."""

    stem: str
    written: str
    kind: Kind
    start: int


@lru_cache(maxsize=1 << 17)
def stem(word: str) -> str:
    """The form of a word that all its forms share."""
    low = word.lower()
    if not low.isascii():
        low = bare(next((snowball.stem(low, of) for script, of in _STEMMERS if script.match(low)), low))
    parts = unicodedata.normalize("NFKD", low)
    plain = "".join(c for c in parts if not unicodedata.combining(c)) or word  # a voicing mark alone
    plain = plain.replace(".", "") if not plain[0].isdigit() else plain  # U.S.
    plain = plain.split("'")[0].split("\u2019")[0] or plain
    return snowball.stem(_IRREGULAR.get(plain, plain), "english")


def _words(text: str) -> Iterator[tuple[int, str]]:
    """Words with their place; of a run whose words do not stand apart, every two neighbours."""
    for match in _WORD.finditer(text):
        if not match["pairs"]:
            yield match.start(), match[0]
            continue
        for run in _BETWEEN.finditer(match[0]):
            for at, pair in pairs(run[0]):
                if pair not in PAIRS and not _ENDING.fullmatch(pair):
                    yield match.start() + run.start() + at, pair


def ordered(text: str) -> list[str]:
    """Stems of the content words of `text`, in order."""
    words = _ASCII_WORD.findall(text) if text.isascii() else [word for _, word in _words(text)]
    return [stem(word) for word in words if word.lower() not in STOP]


def stems(text: str) -> set[str]:
    """Stems of all content words of `text`."""
    return set(ordered(text))


def terms(text: str) -> list[Term]:
    """Terms of `text` in order, each stem once."""
    found: dict[str, Term] = {}
    for start, word in _words(text):
        if word.lower().split("'")[0].split("\u2019")[0] not in STOP:
            term = Term(stem(word), word, _kind(word, start, text), start)
            found.setdefault(term.stem, term)
    some = list(found.values())
    inner = [term for term in some if term.kind != "number" and text[: term.start].strip()]
    if (len(inner) > 4 and all(term.written[0].isupper() for term in inner)) or _GERMAN & set(
        text.lower().split()
    ):
        return [replace(t, kind="word") if t.kind == "name" and t.written[1:].islower() else t for t in some]
    return some  # where every word, or every noun, has a capital, a capital makes no name


def _kind(word: str, start: int, text: str) -> Kind:
    if word[0].isdigit():
        return "number"
    inner = any(c.isupper() or c.isdigit() for c in word[1:])
    opens = not text[:start].strip("\"'\u201c( ") or text[:start].rstrip()[-1:] in ".!?:"
    return "name" if inner or (word[0].isupper() and not opens) else "word"


def has(one: str, held: set[str] | frozenset[str]) -> bool:
    """Whether a stem, or another form of it with a longer or a shorter ending, is held."""
    if one in held:
        return True
    if len(one) < 4 or not one.isalpha():
        return False
    return any(
        min(len(other), len(one)) >= 4
        and abs(len(other) - len(one)) <= 4
        and (other.startswith(one) or one.startswith(other))
        for other in held
    )
