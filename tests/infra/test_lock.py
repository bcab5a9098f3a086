"""The lock holds all that set-up installs, at the version the project pins, and nothing of one machine."""

import re
import tomllib
from importlib.metadata import PackageNotFoundError, requires
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
LOCKS = sorted((ROOT / "infra" / "lock").glob("*.lock"))
PARTS = ["build", "torch", "run", "test"]
"""What one environment is made of; CUDA's libraries are added where the build of torch loads them."""
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())


def pins(lines: list[str]) -> dict[str, set[str]]:
    """Versions asked for, package by package: two where Pythons differ, none where any will do."""
    found: dict[str, set[str]] = {}
    for line in lines:
        requirement = Requirement(line)
        versions = {pin.version for pin in requirement.specifier if pin.operator == "=="}
        found.setdefault(canonicalize_name(requirement.name), set()).update(versions)
    return found


def entries(path: Path) -> list[str]:
    """The requirements of a file, without their hashes."""
    lines = path.read_text().splitlines()
    return [line.rstrip(" \\") for line in lines if line and not line.startswith((" ", "#"))]


def locked(*names: str) -> dict[str, set[str]]:
    return pins([line for name in names for line in entries(ROOT / "infra" / "lock" / f"{name}.lock")])


def test_every_dependency_is_locked_at_the_version_the_project_pins() -> None:
    project, run, test = PROJECT["project"], locked("torch", "run"), locked("test")
    assert pins(project["dependencies"]).items() <= run.items()
    # what the project brings along already is not locked twice
    assert pins(project["optional-dependencies"]["test"]).items() <= (run | test).items()
    assert pins(PROJECT["build-system"]["requires"]).items() <= locked("build").items()


@pytest.mark.parametrize("name", ["build", "models", "servers"])
def test_what_is_asked_for_beside_the_project_is_locked(name: str) -> None:
    asked = pins(entries(ROOT / "infra" / "lock" / f"{name}.in"))
    assert asked
    assert all(versions <= locked(name)[package] for package, versions in asked.items())


def test_whatever_a_locked_package_needs_is_locked_too() -> None:
    # set-up installs without dependencies: what is not in the lock would be missing
    all_of_it = locked(*PARTS)
    for package in all_of_it:
        try:
            needed = [Requirement(line) for line in requires(package) or []]
        except PackageNotFoundError:
            continue  # for another Python or platform
        here = [one for one in needed if not one.marker or one.marker.evaluate({"extra": ""})]
        missing = {canonicalize_name(one.name) for one in here} - set(all_of_it)
        assert missing <= set(locked("cuda") if package == "torch" else ()), package


def test_no_package_is_in_two_locks_of_one_environment() -> None:
    names = [name for part in [*PARTS, "cuda", "models"] for name in locked(part)]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("lock", LOCKS, ids=lambda path: path.stem)
def test_every_entry_of_a_lock_is_one_version_with_hashes_of_no_index_and_no_machine(lock: Path) -> None:
    one_entry = r"(#.*\n)*[a-z0-9.-]+==\S+( ; [^\\\n]+)? \\\n(    --hash=sha256:[0-9a-f]{64}( \\)?\n)+"
    assert re.fullmatch(f"({one_entry})+", lock.read_text())
