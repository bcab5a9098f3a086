"""Titles in capitals, written as people write them, with the capitals that the text itself keeps."""

import re

_FORMS = {"GMBH": "GmbH", "INC": "Inc"} | {
    form: form for form in ("LLC", "LLP", "PLC", "USA", "AG", "II", "III")
}
_KEPT_SMALL = frozenset("AND OR OF TO FOR THE IN ON BY A AN WITH AS AT FROM".split())


def cased(name: str, text: str) -> str:
    """A name in capitals as people write it: a word keeps its capitals only where the text knows no other"
    " form."""
    if not name.isupper() and sum(word.isupper() and len(word) > 3 for word in name.split()) < 2:
        return name
    return re.sub(r"[^\W\d_]{2,}(?:['’]S\b)?", lambda word: _word(word[0], text, word.start() == 0), name)


def _word(word: str, text: str, first: bool) -> str:
    if not word.isupper():
        return word
    if word in _FORMS:
        return _FORMS[word]
    if word in _KEPT_SMALL:
        return word.capitalize() if first else word.lower()
    other = re.search(rf"(?<!\w)(?:{re.escape(word.capitalize())}|{re.escape(word.lower())})(?!\w)", text)
    beside_small = re.search(
        rf"[a-z]\W{{1,3}}{re.escape(word)}(?!\w)|(?<!\w){re.escape(word)}\W{{1,3}}[a-z]", text
    )
    return word.capitalize() if other or not beside_small or len(word) > 4 else word
