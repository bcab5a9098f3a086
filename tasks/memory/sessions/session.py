"""A session: rounds come in, the newest 100 are its mid-term memory, what is older becomes long-term memory.

The idea: adding costs the same at any length. A round is cut into spans, each joins a semantic vector of the
mid-term memory; spans that leave it, by age or by eviction, wait in the same file until there is a batch
worth writing to long-term memory. The folder of a session holds all there is of it:

    home/sessions/<key>/rounds.sqlite     every round, and the mid-term memory
    home/sessions/<key>/rounds.lance      long-term memory: spans of older rounds
    home/sessions/<key>/context           what `generate(memory_key=)` saved, by `model.context.checkpoint`
    home/sessions/<key>/.lock             held by the one process that writes
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np

from model.files import holder, locked
from model.hardware import share_freed
from tasks.errors import InvalidInput, Transient
from tasks.memory.embedders import same
from tasks.memory.keys import Key, spoken
from tasks.memory.sessions.clusters import Clusters, Tuning
from tasks.memory.sessions.longterm import move
from tasks.memory.sessions.round import Round, Said
from tasks.memory.sessions.store import FILE, NONE, Span, Store
from tasks.text.passages import stream_passages

Embed = Callable[[list[str]], np.ndarray]
"""Texts to unit vectors (n, 256), as `model.embed.embedder.Embedder.encode`."""

MID_TERM = 100
"""Newest rounds of a session that are its mid-term memory."""
MOVED = 64
"""Spans that have left the mid-term memory and are written to long-term memory together."""
SPAN_CHARS, SENTENCE_CHARS = 80, 900
"""Longest span of several sentences, and of one: a vector finds one sentence better than a whole round."""
DIMS = 256
WAIT_S = 60.0


class Session:
    """The session in a folder, which is made where there is none.

    Args:
        embedder: its name (`tasks.memory.embedders.embedder_name`): vectors of two cannot be compared.
    """

    def __init__(self, folder: Path, embedder: str, tuning: Tuning = Tuning()) -> None:  # noqa: B008  (frozen)
        share_freed()  # before the table has threads
        self.folder, self.embedder, self.tuning = folder, embedder, tuning
        self.store = Store(folder)
        self._stamp = -1
        self._clusters = Clusters(DIMS, tuning)

    def __enter__(self) -> "Session":
        return self

    def __exit__(self, *_: object) -> None:
        self.store.close()

    @property
    def key(self) -> str:
        return self.folder.name

    @property
    def clusters(self) -> Clusters:
        """The mid-term memory as it is now, whoever wrote to it."""
        if (stamp := self.store.stamp) != self._stamp:
            self._clusters = Clusters(DIMS, self.tuning)
            self._clusters.restore(self.store.clusters(), int(self.store.fact("clusters", "0")))
            self._stamp = stamp
        return self._clusters

    def add(self, said: Sequence[Said], embed: Embed) -> list[Round]:
        """Append rounds; they are on the disk when this returns.

        Raises:
            InvalidInput: if the session was made with another embedder.
            Transient: if another process writes for longer than a minute.
        """
        self.check_embedder()
        with self._alone():
            first = self.store.last + 1
            rounds = [_numbered(one, number) for number, one in enumerate(said, first)]
            spans = self._embedded(list(self._cut(rounds)), embed)
            with self._changing():
                self.store.set_fact("embedder", self.embedder)
                for one in rounds:
                    self.store.add_round(one)
                self._take_in(spans, self.store.last)
            self._move()
        return rounds

    def check_embedder(self) -> None:
        """Raises:
        InvalidInput: if the session was made with another embedder.
        """
        if not same(made := self.store.fact("embedder", self.embedder), self.embedder):
            raise InvalidInput(
                f"session {self.key!r} was made with another embedder ({made}): set infer.embedder back, or "
                f"`nightread session export {self.key} FILE` and import it under another key"
            )

    def use(self, spans: Sequence[Span]) -> None:
        """Note that spans were recalled: their semantic vectors stay longer."""
        with self._alone(), self._changing():
            used = {one.cluster for one in spans if one.cluster in self.clusters}
            self._clusters.touch(used, self.store.last)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        with alone(self.folder):
            if not (self.folder / FILE).exists():  # what is written to an open file that went is lost
                raise InvalidInput(f"session {self.key!r} was forgotten meanwhile: open it again")
            yield

    @contextmanager
    def _changing(self) -> Iterator[None]:
        """A transaction in which clusters change; after an error they are read again."""
        try:
            with self.store.writing():
                yield
                clusters = self._clusters
                self.store.set_clusters([clusters.stored(one) for one in clusters.changed], clusters.gone)
                self.store.set_fact("clusters", str(clusters.next_id))
        except BaseException:
            self._stamp = -1
            raise
        clusters.changed.clear()
        clusters.gone.clear()

    def _cut(self, rounds: Sequence[Round]) -> Iterator[Span]:
        """Spans of rounds without their vectors. An asked question and its answer say nothing themselves."""
        number, before = self.store.next_span, self._before(rounds[0].number) if rounds else ""
        for one in rounds:
            if one.answer:
                continue
            pieces = stream_passages([(0, one.text)], SPAN_CHARS, SENTENCE_CHARS)
            for start, end, text in pieces:
                key = f"[{spoken(one.day)}] {one.speaker}: {text}"
                context = Key(date=one.day, speaker=one.speaker, before=before).context(text)
                yield Span(number, one.number, start, end, key, context, _EMPTY, _EMPTY)
                number, before = number + 1, f"{one.speaker}: {text}"

    def _before(self, number: int) -> str:
        """What was said last before a round."""
        said = [one for one in self.store.rounds(number - 5, number - 1) if not one.answer]
        return f"{said[-1].speaker}: {said[-1].text}" if said else ""

    def _embedded(self, spans: Sequence[Span], embed: Embed) -> list[Span]:
        if not spans:
            return []
        texts = [one.key for one in spans] + [one.context for one in spans]
        vectors = np.asarray(embed(texts), dtype=np.float32)
        both = zip(spans, vectors, vectors[len(spans) :], strict=False)
        return [replace(one, vector=plain, context_vector=context) for one, plain, context in both]

    def _take_in(self, spans: Sequence[Span], last: int) -> None:
        """Put spans into mid-term memory; what is too old or evicted leaves it."""
        clusters = self.clusters
        for one in spans:
            joined = clusters.add(one.vector, one.round)
            self.store.add_spans([replace(one, cluster=joined)])
            while (ident := clusters.evicted()) is not None:
                self.store.release_spans(span.id for span in self.store.spans("cluster = ?", ident))
                clusters.drop(ident)
        old = self.store.spans("round <= ? AND cluster >= 0", last - MID_TERM)
        for one in old:
            clusters.remove(one.cluster, one.vector)
        self.store.release_spans(one.id for one in old)

    def _move(self) -> None:
        """Move what has left the mid-term memory, once it is worth a write."""
        while self.store.count_spans("cluster = ?", NONE) >= MOVED:
            spans = self.store.spans("cluster = ?", NONE)[: 8 * MOVED]
            move(self.folder, spans, self.store.of_numbers(one.round for one in spans))
            with self.store.writing():
                self.store.delete_spans(one.id for one in spans)


@contextmanager
def alone(folder: Path, wait_s: float = WAIT_S) -> Iterator[None]:
    """Hold the right to write to the session in this folder.

    Raises:
        Transient: if another process holds it for longer than `wait_s`.
    """
    lock = folder / ".lock"
    try:
        with locked(lock, wait_s):
            yield
    except TimeoutError as error:
        raise Transient(
            f"session {folder.name!r}: {holder(lock)} has been writing to it for {wait_s:g} s: wait until it "
            "is done, or end it, and try again"
        ) from error


_EMPTY = np.zeros(0, dtype=np.float32)


def _numbered(said: Said, number: int) -> Round:
    return Round(said.speaker, said.text, said.time, said.answer, said.documents, number=number)
