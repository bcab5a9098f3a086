"""Rounds: what one speaker says at a time, with a number that is never given again in its session."""

from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from tasks.errors import InvalidInput


@dataclass(frozen=True, slots=True)
class Said:
    """What is said, before it has a number. `answer` is what was replied from memory; it consists of quotes,
    so it is shown with its question and never searched."""

    speaker: str
    text: str
    time: datetime
    answer: str = ""
    documents: tuple[str, ...] = ()
    """Ids of the documents that the answer quotes."""


@dataclass(frozen=True, slots=True)
class Round(Said):
    """A round of a session; numbers begin at 1."""

    number: int = 0

    @property
    def place(self) -> str:
        """Such as "round 412, 3 May 2026 10:02", in this machine's time."""
        at = self.time.astimezone()
        return f"round {self.number}, {at.day} {at:%B %Y %H:%M}"

    @property
    def day(self) -> str:
        """ISO date, in this machine's time."""
        return self.time.astimezone().date().isoformat()

    def as_json(self) -> dict[str, Any]:
        """The round as it is exported: what `said_from` reads."""
        return {**asdict(self), "time": self.time.isoformat(), "documents": list(self.documents)}


def said_from(row: Any, place: str) -> Said:
    """What a line of an export says. `number` is not read: imported rounds are numbered anew.

    Args:
        place: of the line, for messages.

    Raises:
        InvalidInput: if it has no speaker or text, or a time that is none.
    """
    if not isinstance(row, dict):
        raise InvalidInput(f'{place}: give an object such as {{"speaker": "Ann", "text": "Hello"}}')
    texts = {name: row.get(name, "") for name in ("speaker", "text", "answer")}
    for name, value in texts.items():
        if not isinstance(value, str) or (name != "answer" and not value.strip()):
            raise InvalidInput(f"{place}: {name}={value!r} must be a text that is not empty")
    documents = row.get("documents", [])
    if not isinstance(documents, list) or not all(isinstance(one, str) for one in documents):
        raise InvalidInput(f"{place}: documents={documents!r} must be a list of ids")
    return Said(**texts, time=time_from(row.get("time"), place), documents=tuple(documents))


def time_from(value: Any, place: str) -> datetime:
    """An ISO time, UTC where it names no zone; now for None.

    Raises:
        InvalidInput: if it is none; the message begins with `place`.
    """
    if value is None:
        return datetime.now(UTC)
    try:
        time = datetime.fromisoformat(value)
        return time if time.tzinfo else time.replace(tzinfo=UTC)
    except (TypeError, ValueError):
        raise InvalidInput(f"{place}: {value!r} is no ISO time, such as 2026-05-03T10:02") from None
