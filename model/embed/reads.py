"""Whether an embedder can read a text: where it knows no word of a script, its vectors mean nothing.

The idea: a tokenizer shows what its model was trained on. A script that it never met comes out as unknown
tokens, or letter by letter; words that it met often are tokens of several letters.
"""

import re
from typing import Any

_LETTER = re.compile(r"[^\W\d_]")
_LATIN = re.compile(r"[A-Za-z\u00aa-\u024f\u1e00-\u1eff\d]")
_HAN = re.compile("[\u3400-\u9fff\uf900-\ufaff]")
_LEAST = 1.2
"""Letters of a token, where the tokenizer knows words of a script."""
_UNKNOWN = 0.02
"""Share of the tokens that may be unknown."""


def reads(tokenizer: Any, text: str) -> bool:
    """Whether the words of a text mean anything to a model with this tokenizer (of `tokenizers`).

    A text that is mostly in Latin letters does.
    """
    foreign = _LATIN.sub(" ", text)
    letters = len(_LETTER.findall(foreign))
    if 2 * letters <= len(_LETTER.findall(text)):
        return True
    tokens = tokenizer.encode(foreign, add_special_tokens=False).tokens
    unknown = sum(token.strip("<[]>").lower() == "unk" for token in tokens)
    if unknown > _UNKNOWN * len(tokens):
        return False
    if 2 * len(_HAN.findall(foreign)) > letters:  # each a word
        return True
    said = [token for token in tokens if any(char.isalpha() for char in token)]
    return letters >= _LEAST * len(said)
