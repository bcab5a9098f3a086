"""Model folders: the default one is converted once, and broken ones are refused.

Run: pytest tests/model/test_weights.py
"""

import json
import shutil
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

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


@pytest.mark.parametrize(
    ("file", "content", "said"),
    [
        ("config.json", None, "holds no configuration"),
        ("config.json", "", "config.json is empty"),
        ("config.json", "{", "config.json is not JSON"),
        ("config.json", "{}", "names no model_type"),
        ("model.safetensors", None, "holds no weights"),
        ("model.safetensors", "", "model.safetensors is empty"),
        ("tokenizer.json", None, "holds no tokenizer"),
    ],
)
def test_a_folder_that_cannot_be_a_model_is_refused_by_its_files_alone(
    tmp_path: Path, file: str, content: str | None, said: str
) -> None:
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "llama"}))
    for name in ("model.safetensors", "tokenizer.json"):
        (tmp_path / name).write_text("some bytes")
    assert weights.resolve(str(tmp_path), tmp_path) == weights.resolve_embedder(str(tmp_path)) == tmp_path
    (tmp_path / file).unlink()
    if content is not None:
        (tmp_path / file).write_text(content)
    for resolve in (lambda name: weights.resolve(name, tmp_path), weights.resolve_embedder):
        with pytest.raises(ValueError, match=f"{tmp_path}: (config.json )?{said}"):
            resolve(str(tmp_path))


@pytest.mark.parametrize("name", ["pytorch_model.bin", "model.pt", "weights.ckpt"])
def test_weights_that_may_run_code_are_refused_with_the_remedy(tmp_path: Path, name: str) -> None:
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "llama"}))
    for file in (name, "tokenizer.json"):
        (tmp_path / file).write_text("some bytes")
    with pytest.raises(ValueError, match=rf"{name} is a pickle.*give the weights as \*.safetensors"):
        weights.resolve(str(tmp_path), tmp_path)


@pytest.mark.parametrize("name", ["/no/such/folder", "./nowhere", "models/of/mine"])
def test_what_looks_like_a_path_is_not_looked_for_on_a_hub(name: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=f"infer.model={name.removeprefix('./')}: no such folder"):
        weights.resolve(name, tmp_path)


def test_a_tilde_is_the_home_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "mine").mkdir()
    for name in ("config.json", "model.safetensors", "tokenizer.json"):
        (tmp_path / "mine" / name).write_text('{"model_type": "llama"}')
    assert weights.resolve("~/mine", tmp_path) == tmp_path / "mine"
    assert weights.resolve_embedder("~/mine") == tmp_path / "mine"


CONVERT = """
import sys
from pathlib import Path
from model import weights
print(weights.default_model(Path(sys.argv[1])).name)
"""


@pytest.mark.slow
def test_a_conversion_says_nothing_but_what_is_asked(tmp_path: Path) -> None:
    command = [sys.executable, "-c", CONVERT, str(tmp_path)]
    done = subprocess.run(command, cwd=Path(__file__).parents[2], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("smollm2-135m-instruct\n", "")
