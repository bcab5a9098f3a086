"""What each command calls, and how its answer is told.

The idea: one small function a command, from its arguments and the configuration to an answer for programs and
a text for people. Prefect and the models are imported inside, when they are needed, so that `--help` and a
misspelt setting are answered at once.
"""

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flows import show
from tasks.bench.grid import Grid, comma_separated, parse_lengths, parse_numbers
from tasks.bench.scaling import SPEC, Scale
from tasks.bench.speed import Course, default_figure, installed_peers
from tasks.errors import InvalidInput

if TYPE_CHECKING:
    from flows.config import RunConfig

Answer = tuple[Any, str]
"""What a command found, and how it is told."""


def _read(arguments: argparse.Namespace, config: "RunConfig") -> Answer:
    from flows.server import prefect_api

    with prefect_api(Path(config.home), _import_flow):
        from flows import read

        result = read.run_read(arguments.uris, config)
    return result, show.read(result)


def _plan(arguments: argparse.Namespace, config: "RunConfig") -> Answer:
    from flows import read

    result = read.run_plan(arguments.uris, config)
    return result, show.plan(result)


def _quarantine(arguments: argparse.Namespace, config: "RunConfig") -> Answer:
    if arguments.action == "retry":
        return _retry(config)
    from flows import query

    rows = query.quarantined(config)
    # not under "quarantined", which is what a run left there: to list them is no failure
    return {"documents": rows}, show.quarantined(rows)


def _retry(config: "RunConfig") -> Answer:
    from flows import query
    from flows.server import prefect_api

    if not query.quarantined(config):
        return {"quarantined": []}, show.quarantined([])
    with prefect_api(Path(config.home), _import_flow):
        from flows import read

        result = read.run_retry(config)
    return result, show.read(result)


def _import_flow() -> None:
    """Prefect and the models take as long to import as a server to start: both at once."""
    import flows.read  # noqa: F401


def _serve(arguments: argparse.Namespace, config: "RunConfig") -> Answer:
    from flows.server import prefect_api

    with prefect_api(Path(config.home), _import_flow) as url:
        from prefect.types.entrypoint import EntrypointType

        from flows.read import read_corpus

        print(f"Prefect's UI is at {url.removesuffix('/api')}; Ctrl-C ends it.", flush=True)
        # by module: a file path would be loaded as a second copy, and from this folder only
        by_module = EntrypointType.MODULE_PATH
        read_corpus.serve(name="read", limit=1, print_starting_message=False, entrypoint_type=by_module)
    return {"url": url}, ""


def _recall(arguments: argparse.Namespace, config: "RunConfig") -> Answer:
    from flows import query

    hits = query.recall(arguments.question, config, arguments.level, arguments.as_of)
    return {"question": arguments.question, "hits": hits}, show.hits(hits)


def _runs(arguments: argparse.Namespace, config: "RunConfig") -> Answer:
    from flows import query

    rows = query.runs(config)
    return {"runs": rows}, show.runs(rows)


def _show(arguments: argparse.Namespace, config: "RunConfig") -> Answer:
    from flows import query

    found = query.show(arguments.id, config)
    return found, show.fields(found)


def _evaluate(arguments: argparse.Namespace, config: "RunConfig") -> Answer:
    if arguments.name == "needle":
        return _needle(arguments, config)
    if arguments.path is None:
        raise InvalidInput(f"evaluate {arguments.name}: give the folder that holds its data")
    from flows import query

    result = query.evaluate(arguments.name, arguments.path, config)
    return result, show.fields(result)


def _needle(arguments: argparse.Namespace, config: "RunConfig") -> Answer:
    if arguments.path is not None:
        raise InvalidInput(f"evaluate needle {arguments.path}: texts are given with --haystack")
    grid = _grid(arguments)  # refused before anything heavy is imported
    from flows import query

    result = query.needle(grid, config)
    return result, show.needle(result)


def _grid(arguments: argparse.Namespace) -> Grid:
    return Grid(
        lengths=parse_lengths(arguments.lengths),
        depths=arguments.depths,
        keys=arguments.keys,
        haystack=tuple(map(Path, arguments.haystack)),
        seed=arguments.seed,
        needles=arguments.needles,
        wordings=arguments.wordings,
        filler=arguments.filler,
        shared=arguments.shared,
        ways=comma_separated(arguments.ways),
        storage=arguments.storage,
        figure=Path(arguments.figure) if arguments.figure else None,
    )


def _calibrate(arguments: argparse.Namespace, config: "RunConfig") -> Answer:
    if arguments.tokens < 1024:
        raise InvalidInput(f"--tokens {arguments.tokens}: give 1,024 or more")
    from flows import query

    result = query.calibrate(arguments.tokens, config)
    return result, show.calibrated(result)


def _scaling(arguments: argparse.Namespace, config: "RunConfig") -> Answer:
    given = {name: getattr(arguments, name) for name in SPEC}
    scale = Scale(
        ranks=parse_numbers(arguments.ranks, "--ranks", " of processes, such as 1,2"),
        tokens=arguments.tokens,
        repeats=arguments.repeats,
        machine={name: value for name, value in given.items() if value is not None},
    )
    from flows import query

    result = query.scaling(scale, config)
    return result, show.scaling(result)


def _windows(arguments: argparse.Namespace, config: "RunConfig") -> Answer:
    lengths = parse_lengths(arguments.lengths)
    leasts = parse_numbers(arguments.least, "--least", " of tokens, such as 256,512")
    from flows import query

    result = query.windows(max(lengths), leasts, config)
    return result, show.windows(result)


def _bench(arguments: argparse.Namespace, config: "RunConfig") -> Answer:
    if arguments.what == "scaling":
        return _scaling(arguments, config)
    if arguments.what == "windows":
        return _windows(arguments, config)
    named = arguments.peers is not None
    course = Course(
        lengths=parse_lengths(arguments.lengths),
        peers=comma_separated(arguments.peers) if named else installed_peers(config.infer.model),
        figure=Path(arguments.figure) if arguments.figure else default_figure(Path(config.home)),
        kernel=arguments.kernel,
    )
    from flows import query

    result = query.bench(course, config)
    return result, show.bench(result)


COMMANDS: dict[str, Callable[[argparse.Namespace, "RunConfig"], Answer]] = {
    "read": _read,
    "plan": _plan,
    "quarantine": _quarantine,
    "serve": _serve,
    "recall": _recall,
    "runs": _runs,
    "show": _show,
    "evaluate": _evaluate,
    "bench": _bench,
    "calibrate": _calibrate,
}
