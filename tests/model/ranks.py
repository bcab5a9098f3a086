"""Ranks as processes of their own, for tests: a job that answers many questions, or one script for all."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from tasks.ingest.ipc import free_port

ROOT = Path(__file__).parents[2]
HEAD = """
import sys
import torch
from model.parallel import collectives as parallel
RANK, WORLD, PORT = map(int, sys.argv[1:4])
"""
Process = subprocess.Popen[str]


def start(command: list[str], world: int) -> list[Process]:
    """One process per rank: the interpreter with `command`, rank, world and port."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "OMP_WAIT_POLICY": "PASSIVE"}
    port = free_port()
    return [
        subprocess.Popen(
            [sys.executable, *command, str(rank), str(world), str(port)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            env=environment | {"PYTHONPATH": str(ROOT)},
        )
        for rank in range(world)
    ]


def start_script(script: str, world: int) -> list[Process]:
    """Ranks that run a script, which finds RANK, WORLD and PORT."""
    return start(["-c", HEAD + script], world)


class Job:
    """Ranks that joined one group and do what they are asked, `tests.model.parallel.jobs`, until closed."""

    def __init__(self, world: int) -> None:
        self.world = world
        self.processes = start(["-m", "tests.model.parallel.jobs"], world)

    def do(self, name: str, *arguments: Any) -> list[Any]:
        """What every rank answers.

        Raises:
            AssertionError: if one failed; with everything that each wrote to stderr.
        """
        for process in self.processes:
            assert process.stdin is not None
            process.stdin.write(json.dumps([name, arguments]) + "\n")
            process.stdin.flush()
        answers = [process.stdout.readline() for process in self.processes if process.stdout is not None]
        if not all(answers):
            raise AssertionError("\n".join(self.close()))
        return [json.loads(answer) for answer in answers]

    def close(self) -> list[str]:
        """End all; returns what each has written beside its answers."""
        written = []
        for process in self.processes:
            try:
                out, error = process.communicate(timeout=60)
            finally:
                process.kill()
            written.append(out + error)
        return written
