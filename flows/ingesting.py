"""`nightread bench parse`: how fast files become text and shards, with the options it takes."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from flows.answer import Answer
from flows.show import seconds, size, table
from tasks.text.counted import counted

if TYPE_CHECKING:
    from flows.config import RunConfig

PARSE_HELP = """\
Made files of 2 KB and one long text go through the first steps of a read, without a model: discover, parse,
shard. Printed are seconds by the clock and of all processors, and the most memory of a process.
"""


def bench_arguments(test: Any) -> None:
    """The options of `bench parse`."""
    made = test.add_argument_group("parse", PARSE_HELP)
    made.add_argument("--files", type=int, default=5000, metavar="N", help="small files (default: 5000)")
    made.add_argument(
        "--megabytes", type=int, default=64, metavar="N", help="MiB of the long text (default: 64)"
    )


def bench_parse(config: "RunConfig", files: int, megabytes: int, **_: Any) -> Answer:
    """Speed of discovering, parsing and sharding."""
    from flows.progress import counter
    from tasks.bench.parsing import Parsing, parsing
    from tasks.infer.models import Models
    from tasks.run import Run

    run = Run((), Path(config.home), config.storage, config.parse, config.shard, config.infer, config.cluster)
    models = Models(run.home, config.infer, config.shard.stride)
    result = parsing(Parsing(files, megabytes), run, models, counter())
    return Answer(result, told(result))


def told(result: dict[str, Any]) -> str:
    """A line for every step of both corpora."""
    head = (
        f"{counted(result['files'], 'file')} of {size(result['file_bytes'])}, and a text of "
        f"{result['megabytes']:,} MiB; {counted(result['parsers'], 'parser')}"
    )
    cells = [
        [
            row["corpus"],
            row["step"],
            seconds(row["seconds"]),
            seconds(row["processor_s"]),
            f"{row['count'] / max(row['seconds'], 1e-9):,.0f}",
            f"{row['bytes'] / max(row['processor_s'], 1e-9) / 1e6:,.1f}",
            size(max(row["rss"], row["rss_child"])),
        ]
        for row in result["rows"]
    ]
    names = ["corpus", "step", "time", "processors", "files/s", "MB/s a core", "peak memory"]
    return "\n".join([head, *table(names, cells)])
