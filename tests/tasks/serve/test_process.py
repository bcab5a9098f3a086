"""`nightread serve reader` as a process: what it prints, how it ends, and that killing it loses nothing.

Run: pytest tests/tasks/serve/test_process.py
"""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from model.context import heads
from model.weights import HEADS as FILE
from tasks.serve.client import TOKEN_VARIABLE, Client
from tasks.serve.door import Unavailable
from tests.models import tiny_model
from tests.tasks.serve.readers import HEADS, NAME, Tiny, answered, text_of

ROOT = Path(__file__).parents[3]
QUESTION = "How many pages did the 7th keeper write?"
pytestmark = pytest.mark.usefixtures("processes")

Start = Callable[..., "tuple[subprocess.Popen[str], str]"]


@pytest.fixture
def start(tiny: Tiny, tokenizer_dir: Path, tmp_path: Path) -> Iterator[Start]:
    """Starts readers of one home, and returns each with the line that it prints when it is ready."""
    model = tiny_model(tmp_path / "model", tokenizer_dir)
    heads.save(HEADS, tiny.reader.config, model / FILE, {})
    started: list[subprocess.Popen[str]] = []

    def start(*more: str) -> tuple[subprocess.Popen[str], str]:
        words = [
            "serve",
            "reader",
            f"home={tmp_path / 'home'}",
            f"infer.model={model}",
            "--listen",
            "127.0.0.1:0",
        ]
        settings = ["shard.window=256", "shard.stride=128", *more]
        environment = {name: value for name, value in os.environ.items() if name != TOKEN_VARIABLE}
        process = subprocess.Popen(
            [sys.executable, "-m", "flows", *words, *settings],
            cwd=ROOT,
            env=environment,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        started.append(process)
        assert process.stdout is not None
        return process, process.stdout.readline()

    yield start
    for process in started:
        process.kill()
        process.communicate()


def client_of(line: str) -> Client:
    found = re.search(r"127\.0\.0\.1:\d+", line)
    assert found, line
    return Client(found[0])


def test_a_reader_that_is_killed_loses_its_running_answers_only(start: Start, tmp_path: Path) -> None:
    """Confirmed text is there again, though the node had no time for a checkpoint of it; then SIGTERM."""
    one, line = start()
    place = re.escape(str(tmp_path / "home" / "contexts"))
    kept = rf"model model; contexts are kept in {place}; Ctrl-C ends it\."
    assert re.fullmatch(rf"Reader at 127\.0\.0\.1:\d+, {kept}\n", line)
    client = client_of(line)
    first = client.read(NAME, [text_of(60)]).state
    told = answered(client, NAME, QUESTION)
    second = client.read(NAME, ["And so it ends."]).state
    answer = client.ask(NAME, QUESTION, 2000)
    next(answer)
    one.send_signal(signal.SIGKILL)
    with pytest.raises(Unavailable):
        list(answer)
    client.shut()
    two, line = start()
    client = client_of(line)
    state = client.open(NAME)
    assert (state.tokens, state.chars) == (second.tokens, second.chars)
    assert state.tokens > first.tokens
    assert answered(client, NAME, QUESTION)[1].tokens == told[1].tokens
    client.shut()
    two.terminate()
    out, err = two.communicate(timeout=120)
    assert two.returncode == 0
    assert (out, "Traceback" in err) == ("", False)


def test_what_cannot_be_served_is_said_at_once(start: Start) -> None:
    began = time.monotonic()
    process, _ = start("--listen", "0.0.0.0:0")
    assert process.wait(120) == 2
    assert process.stderr is not None
    assert f"set {TOKEN_VARIABLE} to a token" in process.stderr.read()
    process, _ = start("--listen", "nowhere")
    assert process.wait(120) == 2
    assert process.stderr is not None
    assert "give HOST:PORT" in process.stderr.read()
    assert time.monotonic() - began < 120
