"""A citation: verbatim words and the source that holds them."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Citation:
    """Verbatim words and one source that holds them; offsets are characters of its parsed text."""

    uri: str
    place: str
    start: int
    end: int
    text: str


def format_citation(citation: Citation) -> str:
    """`docs/a.pdf:page 3:1200-1320`."""
    return f"{citation.uri}:{citation.place}:{citation.start}-{citation.end}"
