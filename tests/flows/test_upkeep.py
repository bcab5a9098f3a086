"""`nightread upkeep` runs under Prefect, and `nightread health` says whether it is needed."""

import json
import re
from pathlib import Path

import pytest

from flows.cli import main
from tasks.memory.reader import open_memory
from tests.tasks.memory.rows import ids, put

pytestmark = pytest.mark.heavy


def test_health_asks_for_an_upkeep_which_embeds_again_and_then_another_embedder_is_refused(
    api: str, tmp_path: Path, tiny_model_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    where = [f"home={tmp_path}", "--conf", "tiny"]
    other = [*where, f"infer.embedder={tiny_model_dir}"]
    put(tmp_path, "r1", ["d0"])
    put(tmp_path, "r2", ["d0", "d1"])
    assert main(["health", *where]) == 0
    assert re.match(r"healthy\nrecords +10: 10 passage\n", capsys.readouterr().out)
    assert main(["health", *where, "upkeep.keep_runs=1", "upkeep.keep_days=0", "upkeep.readers_s=0"]) == 0
    assert capsys.readouterr().out.startswith("to do: 1 version of earlier runs to drop: nightread upkeep\n")
    assert main(["upkeep", *other, "upkeep.keep_runs=1", "upkeep.keep_days=0", "upkeep.readers_s=0"]) == 0
    said = capsys.readouterr().out
    assert said.startswith("the memory of run r2 is in order; ")
    assert "\n10 records embedded again\nversions of 1 run dropped" in said
    assert len(ids(tmp_path)) == 10
    assert main(["upkeep", *other, "--json"]) == 0
    done = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert (done["reembedded"], done["expired"], done["version"]) == (0, [], open_memory(tmp_path).version)
    assert main(["recall", *where, "agreements"]) == 2
    assert (
        "have every record embedded again with: nightread upkeep infer.embedder=" in capsys.readouterr().err
    )
