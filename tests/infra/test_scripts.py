"""Set-up happens once, is never believed too early, and asks for what the project pins."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.heavy
SCRIPTS = sorted([*(ROOT / "infra").glob("*.sh"), ROOT / ".ci" / "run"])


RECORDER = """#!/usr/bin/env bash
echo "$*" >> "$CALLS"
[ -z "$FAIL" ] || [[ "$*" != *" $FAIL "* ]] || exit 9
"""
"""Stands where a python is expected and notes what it is asked: a real set-up takes minutes."""


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A copy of what set-up reads, with an environment whose python only notes its arguments."""
    folder = tmp_path / "checkout"
    (folder / "env" / "bin").mkdir(parents=True)
    shutil.copytree(ROOT / "infra", folder / "infra")
    shutil.copy(ROOT / "pyproject.toml", folder)
    python = folder / "env" / "bin" / "python"
    python.write_text(RECORDER)
    python.chmod(0o755)
    return folder


def installs(checkout: Path, *extras: str, fail: str = "", ends_well: bool = True) -> list[str]:
    """What one set-up asks pip to install, where the call with the word `fail` in it fails."""
    calls = checkout / "calls"
    calls.write_text("")
    settings = {"VENV": "env", "CALLS": str(calls), "FAIL": fail}
    command = ["bash", str(checkout / "infra" / "setup.sh"), *extras]
    done = subprocess.run(command, env=os.environ | settings, capture_output=True, check=False)
    assert (done.returncode == 0) == ends_well
    return [line.split("version-check ")[1] for line in calls.read_text().splitlines() if " install " in line]


def lock(name: str, *options: str) -> str:
    return " ".join(["--no-deps --require-hashes", *options, f"-r infra/lock/{name}.lock"])


CUDA = lock("cuda")
TORCH = lock("torch", "--no-index")
MODELS = " -r infra/lock/models.lock"
RUN = lock("run", "--no-build-isolation")
ITSELF = "--no-deps --no-build-isolation -e ."


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_every_script_is_valid_bash_that_stops_at_an_error(script: Path) -> None:
    assert subprocess.run(["bash", "-n", str(script)], check=False).returncode == 0
    text = script.read_text()
    assert "set -euo pipefail" in text or text.splitlines()[1].startswith("exec ")
    assert "--system-site-packages" not in text


def test_the_first_set_up_installs_the_lock_and_the_second_one_nothing(checkout: Path) -> None:
    assert installs(checkout) == [lock("build"), TORCH, RUN + MODELS, CUDA, ITSELF]
    assert installs(checkout) == []


def test_a_build_of_torch_without_cuda_brings_no_libraries_of_cuda(checkout: Path) -> None:
    assert CUDA not in installs(checkout, fail="importlib.metadata")


def test_the_index_is_asked_for_torch_where_this_machine_has_none(checkout: Path) -> None:
    assert installs(checkout, fail="--no-index")[1:3] == [TORCH, lock("torch")]


def test_tests_ask_for_more_and_running_afterwards_for_nothing(checkout: Path) -> None:
    installs(checkout)
    assert RUN + " -r infra/lock/test.lock" + MODELS in installs(checkout, "test")
    assert installs(checkout) == installs(checkout, "test") == []


@pytest.mark.parametrize("name", ["pyproject.toml", "infra/lock/run.lock"])
def test_other_pins_are_installed_and_so_are_the_old_ones_when_they_come_back(
    checkout: Path, name: str
) -> None:
    pins = (checkout / name).read_text()
    installs(checkout, "test")
    (checkout / name).write_text(pins + "\n# another\n")
    assert installs(checkout)
    (checkout / name).write_text(pins)
    assert installs(checkout, "test")


def test_a_set_up_that_failed_is_done_again(checkout: Path) -> None:
    assert installs(checkout, fail="-e", ends_well=False)[-1] == ITSELF
    assert installs(checkout)[-1] == ITSELF
