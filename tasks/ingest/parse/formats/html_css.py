"""What the style sheets of a page hide: elements that are not shown, or that stand where nobody sees them.

The idea: of the cascade only what can hide is followed. For every way to hide, the rule that wins by its
selector and its place says whether an element is hidden: tabs of which one is open show that one.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

_LONGEST = 2000
"""Characters of declarations that are looked at."""
_NESTED, _MOST_RULES, _MOST_OF_A_NAME, _MOST_PARTS = 20, 5000, 500, 8
"""Rules inside each other, rules that are kept, in all and of one name, and parts of a selector."""
_NEAR, _OUTER = 100, 10
"""Elements around one that are looked at: the nearest, and the outermost."""
_COMPOUND = re.compile(r"(?=[\w.#*-])(?:[a-z][\w-]*|\*)?(?:[.#][\w-]+)*", re.I)
_NAME = re.compile(r"[.#]?[\w-]+")
_VALUE = r"\s*:\s*([^;!}]*?)\s*(?=[;!}]|$)"
_WAYS = {
    "display": (re.compile(rf"(?<![\w-])display{_VALUE}", re.I), re.compile("none", re.I)),
    "visibility": (re.compile(rf"(?<![\w-])visibility{_VALUE}", re.I), re.compile("hidden|collapse", re.I)),
    "size": (re.compile(rf"(?<![\w-])font-size{_VALUE}", re.I), re.compile(r"0(?:\.0+)?\w*")),
    "opacity": (re.compile(rf"(?<![\w-])opacity{_VALUE}", re.I), re.compile(r"0?(?:\.0+)?%?")),
    "colour": (re.compile(rf"(?<![\w-])color{_VALUE}", re.I), re.compile("transparent", re.I)),
    "clip": (
        re.compile(rf"(?<![\w-])clip(?:-path)?{_VALUE}", re.I),
        re.compile(r"rect\((?:[01](?:px)?[\s,]*){4}\)|inset\((?:50|100)%\)", re.I),
    ),
    "place": (
        re.compile(rf"(?<![\w-])(?:left|top|right|bottom|text-indent){_VALUE}", re.I),
        re.compile(r"-\d{3,}(?:\.\d+)?(?:px|r?em|pt|%|vw)?", re.I),
    ),
    "box": (
        re.compile(rf"(?<![\w-])(?:max-)?(?:height|width){_VALUE}", re.I),
        re.compile(r"0(?:\.0+)?(?:px|r?em|pt|%|v[wh])?", re.I),
    ),
}
"""Ways to hide: the property, and the value that hides by it."""
_CUT = re.compile(r"(?<![\w-])overflow(?:-[xy])?\s*:\s*(?:hidden|clip)", re.I)
"""What makes a box of no size hide its text."""
_BACKGROUND = re.compile(rf"(?<![\w-])background(?:-color)?{_VALUE}", re.I)
_UNSEEN_CLASSES = frozenset(
    ".sr-only .visually-hidden .visuallyhidden .screen-reader-text .screen-reader-only".split()
)
"""What widely used style sheets call text for screen readers; they lie beside the page, if anywhere."""


class _Part(NamedTuple):
    """One part of a selector: what an element must be called, and how it stands to the part before it."""

    names: frozenset[str]
    is_child: bool


@dataclass(frozen=True, slots=True)
class _Rule:
    parts: tuple[_Part, ...]
    weight: tuple[int, int, int, int]
    """Ids, classes and elements of the selector, and the place of the rule: the largest wins."""
    ways: tuple[tuple[str, bool], ...]


class Styles:
    """The style sheets of a page so far."""

    def __init__(self) -> None:
        self._rules: dict[str, list[_Rule]] = {}
        self._count = 0

    def add(self, css: str) -> None:
        """Another style sheet; what holds on paper, or on narrow screens, is passed over."""
        open_rules, text = list[str](), ""
        for piece in re.split(r"([{}])", _uncommented(css)):
            if len(open_rules) > _NESTED or self._count > _MOST_RULES:
                return
            if piece == "{":
                open_rules.append(text.rpartition(";")[2].strip().lower())
            elif piece == "}" and open_rules:
                selectors = open_rules.pop()
                ways = tuple(_ways(text)) if len(text) < _LONGEST and all(map(_applies, open_rules)) else ()
                for selector in selectors.split(",") if ways else ():
                    self._add(selector, ways)
            text = piece if piece not in "{}" else ""

    def _add(self, selector: str, ways: tuple[tuple[str, bool], ...]) -> None:
        parts = _parts(selector)
        if not parts or parts[-1].names & {"html", "body"}:  # hidden until a script has run
            return
        self._count += 1
        names = [name for part in parts for name in part.names]
        ids, classes = (sum(name.startswith(sign) for name in names) for sign in "#.")
        rule = _Rule(parts, (ids, classes, len(names) - ids - classes, self._count), ways)
        rules = self._rules.setdefault(max(parts[-1].names, default="*"), [])
        if len(rules) < _MOST_OF_A_NAME:
            rules.append(rule)

    def hide(self, names: frozenset[str], style: str, around: Sequence[frozenset[str]]) -> bool:
        """Whether an element is hidden.

        Args:
            names: what it is called: its tag, "#id", ".class".
            style: its own declarations.
            around: the names of the elements that it is in, the outermost first.
        """
        if names & _UNSEEN_CLASSES:
            return True
        found = dict[str, tuple[tuple[int, ...], bool]]()
        for name in (*names, "*") if self._rules else ():
            for rule in self._rules.get(name, ()):
                if rule.parts[-1].names <= names and _stands(rule.parts, around):
                    for way, hides in rule.ways:
                        found[way] = max(found.get(way, (rule.weight, hides)), (rule.weight, hides))
        own = dict(_ways(style[:_LONGEST])) if style else {}
        return any(({way: hides for way, (_, hides) in found.items()} | own).values())


def names_of(tag: str, attributes: Mapping[str, str]) -> frozenset[str]:
    """What selectors call an element by."""
    classes = (f".{one}" for one in attributes.get("class", "").lower().split())
    return frozenset((tag, f"#{attributes['id'].lower()}" if "id" in attributes else tag, *classes))


def _ways(declarations: str) -> Iterator[tuple[str, bool]]:
    """Ways to hide that declarations speak of, and whether they do."""
    for way, (named, hiding) in _WAYS.items():
        values = named.findall(declarations)
        if way == "place" and values:
            yield way, any(map(hiding.fullmatch, values))
        elif way == "box":
            if values and _CUT.search(declarations) and "padding" not in declarations.lower():
                yield way, any(map(hiding.fullmatch, values))
        elif way == "colour" and values and (behind := _BACKGROUND.findall(declarations)):
            yield way, values[-1].lower() == behind[-1].lower()
        elif values:
            yield way, bool(values[-1]) and hiding.fullmatch(values[-1]) is not None


def _applies(rule: str) -> bool:
    """Whether what stands inside a rule such as "@media screen" holds for a wide screen."""
    return (
        not rule.startswith("@media") or re.search(r"print|speech|max-|width\s*<|prefers|not ", rule) is None
    )


def _parts(selector: str) -> tuple[_Part, ...]:
    """The parts of a selector; none for one that asks for more than names and what stands around."""
    found: list[_Part] = []
    child = False
    words = selector.replace(">", " > ").split()
    for word in words if len(words) <= 2 * _MOST_PARTS else ():
        if word == ">":
            child = True
        elif _COMPOUND.fullmatch(word):
            found.append(_Part(frozenset(_NAME.findall(word)), child))
            child = False
        else:
            return ()
    return tuple(found) if not child else ()


def _stands(parts: Sequence[_Part], around: Sequence[frozenset[str]]) -> bool:
    """Whether what stands around an element is as all but the last part of a selector say."""
    if len(parts) > 1 and len(around) > _NEAR + _OUTER:
        around = [*around[:_OUTER], *around[-_NEAR:]]
    places = {len(around)}
    for part, inner in zip(reversed(parts[:-1]), reversed(parts), strict=False):
        tried = {place - 1 for place in places if place} if inner.is_child else range(max(places))
        places = {at for at in tried if part.names <= around[at]}
        if not places:
            return False
    return True


def _uncommented(css: str) -> str:
    first, *rest = css.split("/*")
    return first + "".join(piece.partition("*/")[2] for piece in rest)
