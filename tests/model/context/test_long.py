"""Long contexts of the default model: memory that does not grow, and a reopening that does not wait.

Slow: a million tokens take a quarter of an hour on two cores. Run: pytest -m slow tests/model/test_long.py
"""

import json
import subprocess
import sys
from array import array
from pathlib import Path
from typing import Any

import pytest

from tasks.bench.speed import text_ids

ROOT = Path(__file__).parents[2]
pytestmark = [pytest.mark.slow, pytest.mark.timeout(4 * 3600)]

HEAD = """
import json, sys, time
from array import array
from pathlib import Path
import torch

from model.context import heads
from model.context import retrieve
from model.context import checkpoint
from model import weights
from model.context.answer import answer
from model.context.context import Context, Memory
from model.bench.limits import Peak
from model.reader import Reader
folder, ids, where, question = json.loads(Path(sys.argv[1]).read_text())
ids = array("i", Path(ids).read_bytes())
cpu = torch.device("cpu")
reader = Reader(Path(folder), 2048, cpu, weights.pick_dtype(cpu))
def ask(context):
    chosen = retrieve.choose(context, question, 16)
    return chosen.blocks, answer(context, question, chosen.blocks, 12, "kv")
"""
READ = """
context = Context(reader, heads.load(Path(folder), reader.config), Memory(kv=KV, folder=Path(where)))
with Peak(cpu) as peak:
    started = time.perf_counter()
    for start in range(0, len(ids), 2048):
        context.read(ids[start : start + 2048])
    seconds = time.perf_counter() - started
found = {"peak": peak.resident, "tokens_per_s": len(ids) / seconds, "disk": context.keys.bytes()["disk"]}
if context.kv is not None:
    found["disk"] += context.kv.bytes()["disk"]
"""
SAVE = """
checkpoint.save(context, Path(where))
print(json.dumps(found | {"said": ask(context)}))
"""
OPEN = """
started = time.perf_counter()
context = checkpoint.open_context(reader, Path(where))
seconds = time.perf_counter() - started
print(json.dumps({"seconds": seconds, "tokens": len(context), "said": ask(context)}))
"""


def run(script: str, tmp_path: Path, model_dir: Path, ids: list[int], question: list[int]) -> dict[str, Any]:
    """What a process of its own found."""
    tokens, task = tmp_path / "tokens.bin", tmp_path / "task.json"
    tokens.write_bytes(array("i", ids).tobytes())
    task.write_text(json.dumps([str(model_dir), str(tokens), str(tmp_path / "context"), question]))
    done = subprocess.run(
        [sys.executable, "-c", HEAD + script, str(task)], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    print({name: value for name, value in found.items() if name != "said"})
    return found


def test_a_context_of_128k_tokens_is_reopened_in_two_seconds(tmp_path: Path, model_dir: Path) -> None:
    ids = text_ids(model_dir, 131_072)
    question = ids[70_000:70_030]
    read = run(READ.replace("KV", "True") + SAVE, tmp_path, model_dir, ids, question)
    reopened = run(OPEN, tmp_path, model_dir, ids, question)
    assert reopened["tokens"] == 131_072
    assert reopened["said"] == read["said"]
    assert reopened["seconds"] < 2


def test_a_million_tokens_take_the_memory_of_128k(tmp_path: Path, model_dir: Path) -> None:
    ids = text_ids(model_dir, 1_048_576)
    peaks = []
    for length in (131_072, 1_048_576):
        folder = tmp_path / str(length)
        folder.mkdir()
        found = run(
            READ.replace("KV", "True") + "print(json.dumps(found))", folder, model_dir, ids[:length], []
        )
        assert found["disk"] > 0
        peaks.append(found["peak"])
    assert peaks[1] <= 1.1 * peaks[0]
