"""What the documents say can be typed, imported or opened: it parses, it is there, and it may be set."""

import ast
import re
import shlex
from importlib.util import find_spec
from pathlib import Path

import pytest

from flows.arguments import parser
from flows.cli import split
from flows.config import known_keys, presets

ROOT = Path(__file__).parents[1]
DOCUMENTS = ("README.md", "model/README.md", "infra/README.md", "tests/MEASURED.md")
TEXT = {name: (ROOT / name).read_text() for name in DOCUMENTS}
GROUPS = "budget|storage|parse|shard|cluster|infer|log|metrics|recall|upkeep|watch|serve"


def blocks(name: str, kind: str) -> list[str]:
    return re.findall(rf"^```{kind}\n(.*?)^```", TEXT[name], re.MULTILINE | re.DOTALL)


def prose(name: str) -> str:
    """The text outside fenced blocks."""
    return re.sub(r"^```.*?^```", "", TEXT[name], flags=re.MULTILINE | re.DOTALL)


def commands() -> list[str]:
    """Lines that begin with a prompt in a console block, and commands in the running text."""
    shown = [line for name in DOCUMENTS for block in blocks(name, "console") for line in block.splitlines()]
    inline = [code for name in DOCUMENTS for code in re.findall(r"`((?:nightread|bash) [^`]+)`", prose(name))]
    return sorted({line[2:] for line in shown if line.startswith("$ ")} | set(inline))


NIGHTREAD = [line for line in commands() if line.startswith("nightread ") and "--help" not in line]


@pytest.mark.parametrize("line", NIGHTREAD)
def test_every_command_parses_and_its_settings_exist(line: str) -> None:
    rest, settings = split(shlex.split(line, comments=True)[1:])
    parser().parse_args(rest)
    assert {setting.partition("=")[0] for setting in settings} <= set(known_keys())


def test_every_command_of_the_parser_is_shown() -> None:
    offered = set(re.findall(r"^    ([a-z]+)\s", parser().format_help(), re.MULTILINE))
    assert "read" in offered
    assert offered == {line.split()[1] for line in NIGHTREAD}


def test_every_script_that_is_named_exists() -> None:
    named = {word for line in commands() for word in line.split() if word.startswith("infra/")}
    named -= {"infra/.env"}  # made by the command
    assert {"infra/run.sh", "infra/test.sh"} <= named
    assert [name for name in sorted(named) if not (ROOT / name).exists()] == []


@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_test_that_is_named_exists(name: str) -> None:
    named = re.findall(r"\btests/[\w/]+\.py", TEXT[name])
    assert [path for path in named if not (ROOT / path).is_file()] == []


@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_link_opens(name: str) -> None:
    linked = [link for link in re.findall(r"\]\(([^)#]+)", TEXT[name]) if "://" not in link]
    assert [link for link in linked if not (ROOT / name).parent.joinpath(link).exists()] == []


def test_the_readme_leads_to_every_other_document() -> None:
    assert set(DOCUMENTS[1:]) <= set(re.findall(r"\]\(([^)#]+)", TEXT["README.md"]))


def tree(name: str) -> list[str]:
    """Paths of an annotated tree: a folder ends in a slash, what is indented lies inside it."""
    paths, folder = [], ""
    for block in blocks(name, "tree"):
        for line in block.splitlines():
            entry = line.split()[0]
            if not line.startswith(" "):
                folder = entry if entry.endswith("/") else ""
                paths.append(entry)
            else:
                paths.append(folder + entry)
    return paths


@pytest.mark.parametrize("name", DOCUMENTS[:3])
def test_every_path_of_a_tree_exists(name: str) -> None:
    assert tree(name) != []
    assert [path for path in tree(name) if not (ROOT / path).exists()] == []


def packages(folder: str) -> set[str]:
    """The packages inside a folder, as a tree writes them."""
    return {f"{folder}/{file.parent.name}/" for file in (ROOT / folder).glob("*/__init__.py")}


def test_every_package_is_in_a_tree() -> None:
    top = {f"{file.parent.name}/" for file in ROOT.glob("*/__init__.py")} | {"infra/"}
    assert top | packages("tasks") | packages("flows") <= set(tree("README.md"))
    assert packages("model") <= set(tree("model/README.md"))


def test_every_module_of_the_engine_and_every_script_is_in_its_tree() -> None:
    modules = {f"model/{path.name}" for path in (ROOT / "model").glob("[a-z]*.py")}
    scripts = {f"infra/{path.name}" for path in (ROOT / "infra").glob("*.sh")}
    assert modules <= set(tree("model/README.md"))
    assert scripts <= set(tree("infra/README.md"))


@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_setting_in_the_prose_exists(name: str) -> None:
    named = set(re.findall(rf"`((?:{GROUPS})\.[a-z_.]+[a-z_])[=`]", TEXT[name]))
    assert named - {name for name in named if name.endswith((".py", ".lance"))} <= set(known_keys())


def test_every_preset_is_explained() -> None:
    explained = re.search(r"^Presets: (.*?)\n\n", TEXT["README.md"], re.MULTILINE | re.DOTALL)
    assert explained is not None
    assert set(presets()) - {"base"} == set(re.findall(r"`([a-z]+)`", explained[1]))


EXAMPLES = [block for name in DOCUMENTS for block in blocks(name, "python")]


@pytest.mark.parametrize("source", EXAMPLES)
def test_every_example_compiles_and_finds_its_imports(source: str) -> None:
    modules = {
        name
        for node in ast.walk(ast.parse(source))
        for name in (
            [alias.name for alias in node.names]
            if isinstance(node, ast.Import)
            else [node.module or ""]
            if isinstance(node, ast.ImportFrom)
            else []
        )
    }
    assert {module for module in modules if find_spec(module) is None} == set()


def defined(name: str) -> bool:
    """Whether a dotted name is a module, or a function or class of one."""
    module, _, member = name.rpartition(".")
    path, parent = ROOT / name.replace(".", "/"), ROOT / f"{module.replace('.', '/')}.py"
    if path.is_dir() or path.with_suffix(".py").is_file():
        return True
    return parent.is_file() and re.search(rf"^(def|class) {member}\b", parent.read_text(), re.M) is not None


@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_module_in_the_prose_exists(name: str) -> None:
    named = set(re.findall(r"`((?:model|tasks|flows)(?:\.[a-z_]+)+)", prose(name)))
    assert {name for name in named if not defined(name)} == set()


@pytest.mark.parametrize("name", DOCUMENTS)
def test_documents_use_the_words_of_the_field(name: str) -> None:
    private = r"\b(foretold|skip key|desk|bury|buried|ailment|spread)\b"
    if name != "tests/MEASURED.md":  # there ranks of a collective are counted
        private += r"|(?<!-)\branks?\b"
    assert re.findall(private, prose(name), re.IGNORECASE) == []
