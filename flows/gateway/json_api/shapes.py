"""What the JSON API answers, field by field, for its OpenAPI description.

The idea: rows come from the same functions as those of the commands. A model here says which fields of them
are the API's, and nothing that is not named here leaves.
"""

from collections.abc import Sequence
from typing import Any, Literal

from pydantic import BaseModel, Field

from flows.gateway.service.questions import Level


class Health(BaseModel):
    """Whether the gateway answers."""

    status: Literal["ok"] = "ok"


class Quote(BaseModel):
    """Verbatim words of a document."""

    text: str
    citation: str = Field(description="Where they stand, for people: source:place:start-end.")
    uri: str
    label: str = Field(description="Name of the document inside a container, else empty.")
    place: str = Field(description="Such as `page 3`.")
    document: str = Field(description="Id of the document, by which it opens.")
    start: int = Field(description="First character, in the document's text.")
    end: int = Field(description="One behind the last character.")


class Correction(BaseModel):
    """What a person said is right."""

    id: str
    says: str
    of: str = Field(description="The words that it corrects; empty for a whole source.")
    source: str
    on: str


class Relation(BaseModel):
    """What a record is to another one."""

    how: str = Field(description='Such as "superseded by", "contradicted by" or "also in".')
    record: str = Field(description="Id of the other record, if it is the newer one.")
    text: str
    title: str
    date: str
    citation: str
    about: str = Field(description="The words of this record that it is about.")
    document: str
    start: int


class Found(BaseModel):
    """A record that answers: what it says, and where that stands."""

    id: str
    level: Level
    document: str
    title: str
    section: str
    summary: str
    text: str
    dates: list[str]
    quotes: list[Quote]
    labels: list[str] = Field(description="What to know of its words, such as `instructions`.")
    corrections: list[Correction]
    relations: list[Relation]


class Hit(Found):
    """A record that answers, and why it came."""

    score: float
    novelty: float
    pinned: bool
    receipt: dict[str, Any] = Field(description="What each search and stage said of it.")


class Nearest(BaseModel):
    """Records for a question, best first."""

    question: str
    answered: bool = Field(description="Whether the memory answers; otherwise the hits are the nearest.")
    hits: Sequence[Found]


class Recalled(Nearest):
    """Records for a question, best first, and why each came."""

    hits: Sequence[Hit]
    seconds: dict[str, float]


class Citation(BaseModel):
    """A place that holds a claim, checked against the stored text."""

    uri: str
    place: str
    start: int
    end: int
    text: str
    label: str
    document: str = Field(description='Id of the document; "" of what was said in a session.')


class Claim(BaseModel):
    """A sentence that answers."""

    text: str
    citations: list[Citation]
    source: str = Field(description="Whose it is, where sources disagree.")
    by_person: bool
    labels: list[str]
    superseded_by: Relation | None
    level: str = Field("", description="The level of a session's memory that knew it.")


class Reply(BaseModel):
    """What is known of a question: claims that answer it, or the nearest passages."""

    question: str
    found: bool
    answer: str = Field(description="The claims in one text; empty where nothing answers.")
    claims: list[Claim]
    nearest: list[Citation]
    seconds: dict[str, float]
    session: str = ""
    round: int = Field(0, description="Of the session, that this became.")
    levels: dict[str, float] = Field({}, description="How much each level of the session counted.")


class Opening(BaseModel):
    """Characters of a document, and those around them."""

    document: str
    start: int
    end: int
    before: str
    text: str
    after: str
    place: str
    sources: list[str]
    chars: int = Field(description="Of the whole document.")


class Run(BaseModel):
    """One execution of a flow."""

    run: str
    status: str
    started: str
    finished: str
    corpus: list[str]
    counts: dict[str, Any]


class Runs(BaseModel):
    """Runs, newest first."""

    runs: list[Run]
    total: int


class Changed(BaseModel):
    """A document that differs from the memory of the run before."""

    status: str = Field(description="new, changed, read again, moved or gone")
    title: str
    place: str
    before: str
    removed: list[str] = Field(description="Sentences of its summary that are there no more.")
    added: list[str]


class Finding(BaseModel):
    """What a run found by comparing statements."""

    kind: str = Field(description="changed, superseded or conflicting")
    before: str
    now: str
    source: str


class RunReport(Run):
    """A run, and what it found to be new, changed, gone and conflicting."""

    documents: list[Changed]
    findings: list[Finding]
    compared_with: str = Field(
        description='The run before; "" where there is none, or nothing was published.'
    )


class Listed(BaseModel):
    """A source, and what became of it."""

    source: str
    outcome: str
    reason: str
    document: str
    version: str
    chars: int
    run: str
    read: str


class Coverage(BaseModel):
    """What memory holds of a document, and what it does not."""

    share: float
    outside: int
    places: list[str]
    sections: int
    untold: list[str]
    untold_count: int


class Covered(Listed):
    """A source with what memory holds of its document."""

    coverage: Coverage | None


class Documents(BaseModel):
    """Sources of one place, and how many there are."""

    documents: list[Listed]
    counts: dict[str, int] = Field(description="All of them, by outcome.")
    total: int


class Document(BaseModel):
    """The sources that hold one document."""

    documents: list[Covered]
    total: int


class Cited(BaseModel):
    """Verbatim words and where they stand, for people."""

    text: str
    citation: str


class Record(BaseModel):
    """One row of long-term memory."""

    id: str
    level: Level
    document: str
    title: str
    section: str
    summary: str
    text: str
    char_start: int
    char_end: int
    dates: list[str]
    entities: list[str]
    labels: list[str]
    children: list[str] = Field(description="Ids of the records below it in the summary tree.")
    run: str
    created: Any
    citations: list[Cited]
    sources: list[str]
    relations: list[Relation]
    corrections: list[Correction]


class Held(BaseModel):
    """A document that could not be read."""

    uri: str
    label: str
    outcome: str
    reason: str
    run: str
    since: str


class Quarantine(BaseModel):
    """Documents that could not be read."""

    documents: list[Held]


class Started(BaseModel):
    """Runs that Prefect was asked to start."""

    flow_runs: list[str] = Field(description="Their ids in Prefect.")


class Going(BaseModel):
    """A document that would be erased."""

    title: str
    places: list[str]
    earlier: bool


class Forgotten(BaseModel):
    """What would be erased, or the receipt of what was."""

    done: bool
    documents: list[Going] = Field([], description="Of a preview.")
    count: int = Field(0, description="Of a preview: documents, whatever their versions.")
    receipt: dict[str, Any] | None = Field(None, description="Of an erasure: what was erased where.")


class Round(BaseModel):
    """What one speaker said."""

    number: int
    speaker: str
    text: str
    time: str
    answer: str


class SessionRow(BaseModel):
    """A session as it is listed."""

    key: str
    rounds: int
    last: Round | None
    context_bytes: int


class Sessions(BaseModel):
    """Sessions, the one that was used last first."""

    sessions: list[SessionRow]


class Session(BaseModel):
    """The newest rounds of a session, oldest first."""

    key: str
    rounds: list[Round]


class Gone(BaseModel):
    """A session that was forgotten."""

    key: str
    rounds: int
