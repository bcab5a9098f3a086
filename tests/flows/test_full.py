"""A machine that is out of something: each read ends with one line that names what, where and the remedy, and
the same command goes on when there is room.

Run: pytest -m slow tests/flows/test_full.py (about three minutes)
"""

import os
import resource
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from flows.cli import main
from flows.config import RunConfig
from tests.flows.conftest import Configured
from tests.flows.corpus import read, remembered, write_corpus

pytestmark = pytest.mark.slow

MIB = 1 << 20
ROOT = Path(__file__).parents[2]
Capture = pytest.CaptureFixture[str]


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own, of 48 MiB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    made = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=48m", "none", folder], capture_output=True)
    if made.returncode:
        pytest.skip("only root mounts a file system of its own")
    yield folder
    subprocess.run(["umount", "-l", folder], check=True)


@pytest.fixture
def sealed(disk: Path, tmp_path: Path) -> Iterator[Path]:
    """The same file system once more, where nothing can be written."""
    folder = tmp_path / "sealed"
    folder.mkdir()
    subprocess.run(["mount", "--bind", disk, folder], check=True)
    subprocess.run(["mount", "-o", "remount,bind,ro", folder], check=True)
    yield folder
    subprocess.run(["umount", "-l", folder], check=True)


def settings(config: RunConfig, home: Path) -> list[str]:
    return [
        "--conf",
        "tiny",
        f"home={home}",
        f"infer.model={config.infer.model}",
        f"cluster.address={config.cluster.address}",
    ]


def fill(disk: Path, left: int) -> None:
    """Leave so many bytes free."""
    status = os.statvfs(disk)
    with (disk / "ballast").open("wb") as file:
        size = max(0, status.f_bavail * status.f_frsize - left)
        os.posix_fallocate(file.fileno(), 0, size) if size else None


@pytest.mark.parametrize("left", [0, 16 << 10, 96 << 10, 192 << 10])
def test_a_read_onto_a_full_disk_says_so_and_goes_on_when_there_is_room(
    left: int, disk: Path, configured: Configured, tmp_path: Path, capsys: Capture
) -> None:
    folder, config, home = write_corpus(tmp_path / "corpus", 4, lines=6), configured(), disk / "home"
    fill(disk, left)
    code = main(["read", str(folder), *settings(config, home)])
    said = capsys.readouterr().err
    lines = [line for line in said.splitlines() if line.startswith("nightread: ")]
    assert code in (1, 2), said
    assert "Traceback" not in said
    assert len(lines) == 1, said
    assert str(disk) in lines[0]
    assert "free some space" in lines[0] or "No space left" in lines[0], said
    (disk / "ballast").unlink()
    assert main(["read", str(folder), *settings(config, home)]) == 0
    read(config, folder)
    assert remembered(home) == remembered(config.home)


def test_a_read_into_a_home_that_is_read_only_says_so(
    disk: Path, sealed: Path, configured: Configured, tmp_path: Path, capsys: Capture
) -> None:
    folder, config, home = write_corpus(tmp_path / "corpus", 2, lines=2), configured(), disk / "home"
    assert main(["read", str(folder), *settings(config, home)]) == 0
    (folder / "more.txt").write_text("The lamp at Skerry Point was lit at dusk by Maud Ferrier.")
    capsys.readouterr()
    locked = sealed / "home"
    code = main(["read", str(folder), *settings(config, locked)])
    said = capsys.readouterr().err
    assert code in (1, 2)
    assert "Traceback" not in said
    assert str(locked) in said
    assert "home=" in said
    # what only looks needs nothing to be written
    assert main(["recall", "the observatory of Oslo", *settings(config, locked)]) == 0
    assert main(["read", str(folder), *settings(config, home)]) == 0


def files() -> None:
    resource.setrlimit(resource.RLIMIT_NOFILE, (28, 28))


def memory() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (1536 * MIB, 1536 * MIB))


@pytest.mark.parametrize(("limit", "remedy"), [(files, "ulimit -n"), (memory, "memory")])
def test_a_process_that_is_out_of_files_or_memory_says_what_helps(
    limit: Callable[[], None], remedy: str, configured: Configured, tmp_path: Path
) -> None:
    folder, config = write_corpus(tmp_path / "corpus", 3, lines=4), configured()
    command = [sys.executable, "-m", "flows", "read", str(folder), *settings(config, Path(config.home))]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, preexec_fn=limit)
    said = [line for line in done.stderr.splitlines() if line.startswith("nightread: ")]
    assert done.returncode in (1, 2), done.stderr
    assert "Traceback" not in done.stderr, done.stderr
    assert len(said) == 1, done.stderr
    assert remedy in said[0], done.stderr
    assert main(["read", str(folder), *settings(config, Path(config.home))]) == 0
