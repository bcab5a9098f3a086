"""The contexts that a node holds hot, and those it can open: claimed, saved, evicted.

The idea: a context is claimed before it is opened, and what another node claimed since is dropped unsaved.
The transcript is durable before a read is confirmed; the checkpoint beside it is written when much is new,
when nothing else is to be done, and before a context leaves memory. So a node that dies costs at most that
what its last checkpoint lacks is read again.
"""

import logging
import time
from collections.abc import Generator, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import torch

from model.context import checkpoint
from model.context.context import Context, Memory
from model.context.disk import StaleContext, TornContext
from model.context.heads import Heads
from model.files import make_durable
from model.reader import Reader
from tasks.errors import InvalidInput, Transient
from tasks.serve.directory.base import Claim, Held, Holding, QuotaExceeded
from tasks.serve.directory.claims import Claims
from tasks.serve.directory.eviction import coldest
from tasks.serve.directory.fence import FencedOff, fenced
from tasks.serve.door import Busy, HeldElsewhere, Name, State, Unavailable, UnknownContext
from tasks.serve.failures import RETRY_S, where
from tasks.serve.pieces import PIECE_TOKENS, Piece
from tasks.serve.places import folder_of
from tasks.serve.transcript import Transcript

log = logging.getLogger(__name__)
TRANSCRIPT, CHECKPOINT = "transcript", "checkpoint"
SAVE_STRIDES = 8
"""Of tokens without a checkpoint, at most, while a long text is read."""
SAVE_AGAIN_S = 30.0
"""After which a checkpoint that failed is tried again."""
RECOMPUTE_BYTES = 1 << 27
"""Of a context's recomputed blocks: those of the last question or two."""
_TOPIC_BLOCKS = 64

Steps = Generator[None, None, None]


@dataclass
class Hot:
    """A context in memory."""

    name: Name
    folder: Path
    claim: Claim
    transcript: Transcript
    context: Context
    used: float = field(default_factory=time.monotonic)
    checkpointed: int = 0
    """Tokens in its last checkpoint."""
    busy: int = 0
    """Calls that use it now; such a one is never evicted."""
    topic: tuple[float, ...] = ()
    save_again: float = 0.0
    """When a checkpoint that failed may be tried again; 0 where none did."""

    @property
    def unsaved(self) -> int:
        """Tokens that the last checkpoint lacks."""
        return len(self.context) - self.checkpointed

    @property
    def behind(self) -> int:
        """Tokens of the transcript that are not in the context yet."""
        return self.transcript.tokens - len(self.context)

    @property
    def bytes(self) -> int:
        """Of memory; an estimate of the larger parts."""
        context, tiers = self.context, self.context.keys.bytes()
        kv = context.reader.kv_bytes
        of_layers = kv * len(context.cache.layers) // context.reader.layers
        kept = sum(cache.held for cache in list(context.recompute.kept.values()))
        rows = tiers["host"] + tiers.get("device", 0) + len(context) * context.ids.itemsize
        return int(context.cache.held * of_layers + kept * kv + rows)

    @contextmanager
    def in_use(self) -> Iterator["Hot"]:
        """Within the block it is not evicted."""
        self.busy += 1
        try:
            yield self
        finally:
            self.busy -= 1
            self.used = time.monotonic()

    def state(self) -> State:
        held = self.transcript
        crcs = held.text_crc, held.ids_crc
        return State(held.tokens, held.chars, held.synced, self.bytes, *crcs, held.number)


@dataclass(frozen=True)
class Budget:
    """What a node may hold hot."""

    contexts: int
    bytes: int


class Contexts:
    """Contexts by name. All but `holdings` and `lose` belong to the one thread that computes.

    Args:
        home: where they are kept; all nodes see it under the same names.
    """

    def __init__(self, reader: Reader, heads: Heads, home: Path, claims: Claims, budget: Budget) -> None:
        self.reader, self.heads, self.home, self.claims, self.budget = reader, heads, home, claims, budget
        self.hot: dict[Name, Hot] = {}

    @property
    def bytes(self) -> int:
        """Of memory that all of them take."""
        return sum(one.bytes for one in list(self.hot.values()))

    def holdings(self) -> list[Holding]:
        """What the node tells the directory; from any thread."""
        now = time.monotonic()
        return [
            Holding(one.claim, "host", len(one.context), one.bytes, now - one.used, one.topic, one.busy > 0)
            for one in list(self.hot.values())
        ]

    def open(self, name: Name, create: bool) -> Hot:
        """A context, hot and this node's; it may be `behind` its transcript, see `catch_up`.

        Raises:
            UnknownContext: if nothing was ever read under the name, unless it is to be created.
            HeldElsewhere: if another node holds it.
            Busy: if there is no room, or the tenant holds as much as it may.
            InvalidInput: if it was read by another model.
        """
        if (hot := self.hot.get(name)) is not None:
            self.assure(hot)
            hot.used = time.monotonic()
            return hot
        folder = folder_of(self.home, name)
        if not create and not _was_read(folder):
            raise UnknownContext(f"{name.key}: no text was read into a context of this name: read one first")
        self._make_room(1)
        claim = self._claimed(name)
        try:
            with fenced(folder, claim.fence):
                hot = self._opened(name, folder, claim)
        except BaseException:
            self._release(claim)
            raise
        self.hot[name] = hot
        hot.topic = _topic(hot.context)
        return hot

    def catch_up(self, hot: Hot) -> Steps:
        """Read what the transcript has and the context lacks, piece by piece."""
        while hot.behind:
            self.assure(hot)
            self._read(hot, PIECE_TOKENS)
            yield

    def append(self, hot: Hot, piece: Piece) -> None:
        """Read on. Durable with `confirm`."""
        self.assure(hot)
        with self._fenced(hot):
            hot.transcript.append(piece.ids, piece.starts, piece.text)
        self._read(hot, len(piece.ids))
        if hot.unsaved >= SAVE_STRIDES * self.reader.stride:
            self.checkpoint(hot)

    def _read(self, hot: Hot, most: int) -> None:
        try:
            hot.context.read(hot.transcript.ids(len(hot.context), most))
        except StaleContext as error:  # its files are written by somebody else, or were
            self.drop(hot, save=False)
            raise Unavailable(f"{hot.name.key}: another node has not let go of it: ask again") from error

    def confirm(self, hot: Hot) -> None:
        """Make durable what was read; a checkpoint is written where reading it again would take long."""
        hot.transcript.sync()
        hot.topic = _topic(hot.context)
        if hot.unsaved >= self.reader.stride:
            self.checkpoint(hot)
        self._make_room(0, hot)

    def checkpoint(self, hot: Hot, last: bool = False) -> None:
        """Save, unless that failed just now: what is read is in the transcript, and whoever had it read does
        not hear of it. Of a context whose saving fails the log tells once.

        Args:
            last: whether the context leaves memory: then it is tried in any case.

        Raises:
            Unavailable: as `save`.
            OSError: if the transcript cannot be made durable: then it is the read that has failed.
        """
        if time.monotonic() < hot.save_again and not last:
            return
        try:
            hot.transcript.sync()
        except OSError:
            hot.save_again = time.monotonic() + SAVE_AGAIN_S  # others that are idle have their turn
            raise
        try:
            self.save(hot)
        except Exception as error:
            if self.hot.get(hot.name) is not hot:
                raise
            if last:
                log.error("%s: left to its transcript, a checkpoint failed: %s", hot.name.key, where(error))
            elif not hot.save_again:
                told = "%s: a checkpoint failed, and is tried again now and then: %s"
                log.error(told, hot.name.key, where(error))
            hot.save_again = time.monotonic() + SAVE_AGAIN_S

    def save(self, hot: Hot) -> None:
        """Write a checkpoint.

        Raises:
            Unavailable: if another node claimed the context meanwhile; it is dropped here.
        """
        with self._fenced(hot):
            hot.transcript.sync()
            if hot.unsaved:
                checkpoint.save(hot.context, hot.folder / CHECKPOINT)
                hot.checkpointed, hot.save_again = len(hot.context), 0.0

    def drop(self, hot: Hot, save: bool = True) -> None:
        """Take a context out of memory."""
        try:
            if save:
                self.checkpoint(hot, last=True)
        finally:
            if self.hot.pop(hot.name, None) is not None:
                hot.context.close()
                hot.transcript.close()
                self._release(hot.claim)

    def forget(self, name: Name) -> None:
        """Delete a context for good. What remains is a note by which no other node brings it back.

        Its transcript goes last: while that is there the context is known, so that forgetting it once more
        finishes what a crash or an error of the disk broke off.
        """
        if (hot := self.hot.get(name)) is not None:
            self.drop(hot, save=False)
        folder = folder_of(self.home, name)
        if not (_was_read(folder) or (folder / CHECKPOINT).exists()):
            return
        claim = self._claimed(name)
        try:
            with fenced(folder, claim.fence):
                checkpoint.remove(folder / CHECKPOINT)
                (folder / TRANSCRIPT).unlink(missing_ok=True)
                make_durable(folder)
        finally:
            self._release(claim)

    def _release(self, claim: Claim) -> None:
        with suppress(Transient):  # a directory that cannot be reached forgets it when the lease is over
            self.claims.release(claim)

    def _opened(self, name: Name, folder: Path, claim: Claim) -> Hot:
        place = folder / CHECKPOINT
        rows = self.budget.bytes // self.budget.contexts // 4
        memory = Memory(host_bytes=rows, folder=place, recompute_cache_bytes=RECOMPUTE_BYTES)
        transcript = Transcript(folder / TRANSCRIPT, self.reader.weights)
        try:
            context = self._context(place, memory, transcript)
        except BaseException:
            transcript.close()
            raise
        return Hot(name, folder, claim, transcript, context, checkpointed=len(context))

    def _context(self, place: Path, memory: Memory, transcript: Transcript) -> Context:
        """The context as it was saved; an empty one if that is damaged: all of it is in the transcript."""
        if checkpoint.exists(place):
            try:
                context = checkpoint.open_context(self.reader, place, memory)
            except TornContext:
                checkpoint.remove(place)
            except ValueError as error:
                told = str(error).replace(str(place), "this context")
                raise InvalidInput(f"{told}, after it is forgotten (close with forget)") from error
            else:
                if len(context) <= transcript.tokens:
                    return context
                context.close()  # a loss of power took the end of the transcript
                checkpoint.remove(place)
        return Context(self.reader, self.heads, memory)

    def _claimed(self, name: Name) -> Claim:
        """A claim of the directory; a tenant above its quota gives up what it uses least here."""
        while True:
            try:
                return self.claims.claim(*name)
            except Held as error:
                raise HeldElsewhere(str(error), error.by) from error
            except QuotaExceeded as error:
                others = (one for one in self.hot.values() if one.name != name)
                own = [one for one in others if one.name.tenant == name.tenant and not one.busy]
                if not own:
                    raise Busy(str(error), RETRY_S) from error
                self._evict(min(own, key=lambda one: one.used))

    def assure(self, hot: Hot) -> None:
        """Make sure that a context is this node's; where its lease ran out and nobody else took it, again."""
        if self.hot.get(hot.name) is not hot:
            raise Unavailable(f"{hot.name.key}: another node claimed it: ask again")
        if self.claims.holds(hot.claim):
            return
        try:
            claim = self._claimed(hot.name)
            with self._fenced(hot):
                hot.claim = claim
        except (HeldElsewhere, Unavailable):
            self.drop(hot, save=False)
            raise

    @contextmanager
    def _fenced(self, hot: Hot) -> Iterator[None]:
        """Within the block the context's folder is written; if it is another node's by now, it is dropped."""
        try:
            with fenced(hot.folder, hot.claim.fence):
                yield
        except (FencedOff, StaleContext) as error:
            self.drop(hot, save=False)
            raise Unavailable(f"{hot.name.key}: another node claimed it meanwhile: ask again") from error

    def _make_room(self, coming: int, keep: Hot | None = None) -> None:
        """Evict what is over the budget, the least recently used and least alike first.

        Raises:
            Busy: if a context is coming and all that are here are in use.
        """
        self._trim()
        focus = keep.topic if keep else ()
        while len(self.hot) + coming > self.budget.contexts or self.bytes > self.budget.bytes:
            others = [one for one in self.holdings() if not keep or one.claim != keep.claim]
            going = coldest(others, 1, focus)
            if not going:
                if len(self.hot) + coming > self.budget.contexts:
                    raise Busy(f"all {len(self.hot)} contexts of this node are in use", RETRY_S)
                return
            self._evict(self.hot[Name(*going[0])])

    def _trim(self) -> None:
        """Over the budget, recomputed blocks go first: of the context that was not used for longest."""
        for one in sorted(self.hot.values(), key=lambda one: one.used):
            if self.bytes <= self.budget.bytes:
                return
            if not one.busy:
                one.context.recompute.kept.clear()

    def _evict(self, hot: Hot) -> None:
        """Drop a context for the sake of others, whose calls do not hear what becomes of it."""
        with suppress(Transient):  # it is another node's by now
            try:
                self.drop(hot)
            except OSError as error:  # of the transcript: of a checkpoint that fails nothing is raised
                log.error("%s: evicted, and its disk may not hold it: %s", hot.name.key, where(error))


def _was_read(folder: Path) -> bool:
    return (folder / TRANSCRIPT).exists()


@torch.inference_mode()
def _topic(context: Context) -> tuple[float, ...]:
    """What a context is about: the mean of the calibrated heads' keys, over blocks from all of it."""
    if not context.blocks:
        return ()
    blocks = torch.linspace(0, context.blocks - 1, min(context.blocks, _TOPIC_BLOCKS)).long()
    mean = context.keys.gather(blocks).float().mean((0, 2)).flatten()
    return tuple(round(number, 4) for number in mean.tolist())
