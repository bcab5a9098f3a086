"""Commands that look after the memory: upkeep, and health, which says whether it needs any.

The idea: each has its options beside it, so that what may be typed and what it does are read together.
"""

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flows.answer import Answer
from flows.homes import named
from flows.show import size, table
from tasks.runs.ledger import Ledger, Row, ledger_path
from tasks.text.counted import counted

if TYPE_CHECKING:
    from flows.config import RunConfig


def arguments(add: Callable[..., Any]) -> None:
    """The options of these commands."""
    add(
        "upkeep",
        "keep the memory quick and small",
        "upkeep\nupkeep upkeep.keep_runs=3 upkeep.keep_days=7\nupkeep infer.embedder=~/models/embedder",
        "Makes its indices whole, small files one, drops versions of earlier runs that are not kept, and "
        "parsed text and shards that no kept run needs. Where infer.embedder names another embedder than "
        "made the vectors, every record is embedded again. What is remembered stays as it is.",
    )
    add(
        "health",
        "count what the memory holds, and say what is wrong with it",
        "health\nhealth --json",
        "Records, versions, bytes by part, rows without an index, orphans, duplicates, junk. The first line "
        "says that all is well, or what to do.",
    )


MEMORY_HELP = """\
A memory of made records is filled in a temporary home, through the same steps as a read publishes by:
sentences of real passages recombined, and their vectors mixed and moved alike. It is tidied, asked (all of
it, one document, one month), and its vector indices are compared with the exact scan. Then it is deleted.
"""


def bench_arguments(test: Any) -> None:
    """The options of `bench memory`."""
    made = test.add_argument_group("memory", MEMORY_HELP)
    numbers = {
        "records": (50_000, "records of the memory"),
        "runs": (5, "runs that publish them"),
        "questions": (100, "questions of each kind"),
        "real": (2_000, "real passages that are embedded, from which records are mixed"),
    }
    for name, (default, text) in numbers.items():
        made.add_argument(
            f"--{name}", type=int, default=default, metavar="N", help=f"{text} (default: {default})"
        )


def upkeep(config: "RunConfig") -> Answer:
    """Tidy the memory, and embed it again where another embedder is configured."""
    from model import weights

    weights.resolve_embedder(config.infer.embedder)
    from flows.server import prefect_api

    with prefect_api(Path(config.home), _import_flow):
        from flows.upkeep import upkeep_memory

        result: Row = upkeep_memory(named(config.tending))
    return Answer(result, kept(result))


def _import_flow() -> None:
    import flows.upkeep  # noqa: F401


def kept(result: Row) -> str:
    """What an upkeep did."""
    if not result["run"]:
        return "there is no memory yet"
    removed = ", ".join(f"{count:,} of {part}" for part, count in result["removed"].items() if count)
    grown = "more than before" if result["freed"] < 0 else "free again"
    lines = [
        f"the memory of run {result['run']} is in order; {size(abs(result['freed']))} {grown}",
        f"{counted(result['reembedded'], 'record')} embedded again" if result["reembedded"] else "",
        f"versions of {counted(len(result['expired']), 'run')} dropped" if result["expired"] else "",
        f"left-overs removed: {removed}" if removed else "",
        _waiting(result["waiting"]),
    ]
    return "\n".join(filter(None, lines))


def _waiting(held: Row) -> str:
    """Why space is not free yet that an upkeep has made free."""
    if not held["versions"]:
        return ""
    until = datetime.fromisoformat(held["until"]).astimezone()
    return (
        f"{counted(held['versions'], 'version')} kept until {until:%H:%M} for whoever reads in them "
        f"(upkeep.readers_s={held['readers_s']:g}): an upkeep after that drops them"
    )


def bench_memory(config: "RunConfig", records: int, runs: int, questions: int, real: int, **_: Any) -> Answer:
    """How a large memory of made records grows, and how fast and well it answers."""
    from flows import figures
    from flows.progress import counter
    from tasks.bench.memory.bench import Size, bench

    size_of = Size(records, runs, questions, real)
    from model import weights

    weights.resolve_embedder(config.infer.embedder)
    result = bench(size_of, Path(config.home), config.infer.embedder, config.recall, counter("records"))
    return Answer(result, figures.large_memory(result))


def health(config: "RunConfig") -> Answer:
    """Count everything, and say what to do."""
    home = Path(config.home)
    from tasks.memory.reader import open_memory

    memory = open_memory(home)
    from model import weights
    from tasks.memory.embedders import embedder_name
    from tasks.memory.upkeep.health import health as counts

    embedder = embedder_name(weights.resolve_embedder(config.infer.embedder))
    with Ledger(ledger_path(home)) as ledger:
        found = counts(home, memory, embedder, config.upkeep, ledger.runs())
    return Answer(found, state(found))


def state(found: Row) -> str:
    """ "healthy", or what to do; then the counts."""
    levels = ", ".join(f"{count:,} {level}" for level, count in sorted(found["levels"].items()))
    last, twice, junk = found["last_run"], found["duplicates"], found["junk"]
    unindexed = ", ".join(f"{rows:,} of {name}" for name, rows in found["unindexed"].items() if rows)
    expiring = f", {found['expiring']:,} of them to drop" if found["expiring"] else ""
    lines = [f"to do: {one}" for one in found["todo"]] or ["healthy"]
    rows = [
        ["records", f"{found['records']:,}: {levels}"],
        ["documents", f"{found['documents']:,} of {counted(found['sources'], 'source')}"],
        ["published", f"{found['run']}; {counted(found['versions'], 'version')} kept{expiring}"],
        ["last run", f"{last['run']}: {last['status']}" if last else "none"],
        ["last upkeep", found["last_upkeep"][:16].replace("T", " ") or "none"],
        ["embedder", found["embedder"] or "not noted (an upkeep finds out)"],
        ["not indexed", unindexed or "nothing"],
        ["orphans", f"{found['orphans']:,} without a source, {found['without_records']:,} without a record"],
        ["twice", f"{twice['ids']:,} ids, {twice['texts']:,} texts within one document"],
        ["junk", f"{junk['empty_texts']:,} empty texts, {junk['bad_vectors']:,} unusable vectors"],
        *([f"disk, {part}", size(amount)] for part, amount in found["bytes"].items() if amount),
    ]
    return "\n".join([*lines, *table(rows[0], rows[1:])])
