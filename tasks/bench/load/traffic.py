"""Requests of many sessions at once: each is checked against what its session was told, and timed.

The idea: clients share out the sessions, so each session has one request at a time and its client knows what
it was told to the character. After an error the client asks what the reader holds: what was acknowledged must
be there.
"""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from random import Random

from tasks.bench.load.sessions import Fact, Session
from tasks.errors import NightreadError, Transient
from tasks.serve.door import Cited, Done, Piece, ReaderDoor

KINDS = {"read": 0.2, "retrieve": 0.5, "ask": 0.3}
"""Shares of requests: a line is read, blocks are retrieved for a question, a question is answered."""
FACTS = 12
"""Lines that a session is told at first."""
NEW_TOKENS = 32
"""Of an answer: a sentence with a number of eight digits."""
BLOCKS = 4
RETRIES = 100
"""After an error, until the reader says what it holds."""


@dataclass(frozen=True)
class Request:
    """One request as it went."""

    kind: str
    seconds: float
    error: str = ""
    """Its kind; "" if it was answered."""
    said: str = ""
    """Its message."""
    retryable: bool = True
    wrong: str = ""
    """What of the answer is not the session's own."""
    cited: int = 0
    """Blocks."""
    found: bool = False
    """Whether the fact that was asked for is in them."""
    answered: bool = False
    """Whether it is in the words of the answer."""
    first_s: float = 0.0
    """Until the first words of an answer."""


@dataclass
class Traffic:
    """Clients that ask through one door, until so many requests were made or the time is over.

    Args:
        clients: requests at a time.
        timeout_s: deadline of one request.
        until: by `time.monotonic`; no request begins after it.
    """

    door: ReaderDoor
    sessions: Sequence[Session]
    requests: int
    clients: int
    seed: int
    timeout_s: float
    until: float = float("inf")
    done: list[Request] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    """What was acknowledged and is not there."""
    _begun: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def tell(self) -> list[Request]:
        """Tell every session its first facts."""
        return self._everywhere(lambda mine, _: [self._read(one, one.more(FACTS)) for one in mine])

    def run(self) -> None:
        """Make the requests; `done` grows meanwhile."""
        self._everywhere(lambda mine, client: list(self._client(mine, Random(f"{self.seed}-{client}"))))

    def _everywhere(self, work: Callable[[Sequence[Session], int], list[Request]]) -> list[Request]:
        """What all clients did, each with sessions of its own."""
        shares = [self.sessions[client :: self.clients] for client in range(self.clients)]
        with ThreadPoolExecutor(self.clients) as pool:
            done = pool.map(work, shares, range(self.clients))
            return [request for requests in done for request in requests]

    def _client(self, mine: Sequence[Session], chance: Random) -> Iterator[Request]:
        while mine and self._another():
            session = chance.choice(mine)
            kind = chance.choices(list(KINDS), list(KINDS.values()))[0]
            if kind == "read" or not session.facts:
                request = self._read(session, session.more(1))
            else:
                request = self._asked(kind, session, chance.choice(session.facts))
            self.done.append(request)
            yield request

    def _another(self) -> bool:
        with self._lock:
            if self._begun >= self.requests or time.monotonic() > self.until:
                return False
            self._begun += 1
            return True

    def _read(self, session: Session, facts: Sequence[Fact]) -> Request:
        text, before = "".join(fact.line for fact in facts), time.perf_counter()
        try:
            taken = self.door.read(session.name, [text], session.tokens, self.timeout_s)
        except NightreadError as error:
            seconds = time.perf_counter() - before
            self._settle(session, facts)
            return _failed("read", seconds, error)
        session.tokens, session.text = taken.state.tokens, session.text + text
        session.facts += facts
        wrong = "" if taken.state.chars == len(session.text) else self._miscounted(session, taken.state.chars)
        return Request("read", time.perf_counter() - before, wrong=wrong)

    def _asked(self, kind: str, session: Session, fact: Fact) -> Request:
        question, before = session.question(fact), time.perf_counter()
        words, first = "", 0.0
        cited: tuple[Cited, ...] = ()
        try:
            if kind == "retrieve":
                cited = self.door.retrieve(session.name, question, BLOCKS, self.timeout_s).blocks
            else:
                for part in self.door.ask(session.name, question, NEW_TOKENS, self.timeout_s):
                    first = first or time.perf_counter() - before
                    if isinstance(part, Piece):
                        words += part.text
                    elif isinstance(part, Done):
                        cited = part.citations
        except NightreadError as error:
            return _failed(kind, time.perf_counter() - before, error)
        others = session.told.others(session.name, words)
        return Request(
            kind,
            time.perf_counter() - before,
            wrong=session.wrong(cited)
            or (f"{session.name.key}: answered what {others} was told" if others else ""),
            cited=len(cited),
            found=session.holds(cited, fact),
            answered=fact.number in words,
            first_s=first,
        )

    def _settle(self, session: Session, facts: Sequence[Fact]) -> None:
        """Learn how much of a text was read before an error: none, some or all of it."""
        told = session.text + "".join(fact.line for fact in facts)
        for _ in range(RETRIES):
            try:
                state = self.door.open(session.name, create=True, timeout_s=self.timeout_s)
            except Transient:
                time.sleep(0.1)
                continue
            if state.chars < len(session.text) or state.chars > len(told):
                self._miscounted(session, state.chars)
            session.tokens, session.text = state.tokens, told[: state.chars]
            session.facts = [fact for fact in [*session.facts, *facts] if fact.line in session.text]
            return
        self.lost.append(f"{session.name.key}: could not be opened again")

    def _miscounted(self, session: Session, chars: int) -> str:
        said = f"{session.name.key}: was told {len(session.text):,} characters, {chars:,} are there"
        self.lost.append(said)
        return said


def _failed(kind: str, seconds: float, error: NightreadError) -> Request:
    return Request(kind, seconds, type(error).__name__, str(error), isinstance(error, Transient))
