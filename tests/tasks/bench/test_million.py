"""One long context: what ended goes on to the same state, time decides how much is read, needles are told.

Slow: the command itself, killed while it reads and given again, a minute on two cores.
Run: pytest -m "slow or not slow" tests/tasks/bench/test_million.py
"""

import json
import os
import pydoc_data.topics
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from tokenizers import Tokenizer
from transformers import AutoConfig

from flows import million as shown
from flows.cli import main
from model.context import heads
from model.context.heads import Heads
from model.weights import HEADS
from tasks.bench.haystack import encoder
from tasks.bench.million.hidden import hide, tokens
from tasks.bench.million.journal import Asked, Journal, Window
from tasks.bench.million.options import Million
from tasks.bench.million.read import Reading
from tasks.bench.million.result import figures
from tasks.bench.million.run import million
from tasks.bench.million.text import Text, prepare
from tasks.errors import InvalidInput
from tasks.infer.models import Models
from tasks.settings import InferConfig
from tests.model.facts import SMALL
from tests.models import tiny_model

TOKENS, STRIDE = 8192, 256


class Killed(BaseException):
    """Ends a read where no code of it sees it come."""


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def haystack(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("haystack") / "manual.txt"
    path.write_text("\n\n".join(pydoc_data.topics.topics.values())[:200_000])
    return path


@pytest.fixture(scope="module")
def tiny(tokenizer_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tiny_model(tmp_path_factory.mktemp("tiny"), tokenizer_dir)
    heads.save(Heads(((0, 1), (1, 2)), 3), AutoConfig.from_pretrained(folder), folder / HEADS, {})
    return folder


@pytest.fixture(scope="module")
def text(haystack: Path, tokenizer_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Text:
    folder = tmp_path_factory.mktemp("text") / "text"
    return prepare(folder, [haystack], TOKENS, 1, encoder(tokenizer_dir))


@pytest.fixture
def models(tiny: Path, tmp_path: Path) -> Models:
    return Models(tmp_path, InferConfig(model=str(tiny), embedder=str(tiny), device="cpu"), STRIDE)


def test_a_read_that_was_killed_goes_on_to_the_same_state_and_the_same_answers(
    models: Models, text: Text, tmp_path: Path
) -> None:
    """Wherever that was: before the first save, between two, while questions are asked, or by hand."""
    encode, voting = encoder(models.folder), heads.load(models.folder, models.reader.config)
    hidden = hide(text, 3000, 1, encode, ids := tmp_path / "context.bin")

    def read(name: str, stop: int = 9999, error: type[BaseException] = Killed) -> tuple[Any, str]:
        def progress(doing: str, done: int, total: int) -> None:
            if doing == "tokens read" and done >= stop:
                raise error

        (folder := tmp_path / name).mkdir(exist_ok=True)
        decode = models.reader.tokenizer.decode
        reading = Reading(
            ids, 3000, hidden[4::25], folder, models.reader, voting, encode, decode, sizes=SMALL, save_every=2
        )
        journal, fingerprint = reading.run(progress)
        return [replace(one, index_s=0, exact_s=0, seconds=0) for one in journal.asked], fingerprint

    whole = read("whole")
    for stop, error in ((STRIDE, Killed), (1500, Killed), (2300, KeyboardInterrupt)):
        with pytest.raises(error):
            read("killed", stop, error)
    assert read("killed") == whole
    assert [(one.number, one.final) for one in whole[0]] == [(4, False), (4, True), (29, True)]
    assert not any(path.stat().st_size for path in tmp_path.glob("killed/context/*.new"))


def test_time_decides_how_much_is_read_and_that_is_said(
    models: Models, haystack: Path, tmp_path: Path
) -> None:
    options = Million(TOKENS, tmp_path / "read.png", 1e-6, (haystack,))
    found = million(options, tmp_path, models, lambda doing, done, total: None, SMALL)
    assert found["tokens"] == STRIDE
    assert found["goal"] == TOKENS
    said = shown.told(found)
    assert "; that is what 1e-06 minutes allow of 8,192" in said
    assert said.count("\n5%") == 1
    assert (tmp_path / "read.png").read_bytes().startswith(b"\x89PNG")
    assert json.loads((tmp_path / "read.json").read_text())["state"] == found["state"]
    assert list((tmp_path / "bench").iterdir()) == []


def test_figures_of_a_journal_are_those_of_the_whole_read(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal.jsonl")
    for number in range(1, 101):
        late = number > 75
        journal.note(Window(number * 20_000, number * 10.0, (4 if late else 3) << 30, number << 20))
    row = Asked(0, 0, 0.05, True, 1.0, 1.0, 0.9, 1.0, "7", 1000, 30, 0.1, 4.0, 5.0)
    for number in range(30):
        journal.note(replace(row, tokens=2_000_000, number=number, depth=(number // 3 + 0.5) / 10))
    journal.note(replace(row, tokens=200_000, final=False, answered=0.0))
    journal.path.write_text(journal.path.read_text() + '{"tokens": 9')  # killed in a line
    again = Journal(journal.path)
    again.keep(1_600_000)
    assert (len(again.windows), len(again.asked), again.seconds) == (80, 1, 800.0)
    found = figures(journal)
    assert (found["tokens"], found["tokens_per_s"], found["rss_from"]) == (2_000_000, 2000.0, 1_000_000)
    assert found["rss_after"] / found["rss"] == 4 / 3
    assert [row["tokens_per_s"] for row in found["stretches"]] == [2000.0] * 20
    assert [row["questions"] for row in found["by_depth"]] == [3] * 10 + [30]
    assert [(row["tokens"], row["answered"]) for row in found["on_the_way"]] == [(200_000, 0.0)]
    asked = [
        {"tokens": 10**power, "visited": 1000 + 50 * power, "blocks": 10**power // 64} for power in (4, 6, 7)
    ]
    assert shown.growth(asked) == [
        "from 1,000,000 to 10,000,000 tokens the blocks that the index visits grew by 4%, the text by 900%, "
        "its logarithm by 17%"
    ]
    assert shown.growth(asked[:2]) == []


def test_a_text_on_disk_has_its_length_and_every_needle_its_place(
    text: Text, tokenizer_dir: Path, tmp_path: Path
) -> None:
    encode = encoder(tokenizer_dir)
    tokenizer: Any = Tokenizer.from_file(str(tokenizer_dir / "tokenizer.json"))
    assert len(text.ids) == TOKENS
    hidden = hide(text, 6000, 1, encode, path := tmp_path / "context.bin")
    ids = tokens(path, 0, 9999)
    assert len(ids) == 6000
    assert tokens(path, 50, 3) == ids[50:53]
    whole = tokenizer.decode(ids)
    for needle in hidden:
        place = needle.placed
        sentence, value = (tokenizer.decode(ids[at.start : at.stop]) for at in (place.sentence, place.value))
        assert sentence.strip() == place.needle.statement
        assert value.strip() == place.needle.value
        assert whole.count(place.needle.value) == 1
        assert abs(place.sentence.start / 6000 - needle.depth) < 0.1
    assert len({needle.placed.needle.name for needle in hidden}) == len(hidden) == 30


def test_too_little_text_is_refused_with_what_there_is(
    haystack: Path, tokenizer_dir: Path, tmp_path: Path
) -> None:
    with pytest.raises(InvalidInput, match=r"--tokens 900000: there are [\d,]+ tokens of text that does not"):
        prepare(tmp_path / "text", [haystack], 900_000, 0, encoder(tokenizer_dir))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("option", ["--tokens=100", "--minutes=0", "--figure=read.svg"])
def test_a_read_that_cannot_be_is_refused_by_its_name(
    option: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["bench", "million", option, f"home={tmp_path}"]) == 2
    assert option.replace("=", " ") in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_the_command_itself_killed_and_given_again_ends_as_one_that_was_not(
    tiny: Path, haystack: Path, tmp_path: Path
) -> None:
    def command(home: Path) -> subprocess.Popen[str]:
        argv = ["bench", "million", "--tokens", str(TOKENS), "--haystack", str(haystack), "--json"]
        where = ["--conf", "tiny", f"home={home}", f"infer.model={tiny}", f"infer.embedder={tiny}"]
        line = [sys.executable, "-m", "flows", *argv, *where]
        return subprocess.Popen(line, stdout=subprocess.PIPE, text=True)

    def result(process: subprocess.Popen[str]) -> Any:
        said, _ = process.communicate()
        assert process.returncode == 0
        return json.loads(said.splitlines()[-1])

    def noted(home: Path) -> int:
        """Tokens of the last whole line of the journal."""
        lines = [
            line for path in home.glob("bench/*/journal.jsonl") for line in path.read_text().split("\n")[:-1]
        ]
        return max((json.loads(line)["tokens"] for line in lines), default=0)

    whole = result(command(tmp_path / "whole"))
    first = command(tmp_path / "killed")
    while noted(tmp_path / "killed") < 5000:  # the first save is after 4,096
        assert first.poll() is None
        time.sleep(0.05)
    os.kill(first.pid, signal.SIGKILL)
    first.communicate()
    again = result(command(tmp_path / "killed"))
    assert again["state"] == whole["state"]
    assert [row["said"] for row in again["asked"]] == [row["said"] for row in whole["asked"]]
