"""A passage that several documents of one file hold is judged in each of them, and in no other row."""

from pathlib import Path

from tasks.recall.ask.statements import statements
from tests.tasks.recall.test_recall import embed, found, passages, remember, source

CLAUSE = "The licensor grants a perpetual, worldwide and free licence to use, copy and change the work."


def test_only_the_rows_that_hold_a_passage_are_looked_at(tmp_path: Path) -> None:
    texts = {f"d{n}": CLAUSE if n in (3, 7) else f"Row {n} is about ships." for n in range(8)}
    rows = [row for name, text in texts.items() for row in passages(name, [text])]
    memory = remember(
        tmp_path, "r1", rows, *(source("/a.jsonl", name, part) for part, name in enumerate(texts))
    )
    hits = found(memory, "Who grants a licence to copy the work?")[:1]
    asked = embed(["licence"])[0]
    assert sorted(one.document for one in statements(memory, hits, asked)) == ["d3", "d7"]
