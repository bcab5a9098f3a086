"""`nightread bench parse`: how fast files become text and shards, with the options it takes."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from flows.answer import Answer
from flows.show import seconds, size, table
from tasks.text.counted import counted

if TYPE_CHECKING:
    from flows.config import RunConfig

PARSE_HELP = """\
Made files of 2 KB and one long text go through the steps of a read that need no model: discover, parse,
choose, shard, plan, merge. Printed are seconds by the clock and of all processors, and the most memory of a
process, beside that of the same step of the first number of files.
"""


def bench_arguments(test: Any) -> None:
    """The options of `bench parse`."""
    made = test.add_argument_group("parse", PARSE_HELP)
    made.add_argument(
        "--files", default="5000", metavar="N,N", help="small files of each corpus (default: 5000)"
    )
    made.add_argument(
        "--megabytes", type=int, default=64, metavar="N", help="MiB of the long text (default: 64)"
    )


def bench_parse(config: "RunConfig", files: str, megabytes: int, **_: Any) -> Answer:
    """Speed and memory of the steps that need no model."""
    from flows.progress import counter
    from tasks.bench.grid import parse_numbers
    from tasks.bench.parsing import Parsing, parsing
    from tasks.infer.models import Models
    from tasks.runs.run import Run

    run = Run((), Path(config.home), config.storage, config.parse, config.shard, config.infer, config.cluster)
    models = Models(run.home, config.infer, config.shard.stride)
    counts = parse_numbers(files, "--files", ", such as 5000,50000")
    result = parsing(Parsing(counts, megabytes), run, models, counter())
    return Answer(result, told(result))


def told(result: dict[str, Any]) -> str:
    """A line for every step of both corpora."""
    first = {row["step"]: row for row in reversed(result["rows"]) if row["corpus"] != "text"}
    head = (
        f"files of {size(result['file_bytes'])}, and a text of {result['megabytes']:,} MiB; "
        f"{counted(result['parsers'], 'parser')}"
    )
    cells = [
        [
            row["corpus"],
            row["step"],
            seconds(row["seconds"]),
            seconds(row["processor_s"]),
            f"{row['count'] / max(row['seconds'], 1e-9):,.0f}",
            f"{row['bytes'] / max(row['processor_s'], 1e-9) / 1e6:,.1f}",
            size(row["rss"]),
            f"{row['rss'] / first[row['step']]['rss']:.2f} x",
            size(row["rss_child"]),
        ]
        for row in result["rows"]
    ]
    names = ["corpus", "step", "time", "processors", "files/s", "MB/s a core", "memory", "grows", "children"]
    return "\n".join([head, *table(names, cells)])
