"""The command that tunes the reading model on what memory holds."""

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flows.answer import Answer
from flows.evaluating import loaded
from flows.show import table
from tasks.relate.tuning.plan import TunePlan

if TYPE_CHECKING:
    from flows.config import RunConfig
    from tasks.relate.tuning.tune import Tuned

HELP = """\
Documents that memory holds are put in a row, each followed by the most alike, and cut into samples. The
loss is that of the next token, plus the entropy of the heads that retrieve over the whole sample (they
shall look at few places), plus what the other heads' entropy lacks over the window (they shall not look at
the nearest tokens alone). Entropies are shares: 1 is even attention. The model that read stays as it is; a
run that was killed goes on by the same command. Read with the new one by infer.model=FOLDER, and measure
both: `nightread evaluate growth infer.model=FOLDER`.
"""


def arguments(add: Callable[..., Any]) -> None:
    """The options of this command."""
    default = TunePlan(Path())
    tune = add(
        "tune",
        "tune the reading model for long contexts, on what memory holds",
        "tune --out ~/models/ours\ntune ~/contracts --out ~/models/ours --steps 200 --tokens 4096",
        HELP,
    )
    tune.add_argument(
        "uri", nargs="?", default="", metavar="URI", help="only documents of this source or folder"
    )
    tune.add_argument(
        "--out", required=True, metavar="FOLDER", help="gets the model; it may be begun already"
    )
    for name, text in (
        ("steps", "samples that are learnt from"),
        ("tokens", "of a sample"),
        ("window", "of the attention, as it will be read with"),
        ("ranks", "processes that share every sample; on GPUs one each"),
        ("zero", "stage of DeepSpeed's ZeRO"),
        ("seed", "of the order of the samples"),
    ):
        value = getattr(default, name)
        tune.add_argument(
            f"--{name}", type=int, default=value, metavar="N", help=f"{text} (default: {value})"
        )
    for name, text in (
        ("learning-rate", "at its highest"),
        ("retrieval-entropy", "weight of the retrieving heads' entropy"),
        ("local-entropy", "weight of what the other heads' entropy lacks"),
    ):
        value = getattr(default, name.replace("-", "_"))
        tune.add_argument(
            f"--{name}", type=float, default=value, metavar="X", help=f"{text} (default: {value:g})"
        )


def tune(config: "RunConfig", uri: str = "", out: str = "", **options: Any) -> Answer:
    """Tune the configured model; what was read and the model that read it stay as they are."""
    plan = TunePlan(Path(out).expanduser(), uri, **options)  # refused before anything heavy is imported
    models = loaded(config)
    from flows.progress import counter
    from tasks.relate.tuning.tune import tune as run

    done = run(Path(config.home), plan, models, counter("steps"))
    result = {
        "out": str(done.out),
        "tokens": done.tokens,
        "resumed": done.resumed,
        "steps": [asdict(step) for step in done.steps],
    }
    return Answer(result, _shown(done))


def _shown(done: "Tuned") -> str:
    """The first and the last tenth of the steps beside each other."""
    some = max(1, len(done.steps) // 10)
    parts = {"first": done.steps[:some], "last": done.steps[-some:]}
    rows = [
        [
            f"{name} {some} of {len(done.steps)} steps" if some > 1 else f"{name} step",
            *(
                f"{sum(getattr(step, of) for step in steps) / len(steps):.4f}"
                for of in ("loss", "nats", "retrieval", "local")
            ),
        ]
        for name, steps in parts.items()
    ]
    went_on = f", {done.resumed} of the steps were done before" if done.resumed else ""
    return "\n".join(
        [
            f"tuned on {done.tokens:,} tokens{went_on}; the model is in {done.out}",
            *table(["", "loss", "nats a token", "retrieval entropy", "local entropy"], rows),
        ]
    )
