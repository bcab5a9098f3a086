"""A corpus of good and bad documents through the command itself: the good are read, the bad are named.

Run: pytest tests/flows/test_bad_corpus.py
"""

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from flows import commands
from tasks.memory.reader import open_memory
from tests.flows.corpus import story, tiny
from tests.sources import BAD, GOOD

CAPS = (
    "parse.timeout_s=4",
    "parse.memory_mb=600",
    "parse.max_mb=64",
    "parse.plugins=[tests.tasks.bad_parsers]",
)
ROOT = Path(__file__).parents[2]


def without_privilege() -> list[str]:
    """Root reads every file; without these two capabilities it is refused like anybody."""
    return ["setpriv", "--bounding-set", "-dac_override,-dac_read_search"] if os.geteuid() == 0 else []


def nightread(*arguments: str) -> tuple[int, dict[str, Any]]:
    command = [*without_privilege(), sys.executable, "-m", "flows", *arguments, "--json"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)
    assert done.stdout, done.stderr
    return done.returncode, json.loads(done.stdout.splitlines()[-1])


def test_bad_documents_are_quarantined_by_name_and_the_good_ones_are_remembered(
    api: str, tmp_path: Path, tiny_model_dir: Path
) -> None:
    folder = tmp_path / "corpus"
    folder.mkdir()
    for name, (make, _) in BAD.items():
        make(folder / name)
    for name, make_good in GOOD.items():
        make_good(folder / name)
    for number in range(2):
        (folder / f"report-{number}.txt").write_text(story(number, 4))
    (folder / "locked.txt").write_text("nobody may read this")
    (folder / "locked.txt").chmod(0)
    (folder / "zz-kept.txt").write_text("its neighbour would like to delete it")
    (folder / "a.deletes").write_text(str(folder / "zz-kept.txt"))
    (folder / "inside").mkdir()
    (folder / "inside" / "round").symlink_to(folder)
    settings = [f"home={tmp_path / 'home'}", f"infer.model={tiny_model_dir}"]
    started = time.monotonic()
    code, outcome = nightread("read", str(folder), "--conf", "tiny", *settings, *CAPS)
    assert time.monotonic() - started < 240
    assert code == 3
    expected = {name: bad for name, (_, bad) in BAD.items()}
    expected |= {"locked.txt": "unreadable"}
    named = {Path(row["uri"]).name: row for row in outcome["quarantined"]}
    refused = {name: row for name, row in named.items() if name in expected}
    assert {name: row["outcome"] for name, row in refused.items()} == expected
    assert all(row["reason"] for row in refused.values())
    sources = open_memory(tmp_path / "home").sources.to_pylist()
    cited = {Path(row["uri"]).name for row in sources if row["outcome"] == "ok"}
    assert cited == {*GOOD, "report-0.txt", "report-1.txt", "a.deletes", "zz-kept.txt"}
    config = tiny(tmp_path / "home", tiny_model_dir)
    (best, *_) = commands.recall(config, ["How many meteors did Oslo record?"]).data["hits"]
    assert "report-1.txt" in json.dumps(best)
