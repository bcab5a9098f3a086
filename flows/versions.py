"""Commands on the memory as a whole: what differs between runs, back to one of them, and without a document.

The idea: each has its options beside it, so that what may be typed and what it does are read together.
"""

import json
import os
from collections.abc import Callable, Collection
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flows import erasure
from flows.answer import Answer
from tasks.errors import InvalidInput
from tasks.runs.ledger import Ledger, Row, ledger_path
from tasks.text.counted import counted

if TYPE_CHECKING:
    from flows.config import RunConfig

OUTSIDE = "not in this home, so not erased: the copies of reports that this Prefect server keeps:"


def arguments(add: Callable[..., Any]) -> None:
    """The options of these commands."""
    compared = add(
        "diff",
        "show what a run changed, or what differs between two",
        "diff 20260801-031500-1a2b\ndiff 20260801-031500-1a2b 20260802-031500-3c4d --json",
        "Documents that are new, changed, moved or gone, by title and place; of those that changed, the "
        "sentences of the summary that differ; records by level. One run is compared with the one before.",
    )
    compared.add_argument("runs", nargs="+", metavar="RUN", help="one or two runs (see runs)")
    back = add(
        "rollback",
        "make the memory again what a run published",
        "rollback 20260801-031500-1a2b",
        "Nothing is lost: it is a publication of its own, and what lies between stays within reach of "
        "--as-of. A later read brings back what the corpus holds, without reading it by the model again.",
    )
    back.add_argument("run", metavar="RUN", help="the run whose memory it is to be (see runs)")
    erased = add(
        "forget",
        "erase documents from the memory and all its history",
        "forget notes/lease.txt\nforget notes/lease.txt --yes\nforget --undo notes/lease.txt",
        "Without --yes it shows what would go. The document itself is not touched, and a later read leaves "
        "it out. A receipt tells what was erased where, and proves by a search that nothing is left. "
        "Without a document it finishes an erasure that was interrupted, and lists the receipts.",
    )
    erased.add_argument(
        "names",
        nargs="*",
        metavar="URI|DOCUMENT",
        help="a source, a part of one (mails.jsonl#row=12), a folder, a glob, or a document's hash",
    )
    erased.add_argument("--yes", action="store_true", help="erase it: nothing brings it back but its source")
    erased.add_argument("--all", dest="everywhere", action="store_true", help="its copies elsewhere too")
    erased.add_argument("--undo", action="store_true", help="let a later read remember it again")


def diff(config: "RunConfig", runs: list[str]) -> Answer:
    """What differs between two runs, or between one and the run before it."""
    if len(runs) > 2:
        raise InvalidInput(f"diff {' '.join(runs)}: give one run or two")
    from tasks.memory.diff import diff as compared
    from tasks.memory.reader import open_memory, run_before

    home = Path(config.home)
    first, second = runs if len(runs) == 2 else (run_before(home, runs[0]), runs[0])
    found = asdict(compared(open_memory(home, first), open_memory(home, second)))
    return Answer(found, differences(found))


def differences(found: Row) -> str:
    """What differs, document by document."""
    lines = [f"from run {found['before']} to run {found['after']}"]
    for one in found["documents"]:
        place = f"{one['before']} -> {one['place']}" if one["before"] else one["place"]
        lines.append(f"{one['status']}: {one['title']} ({place})")
        lines += [f"   - {text}" for text in one["removed"]]
        lines += [f"   + {text}" for text in one["added"]]
    if not found["documents"]:
        lines.append("no document is new, changed or gone")
    for name in ("added", "retired"):
        levels = ", ".join(f"{level} {count:,}" for level, count in found[name].items())
        lines.append(f"{counted(sum(found[name].values()), 'record')} {name}{levels and f': {levels}'}")
    return "\n".join(lines)


def rollback(config: "RunConfig", run: str) -> Answer:
    """Make the memory again what a run published."""
    from tasks.memory.rollback import check
    from tasks.memory.rollback import rollback as back
    from tasks.runs.run import failure_noted, run_id

    home = Path(config.home)
    check(home, run)  # what is refused is no run
    ident, ledger = run_id(), Ledger(ledger_path(home))
    ledger.start_run(ident, [], "{}")
    with failure_noted(ledger, ident):
        done = asdict(back(home, ident, run))
    ledger.finish_run(ident, f"rolled back to {run}", json.dumps(done))
    text = (
        f"run {ident}: rolled back to {run}\n"
        f"{counted(done['added'], 'record')} brought back, {done['retired']:,} taken out; "
        f"what was published since stays within reach of --as-of"
    )
    return Answer({**done, "rolled_back_to": run}, text)


def forget(
    config: "RunConfig", names: list[str], yes: bool = False, everywhere: bool = False, undo: bool = False
) -> Answer:
    """Erase documents, or show what would be erased; finish an erasure that was interrupted."""
    home, ledger = Path(config.home), Ledger(ledger_path(Path(config.home)))
    if undo:
        return _undone(home, ledger, names)
    from tasks.memory.forget.preview import preview
    from tasks.memory.forget.receipt import receipts
    from tasks.memory.forget.targets import resolve

    finished = _finished(config, ledger)
    if not names:
        told = [erasure.receipt(finished)] if finished else []
        listed = receipts(home)
        return Answer({"receipts": listed}, "\n".join([*told, erasure.receipts(listed)]))
    targets = resolve(home, ledger, names, everywhere)
    if not yes:
        found = asdict(preview(home, targets))
        return Answer(found, erasure.preview(found), code=2)
    from tasks.memory.forget import forget as erase
    from tasks.runs.run import run_id

    erase.check_quiet(ledger)  # what is refused is no run
    ident, means = run_id(), _means(config)
    ledger.start_run(ident, [], "{}")
    done = _noted(ledger, ident, lambda: erase.forget(home, ledger, targets, ident, means))
    outside = os.environ.get("PREFECT_API_URL", "")
    told = [erasure.receipt(done), *([f"{OUTSIDE} {outside}"] if outside else [])]
    return Answer({**done, "outside": outside}, "\n".join(told))


def _noted(ledger: Ledger, run: str, erased: Callable[[], Row]) -> Row:
    """The receipt of an erasure; the ledger knows how it ended."""
    from tasks.runs.run import failure_noted

    with failure_noted(ledger, run):
        receipt = erased()
    taken = sum(receipt["records"].values()) + receipt["merged records taken out"]
    counts = {"added": receipt["merged records made again"], "retired": taken}
    ledger.finish_run(run, f"forgot {erasure.documents(receipt)}", json.dumps(counts))
    return receipt


def _finished(config: "RunConfig", ledger: Ledger) -> Row | None:
    """The receipt of an erasure that did not end before, and has now."""
    from tasks.memory.forget import forget as erase
    from tasks.memory.forget.erasure import pending

    home = Path(config.home)
    left = pending(home)
    if left is None:
        return None
    means = _means(config)
    return _noted(ledger, left.run, lambda: erase.finish(home, ledger, means) or {})


def unfinished(config: "RunConfig") -> list[str]:
    """What is to be said where an erasure did not end."""
    from tasks.memory.forget.erasure import UNFINISHED, pending

    return [UNFINISHED] if pending(Path(config.home)) else []


def _means(config: "RunConfig") -> Any:
    """How merged records are embedded, and reports made again; the embedder is loaded if there is a need.

    Raises:
        InvalidInput: if another embedder made the vectors of the memory.
    """
    from model import weights
    from tasks.memory.embedders import check_embedder
    from tasks.memory.forget.forget import Means
    from tasks.memory.reader import open_memory

    check_embedder(open_memory(Path(config.home)), weights.resolve_embedder(config.infer.embedder))

    def embed(texts: list[str]) -> Any:
        from model.embed.embedder import load_embedder

        return load_embedder(config.infer.embedder).encode(texts)

    def report(folder: Path, names: Collection[str]) -> bool:
        from tasks.report.again import without

        return without(folder, names)

    return Means(embed, report)


def _undone(home: Path, ledger: Ledger, names: list[str]) -> Answer:
    """Let a later read remember again what was forgotten at these URIs."""
    if not names:
        raise InvalidInput("forget --undo: give what is to be remembered again; see: nightread forget")
    from tasks.ingest.forgotten import Forgotten
    from tasks.ingest.uris import canonical

    admitted = Forgotten(home).admit([canonical(name) for name in names])
    if not admitted:
        raise InvalidInput(
            f"forget --undo {' '.join(names)}: nothing that is left out was named so or there; "
            f"see: nightread forget"
        )
    ledger.look_again()
    told = f"{counted(admitted, 'document')} may be remembered again: a read of its corpus brings it back"
    return Answer({"admitted": admitted}, told)
