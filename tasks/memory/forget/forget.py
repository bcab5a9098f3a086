"""Forget documents: erase them from all that a home holds, and prove it by a search.

The idea: what is to be erased is written down before anything goes, and the one step that readers see, the
pointer to a history without the documents, comes before all that cannot be undone. So a process that dies
leaves the memory before or after, and whoever calls next finishes the erasure.
"""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from tasks.errors import InvalidInput, NightreadError
from tasks.ingest.forgotten import Forgotten
from tasks.ingest.home.index import FILE as INDEX
from tasks.ingest.home.whole import drop_versions
from tasks.ingest.uris import path_of, place
from tasks.memory import corrections
from tasks.memory.commit import Published, commit, committer
from tasks.memory.embedders import once
from tasks.memory.forget import files, versions
from tasks.memory.forget.database import erase_ledger
from tasks.memory.forget.erasure import BEGUN, ERASED, PROVED, WRITTEN, Erasure, ended, pending
from tasks.memory.forget.merged import Embed, remade
from tasks.memory.forget.needles import Needles, counts, needles
from tasks.memory.forget.proof import prove
from tasks.memory.forget.receipt import write_receipt
from tasks.memory.forget.reports import Remake, erase_prefect, erase_reports
from tasks.memory.forget.rewrite import rewrite
from tasks.memory.forget.targets import Targets, known_rows
from tasks.memory.reader import open_memory, run_json
from tasks.memory.sessions.sessions import forget_documents
from tasks.memory.sources import part_name
from tasks.runs.ledger import Ledger, now

FORGOT = "forgot"
"""What run.json of an erasure says beside the rest: how many documents it erased."""


@dataclass(frozen=True)
class Means:
    """What an erasure needs beside the home."""

    embed: Embed
    """Texts to unit vectors (n, 256), for the merged records that are made again."""
    reports: Remake
    """Makes a report again without what names one of the documents."""


def forget(
    home: Path, ledger: Ledger, targets: Targets, run: str, means: Means, *, wait_s: float = 600.0
) -> dict[str, Any]:
    """Erase documents; returns the receipt. An erasure that did not end is finished first.

    Args:
        run: the name of the publication.

    Raises:
        InvalidInput: if a run is reading into this home, or all of them were forgotten meanwhile.
        Transient: if another process publishes for longer than `wait_s`, or a database is in use.
        NightreadError: if something of the documents is found after all, naming where.
    """
    with committer(home, wait_s):
        if left := pending(home):
            _carry_out(home, ledger, left, means)
        check_quiet(ledger, run)
        targets = _left(home, ledger, targets)
        erasure = Erasure(
            run,
            now(),
            targets.named,
            tuple(sorted(targets.documents)),
            targets.rows,
        ).saved(home)
        _keep_out(home, erasure)
        try:
            check_quiet(ledger, run)  # a run that begins after this knows that they are kept out
        except InvalidInput:
            Forgotten(home).remove(erasure.documents)
            ended(home)
            raise
        return _carry_out(home, ledger, erasure, means)


def _left(home: Path, ledger: Ledger, targets: Targets) -> Targets:
    """The targets without what another erasure has taken since they were looked up."""
    known = {row["document"] for row in known_rows(home, ledger)}
    if not targets.documents & known:
        raise InvalidInput(f"{' '.join(targets.named)}: was forgotten meanwhile; see: nightread forget")
    rows = tuple(row for row in targets.rows if row["document"] in known)
    return replace(targets, documents=targets.documents & known, rows=rows)


def finish(home: Path, ledger: Ledger, means: Means, *, wait_s: float = 600.0) -> dict[str, Any] | None:
    """Finish the erasure that did not end, if there is one; its receipt."""
    with committer(home, wait_s):
        left = pending(home)
        return _carry_out(home, ledger, left, means) if left else None


def check_quiet(ledger: Ledger, ours: str = "") -> None:
    """Refuse while a run is reading: it may hold, and write, what is to go.

    Args:
        ours: the run that is to erase.

    Raises:
        InvalidInput: naming the run that is going on.
    """
    busy = [run for run in ledger.running() if run != ours]
    if busy:
        raise InvalidInput(f"run {busy[0]} is going on in this home: forget when it has ended")


def _keep_out(home: Path, erasure: Erasure) -> None:
    """Later runs leave the documents out."""
    contents = files.contents_of(home, erasure.documents)
    for document in erasure.documents:
        rows = [row for row in erasure.rows if row["document"] == document]
        uris = {name for row in rows for name in (row["uri"], part_name(row))}
        named = [name for name in erasure.named if any(place(name).holds(row["uri"]) for row in rows)]
        Forgotten(home).add(document, sorted(contents.get(document, ())), sorted(uris), named)


def _carry_out(home: Path, ledger: Ledger, erasure: Erasure, means: Means) -> dict[str, Any]:
    """Every step that is left of an erasure. Each may be taken twice."""
    wanted = needles(home, erasure.rows, erasure.documents)
    if erasure.stage in (BEGUN, WRITTEN):
        erasure = _publish(home, ledger, erasure, means)
        erasure = _erase(home, ledger, erasure, wanted, means)
    if erasure.stage == ERASED:
        erasure = _prove(home, erasure, wanted)
    for path in files.whole_texts(home, erasure.documents):
        path.unlink(missing_ok=True)
    erasure = erasure.counted(home, **drop_versions(home))
    forgotten = Forgotten(home)
    receipt = write_receipt(home, erasure, [forgotten.mark("document", one) for one in erasure.documents])
    ended(home)
    return receipt


def _publish(home: Path, ledger: Ledger, erasure: Erasure, means: Means) -> Erasure:
    """Write the history without the documents and move the pointer to it, unless it has moved."""
    if erasure.stage == WRITTEN and versions.publication(home, erasure.run):
        return erasure
    before = open_memory(home)
    documents = set(erasure.documents)
    erasure = erasure.saved(home, stage=BEGUN, on=now(), figures={})
    embed = once(means.embed)
    done = rewrite(home, documents, lambda one: remade(one, documents, ledger, erasure.run, embed))
    sources = before.sources
    kept = sources.filter(pc.invert(pc.is_in(sources["document"], pa.array(erasure.documents))))
    new = {str(old): version for old, version in done.versions.items()}
    figures = {
        "records": done.removed,
        "merged records taken out": done.merged,
        "merged records made again": done.remade,
        "versions rewritten": len(done.versions),
        "runs that held them": list(done.runs),
    }
    new[str(run_json(home, before.run)["version"])] = done.versions[before.version]
    erasure = erasure.saved(home, stage=WRITTEN, versions=new, keys=done.keys, figures=figures)
    retired = sum(done.removed.values()) + done.merged
    result = Published(erasure.run, done.versions[before.version], done.remade, retired)
    commit(home, result, kept, before.run, **{FORGOT: str(len(documents))})
    return erasure


def _erase(home: Path, ledger: Ledger, erasure: Erasure, wanted: Needles, means: Means) -> Erasure:
    """Everything of the documents that no reader sees any more, but for their parsed text."""
    documents, mark = set(erasure.documents), Forgotten(home)
    places = sorted({part_name(row) for row in erasure.rows})
    versions.lead_to(home, erasure.versions, erasure.on)
    dropped = versions.drop_old(home, erasure.on)
    erasure = erasure.counted(home, **{"table versions dropped": dropped})
    erasure = erasure.counted(home, **{"rows of sources": files.erase_sources(home, documents)})
    erasure = erasure.counted(home, **{"staged files": files.erase_staged(home, documents)})
    erasure = erasure.counted(home, **{"shards": files.erase_shards(home, documents)})
    erasure = erasure.counted(home, **{"saved states": files.erase_states(home, documents)})
    erasure = erasure.counted(home, **{"left-over files": files.erase_left_overs(home)})
    erasure = erasure.counted(home, **{"lines of logs": files.erase_log(home, documents)})
    answers = sum(forget_documents(home, documents).values())
    erasure = erasure.counted(home, **{"answers of sessions": answers})
    erasure = erasure.counted(home, corrections=corrections.erase(home, places))
    parts = files.erase_parts(home, documents, lambda one: mark.mark("document", one))
    erasure = erasure.counted(home, **{"parts of parsed files": parts})
    ledger.close()
    rows = erase_ledger(ledger.path, erasure, lambda one: mark.mark("document", one))
    erasure = erasure.counted(home, ledger=rows)
    reports = erase_reports(home, places, wanted, erasure.on, means.reports)
    prefect = erase_prefect(home, places, wanted, erasure.on)
    erasure = erasure.counted(home, reports=reports, prefect=prefect)
    return erasure.saved(home, stage=ERASED)


def _prove(home: Path, erasure: Erasure, wanted: Needles) -> Erasure:
    """Search for what is left; the parsed text, which goes next, is what the words were taken from."""
    going = files.whole_texts(home, erasure.documents)
    own = [Path(path_of(row["uri"])) for row in erasure.rows if row["uri"].startswith("/")]
    journal = home / "memory" / "erasure.json"
    spared = {path.resolve() for path in (*going, *own, journal, home / INDEX)}  # that names those that go
    proof = prove(home, wanted, spared)
    if proof.found:
        raise NightreadError(
            f"something of what was forgotten is still in {home}: {'; '.join(proof.found[:5])}. Remove it, "
            f"and call: nightread forget"
        )
    figures = {
        "parsed files": len(going) // 2,
        "searched for": counts(wanted),
        "searched": proof.searched,
        "found": 0,
        "documents themselves in the home": [
            str(path) for path in own if path.is_relative_to(home.resolve())
        ],
    }
    return erasure.counted(home, **figures).saved(home, stage=PROVED)
