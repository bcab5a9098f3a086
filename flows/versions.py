"""Commands on the memory as a whole: what differs between runs, and back to one of them.

The idea: each has its options beside it, so that what may be typed and what it does are read together.
"""

import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flows.answer import Answer
from tasks.errors import InvalidInput
from tasks.ledger import Ledger
from tasks.text.counted import counted

if TYPE_CHECKING:
    from flows.config import RunConfig

Row = dict[str, Any]


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
    from tasks.run import run_id

    home = Path(config.home)
    check(home, run)  # what is refused is no run
    ident, ledger = run_id(), Ledger(home / "ledger.sqlite")
    ledger.start_run(ident, [], "{}")
    try:
        done = asdict(back(home, ident, run))
    except BaseException as error:
        ledger.finish_run(ident, "failed", json.dumps({"error": f"{type(error).__name__}: {error}"}))
        raise
    ledger.finish_run(ident, f"rolled back to {run}", json.dumps(done))
    text = (
        f"run {ident}: rolled back to {run}\n"
        f"{counted(done['added'], 'record')} brought back, {done['retired']:,} taken out; "
        f"what was published since stays within reach of --as-of"
    )
    return Answer({**done, "rolled_back_to": run}, text)
