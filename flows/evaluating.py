"""The command that evaluates: recall of evidence, answers, and the long-context engine, on labelled texts."""

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flows.answer import Answer
from flows.deployments import commands as deployments
from flows.reranking import HELP as RERANK_HELP
from flows.reranking import reranking
from tasks.errors import InvalidInput

if TYPE_CHECKING:
    from flows.config import RunConfig
    from tasks.bench.grid import Grid
    from tasks.recall.rerank import Reranker

Add = Callable[..., argparse.ArgumentParser]

NEEDLE_HELP = """\
Random facts are hidden in text that never repeats, at even depths of contexts of exact length, and asked
for. Each context holds one needle (--keys 8: seven more of its kind, with other names and numbers, lie at
even distances), is read once by the long-context engine, and is asked in several wordings. A cell is the
share of its needles and wordings.

found_exact, found_index: the needle's number lies in what an answer chooses from: the 16 blocks that heads
vote for, the text's first block (always_attended tells), and their neighbours. A context that is too short
for an index is scanned exactly by both (indexed: false). answer_given_blocks, answer: the first number
of what the model then writes is the needle's, from its own blocks and from those the exact scan chose.
answer_dense: the same with the model's own dense attention to the whole text, for lengths up to those it
was trained for.
"""


GROWTH_HELP = """\
One context is read on from length to length. The needles of the first length are asked for at every one,
those that a length adds at that length; and a passage that stands nowhere in the text is predicted behind it.
Takes --lengths, --depths (needles of each length), --wordings, --seed, --haystack, --storage, --figure.
"""

RULER_HELP = """\
single: one fact; keys: one of eight of a kind; values: four numbers of one name; queries: four facts in one
question; variables: all names in a chain of assignments; passages: a question about one of eight alike;
words: the five most frequent of a list. Facts of all tasks but words lie in one natural text and distract
from each other. A score is the share of the expected words that the beginning of the answer holds.
Dense attention is measured up to the length that the model was trained for. Takes --lengths, --seed,
--haystack.
"""


def arguments(add: Add) -> None:
    """The options of this command."""
    test = add(
        "evaluate",
        "measure how well evidence is recalled, and how good summaries are",
        "evaluate locomo ~/data/locomo\nevaluate which ~/data/cuad ~/papers\n"
        "evaluate needle --lengths 8192,32768 --depths 10\nevaluate ruler --lengths 4096,8192\n"
        "evaluate sessions --rounds 1000",
        "locomo and cuad are public benchmarks of recall from memory; ask asks questions about what was read "
        "and about what was not (of contracts, conversations or texts in PATH; without it, of texts this "
        "machine has); needle asks the long-context engine for facts hidden in long texts; growth "
        "asks as one context grows; ruler has the engine retrieve, trace and count beside the model's own "
        "dense attention. reports scores "
        "summaries of gov_report beside its first words; which finds documents by their summaries alone; "
        "sessions adds to and asks long dialogues, and those of locomo where PATH is given.",
    )
    names = ("locomo", "cuad", "ask", "needle", "growth", "ruler", "reports", "which", "sessions")
    test.add_argument("name", choices=names, help="what to measure")
    test.add_argument(
        "paths", nargs="*", metavar="PATH", help="folder that holds the data set, or texts; several for which"
    )
    test.add_argument(
        "--only", metavar="N,N", help="numbers of conversations of locomo, from 0 (default: all)"
    )
    test.add_argument("--rerank", action="store_true", help=RERANK_HELP)
    test.add_argument(
        "--rounds", type=int, default=10_000, metavar="N", help="of the long session (default: 10000)"
    )
    _hiding(test)
    test.add_argument_group("growth", GROWTH_HELP)
    tasks = test.add_argument_group("ruler", RULER_HELP)
    tasks.add_argument(
        "--samples", type=int, default=10, metavar="N", help="texts of each length (default: 10)"
    )


def _hiding(test: argparse.ArgumentParser) -> None:
    grid = test.add_argument_group("needle", NEEDLE_HELP)

    def number(name: str, default: int, text: str) -> None:
        grid.add_argument(
            f"--{name}", type=int, default=default, metavar="N", help=f"{text} (default: {default})"
        )

    grid.add_argument(
        "--lengths",
        default="8192,32768",
        metavar="N,N",
        help="tokens of a context, needles included (default: 8192,32768)",
    )
    number("depths", 10, "even depths from the first token to the last")
    number("keys", 1, "needles of one kind in a context; one is asked for")
    number("segments", 1, "read each text also as N segments, and ask all of them")
    number("needles", 3, "different needles for each cell, each in another text")
    number("wordings", 3, "wordings of each question")
    number("seed", 0, "of needles and texts: the same seed gives the same grid")
    haystack_argument(grid)
    grid.add_argument(
        "--filler", action="store_true", help="a few sentences repeated instead: the easiest haystack"
    )
    grid.add_argument(
        "--shared",
        action="store_true",
        help="needles of all depths in one context, each asked for: cheaper to read, harder to answer",
    )
    grid.add_argument(
        "--ways",
        default="recompute",
        metavar="WAY,WAY",
        help="how blocks come back: recompute (from their tokens), kv (all keys and values are kept), "
        "or both (default: recompute)",
    )
    grid.add_argument(
        "--storage",
        default="bfloat16",
        metavar="FORMAT",
        help="numbers of kept keys and values: float32, bfloat16 or float8 (default: bfloat16)",
    )
    grid.add_argument("--figure", metavar="PNG", help="draw length by depth as heat maps")


def evaluate(
    config: "RunConfig",
    name: str,
    paths: Sequence[str] = (),
    only: str | None = None,
    rerank: bool = False,
    rounds: int = 10_000,
    **options: Any,
) -> Answer:
    """Recall of evidence on a public data set, of needles hidden in long texts, or how good summaries are."""
    if name in LONG:
        if paths:
            raise InvalidInput(f"evaluate {name} {paths[0]}: texts are given with --haystack")
        return LONG[name](config, **options)
    folders = [Path(path).expanduser() for path in paths]
    if name == "which" and folders:
        return _which(config, folders)
    if len(folders) > 1:
        raise InvalidInput(f"evaluate {name}: give one folder, not {len(folders)}")
    if name == "ask":
        return _evaluate_ask(config, folders[0] if folders else None)
    if name == "sessions":
        return _sessions(config, folders[0] if folders else None, rounds, only, **options)
    if not folders:
        raise InvalidInput(f"evaluate {name}: give the folder that holds its data")
    if name == "reports":
        return _reports(config, folders[0])
    return _recalled(config, name, folders[0], only, reranking(config, rerank))


def _sessions(
    config: "RunConfig", path: Path | None, rounds: int, only: str | None, seed: int, **_: Any
) -> Answer:
    deployments.check_models(config)
    from flows import session_figures
    from flows.progress import counter
    from model.embed.embedder import load_embedder
    from tasks.bench.grid import parse_numbers
    from tasks.bench.sessions import LEAST_ROUNDS, evaluate_sessions

    if rounds < LEAST_ROUNDS:
        raise InvalidInput(f"--rounds {rounds}: give {LEAST_ROUNDS} or more")
    embed = load_embedder(config.infer.embedder).encode
    numbers = parse_numbers(only, "--only", " of conversations, such as 0,1") if only else ()
    result = evaluate_sessions(path, embed, rounds, seed, counter(), only=numbers)
    return Answer(result, session_figures.sessions(result))


def _reports(config: "RunConfig", path: Path) -> Answer:
    from flows import figures
    from flows.progress import counter
    from tasks.bench.reports import evaluate_reports

    result = evaluate_reports(path, counter())
    return Answer(result, figures.reports(result))


def _which(config: "RunConfig", paths: Sequence[Path]) -> Answer:
    deployments.check_models(config)
    from flows import figures
    from flows.progress import counter
    from model.embed.embedder import load_embedder
    from tasks.bench.which import evaluate_which

    embed = load_embedder(config.infer.embedder).encode
    result = evaluate_which(paths, embed, config.infer.summary_words, config.recall, counter())
    return Answer(result, figures.which(result))


def _recalled(
    config: "RunConfig",
    name: str,
    path: Path,
    only: str | None,
    reranker: "Callable[[], Reranker] | None",
) -> Answer:
    deployments.check_models(config)
    from flows import figures
    from flows.progress import counter
    from model.embed.embedder import load_embedder
    from tasks.bench.evaluate import evaluate as measure
    from tasks.bench.grid import parse_numbers

    embed = load_embedder(config.infer.embedder).encode
    result = measure(
        name,
        path,
        embed,
        config.recall,
        counter(),
        passage_chars=config.infer.passage_chars,
        only=parse_numbers(only, "--only", " of conversations, such as 0,1") if only else (),
        rerank=reranker() if reranker else None,
    )
    return Answer(result, figures.locomo(result) if name == "locomo" else figures.cuad(result))


def _evaluate_ask(config: "RunConfig", path: Path | None) -> Answer:
    deployments.check_models(config)
    from flows import figures
    from flows.progress import counter
    from model.embed.embedder import load_embedder
    from tasks.bench.ask import evaluate_ask

    embed, size = load_embedder(config.infer.embedder).encode, config.infer.passage_chars
    result = evaluate_ask(path, embed, config.recall, counter(), passage_chars=size)
    return Answer(result, figures.asked(result))


def _grid(
    lengths: str,
    ways: str,
    haystack: Sequence[str] = (),
    figure: str | None = None,
    samples: int = 0,
    **numbers: Any,
) -> "Grid":
    """The grid that the options describe; refused before anything heavy is imported."""
    del samples
    from tasks.bench.grid import Grid, comma_separated, parse_lengths

    return Grid(
        lengths=parse_lengths(lengths),
        haystack=paths(haystack),
        ways=comma_separated(ways),
        figure=path(figure),
        **numbers,
    )


def _needle(config: "RunConfig", **options: Any) -> Answer:
    grid = _grid(**options)
    from flows import figures
    from flows.progress import counter
    from tasks.bench.needle import evaluate_needle

    result = evaluate_needle(grid, loaded(config), counter())
    return Answer(result, figures.needle(result))


def _growth(config: "RunConfig", **options: Any) -> Answer:
    grid = _grid(**options)
    from flows import length_figures
    from flows.progress import counter
    from tasks.bench.growth import evaluate_growth

    result = evaluate_growth(grid, loaded(config), counter())
    return Answer(result, length_figures.growth(result))


def _ruler(
    config: "RunConfig", lengths: str, samples: int, seed: int, haystack: Sequence[str] = (), **_: Any
) -> Answer:
    from flows import length_figures
    from flows.progress import counter
    from tasks.bench.grid import parse_lengths
    from tasks.bench.ruler.plan import Plan

    plan = Plan(  # refused before anything heavy is imported
        lengths=parse_lengths(lengths),
        samples=samples,
        seed=seed,
        haystack=paths(haystack),
    )
    from tasks.bench.ruler.evaluate import evaluate_ruler

    result = evaluate_ruler(plan, loaded(config), counter())
    return Answer(result, length_figures.ruler(result))


LONG: dict[str, Callable[..., Answer]] = {"needle": _needle, "growth": _growth, "ruler": _ruler}
"""What measures the long-context engine."""


def loaded(config: "RunConfig") -> Any:
    """The configured models, loaded when they are first used."""
    deployments.check_models(config)
    from tasks.infer.models import Models

    return Models(Path(config.home), config.infer, config.shard.stride)


def haystack_argument(group: Any) -> None:
    """The option that names texts to hide needles in."""
    group.add_argument(
        "--haystack",
        nargs="+",
        default=[],
        metavar="PATH",
        help="files and folders of text (default: text this machine has)",
    )


def paths(given: Sequence[str]) -> tuple[Path, ...]:
    """Paths of an option, each as `path` makes it."""
    return tuple(Path(one).expanduser() for one in given)


def path(given: str | None) -> Path | None:
    """A path of an option, with the home folder of `~`."""
    return Path(given).expanduser() if given else None
