"""`nightread bench headline`: all that is claimed of the engine, measured in one run that is over in time."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from flows import figures, million
from flows.answer import Answer
from flows.show import seconds, size, table
from tasks.runs.ledger import Row

if TYPE_CHECKING:
    from flows.config import RunConfig

TOKENS, MINUTES = 10_000_000, 12.0
"""Of the long context and of the whole run, by default."""
HEADLINE_HELP = """\
Within --minutes (default: 12) are measured: the speed of reading, beside dense attention and what the machine
can do; one context of --tokens (default: 10,000,000), asked while it is read and at its end, as million does;
and how well a passage is predicted behind a stream of growing length. Every part has a share of the time, and
what was shortened for it is said. It writes one PNG file and the same figures as JSON beside it.
"""


def bench_headline(
    config: "RunConfig",
    tokens: int | None = None,
    minutes: float | None = None,
    haystack: list[str] | None = None,
    seed: int = 0,
    figure: str | None = None,
    **_: Any,
) -> Answer:
    """Measure all of it."""
    from flows.progress import counter

    minutes = MINUTES if minutes is None else minutes
    options, models = million.prepared(config, tokens or TOKENS, minutes, haystack, seed, figure)
    from tasks.bench.headline.run import headline

    result = headline(options, Path(config.home), models, counter())
    return Answer(result, told(result))


def told(result: Row) -> str:
    """Speeds, the long context, what decays, and what the time did not suffice for."""
    used, memory = result["utilisation"], result["memory"]
    gpu = "" if memory["device_peak"] is None else f"; on the GPU {size(memory['device_peak'])}"
    return "\n".join(
        [
            *figures.speeds(result["speed"]),
            *([figures.together(result["rows"])] if result["rows"] else []),
            "",
            *million.read_and_asked(result["million"]),
            f"peak of memory {size(memory['peak_rss'])}{gpu}",
            f"of {used['limit'] / 1e9:,.1f} GFLOP/s the long context reached {used['million']:.1%}, the "
            f"whole model reading on {used['predicted']:.1%}",
            "",
            "what decays with length, in percent of questions; nats a token of a passage that stands nowhere "
            "in the text, behind the whole model's stream:",
            *table(["tokens", *DECAY.split(",")], [_decayed(row) for row in result["decay"]]),
            "",
            *[f"shortened for lack of time: {line}" for line in result["shortened"]],
            f"{seconds(result['seconds'])} of {seconds(60 * result['minutes'])}",
            f"figure: {result['figure']}",
        ]
    )


DECAY = "questions,found by index,found by scan,answered,nats"


def _decayed(row: Row) -> list[str]:
    shares = [
        f"{100 * row[name]:.1f}" if name in row else "" for name in ("found_index", "found_exact", "answered")
    ]
    nats = f"{row['nats']:.3f}" if "nats" in row else ""
    return [f"{row['tokens']:,}", str(row.get("questions", "")), *shares, nats]
