"""The example of model/README.md as it stands, on a contract of 60,000 characters; another process asks on.

The contract is read once; three questions more are asked in one new process. What both took is printed.
Run: pytest -s -m slow tests/model/context/test_contract.py  (two to five minutes on two free cores, 2 GiB)
"""

import os
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

from model.files import CACHE_VARIABLE
from tests.model.contracts import FACTS, contract

ROOT = Path(__file__).parents[3]
EXAMPLE = re.search(r"```python\n(.*?)```", (ROOT / "model/README.md").read_text(), re.DOTALL)
ASKS = """
import logging
logging.basicConfig(level=logging.INFO, format="%(message)s")
import model.register
from transformers import AutoModelForCausalLM, AutoTokenizer

name = ".nightread/models/smollm2-135m-instruct"
tokenizer = AutoTokenizer.from_pretrained(name)
model = AutoModelForCausalLM.from_pretrained(name)
model.config.attention_type = "sparse_sliding_window"
model.config.memory_levels = 3
for question in {questions!r}:
    inputs = tokenizer(question, return_tensors="pt")
    output = model.generate(**inputs, max_length=2048, memory_key="session_123", return_dict_in_generate=True)
    answer = output.sequences[0, inputs["input_ids"].shape[1] :]
    print("ANSWER", len(answer), output.way, output.told, repr(tokenizer.decode(answer)))
from model.context.named import context_of
print("TOKENS", len(context_of(model, "session_123")))
"""


def said(script: str, folder: Path) -> str:
    """What a script prints that runs in a process of its own, with this one's threads and cache."""
    kept = {name: value for name, value in os.environ.items() if name in ("OMP_NUM_THREADS", CACHE_VARIABLE)}
    started = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=folder,
        env={"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin", "HOME": str(folder), **kept},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    print(f"{time.monotonic() - started:.0f} s: {done.stdout}")
    return done.stdout


@pytest.mark.slow
@pytest.mark.timeout(7200)
def test_the_example_runs_as_it_stands_and_another_process_asks_on(tmp_path: Path, model_dir: Path) -> None:
    """Every answer ends by itself, and nothing is read again."""
    (tmp_path / ".nightread/models").mkdir(parents=True)
    (tmp_path / ".nightread/models/smollm2-135m-instruct").symlink_to(model_dir.resolve())
    (tmp_path / "contract.txt").write_text(contract(60_000))
    assert EXAMPLE is not None
    answer = said(EXAMPLE[1], tmp_path)
    assert 0 < len(answer.strip()) < 300
    others = (FACTS[0], *FACTS[2:])
    questions = [fact.question for fact in others]
    *answers, tokens = said(ASKS.format(questions=questions), tmp_path).splitlines()
    told = [line.split(" ", 4) for line in answers if line.startswith("ANSWER")]
    assert [(way, by) for _, _, way, by, _ in told] == [("answered", "form")] * 3
    assert all(int(count) < 300 for _, count, *_ in told)  # one that repeats itself ends as well
    right = [fact.answer in line[4] for fact, line in zip(others, told, strict=True)]
    assert sum(right) >= 2
    assert int(tokens.split()[1]) < 16_700  # the contract, four questions and their answers
