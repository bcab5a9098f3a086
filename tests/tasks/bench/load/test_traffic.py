"""Requests are counted, timed and checked: what is wrong, lost or failed is seen."""

import time
from collections.abc import Iterator
from dataclasses import replace

from tasks.bench.load.result import by_kind, errors, percentiles
from tasks.bench.load.sessions import sessions
from tasks.bench.load.traffic import KINDS, Request, Traffic
from tasks.serve.directory.local import LocalDirectory
from tasks.serve.door import (
    Busy,
    Cited,
    Done,
    Failed,
    Name,
    Piece,
    Retrieved,
    Taken,
)
from tests.tasks.serve.nodes import Node, Store

DOOR = "127.0.0.1:1"


class Reader(Node):
    """One that cites all that it was told."""

    def __init__(self) -> None:
        super().__init__(DOOR, LocalDirectory(60), Store())

    def cited(self, name: Name) -> tuple[Cited, ...]:
        text = self.store[name]
        return (Cited(0, 1, 0, len(text), text),)

    def retrieve(
        self, name: Name, question: str, blocks: int = 16, timeout_s: float | None = None
    ) -> Retrieved:
        return Retrieved(self.cited(name), 0.0)

    def ask(
        self, name: Name, question: str, new_tokens: int = 128, timeout_s: float | None = None
    ) -> Iterator[Piece | Done]:
        yield Piece(self.store[name])
        yield Done(self.cited(name), 1, True, 0.0)


def traffic(door: Node, **fields: object) -> Traffic:
    usual = Traffic(door, sessions(20, 0), requests=300, clients=4, seed=0, timeout_s=60)
    made = replace(usual, **fields)  # type: ignore[arg-type]
    assert not any(one.error for one in made.tell())
    made.run()
    return made


def test_every_request_is_made_once_and_checked() -> None:
    run = traffic(Reader())
    assert len(run.done) == 300
    assert run.lost == []
    assert {one.wrong for one in run.done} == {""}
    figures = {row["kind"]: row for row in by_kind(run.done)}
    assert list(figures) == list(KINDS)
    assert all(row["requests"] > 30 for row in figures.values())
    assert [figures[kind][name] for kind in ("retrieve", "ask") for name in ("cited", "found")] == [
        1,
        1,
        1,
        1,
    ]
    assert figures["ask"]["answered"] == 1
    assert errors(run.done) == []
    assert sum(len(one.facts) for one in run.sessions) == 20 * 12 + figures["read"]["requests"]


def test_no_request_begins_when_the_time_is_over() -> None:
    run = traffic(Reader(), until=time.monotonic())
    assert run.done == []


class MixesUp(Reader):
    """Answers some with what another session was told."""

    def cited(self, name: Name) -> tuple[Cited, ...]:
        return super().cited(Name("", "load-3") if name.key == "load-4" else name)


def test_an_answer_from_another_sessions_context_is_wrong() -> None:
    wrong = {one.wrong for one in traffic(MixesUp(), clients=1).done}
    assert any("tells what load-3 was told" in one for one in wrong)
    assert all("load-4" in one for one in wrong - {""})


class Says(Reader):
    """Cites what is right, and writes what another session was told."""

    def ask(
        self, name: Name, question: str, new_tokens: int = 128, timeout_s: float | None = None
    ) -> Iterator[Piece | Done]:
        yield Piece(self.store[Name("", "load-3")])
        yield Done(self.cited(name), 1, True, 0.0)


def test_another_sessions_number_in_the_words_of_an_answer_is_wrong() -> None:
    done = traffic(Says(), clients=1).done
    assert {one.wrong for one in done if one.kind == "retrieve"} == {""}
    assert any("answered what load-3 was told" in one.wrong for one in done)


class Forgets(Reader):
    """Loses a line it has acknowledged, once, and says it could not be reached."""

    forgot = False

    def read(self, name: Name, pieces: object, *more: object, **options: object) -> Taken:
        if name.key == "load-7" and name in self.store and self.store[name] and not self.forgot:
            self.forgot = True
            self.store[name] = self.store[name][:-90]
            raise Busy("come again", 0.1)
        return super().read(name, pieces, *more, **options)  # type: ignore[arg-type]


def test_what_was_acknowledged_and_is_gone_is_lost() -> None:
    run = traffic(Forgets(), requests=600, clients=1)
    assert len(run.lost) == 1
    assert run.lost[0].startswith("load-7: was told")
    assert {one.wrong for one in run.done} == {""}


class Fails(Reader):
    """Fails some reads behind their work, others before it, and some questions for good."""

    def __init__(self) -> None:
        super().__init__()
        self.count = 0

    def read(self, name: Name, pieces: object, *more: object, **options: object) -> Taken:
        self.count += 1
        if self.store.get(name) and self.count % 3 == 0:
            raise Busy("before", 0.1)
        taken = super().read(name, pieces, *more, **options)  # type: ignore[arg-type]
        if self.count % 3 == 1 and self.count > 20:
            raise Busy("behind", 0.1)
        return taken

    def retrieve(
        self, name: Name, question: str, blocks: int = 16, timeout_s: float | None = None
    ) -> Retrieved:
        raise Failed("broken")


def test_errors_are_told_by_kind_and_what_was_read_in_spite_of_one_is_known() -> None:
    run = traffic(Fails(), clients=1)
    assert run.lost == []
    assert {one.wrong for one in run.done} == {""}
    counted = {(row["kind"], row["error"], row["retryable"]) for row in errors(run.done)}
    assert counted == {("read", "Busy", True), ("retrieve", "Failed", False)}
    assert all(one.text == run.door.store[one.name] for one in run.sessions)  # type: ignore[attr-defined]


def test_percentiles_are_nearest_ranks() -> None:
    assert percentiles([float(i) for i in range(100, 0, -1)]) == {"p50": 50, "p95": 95, "p99": 99}
    assert percentiles([3.0, 1.0, 2.0, 4.0]) == {"p50": 2, "p95": 4, "p99": 4}
    assert percentiles([7.0]) == {"p50": 7, "p95": 7, "p99": 7}
    assert percentiles([]) == {"p50": 0, "p95": 0, "p99": 0}
    rows = by_kind([Request("ask", 2.0, first_s=0.5), Request("ask", 9.0, "Busy")])
    assert rows[-1]["p50"] == 2.0
    assert (rows[-1]["failed"], rows[-1]["first_p50"]) == (1, 0.5)
