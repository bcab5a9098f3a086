"""Small corpora of made-up prose, and the settings under which they are read in seconds."""

from pathlib import Path

from flows.config import RunConfig, load

HOME = Path(__file__).parents[2] / ".nightread"
"""Where the converted default model is kept between tests."""

PLACES = ("Lisbon", "Oslo", "Quito", "Hanoi", "Turin", "Accra", "Perth", "Izmir", "Cusco", "Malmo")


def story(number: int, lines: int = 12) -> str:
    """A page of plain facts that differ from those of every other number."""
    place = PLACES[number % len(PLACES)]
    facts = [
        f"The observatory of {place} number {number} recorded {number * 37 + line * 11} meteors "
        f"in 19{10 + line}. "
        f"Its keeper wrote that the instrument in room {line} had been repaired {line + 2} times."
        for line in range(lines)
    ]
    return f"Report {number} from {place}\n\n" + "\n\n".join(facts) + "\n"


def write_corpus(folder: Path, documents: int, lines: int = 12) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(documents):
        (folder / f"report-{number:02d}.txt").write_text(story(number, lines))
    return folder


def tiny(home: Path, model: Path, *overrides: str) -> RunConfig:
    """The tiny preset in a home of its own, with the model that is converted already."""
    return load("tiny", [f"home={home}", f"infer.model={model}", *overrides])
