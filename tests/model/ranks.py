"""Ranks as processes of their own, for tests: one script for all, and what each wrote if one failed."""

import os
import socket
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
HEAD = """
import json, sys
import torch
from model.parallel import collectives as parallel
RANK, WORLD, PORT = map(int, sys.argv[1:4])
"""


def free_port() -> int:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        port: int = server.getsockname()[1]
        return port


def start(script: str, world: int, *arguments: str) -> list["subprocess.Popen[str]"]:
    """One process per rank; `script` finds RANK, WORLD and PORT, and its arguments from sys.argv[4]."""
    environment = {
        **os.environ,
        "OMP_NUM_THREADS": "1",
        "OMP_WAIT_POLICY": "PASSIVE",
        "PYTHONPATH": str(ROOT),
    }
    port = free_port()
    return [
        subprocess.Popen(
            [sys.executable, "-c", HEAD + script, str(rank), str(world), str(port), *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment,
        )
        for rank in range(world)
    ]


def run(script: str, world: int, *arguments: str, timeout: float = 300) -> list[str]:
    """What every rank printed.

    Raises:
        AssertionError: if one failed; with everything that each wrote to stderr.
    """
    processes = start(script, world, *arguments)
    try:
        said = [process.communicate(timeout=timeout) for process in processes]
    finally:
        for process in processes:
            process.kill()
    errors = "\n".join(f"rank {rank}:\n{error}" for rank, (_, error) in enumerate(said))
    assert all(process.returncode == 0 for process in processes), errors
    return [out for out, _ in said]
