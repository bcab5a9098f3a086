"""`nightread bench million`: one context of millions of tokens, with the options it takes."""

from math import log
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flows.answer import Answer
from flows.evaluating import haystack_argument, loaded, path, paths
from flows.show import seconds, size, table
from tasks.runs.ledger import Row

if TYPE_CHECKING:
    from flows.config import RunConfig
    from tasks.bench.million.options import Million

TOKENS = 1 << 20
"""Of the text, by default."""
MILLION_HELP = """\
Natural text that never repeats is read as one context: descriptions, licences and sources of what is
installed here, or --haystack. Facts are hidden at ten depths, three at each, and asked for while the text is
read and at its end: is the needle's block found, by the index and by an exact scan, and is the question
answered? Memory stays as it is; keys, codes and tokens lie under home/bench until it is over. An interrupted
read, even one that was killed, goes on with the same command and ends in the same state.
"""


def arguments(test: Any) -> None:
    """The options of `bench million`; `--tokens` it shares with `bench scaling`."""
    read = test.add_argument_group("million", MILLION_HELP)
    read.add_argument(
        "--minutes",
        type=float,
        metavar="X",
        help="read no more than so long, as many of the tokens as that allows; questions take their own time "
        "(default: all of them)",
    )
    haystack_argument(read)
    read.add_argument("--seed", type=int, default=0, metavar="N", help="of text and needles (default: 0)")


def bench_million(
    config: "RunConfig",
    tokens: int | None = None,
    minutes: float | None = None,
    haystack: list[str] | None = None,
    seed: int = 0,
    figure: str | None = None,
    **_: Any,
) -> Answer:
    """Read one long context and ask it."""
    from flows.progress import counter

    options, models = prepared(config, tokens or TOKENS, minutes, haystack, seed, figure)
    from tasks.bench.million.run import million

    result = million(options, Path(config.home), models, counter())
    return Answer(result, told(result))


def prepared(
    config: "RunConfig",
    tokens: int,
    minutes: float | None,
    haystack: list[str] | None,
    seed: int,
    figure: str | None,
) -> "tuple[Million, Any]":
    """What is read, as the options of a command say, and the models that read it."""
    from tasks.bench.million.options import Million
    from tasks.bench.speed import default_figure

    drawn = path(figure) or default_figure(Path(config.home))
    return Million(tokens, drawn, minutes, paths(haystack or ()), seed), loaded(config)


def told(result: Row) -> str:
    """What was read, the curves along the way, and the needles by depth."""
    machine = result["machine"]
    return "\n".join(
        [
            f"{machine['processor']}, {machine['threads']} threads, {size(machine['memory'])}; torch "
            f"{machine['torch']}; {machine['date']}, commit {machine['commit'] or 'unknown'}",
            *read_and_asked(result),
            f"figure: {result['figure']}",
        ]
    )


def read_and_asked(result: Row) -> list[str]:
    """`told`, without machine and figure."""
    by_depth = result["by_depth"]
    asked = [*result["on_the_way"], *({**row, "tokens": result["tokens"]} for row in by_depth[-1:])]
    along = [
        [f"{row['tokens']:,}", f"{row['tokens_per_s']:,.0f}", size(row["rss"]), size(row["disk"])]
        for row in result["stretches"]
    ]
    depths = ["all" if row["depth"] is None else f"{row['depth']:.0%}" for row in by_depth]
    return [
        _read(result),
        f"memory {size(result['rss'])} at {result['rss_from']:,} tokens, at most "
        f"{result['rss_after'] / result['rss'] - 1:+.1%} from there on; peak of the process "
        f"{size(result['peak_rss'])}; {size(result['disk'])} on disk",
        "",
        *table(["tokens", "tokens/s", "memory", "on disk"], along),
        "",
        "needles asked for while the text was read, and at its end, in percent of questions:",
        *table(["tokens", *ASKED.split(",")], [[f"{row['tokens']:,}", *_asked(row)] for row in asked]),
        *growth(asked),
        "",
        "at the end, by depth:",
        *table(
            ["depth", *ASKED.split(",")],
            [[depth, *_asked(row)] for depth, row in zip(depths, by_depth, strict=True)],
        ),
        f"{len(result['asked'])} questions took {seconds(result['asking_s'])} beside the reading; state "
        f"{result['state']}",
    ]


ASKED = "questions,found by index,found by scan,answered,of its blocks,index,exact scan,of its time,visited"
"""`of its blocks`: how many of the exact scan's 16 blocks the index chose too."""


def _read(result: Row) -> str:
    """What was read of what was wanted, and how fast."""
    time = f"in {seconds(result['seconds'])}: {result['tokens_per_s']:,.0f} tokens/s"
    head = (
        f"{result['model']}, window {result['window']:,}: {result['tokens']:,} tokens as one context {time}"
    )
    if result["tokens"] < result["wanted"]:
        return f"{head}; that is what {result['minutes']:g} minutes allow of {result['wanted']:,}"
    return head


def growth(asked: list[Row]) -> list[str]:
    """How the work of the index grew beside the text, where there are two lengths to compare."""
    long = [row for row in asked if row["visited"] < 0.9 * row["blocks"]]  # shorter ones are scanned
    if len(long) < 2:
        return []
    first, last = long[0], long[-1]
    grown = last["visited"] / first["visited"] - 1
    return [
        f"from {first['tokens']:,} to {last['tokens']:,} tokens the blocks that the index visits grew by "
        f"{grown:.0%}, the text by {last['tokens'] / first['tokens'] - 1:.0%}, its logarithm by "
        f"{log(last['tokens']) / log(first['tokens']) - 1:.0%}"
    ]


def _asked(row: Row) -> list[str]:
    shares = [f"{100 * row[name]:.1f}" for name in ("found_index", "found_exact", "answered", "nominated")]
    times = [f"{1000 * row[name]:,.0f} ms" for name in ("index_s", "exact_s")]
    of = f"{row['index_s'] / max(row['exact_s'], 1e-9):.1%}"
    return [f"{row['questions']}", *shares, *times, of, f"{row['visited']:,.0f} of {row['blocks']:,.0f}"]
