"""Imports run one way, flows -> tasks -> model, and the top level stays small."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FORBIDDEN = {
    "model": {"flows", "tasks", "prefect", "dask", "distributed", "pyarrow", "lancedb", "boto3", "omegaconf"},
    "tasks": {"flows", "prefect", "omegaconf"},
    "flows": {"torch", "deepspeed", "pyarrow", "lancedb", "boto3"},
}
TOP = {"flows", "tasks", "model", "conf", "infra", "tests", "pyproject.toml", "README.md"}


def imported(path: Path) -> set[str]:
    """Top-level names of everything a file imports, wherever in it."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module.split(".")[0])
    return found


@pytest.mark.parametrize("folder", FORBIDDEN)
def test_imports_run_one_way(folder: str) -> None:
    wrong = {
        f"{path.relative_to(ROOT)}: {name}"
        for path in (ROOT / folder).rglob("*.py")
        for name in imported(path) & FORBIDDEN[folder]
    }
    assert wrong == set()


@pytest.mark.parametrize(
    ("names", "file"),
    [({"boto3", "botocore"}, "tasks/ingest/storage.py"), ({"deepspeed"}, "model/parallel/collectives.py")],
)
def test_one_file_knows(names: set[str], file: str) -> None:
    knowing = [
        str(path.relative_to(ROOT))
        for folder in FORBIDDEN
        for path in (ROOT / folder).rglob("*.py")
        if names & imported(path)
    ]
    assert knowing == [file]


def test_top_level_holds_six_folders_and_two_files() -> None:
    # build/ and dist/ are what a build leaves behind, and git ignores them
    there = {entry.name for entry in ROOT.iterdir() if not entry.name.startswith(".")}
    assert there - {"build", "dist", "__pycache__"} == TOP


@pytest.mark.parametrize("folder", ["flows", "tasks", "model"])
def test_every_module_says_what_it_is(folder: str) -> None:
    silent = [
        str(path.relative_to(ROOT))
        for path in (ROOT / folder).rglob("*.py")
        if not ast.get_docstring(ast.parse(path.read_text()))
    ]
    assert silent == []
