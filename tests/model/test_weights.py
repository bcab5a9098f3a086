"""The default model is converted once, whoever needs it first. Run: pytest tests/model/test_weights.py"""

import shutil
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from model import weights


def test_of_many_that_need_the_default_model_one_converts_it_and_what_was_killed_goes(
    tmp_path: Path, model_dir: Path
) -> None:
    converted = []

    def convert(_: Path, target: Path) -> None:
        """The conversion itself is what made `model_dir`."""
        converted.append(target)
        time.sleep(0.2)
        shutil.copytree(model_dir, target, dirs_exist_ok=True)

    killed = tmp_path / ".smollm2-135m-instruct.killed.new"
    killed.mkdir()
    (killed / "model.safetensors").write_bytes(b"half of it")
    with ThreadPoolExecutor(4) as pool:
        folders = set(pool.map(lambda _: weights.default_model(tmp_path, convert), range(4)))
    assert len(converted) == 1
    assert {path for path in tmp_path.iterdir() if path.is_dir()} == folders
    (folder,) = folders
    assert {file.name for file in folder.iterdir()} == {file.name for file in model_dir.iterdir()}
