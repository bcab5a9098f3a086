"""Imports run one way, flows -> tasks -> model; no circles; the house stays small enough to walk through."""

import ast
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path
from statistics import median

import pytest

ROOT = Path(__file__).parents[1]
CODE = ("flows", "tasks", "model")
FORBIDDEN = {
    "model": {"flows", "tasks", "prefect", "dask", "distributed", "pyarrow", "lancedb", "boto3", "omegaconf"},
    "tasks": {"flows", "prefect", "omegaconf"},
    "flows": {"torch", "deepspeed", "pyarrow", "lancedb", "boto3"},
}
TOP = {"flows", "tasks", "model", "conf", "infra", "tests", "pyproject.toml", "README.md"}

MOST_ENTRIES, MOST_LINES, MEDIAN_LINES, MOST_FUNCTION_LINES = 15, 400, 150, 60


def modules(folder: str) -> list[Path]:
    return sorted((ROOT / folder).rglob("*.py"))


@cache
def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text())


@cache
def imports(path: Path) -> tuple[str, ...]:
    """Full names of everything a file imports, wherever in it, but for what only a type checker reads."""
    found: list[str] = []
    skipped = {
        inner
        for node in ast.walk(parsed(path))
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
        for inner in (ast.unparse(line) for line in node.body)
    }
    for node in ast.walk(parsed(path)):
        if not isinstance(node, ast.Import | ast.ImportFrom) or ast.unparse(node) in skipped:
            continue
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif node.module:
            found += [f"{node.module}.{alias.name}" for alias in node.names]
    return tuple(found)


def room(name: str, floor: str) -> str:
    """The entry of a floor that a module belongs to: a package or a file."""
    parts = name.split(".")
    return parts[1] if len(parts) > 1 and parts[0] == floor else ""


@pytest.mark.parametrize("folder", CODE)
def test_imports_run_one_way(folder: str) -> None:
    wrong = {
        f"{path.relative_to(ROOT)}: {name}"
        for path in modules(folder)
        for name in imports(path)
        if name.split(".")[0] in FORBIDDEN[folder]
    }
    assert wrong == set()


@pytest.mark.parametrize("floor", ["tasks", "model"])
def test_no_two_packages_need_each_other(floor: str) -> None:
    graph: dict[str, set[str]] = {}
    for path in modules(floor):
        own = path.relative_to(ROOT / floor).parts[0].removesuffix(".py")
        needed = {room(name, floor) for name in imports(path)} - {own, ""}
        graph.setdefault(own, set()).update(needed)
    TopologicalSorter(graph).prepare()  # a CycleError names the circle


@pytest.mark.parametrize("floor", ["tasks", "model"])
def test_only_benchmarks_know_benchmarks(floor: str) -> None:
    wrong = [
        f"{path.relative_to(ROOT)}: {name}"
        for path in modules(floor)
        if path.relative_to(ROOT / floor).parts[0] != "bench"
        for name in imports(path)
        if name.split(".")[1:2] == ["bench"]
    ]
    assert wrong == []


@pytest.mark.parametrize(
    ("names", "file"),
    [
        ({"boto3", "botocore"}, "tasks/ingest/storage.py"),
        ({"deepspeed"}, "model/parallel/collectives.py"),
    ],
)
def test_one_file_knows(names: set[str], file: str) -> None:
    knowing = [
        str(path.relative_to(ROOT))
        for folder in CODE
        for path in modules(folder)
        if names & {name.split(".")[0] for name in imports(path)}
    ]
    assert knowing == [file]


def test_top_level_holds_six_folders_and_two_files() -> None:
    # build/ and dist/ are what a build leaves behind, and git ignores them
    there = {entry.name for entry in ROOT.iterdir() if not entry.name.startswith(".")}
    assert there - {"build", "dist", "__pycache__"} == TOP


@pytest.mark.parametrize("floor", ["tasks", "model"])
def test_a_floor_can_be_seen_at_a_glance(floor: str) -> None:
    entries = {entry.name for entry in (ROOT / floor).iterdir()} - {"__pycache__", "__init__.py", "README.md"}
    assert len(entries) <= MOST_ENTRIES, sorted(entries)


def test_files_and_functions_stay_short() -> None:
    lengths = {path: path.read_text().count("\n") for folder in CODE for path in modules(folder)}
    assert median(lengths.values()) <= MEDIAN_LINES
    assert {str(path): count for path, count in lengths.items() if count > MOST_LINES} == {}
    long = {
        f"{path.relative_to(ROOT)}:{node.lineno} {node.name}": node.end_lineno - node.lineno + 1
        for path in lengths
        for node in ast.walk(parsed(path))
        if isinstance(node, ast.FunctionDef) and node.end_lineno is not None
    }
    assert {name: count for name, count in long.items() if count > MOST_FUNCTION_LINES} == {}


@pytest.mark.parametrize("folder", CODE)
def test_every_module_says_what_it_is(folder: str) -> None:
    silent = [str(path.relative_to(ROOT)) for path in modules(folder) if not ast.get_docstring(parsed(path))]
    assert silent == []
