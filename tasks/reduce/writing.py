"""Texts that the model writes over the extracts, where it proves able to.

A node always has its extract: sentences of the document. What is written from them takes its place as far
as it is grounded, and then the supporting sentences are its quotes. How much of a model's writing stands is
measured on its first texts; a model below the bar writes nothing in that run, and is not asked again, since
the ledger keeps the verdict.
"""

import json
import logging
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise

from model.summarizer import Request
from tasks.infer.cache_key import identity
from tasks.infer.models import LEAST_TO_WRITE, Models
from tasks.infer.prompts import EARLIER, THE_TEXT, instruction
from tasks.infer.quotes import Quote
from tasks.reduce.grounding import Grounded, ground
from tasks.runs.ledger import Ledger
from tasks.text.markup import readable

_log = logging.getLogger("nightread")

TRIAL = 16
"""Texts on which a model is judged. Fewer judge it for one run only."""
_NEXT = 3
"""Characters between two sentences of which the second directly follows the first, at most."""


Earlier = Callable[[str], Sequence[str]]
"""A text to what memory holds of other documents that is near to it."""


@dataclass(frozen=True)
class Material:
    """What one text is written from."""

    name: str
    """Key of the text: what it is written from, and for which level."""
    level: str
    kind: str
    """Kind of its document."""
    title: str
    spans: tuple[Quote, ...]
    """Sentences in the order of the document; what is written must be supported by them."""


@dataclass(frozen=True)
class Written:
    """A grounded text; "" where nothing that was written stood."""

    text: str
    quotes: tuple[Quote, ...]
    """The sentences that support it."""
    kept: int
    dropped: int


@dataclass(frozen=True)
class Verdict:
    """Whether a model writes, and why not."""

    writes: bool
    reason: str


class Author:
    """The model of a run as it writes, and what the ledger knows of its writing."""

    def __init__(self, models: Models, ledger: Ledger, earlier: Earlier | None = None) -> None:
        self.models, self.ledger, self.earlier = models, ledger, earlier
        self.config = models.config

        self.verdict = self._known()
        """Whether this model writes; None until that is measured."""

    def _known(self) -> Verdict | None:
        if self.config.write == "never":
            return Verdict(False, "writing is turned off")
        if not self.models.may_write:
            return Verdict(
                False, f"only models of {LEAST_TO_WRITE:,} parameters that take instructions are asked to"
            )
        if self.config.write == "always":
            return Verdict(True, "it was told to, whatever is supported")
        payload = self.ledger.get(self._verdict_key)
        return Verdict(**json.loads(payload)) if payload else None

    @property
    def _verdict_key(self) -> str:
        return identity("verdict", self.models.key)

    def write(self, materials: Sequence[Material]) -> dict[str, Written]:
        """What the model wrote from each of these, by name; only texts of which something stands.

        The first call measures the model, if no run has: it should be that of the windows.
        """
        ordered = sorted({one.name: one for one in materials if one.spans}.values(), key=lambda one: one.name)
        if not ordered:
            return {}
        verdict = self.verdict or self._try(ordered[:TRIAL])
        _log.info(
            "reduce: the model %s: %s", "writes" if verdict.writes else "does not write", verdict.reason
        )
        if not verdict.writes:
            return {}
        return {name: one for name, one in self._texts(ordered).items() if one.text}

    def _try(self, materials: Sequence[Material]) -> Verdict:
        """Measure the model on these texts; the verdict is kept if they are enough to judge it for ever."""
        self.verdict = self._judged(list(self._texts(materials).values()))
        if len(materials) == TRIAL:
            self.ledger.put(self._verdict_key, "verdict", json.dumps(asdict(self.verdict)).encode())
        return self.verdict

    def _judged(self, written: Sequence[Written]) -> Verdict:
        kept, dropped = sum(one.kept for one in written), sum(one.dropped for one in written)
        share, bar = kept / max(1, kept + dropped), self.config.ground.share
        return Verdict(share >= bar, f"{share:.0%} of its sentences are supported ({bar:.0%} are needed)")

    def _texts(self, materials: Sequence[Material]) -> dict[str, Written]:
        """Texts from the ledger, and those it lacks.

        Batches are drawn from all materials, done or not, so a run that resumes decodes the same ones;
        materials of like length share one, so that little is spent on padding.
        """
        ordered = sorted(materials, key=lambda one: (sum(len(span.text) for span in one.spans), one.name))
        done = self.ledger.has_many([self._key(one) for one in ordered])
        for start in range(0, len(ordered), self.config.summary_batch_size):
            batch = ordered[start : start + self.config.summary_batch_size]
            missing = [one for one in batch if self._key(one) not in done]
            if missing:
                items = zip(batch, self._written(batch), strict=True)
                self.ledger.put_many(
                    (self._key(one), "written", json.dumps(asdict(text)).encode())
                    for one, text in items
                    if one in missing
                )
        return {one.name: self._load(one) for one in ordered}

    def _key(self, material: Material) -> str:
        return identity("written", self.models.key, material.name)

    def _load(self, material: Material) -> Written:
        payload = self.ledger.get(self._key(material))
        assert payload is not None, f"{material.name} was not written"
        kept = json.loads(payload)
        return Written(**{**kept, "quotes": tuple(Quote(**quote) for quote in kept["quotes"])})

    def _request(self, material: Material) -> Request:
        text = source(material)
        earlier = self.earlier(text) if self.earlier else ()
        return Request(instruction(material.level, material.kind), source(material, earlier))

    def _written(self, batch: Sequence[Material]) -> list[Written]:
        writer = self.models.writer
        drafts = writer.write([self._request(one) for one in batch])
        texts = []
        for material, draft in zip(batch, drafts, strict=True):
            said = [readable(span.text) for span in material.spans]
            grounded = ground(draft, said, self.config.ground, writer.gains, _apart(material.spans))
            texts.append(_with_quotes(grounded, material.spans))
        return texts


def source(material: Material, earlier: Sequence[str] = ()) -> str:
    """What the model is shown of a material: its title, and each sentence in a line.

    Args:
        earlier: what memory holds of other documents; it stands apart, in front.
    """
    lines = [_line(readable(span.text)) for span in material.spans]
    said = [*([_line(material.title)] if material.title else []), *lines]
    before = [EARLIER, *(f"- {_line(text)}" for text in earlier), THE_TEXT] if earlier else []
    return "\n".join([*before, *said])


def _line(text: str) -> str:
    """A text as one line, which is never one of those that stand above texts."""
    flat = " ".join(text.split())
    return f"- {flat}" if flat in (EARLIER, THE_TEXT) else flat


def _apart(spans: Sequence[Quote]) -> frozenset[int]:
    """Numbers of the spans that do not directly follow the one before them."""
    return frozenset(
        number
        for number, (before, span) in enumerate(pairwise(spans), 1)
        if span.document != before.document or not 0 <= span.start - before.end <= _NEXT
    )


def _with_quotes(grounded: Grounded, spans: Sequence[Quote]) -> Written:
    quotes = tuple(spans[number] for number in grounded.spans)
    return Written(grounded.summary, quotes, len(grounded.kept), grounded.dropped)
