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
    label: str = ""
    """Name of the document inside a container; "" for the source itself."""
    document: str = ""
    """Id of the document, by which it opens; "" of what was said in a session."""


def format_citation(citation: Citation) -> str:
    """`docs/a.pdf:page 3:1200-1320`, inside an archive `docs/old.zip#letters/a.pdf:page 3:1200-1320`."""
    inside = citation.label if citation.label != citation.place.replace(" ", "=") else ""
    source = f"{citation.uri}#{inside}" if inside else citation.uri
    return f"{source}:{citation.place}:{citation.start}-{citation.end}"
