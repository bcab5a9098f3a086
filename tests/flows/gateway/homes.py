"""Small homes for tests of the gateway: what two tenants have read, and tokens of their users."""

import json
from dataclasses import dataclass, replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from flows.config import RunConfig, load
from flows.gateway import tokens
from tasks import schema
from tasks.memory.changes import Replaced
from tasks.memory.publish import publish
from tasks.memory.staging import stage
from tasks.runs.ledger import Ledger, ledger_path
from tests.tasks.memory.rows import CHARS, record, sees, source

LEASE = (
    "The tenant of the mill pays a rent of 900 euros.",
    "The notice period of the lease is three months.",
    "The roof of the mill was repaired in 1987.",
)
SHIP = ("The slipway was closed by Captain Moreau.", "The harbour has eleven cranes.")
SECRET = "The vault of tenant lab opens with 4711 turns."


def remember(home: Path, documents: dict[str, tuple[str, ...]], run: str = "r1", copies: int = 0) -> None:
    """Publish documents whose sentences are their passages, and note the run. Of the first one there are so
    many copies."""
    (home / "parsed").mkdir(parents=True, exist_ok=True)
    rows = []
    for name, sentences in documents.items():
        text = "".join(one.ljust(CHARS)[:CHARS] for one in sentences)
        part = {"part": 0, "char_start": 0, "text": text, "place": "line", "number": 1}
        pq.write_table(
            pa.Table.from_pylist([part], schema=schema.TEXT), home / "parsed" / f"c{name}-p.parquet"
        )
        noted = source(f"/docs/{name}.txt", name, chars=len(text))
        (home / "parsed" / f"c{name}-p.json").write_text(json.dumps([noted]))
        rows += [record(name, at, one, run=run, vector=[0.0] * 256) for at, one in enumerate(sentences)]
    seen, first = sees(*documents), next(iter(documents))
    twins = [source(f"/docs/{first}-{number:02}.txt", first) for number in range(copies)]
    publish(home, run, [stage(home, run, rows)], replace(seen, rows=[*seen.rows, *twins]), Replaced())
    with Ledger(ledger_path(home)) as ledger:
        ledger.start_run(run, ["/docs"], "{}")
        ledger.finish_run(run, "published", "{}")
        bad = source("/docs/torn.pdf", "", outcome="corrupt", reason="no page can be read", parsed="")
        ledger.quarantine(run, [bad])


@dataclass(frozen=True)
class Homes:
    """A home with two tenants, and the tokens that open it."""

    config: RunConfig
    reads: str
    writes: str
    lab: str
    """Of a user who may write to the tenant `lab`."""

    @property
    def home(self) -> Path:
        return Path(self.config.home)


def configured(home: Path, *overrides: str) -> RunConfig:
    return load("tiny", [f"home={home}", *overrides])


def homes(home: Path, *overrides: str) -> Homes:
    """A home that was read into, with a tenant `lab` that has read something else."""
    remember(home, {"lease": LEASE, "ship": SHIP})
    remember(home / "tenants" / "lab", {"vault": (SECRET,)})
    reads = tokens.add(home, "ann")[1]
    writes = tokens.add(home, "ben", may="write")[1]
    lab = tokens.add(home, "cy", "lab", "write")[1]
    return Homes(configured(home, *overrides), reads, writes, lab)
