"""Child processes: what they say arrives whole, and whatever ends or stops one is seen by its parent.

Run: pytest tests/tasks/ingest/test_ipc.py
"""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.hardware import resident_bytes
from tasks.ingest.ipc import Child, Wire, free_port
from tests.tasks.echo_child import WIRE, Fail, Flood, Hang, Said, Say

PATIENCE_S = 60.0


@pytest.fixture
def child(processes: None) -> Iterator[Child]:
    ours = Child("tests.tasks.echo_child", WIRE)
    yield ours
    ours.close()


def answer(child: Child) -> Said:
    until = time.monotonic() + PATIENCE_S
    while time.monotonic() < until:
        for message in child.receive(1.0):
            assert isinstance(message, Said)
            return message
    raise AssertionError(child.stderr_tail())


def cause(child: Child) -> str:
    until = time.monotonic() + PATIENCE_S
    while time.monotonic() < until and not child.exit_cause():
        child.receive(0.05)
    return child.exit_cause()


@given(st.text(), st.lists(st.integers(-(1 << 60), 1 << 60)))
def test_a_message_comes_back_as_it_was(text: str, sizes: list[int]) -> None:
    message = Said(text, tuple(sizes))
    line = WIRE.encode(message)
    assert line.count(b"\n") == 1
    assert WIRE.decode(line) == message


def test_a_path_that_is_not_utf8_survives_the_wire() -> None:
    message = Say(os.fsdecode(b"caf\xe9.txt"))
    assert WIRE.decode(WIRE.encode(message)) == message


def test_only_registered_messages_travel_and_only_with_their_own_fields() -> None:
    @dataclass(frozen=True)
    class Other:
        text: str

    with pytest.raises(KeyError, match="Other"):
        WIRE.encode(Other("x"))
    with pytest.raises(KeyError, match="Other"):
        WIRE.decode(Wire(Other).encode(Other("x")))
    with pytest.raises(ValueError, match="text"):
        WIRE.decode(b'{"type": "Say", "fields": {}}')


def test_answers_arrive_in_order_and_whole_however_long_and_apart_from_what_libraries_print(
    child: Child,
) -> None:
    texts = ["one", "x" * (3 << 20), "naïve\nline"]
    for text in texts:
        child.send(Say(text))
    said: list[Said] = []
    while len(said) < len(texts):
        said += child.receive(PATIENCE_S)
    assert [one.text for one in said] == texts
    assert said[1].sizes == (3 << 20,)
    until = time.monotonic() + PATIENCE_S  # stderr is another pipe, and may come later
    while not child.stderr_tail().endswith("about to say naïve\nline"):
        assert time.monotonic() < until, child.stderr_tail()[-200:]
        time.sleep(0.01)
    assert "printed by a library" in child.stderr_tail()
    assert 1 << 20 < child.resident < 1 << 30
    assert child.silent_s < PATIENCE_S
    assert child.exit_cause() == ""


def test_a_child_that_fails_says_why(child: Child) -> None:
    child.send(Fail("no such thing"))
    child.send(Say("x"))
    answer(child)
    assert cause(child) == "it failed: ValueError: no such thing"
    child.send(Say("nobody hears this"))
    assert child.receive() == []
    assert child.resident == 0


def test_of_what_a_child_writes_to_stderr_the_end_is_kept(child: Child) -> None:
    for message in (Flood(20_000), Say("x"), Fail("drowned"), Say("y")):
        child.send(message)
    assert cause(child) == "it failed: ValueError: drowned"
    tail = child.stderr_tail()
    assert len(tail) <= 4000
    assert "line 19999 é" in tail


@pytest.mark.parametrize(
    ("number", "said"), [(signal.SIGKILL, "it was killed (SIGKILL)"), (signal.SIGTERM, "ended by SIGTERM")]
)
def test_the_signal_that_ended_a_child_is_named(child: Child, number: int, said: str) -> None:
    child.process.send_signal(number)
    assert said in cause(child)


def test_silence_is_measured_and_a_hung_child_is_killed(child: Child) -> None:
    child.send(Hang())
    child.send(Say("x"))
    answer(child)
    time.sleep(0.2)
    assert 0.2 <= child.silent_s < PATIENCE_S
    child.close(wait_s=0.0)
    assert not psutil.pid_exists(child.process.pid)


@pytest.mark.heavy
@pytest.mark.parametrize("request_", [Say("x"), Hang()])
def test_a_child_whose_parent_was_killed_ends_even_if_it_hangs(request_: object) -> None:
    script = (
        "import sys, time; from tasks.ingest.ipc import Child\n"
        "from tests.tasks.echo_child import WIRE, Hang, Say\n"
        "child = Child('tests.tasks.echo_child', WIRE)\n"
        f"child.send({request_!r}); child.send(Say('x'))\n"
        "while not child.receive(1.0): pass\n"
        "print(child.process.pid, flush=True); time.sleep(3600)"
    )
    root = Path(__file__).parents[3]
    parent = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, cwd=root)
    assert parent.stdout is not None
    pid = int(parent.stdout.readline())
    parent.kill()
    parent.communicate()
    until = time.monotonic() + PATIENCE_S
    while psutil.pid_exists(pid) and time.monotonic() < until:
        time.sleep(0.02)
    assert not psutil.pid_exists(pid)


def test_resident_memory_of_nobody_is_none_and_a_free_port_can_be_taken() -> None:
    assert resident_bytes(os.getpid()) > 10 << 20
    assert resident_bytes((1 << 22) + 1) == 0
    with socket.socket() as server:
        server.bind(("127.0.0.1", free_port()))
