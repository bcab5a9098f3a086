"""What the README says can be typed, is there, and may be set."""

import re
import shlex
from pathlib import Path

import pytest

from flows.cli import parser, split
from flows.config import known_keys

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()


def blocks(kind: str) -> list[str]:
    return re.findall(rf"^```{kind}\n(.*?)^```", README, re.MULTILINE | re.DOTALL)


def commands() -> list[str]:
    lines = [line for block in blocks("console") for line in block.splitlines()]
    return [line[2:] for line in lines if line.startswith("$ ")]


NIGHTREAD = sorted({line for line in commands() if line.startswith("nightread ")})


@pytest.mark.parametrize("line", NIGHTREAD)
def test_every_command_parses_and_its_settings_exist(line: str) -> None:
    rest, settings = split(shlex.split(line, comments=True)[1:])
    parser().parse_args(rest)
    assert {setting.partition("=")[0] for setting in settings} <= set(known_keys())


def test_every_command_of_the_parser_is_shown() -> None:
    shown = {line.split()[1] for line in NIGHTREAD}
    assert shown == {
        "read",
        "plan",
        "recall",
        "runs",
        "show",
        "quarantine",
        "evaluate",
        "serve",
        "bench",
        "calibrate",
    }


def test_every_script_that_is_named_exists() -> None:
    named = {word for line in commands() for word in line.split() if word.startswith("infra/")}
    assert {"infra/run.sh", "infra/test.sh"} <= named
    assert [name for name in sorted(named) if not (ROOT / name).is_file()] == []


def tree() -> list[str]:
    """Paths of the annotated tree: a folder ends in a slash, what is indented lies inside it."""
    (block,) = blocks("tree")
    paths, folder = [], ""
    for line in block.splitlines():
        name = line.split()[0]
        if not line.startswith(" "):
            folder = name if name.endswith("/") else ""
            paths.append(name)
        else:
            paths.append(folder + name)
    return paths


def test_every_path_of_the_tree_exists() -> None:
    assert [path for path in tree() if not (ROOT / path).exists()] == []


def test_every_module_is_in_the_tree() -> None:
    modules = {
        str(path.relative_to(ROOT))
        for folder in ("flows", "tasks", "model")
        for path in (ROOT / folder).glob("*.py")
        if not path.name.startswith("__")
    }
    assert modules - set(tree()) == set()


def test_every_setting_in_the_prose_exists() -> None:
    groups = "storage|parse|shard|cluster|infer|recall"
    named = set(re.findall(rf"`((?:{groups})\.[a-z_.]+[a-z_])[=`]", README))
    assert named - {name for name in named if name.endswith((".py", ".lance"))} <= set(known_keys())
