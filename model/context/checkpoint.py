"""A context on disk: saved in one process, continued in another.

The idea: what only grows, the tiers' rows, token ids and codes, is written once and stays where it lies;
beside it stand small files, and a manifest that is written last and names their checksums. A context without
a manifest was never saved; one whose files do not match it is refused. What of the index does not only grow
is written now and then: the blocks stored since then are indexed again, which gives the same. So a save takes
as long as what is new, however long the context is.
"""

import hashlib
import json
import shutil
import zlib
from array import array
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file

from model.context import heads as calibrated
from model.context.context import Context, Memory
from model.context.disk import MANIFEST, TornContext, alone, stale, torn, write_all
from model.context.heads import Heads
from model.context.tiers import Tiers
from model.files import make_durable, named_when_full, write_atomic
from model.geometry import BLOCK
from model.reader import Reader, write_tensors

FORMAT = 5
_KEPT = ("storage", "kv", "index")
"""What of a context's `Memory` is decided when its reading begins."""
_TOKENS, _WINDOW, _INDEX, _CODES = "tokens.bin", "window.safetensors", "index.safetensors", "codes"
INDEXED_AGAIN = 1 << 18
"""Tokens that are indexed again at most when a context is opened: in seconds."""
_BATCH = 256
"""Blocks that are indexed again at once."""


def save(context: Context, folder: Path) -> None:
    """Write a context so that `open_context` continues it; what was saved there before stays valid meanwhile.

    Raises:
        OSError: if the disk is full or not writable; what was saved before can still be opened.
        StaleContext: if another process saved the context there since it was opened.
    """
    context.store()
    folder.mkdir(parents=True, exist_ok=True)
    with alone(folder):
        _save(context, folder)


def _save(context: Context, folder: Path) -> None:
    previous: dict[str, Any] = _manifest(folder) if exists(folder) else {"number": 0, "files": {}}
    own = context.memory.folder is not None and context.memory.folder.resolve() == folder.resolve()
    if own and previous["number"] != context.number:
        raise stale(folder)
    number = previous["number"] + 1  # in every name: a save never touches what the one before it wrote
    context.keys.save(folder / "keys")
    if context.kv is not None:
        context.kv.save(folder / "kv")
    files = {_TOKENS: _save_tokens(context, folder, previous if own else None, number)}
    files[_WINDOW] = _write(context.cache.state(), folder / f"{number}-{_WINDOW}")
    if own and _is_fresh(context, previous):
        files[_INDEX] = previous["files"][_INDEX]
    else:
        context.index.codes.save(folder / _CODES, context.index.tokens)
        state = context.index.state()
        files[_INDEX] = _write(state, folder / f"{number}-{_INDEX}")
        files[_INDEX] |= {"blocks": context.blocks, "trained": context.index.trained}
    manifest = _described(context) | {"number": number, "files": files}
    write_atomic(folder / MANIFEST, json.dumps(manifest))
    if own:
        context.number = number
    kept = {entry["file"] for entry in files.values()}
    for old in previous["files"].values():
        if old["file"] not in kept:
            (folder / old["file"]).unlink(missing_ok=True)


def _save_tokens(
    context: Context, folder: Path, previous: dict[str, Any] | None, number: int
) -> dict[str, Any]:
    """Write token ids behind those that were saved before, or all of them."""
    held = previous["files"].get(_TOKENS) if previous else None
    entry = held or {"file": f"{number}-{_TOKENS}", "crc": 0}
    first = previous["tokens"] if previous and held else 0
    path, fresh = folder / entry["file"], context.ids[first:].tobytes()
    with named_when_full(path, len(fresh)), path.open("r+b" if first else "wb") as file:
        write_all(file.fileno(), memoryview(fresh), first * context.ids.itemsize)
    make_durable(path)
    return {"file": path.name, "crc": zlib.crc32(fresh, entry["crc"])}


def _write(tensors: dict[str, torch.Tensor], path: Path) -> dict[str, Any]:
    try:
        write_tensors(tensors, path)
        make_durable(path)
    except OSError:
        with suppress(OSError):  # what went wrong first is told
            path.unlink(missing_ok=True)  # half of it would keep a full disk full
        raise
    return {"file": path.name, "crc": _checksum(path)}


def _is_fresh(context: Context, previous: dict[str, Any]) -> bool:
    """Whether the index can be had from what was saved of it before and from the blocks stored since then.

    Queries are not stored, so one that is not trained cannot; nor do rounded keys give what others gave.
    """
    if not context.index.trained or context.keys.format.dtype not in (torch.bfloat16, torch.float32):
        return False
    entry = previous["files"].get(_INDEX, {})
    fresh = (context.blocks - entry.get("blocks", 0)) * BLOCK
    return bool(entry.get("trained")) and fresh <= INDEXED_AGAIN


def fingerprint(context: Context) -> str:
    """Short hash of all that a context with a folder holds, once it is saved: equal for equal readings."""
    assert context.keys.disk is not None, "rows are known by their checksums on disk"
    digest = hashlib.sha256(context.ids.tobytes())
    digest.update(context.keys.disk.crc[: context.blocks].tobytes())
    for state in (context.cache.state(), context.index.state()):
        for name, held in sorted(state.items()):
            digest.update(
                name.encode() + held.cpu().contiguous().flatten().view(torch.uint8).numpy().tobytes()
            )
    return digest.hexdigest()[:16]


def exists(folder: Path) -> bool:
    """Whether a context was saved in `folder`."""
    return (folder / MANIFEST).exists()


def remove(folder: Path) -> None:
    """Delete what `save` wrote, the manifest first: after a crash nothing is taken for a saved context."""
    (folder / MANIFEST).unlink(missing_ok=True)
    if folder.exists():
        shutil.rmtree(folder)


def open_context(reader: Reader, folder: Path, memory: Memory | None = None) -> Context:
    """The context saved in `folder`; its keys and values stay on disk until they are needed.

    Args:
        memory: new budgets; format and place are those it was saved with.

    Raises:
        ValueError: if nothing was saved there, or by another model or with another window.
        TornContext: if a file is damaged.
    """
    if not exists(folder):
        raise ValueError(f"{folder}: no context was saved here: give a folder that save() wrote")
    with alone(folder):  # a save that has written its manifest removes the files of the one before
        return _opened(reader, folder, memory)


def _opened(reader: Reader, folder: Path, memory: Memory | None) -> Context:
    manifest = _manifest(folder)
    for name, value in _needed(reader).items():
        if manifest[name] != value:
            raise ValueError(
                f"{folder}: saved with {name} {manifest[name]}, this reader has {value}: "
                "open it with the model and window it was read with, or read the document again"
            )
    heads = Heads(tuple((layer, head) for layer, head in manifest["heads"]), manifest["group"])
    kept = {name: manifest[name] for name in _KEPT}
    budgets = replace(memory or Memory(), folder=folder, **kept)
    parts = {name: _read(folder, name, manifest) for name in (_WINDOW, _INDEX)}
    rows = manifest["tokens"] // BLOCK  # a crash while saving may have left more
    context = Context(reader, heads, budgets, tiers=_open_tiers(reader, folder, budgets, rows))
    context.ids = _tokens(folder, manifest)
    window = load_file(parts[_WINDOW], device=str(reader.device))
    context.cache.restore({name: x.to(reader.dtype) for name, x in window.items()}, manifest["tokens"])
    context.index.restore(load_file(parts[_INDEX]))
    for _, keys_NPTD in context.keys.scan(_BATCH, first=manifest["files"][_INDEX]["blocks"]):
        context.index.add(keys_NPTD)
    context.filled, context.number = manifest["filled"], manifest["number"]
    return context


def _open_tiers(reader: Reader, folder: Path, memory: Memory, rows: int) -> tuple[Tiers, Tiers | None]:
    def opened(name: str) -> Tiers:
        return Tiers.open(folder / name, device=reader.device, rows=rows, **memory.budgets(name))

    return opened("keys"), opened("kv") if memory.kv else None


def _described(context: Context) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "tokens": len(context),
        "filled": context.filled,
        **_needed(context.reader),
        "heads": context.heads.heads,
        "group": context.heads.group,
        **{name: getattr(context.memory, name) for name in _KEPT},
    }


def _needed(reader: Reader) -> dict[str, Any]:
    """What only a reader of the same kind can continue."""
    return {"shape": calibrated.shape(reader.config), "weights": reader.weights, "stride": reader.stride}


def _manifest(folder: Path) -> dict[str, Any]:
    path = folder / MANIFEST
    try:
        manifest: dict[str, Any] = json.loads(path.read_text())
    except json.JSONDecodeError as error:
        raise TornContext(f"{path}: damaged ({error}): read the document again") from error
    if manifest["format"] != FORMAT:
        raise ValueError(
            f"{path}: format {manifest['format']}, this version reads {FORMAT}: read the document again"
        )
    return manifest


def _read(folder: Path, name: str, manifest: dict[str, Any]) -> Path:
    """Path of one of the manifest's files, checked."""
    entry = manifest["files"][name]
    path: Path = folder / entry["file"]
    if not path.exists() or _checksum(path) != entry["crc"]:
        raise torn(path)
    return path


def _tokens(folder: Path, manifest: dict[str, Any]) -> "array[int]":
    """Token ids, checked; a save that never ended may have left more behind them."""
    entry, ids = manifest["files"][_TOKENS], array("i")
    path = folder / entry["file"]
    data = b""
    if path.exists():
        with path.open("rb") as file:
            data = file.read(manifest["tokens"] * ids.itemsize)
    if zlib.crc32(data) != entry["crc"]:
        raise torn(path)
    ids.frombytes(data)
    return ids


def _checksum(path: Path) -> int:
    crc = 0
    with path.open("rb") as file:
        while piece := file.read(1 << 24):
            crc = zlib.crc32(piece, crc)
    return crc
