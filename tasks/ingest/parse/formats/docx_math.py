"""Equations of Word (Office Math) as a line that can be read and searched: "E=mc^2", "(a+b)/(2)", "√(x)"."""

from collections.abc import Callable
from typing import Any

_M = "{http://schemas.openxmlformats.org/officeDocument/2006/math}"
_WORD = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
_DEEPEST = 40


def linear(element: Any, depth: int = 0) -> str:
    """The text of an equation, or of a part of one."""
    if depth > _DEEPEST:
        return "".join(element.itertext(f"{_M}t"))
    name = _name(element)
    if name in ("t", "delText"):
        return element.text or ""
    if name in _FORMS:
        return _FORMS[name](element, depth + 1)
    if name.endswith("Pr"):
        return ""
    return "".join(linear(child, depth + 1) for child in element)


def _name(element: Any) -> str:
    tag = element.tag if isinstance(element.tag, str) else ""
    for space in (_M, _WORD):
        if tag.startswith(space):
            return tag.removeprefix(space)
    return ""


def _part(element: Any, name: str, depth: int) -> str:
    found = element.find(f"{_M}{name}")
    return "" if found is None else linear(found, depth)


def _closed(text: str) -> str:
    """The text, in brackets where it is more than one letter or number."""
    return text if len(text) == 1 or text.isalnum() else f"({text})"


def _set(element: Any, group: str, name: str, default: str) -> str:
    """A property of a form, such as the sign of a sum."""
    found = element.find(f"{_M}{group}/{_M}{name}")
    return default if found is None else str(found.get(f"{_M}val", default))


def _fraction(element: Any, depth: int) -> str:
    return f"{_closed(_part(element, 'num', depth))}/{_closed(_part(element, 'den', depth))}"


def _script(*marks: tuple[str, str]) -> Callable[[Any, int], str]:
    def told(element: Any, depth: int) -> str:
        parts = ((mark, _part(element, name, depth)) for mark, name in marks)
        return _part(element, "e", depth) + "".join(f"{mark}{_closed(text)}" for mark, text in parts if text)

    return told


def _root(element: Any, depth: int) -> str:
    degree = _part(element, "deg", depth)
    return f"{_closed(degree) if degree else ''}√({_part(element, 'e', depth)})"


def _nary(element: Any, depth: int) -> str:
    sign = _set(element, "naryPr", "chr", "∫")
    limits = (("_", _part(element, "sub", depth)), ("^", _part(element, "sup", depth)))
    told = "".join(f"{mark}{_closed(text)}" for mark, text in limits if text)
    return f"{sign}{told} {_part(element, 'e', depth)}"


def _delimited(element: Any, depth: int) -> str:
    first, last = (_set(element, "dPr", name, mark) for name, mark in (("begChr", "("), ("endChr", ")")))
    between = _set(element, "dPr", "sepChr", "|")
    return first + between.join(linear(one, depth) for one in element.findall(f"{_M}e")) + last


def _function(element: Any, depth: int) -> str:
    return f"{_part(element, 'fName', depth)} {_part(element, 'e', depth)}"


def _matrix(element: Any, depth: int) -> str:
    rows = (", ".join(linear(one, depth) for one in row) for row in element.findall(f"{_M}mr"))
    return f"[{'; '.join(rows)}]"


def _array(element: Any, depth: int) -> str:
    return "; ".join(linear(one, depth) for one in element.findall(f"{_M}e"))


_FORMS: dict[str, Callable[[Any, int], str]] = {
    "f": _fraction,
    "sSup": _script(("^", "sup")),
    "sSub": _script(("_", "sub")),
    "sSubSup": _script(("_", "sub"), ("^", "sup")),
    "sPre": _script(("_", "sub"), ("^", "sup")),
    "limLow": _script(("_", "lim")),
    "limUpp": _script(("^", "lim")),
    "rad": _root,
    "nary": _nary,
    "d": _delimited,
    "func": _function,
    "m": _matrix,
    "eqArr": _array,
}
