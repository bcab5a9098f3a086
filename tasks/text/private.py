"""What in a text is a person's or a secret: e-mail addresses, phone numbers, accounts, cards, keys.

The idea: each kind is told by its form, and where it has a checksum by that too. Every pattern starts at the
start of a word and takes a bounded number of characters, so the time is linear in any text.
"""

import re
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass

KINDS = ("email", "phone", "iban", "card", "secret")
CONTACT = ("email", "phone", "iban", "card")
"""Kinds that say something of a person; a secret opens something."""
LONGEST = 1 << 14
"""Characters of the longest value that is found, which is a private key."""


@dataclass(frozen=True, slots=True)
class Private:
    """Characters [start, end) of a text, and what they are."""

    kind: str
    start: int
    end: int


def private(text: str, kinds: Collection[str] = KINDS) -> list[Private]:
    """Values of these kinds in a text, in order; they may overlap."""
    found = {Private(kind, *span) for kind in KINDS if kind in kinds for span in _FOUND[kind](text)}
    return sorted(found, key=lambda one: (one.start, one.end))


_LOCAL = r"A-Za-z0-9\u00c0-\u024f._%+'-"
_AT = re.compile(
    r"@(?:[A-Za-z0-9\u00c0-\u024f-]{1,63}\.){1,8}[A-Za-z\u00c0-\u024f]{2,24}(?![A-Za-z0-9\u00c0-\u024f])"
)
_BEFORE = re.compile(rf"[{_LOCAL}]{{1,64}}\Z")


def _emails(text: str) -> Iterator[tuple[int, int]]:
    for match in _AT.finditer(text):
        if local := _BEFORE.search(text[max(0, match.start() - 64) : match.start()]):
            yield match.start() - len(local.group()), match.end()


_CALLED = (
    r"tel(?:ephone|efon|éfono|efono|\.)?|phone|mobile|cell|fax|handy|mobil|tél(?:éphone)?|電話|电话|手机|手機|"
    r"携帯|传真|傳真|전화|тел(?:ефон|\.)?"
)
_PHONES = (
    re.compile(r"(?<![\w+])\+\d{1,3}(?:[ .\-/()\u00a0]{0,3}\d){6,13}(?!\d)"),
    re.compile(r"(?<![\w.(-])\(?\d{3}\)?[ .-]\d{3}[.-]\d{4}(?![\w-])"),
    re.compile(r"(?<![A-Za-z0-9_./-])1[3-9]\d(?:[ -]?\d{4}){2}(?![A-Za-z0-9_/-])"),  # a mobile in China
    re.compile(
        rf"(?i:(?<![A-Za-z])(?:{_CALLED}))(?: ?(?:no|number|nr|#)\.?)?[ :：.]{{1,4}}"
        r"(?P<value>\(?\d(?:[ .\-/()\u00a0]{0,3}\d){5,14})(?!\d)"
    ),
)


def _matched(*patterns: re.Pattern[str]) -> Callable[[str], Iterator[tuple[int, int]]]:
    """Places that one of the patterns matches, or their group `value`."""

    def places(text: str) -> Iterator[tuple[int, int]]:
        for pattern in patterns:
            group = "value" if "value" in pattern.groupindex else 0
            yield from (match.span(group) for match in pattern.finditer(text))

    return places


_LENGTHS = {
    one[:2]: int(one[2:])
    for one in (
        "AD24 AE23 AL28 AT20 AZ28 BA20 BE16 BG22 BH22 BR29 BY28 CH21 CR22 CY28 CZ24 DE22 DK18 DO28 EE20 EG29 "
        "ES24 FI18 FO18 FR27 GB22 GE22 GI23 GL18 GR27 GT28 HR21 HU28 IE22 IL23 IQ23 IS26 IT27 JO30 KW30 KZ20 "
        "LB28 LC32 LI21 LT20 LU20 LV21 LY25 MC27 MD24 ME22 MK19 MR27 MT31 MU30 NL18 NO15 PK24 PL28 PS29 PT25 "
        "QA29 RO24 RS22 SA24 SC31 SE24 SI19 SK24 SM27 ST25 SV28 TL23 TN24 TR26 UA29 VA22 VG24 XK20"
    ).split()
}
"""Characters of an account number (ISO 13616), by country."""
_IBAN = re.compile(r"(?<![A-Za-z0-9])[A-Z]{2}\d{2}(?:[ \u00a0-]?[A-Za-z0-9]){11,30}")


def _ibans(text: str) -> Iterator[tuple[int, int]]:
    for match in _IBAN.finditer(text):
        length = _LENGTHS.get(match.group()[:2], 0)
        places = [at for at, char in enumerate(match.group()) if char.isalnum()][:length]
        account = "".join(match.group()[at] for at in places).upper()
        if length and len(account) == length:
            digits = "".join(str(int(char, 36)) for char in account[4:] + account[:4])
            if int(digits) % 97 == 1:
                yield match.start(), match.start() + places[-1] + 1


_CARD = re.compile(
    r"(?<![\w.-])(?:[3-6]\d{12,18}|2[2-7]\d{14}|[2-6]\d{3}([ -])\d{4}\1\d{4}\1\d{4}(?:\1\d{1,3})?"
    r"|3[47]\d{2}([ -])\d{6}\2\d{5})(?![\w-])"
)


def _cards(text: str) -> Iterator[tuple[int, int]]:
    """Numbers of cards, by the check of Luhn 1960."""
    for match in _CARD.finditer(text):
        digits = [int(char) for char in match.group() if char.isdigit()][::-1]
        doubled = sum(digits[0::2]) + sum(sum(divmod(2 * digit, 10)) for digit in digits[1::2])
        if doubled % 10 == 0:
            yield match.span()


_TOKENS = re.compile(
    r"(?<![A-Za-z0-9_-])(?:(?:AKIA|ASIA)[A-Z0-9]{16}|gh[pousr]_[A-Za-z0-9]{30,255}|github_pat_\w{22,255}"
    r"|glpat-[\w-]{20,64}|xox[abeprs]-[A-Za-z0-9-]{10,250}|sk-[A-Za-z0-9_-]{20,200}|AIza[\w-]{35}"
    r"|[sr]k_(?:live|test)_[A-Za-z0-9]{16,128}|npm_[A-Za-z0-9]{36}|hf_[A-Za-z0-9]{30,64}|pypi-[\w-]{50,250}"
    r"|eyJ[\w-]{10,2000}\.eyJ[\w-]{10,4000}\.[\w-]{10,2000})(?![A-Za-z0-9])"
)
_VALUE = r"(?P<value>(?=[^\s\"'`,;<>]{0,199}\d)(?=[^\s\"'`,;<>]{0,199}[A-Za-z])[^\s\"'`,;<>(){}$*]{6,200})"
_NAMED = re.compile(
    r"(?i:(?<![A-Za-z])(?:password|passwd|passwort|kennwort|passphrase|mot de passe|contraseña"
    r"|client[_-]?secret|secret[_-]?key|api[_ -]?key|(?:secret[_-]?)?access[_-]?key|(?:auth|access)[_-]?token"
    r"|密码|密碼|口令|密钥|パスワード|비밀번호|пароль)[\"']?[ \t]{0,3}(?:[:=：]|is)[ \t]{0,3})[\"'`]?"
    + _VALUE
)
_BEARER = re.compile(r"(?i:(?<![A-Za-z])bearer) (?P<value>[A-Za-z0-9._~+/=-]{20,2000})")
_LOGIN = re.compile(
    r"://[^\s/:@]{1,64}:"
    r"(?!(?i:\w{0,20}(?:pass|passwd|pasword|password|pwd|token|secret|key|seed|login)\w{0,3}|x+|\*+|\.+|<[^>]{0,40}>)@)"
    r"(?P<value>[^\s/:@]{3,128})@"
)
"""A login in an address; "user:password@" is how one is written, and none."""
_KEY = re.compile(r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----")
_ENDS = re.compile(r"-----END [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----")


def _keys(text: str) -> Iterator[tuple[int, int]]:
    """Blocks of private keys; one without an end is as long as one may be."""
    at = 0
    while begins := _KEY.search(text, at):
        ends = _ENDS.search(text, begins.end(), begins.start() + LONGEST)
        at = ends.end() if ends else min(len(text), begins.start() + LONGEST)
        yield begins.start(), at


def _secrets(text: str) -> Iterator[tuple[int, int]]:
    yield from _keys(text)
    yield from _matched(_TOKENS, _NAMED, _BEARER, _LOGIN)(text)


_FOUND: dict[str, Callable[[str], Iterator[tuple[int, int]]]] = {
    "email": _emails,
    "phone": _matched(*_PHONES),
    "iban": _ibans,
    "card": _cards,
    "secret": _secrets,
}
