"""The image cannot be built without a Docker daemon; what it is built from is here, whole and locked."""

import tomllib
from pathlib import Path

from flows.config import ReadConfig

ROOT = Path(__file__).parents[2]
LINES = [
    line.split() for line in (ROOT / "infra" / "Dockerfile").read_text().replace("\\\n", " ").splitlines()
]
COPIED = {
    name
    for word, *names in filter(None, LINES)
    if word == "COPY"
    for name in names[:-1]
    if not name.startswith("--")
}


def test_what_is_copied_exists() -> None:
    assert [name for name in sorted(COPIED) if not (ROOT / name).exists()] == []


def test_every_package_and_what_set_up_reads_is_copied() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    packages = project["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
    assert {*packages, "infra", "pyproject.toml", project["project"]["readme"]} == COPIED


def test_the_model_is_unpacked_into_the_volume_that_is_the_default_home() -> None:
    runs = [" ".join(line[1:]) for line in LINES if line[:1] == ["RUN"]]
    home = ReadConfig().home
    assert f'default_model(Path("{home}/models"))' in (ROOT / "infra" / "setup.sh").read_text()
    linked = next(number for number, run in enumerate(runs) if run.endswith(f"ln -s /memory {home}"))
    assert linked < next(number for number, run in enumerate(runs) if run.endswith("infra/setup.sh"))


def test_it_is_set_up_from_the_lock_in_the_oldest_python_that_is_supported() -> None:
    runs = [" ".join(line[1:]) for line in LINES if line[:1] == ["RUN"]]
    assert any(run.endswith("bash infra/setup.sh") for run in runs)
    assert not any("pip install" in run for run in runs)
    assert ["FROM", "python:3.11-slim"] in LINES
