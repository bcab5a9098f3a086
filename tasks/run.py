"""One run over a corpus: what every step needs, and the steps that turn sources into published records.

Each function is a step of `flows.read`, in its order. They hold no state of their own: what is done is
in the ledger and in files, so a step that runs again does only what is missing.
"""

import json
import secrets
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any

from tasks.errors import InvalidInput
from tasks.infer.cluster import read_all
from tasks.infer.group import Setup
from tasks.infer.queue import Desk, Outcome
from tasks.infer.windows import Models, Source, cache_key, forget_states, window_key
from tasks.ingest.cluster import connect
from tasks.ingest.discover import discover, root
from tasks.ingest.parse import parse_source, parser_key
from tasks.ingest.shard import ShardedDocument, shard_all
from tasks.ingest.storage import Found
from tasks.ledger import Ledger
from tasks.memory import records as remembering
from tasks.memory.changes import Replaced
from tasks.memory.publish import Published, publish
from tasks.memory.reader import Memory, open_memory, published
from tasks.memory.sources import Seen, merge_sources, orphans
from tasks.memory.staging import stage
from tasks.plan.estimate import LEARN_TOKENS, Estimate, Rates, Spent, estimate, load_rates, read_cost, trial
from tasks.plan.estimate import learn as keep_rates
from tasks.reduce.tree import Node, corpus_tree, document_tree, summarise
from tasks.settings import ClusterConfig, InferConfig, ParseConfig, ShardConfig, StorageConfig

Row = dict[str, Any]
Progress = Callable[[int], None]


@dataclass(frozen=True)
class Run:
    """Identity, place and configuration of one run."""

    uris: tuple[str, ...]
    home: Path
    storage: StorageConfig
    parse: ParseConfig
    shard: ShardConfig
    infer: InferConfig
    cluster: ClusterConfig
    run: str = field(default_factory=lambda: f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{secrets.token_hex(2)}")
    started: float = field(default_factory=time.monotonic)
    clock: dict[str, float] = field(default_factory=dict)
    """Seconds of writing summaries and of embedding."""

    @cached_property
    def ledger(self) -> Ledger:
        return Ledger(self.home / "ledger.sqlite")

    @cached_property
    def models(self) -> Models:
        return Models(self.home, self.infer, self.shard.stride)

    @cached_property
    def key(self) -> str:
        """The cache key: what was read under another one is read again."""
        return cache_key(self.models, self.shard)

    @cached_property
    def before(self) -> Memory | None:
        """The memory as it was when the run began."""
        return open_memory(self.home) if published(self.home) else None

    @property
    def corpus(self) -> str:
        return " ".join(sorted(self.uris))

    @contextmanager
    def timed(self, work: str) -> Iterator[None]:
        began = time.monotonic()
        yield
        self.clock[work] = self.clock.get(work, 0.0) + time.monotonic() - began

    @contextmanager
    def recorded(self) -> Iterator[None]:
        """The ledger knows that the run began, and that it failed if it did."""
        self.ledger.start_run(self.run, self.uris, json.dumps(asdict(self.infer)))
        try:
            yield
        except BaseException as error:
            reason = f"{type(error).__name__}: {error}"
            self.ledger.finish_run(self.run, "failed", json.dumps({"error": reason}))
            raise


def collect(run: Run, progress: Progress) -> list[Row]:
    """Discover every source under the run's uris and parse what is new or changed (schema.SOURCES)."""
    key = parser_key(run.parse)
    rows: list[Row] = []
    fresh: list[Found] = []
    for found in discover(run.uris, run.home, run.storage):
        known = run.ledger.known_source(found.uri, found.version, key)
        if known is None:
            fresh.append(found)
        else:
            rows += known
            progress(1)
    for found in fresh:
        parsed = parse_source(found, run.home, run.parse, run.storage)
        run.ledger.remember_source(parsed, key)
        rows += parsed
        progress(1)
    run.ledger.quarantine(run.run, [row for row in rows if row["outcome"] != "ok"])
    return rows


@dataclass(frozen=True)
class Work:
    """What a run has to do, document by document."""

    todo: dict[str, Row]
    """Documents to read, each with the first source that holds it."""
    kept: dict[str, Row]
    """Documents that memory already holds under this cache key."""
    seen: Seen
    """What the run saw of its sources, for `publish` to merge."""
    gone: list[str]
    """Documents that no source holds any more, going by the memory the run began with."""


def choose(run: Run, rows: Sequence[Row]) -> Work:
    """Split documents into those to read and those that are remembered already."""
    first: dict[str, Row] = {}
    for row in rows:
        if row["outcome"] == "ok":
            first.setdefault(row["document"], row)
    held = remembering.published_documents(run.before)
    done = {doc for doc in first if doc in held and remembering.load_done(run.ledger, run.key, doc)}
    previous = run.before.sources if run.before else None
    roots = tuple(root(uri, run.home) for uri in run.uris)
    seen = Seen(roots, tuple(rows), run.before.run if run.before else "")
    return Work(
        todo={doc: row for doc, row in first.items() if doc not in done},
        kept={doc: row for doc, row in first.items() if doc in done},
        seen=seen,
        gone=orphans(previous, merge_sources(previous, seen, previous)),
    )


def shard(run: Run, work: Work) -> list[ShardedDocument]:
    """Windows of every document to read, as Parquet shards, on Dask workers."""
    if not work.todo:
        return []
    with connect(run.cluster) as client:
        tokenizer = run.models.folder
        return shard_all(run.home, list(work.todo.values()), tokenizer, run.shard, client)


def tokens_left(run: Run, documents: Sequence[ShardedDocument]) -> int:
    """Tokens of the windows that the ledger does not hold yet."""
    left = 0
    for document in documents:
        keys = [window_key(run.key, document.document, window) for window in range(document.windows)]
        missing = document.windows - len(run.ledger.has_many(keys))
        left += document.tokens if missing == document.windows else missing * run.shard.stride
    return left


def predict(run: Run, work: Work, documents: Sequence[ShardedDocument]) -> Estimate:
    """Cost of reading these documents on this machine, from rates it has shown."""
    rates = load_rates(run.home, run.models) or trial(run.home, run.models)
    return _estimate(run, work, documents, rates)


def _estimate(run: Run, work: Work, documents: Sequence[ShardedDocument], rates: Rates) -> Estimate:
    chars = sum(work.todo[document.document]["chars"] for document in documents)
    return estimate(run.models, documents, chars, rates)


def check_budget(run: Run, work: Work, documents: Sequence[ShardedDocument], budget_seconds: float) -> None:
    """Refuse a run that is expected to take longer than its budget; 0 is no budget.

    Raises:
        InvalidInput: before anything is spent.
    """
    if budget_seconds and documents:
        seconds = predict(run, work, documents).seconds
        if seconds > budget_seconds:
            raise InvalidInput(
                f"this run would take about {seconds:,.0f} s, over budget_seconds={budget_seconds:g}: "
                f"raise the budget, or read less at once"
            )


def plan(run: Run, rows: Sequence[Row], work: Work, documents: Sequence[ShardedDocument]) -> dict[str, Any]:
    """What a read would do, source by source, and what it would cost."""
    cost = predict(run, work, documents) if documents else Estimate(0, 0, 0, 0.0, 0)
    sizes = {document.document: document for document in documents}
    seen: set[str] = set()
    lines = []
    for row in sorted(rows, key=lambda row: (row["uri"], row["part"])):
        size = sizes.get(row["document"])
        action, why = _decide(run, work, row, seen)
        lines.append(
            {
                "uri": row["uri"] + (f"#{row['label']}" if row["label"] else ""),
                "tokens": size.tokens if size and action == "read" else 0,
                "windows": size.windows if size and action == "read" else 0,
                "action": action,
                "why": why,
            }
        )
        seen.add(row["document"])
    return {"documents": len(documents), **asdict(cost), "rows": lines}


def _decide(run: Run, work: Work, row: Row, seen: set[str]) -> tuple[str, str]:
    """What a run would do with a source, and why."""
    if row["outcome"] != "ok":
        return "quarantined", f"{row['outcome']}: {row['reason']}"
    if row["document"] in seen:
        return "skip", "same text as a document above"
    if row["document"] in work.kept:
        return "skip", "remembered already, unchanged"
    if run.before and row["document"] in remembering.published_documents(run.before):
        return "read", "remembered under another model or configuration"
    return "read", "new or changed"


def pair(work: Work, documents: Sequence[ShardedDocument]) -> list[tuple[ShardedDocument, Source]]:
    """Documents, each with the place of its text."""
    return [(document, _source(work.todo[document.document])) for document in documents]


def infer(run: Run, work: Work, documents: Sequence[ShardedDocument], progress: Progress) -> Outcome:
    """Read every window that the ledger does not hold yet."""
    pairs = pair(work, documents)
    if not pairs:
        return Outcome(0, 0, 0.0)
    desk = Desk(pairs, run.infer, run.key, run.ledger, progress)
    infer = replace(run.infer, model=str(run.models.folder.resolve()))
    read_all(desk, Setup(run.home.resolve(), infer, run.shard, run.key), run.models, run.cluster)
    return desk.outcome()


def set_aside(
    run: Run, rows: Sequence[Row], work: Work, documents: Sequence[ShardedDocument], read: Outcome
) -> tuple[list[Row], Work, list[ShardedDocument]]:
    """Documents that killed their readers go to quarantine, and the run goes on without them.

    Sources that were there for that reason, and were read now, leave it.
    """
    bad = {"outcome": "killed_reader", "document": "", "parsed": "", "chars": 0}
    why = read.refused
    new = [{**row, **bad, "reason": why[row["document"]]} if row["document"] in why else row for row in rows]
    killed = [row for row in new if row["outcome"] == "killed_reader"]
    run.ledger.quarantine(run.run, killed)
    run.ledger.cured({row["uri"] for row in new} - {row["uri"] for row in killed})
    if not killed:
        return list(rows), work, list(documents)
    return new, choose(run, new), [document for document in documents if document.document not in why]


def planned(run: Run, work: Work, documents: Sequence[ShardedDocument]) -> float:
    """Seconds this run was expected to take; 0 where the machine has shown no rates yet."""
    rates = load_rates(run.home, run.models) if documents else None
    return _estimate(run, work, documents, rates).seconds if rates else 0.0


def learn(run: Run, documents: Sequence[ShardedDocument], read: Outcome, tree: "Tree", added: int) -> None:
    """Rates for the next plan, from a run that read all its windows in one go, on this machine."""
    whole = read.windows == sum(document.windows for document in documents) and not run.cluster.address
    if whole and read.tokens >= LEARN_TOKENS:
        spent = Spent(
            flops=read_cost(run.models, documents),
            read_s=read.seconds,
            summaries=tree.decoded,
            write_s=run.clock["write"],
            passages=added - len(tree.nodes),
            embed_s=run.clock["embed"],
            total_s=time.monotonic() - run.started,
        )
        keep_rates(run.home, run.models, spent)


def _source(row: Row) -> Source:
    return Source(row["parsed"], row["part"])


@dataclass(frozen=True)
class Tree:
    """Nodes of a run: those of the documents read, and those of the corpus."""

    documents: dict[str, list[Node]]
    corpus: list[Node]
    decoded: int = 0
    """Summaries that had to be written."""

    @property
    def nodes(self) -> list[Node]:
        return [node for nodes in self.documents.values() for node in nodes] + self.corpus


def merge(run: Run, work: Work, documents: Sequence[ShardedDocument], progress: Progress) -> Tree:
    """Build the tree over what was read and write the summaries it lacks."""
    trees = {
        document.document: document_tree(run.ledger, run.key, document.document, document.windows, run.infer)
        for document in documents
    }
    roots = [nodes[-1] for nodes in trees.values() if nodes]
    for kept in work.kept:
        done = remembering.load_done(run.ledger, run.key, kept)
        if done and done.node:
            roots.append(done.node)
    changed = bool(trees or work.gone)
    tree = Tree(trees, corpus_tree(run.key, run.corpus, roots, run.infer))
    with run.timed("write"):
        decoded = summarise(tree.nodes, run.models, run.key, run.ledger, progress)
    tree = replace(tree, decoded=decoded)
    return tree if changed or _corpus_is_new(run, tree) else Tree({}, [])


def _corpus_is_new(run: Run, tree: Tree) -> bool:
    if run.before is None or not tree.corpus:
        return bool(tree.corpus)
    return not run.before.records([tree.corpus[-1].id])


def remember(run: Run, work: Work, documents: Sequence[ShardedDocument], tree: Tree) -> Published:
    """Stage, publish, and only then mark the documents done."""
    staged = []
    if tree.nodes or work.todo:
        pairs = [(document, _source(row)) for document, row in work.todo.items()]
        rows = remembering.records(tree.nodes, pairs, run.home, run.models, run.key, run.ledger, run.run)
        with run.timed("embed"):
            staged = [stage(run.home, run.run, rows)]
    anew = bool(tree.nodes or work.gone)
    replaced = Replaced(run.key, frozenset(work.todo), run.corpus) if anew else Replaced()
    result = publish(run.home, run.run, staged, work.seen, replaced)
    for document in documents:
        nodes = tree.documents[document.document]
        node = nodes[-1] if nodes else None
        done = remembering.Done(document.windows, document.tokens, node)
        remembering.mark_done(run.ledger, run.key, document.document, done)
    forget_states(run.home)
    return result
