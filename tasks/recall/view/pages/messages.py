"""What the drawing process is asked, and what it answers."""

from dataclasses import dataclass

from tasks.ingest.ipc import Wire

Mark = tuple[float, float, float, float]
"""Left, top, width and height of a rectangle, in points from the page's upper left corner as it is shown."""


@dataclass(frozen=True)
class Up:
    """The process has loaded what it needs."""


@dataclass(frozen=True)
class Draw:
    """A page to draw."""

    path: str
    page: int
    """From 1."""
    before: str
    """The text of the page before the words, by which they are told from their equals."""
    words: str
    """To be marked; "" for none."""
    with_picture: bool


@dataclass(frozen=True)
class Drawn:
    """A page, its size in points."""

    width: float
    height: float
    pages: int
    """Of the whole file."""
    marks: list[Mark]
    picture: str
    """PNG in base64; "" where none was asked for."""


@dataclass(frozen=True)
class NotDrawn:
    """The page cannot be drawn."""

    reason: str


WIRE = Wire(Up, Draw, Drawn, NotDrawn)
