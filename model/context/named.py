"""Contexts by name: what `memory_key` of `generate` stands for, in this process and, on disk, in the next.

The idea: a model holds its open contexts, so they go when it goes; with `memory_levels` 3 each lies in a
folder of its own and is opened again by whoever names it.
"""

import logging
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from model.attention import fields
from model.attention import sliding_window as attention
from model.context import checkpoint
from model.context.context import Context, Memory
from model.context.voting import voting_of
from model.context.wording import Wording
from model.files import inside
from model.hardware import free_bytes, multiplies_bf16
from model.reader import Reader

log = logging.getLogger(__name__)
HELD = "_nightread_contexts"
"""Attribute of a model that holds its contexts: they go when it goes."""


class _Held(dict[str, Context]):
    """Contexts by key; a copy of the model begins with none."""

    def __reduce__(self) -> tuple[type, tuple[()]]:
        return _Held, ()


def context_of(model: Any, key: str, wording: Wording | None = None) -> Context:
    """The context that `key` names for this model; a new one at first.

    With `config.memory_levels` 3 it lies in `config.memory_folder` and outlives the process.

    Args:
        wording: the model's words, by which a model that is new here is calibrated (see
            `model.context.voting`).

    Raises:
        ValueError: if the model does not use this package's attention, or was never calibrated and its words
            are not given; if what `config` says now is not what the context was begun with.
    """
    kept: _Held = model.__dict__.setdefault(HELD, _Held())
    config = fields.settled(model.config)
    folder = _folder(config, key)
    if key not in kept:
        kept[key] = _fresh(model, config, key, folder, wording)
    elif (lies := kept[key].memory.folder) != folder:
        raise ValueError(
            f"memory_key={key!r} was begun in {lies or 'memory'}, config.memory_folder now puts it in "
            f"{folder or 'memory'}: give another key, or set that back"
        )
    elif (begun := 2 * kept[key].reader.stride) != 2 * fields.stride_of(config):
        raise ValueError(
            f"memory_key={key!r} was begun with window_size={begun}, config.window_size is now "
            f"{config.window_size}: give another key, or set that back"
        )
    return kept[key]


def forget(model: Any, key: str) -> None:
    """Close a context that the model holds; what was saved of it is opened by whoever names it next."""
    model.__dict__[HELD].pop(key).close()


def _fresh(model: Any, config: Any, key: str, folder: Path | None, wording: Wording | None) -> Context:
    if (own := config._attn_implementation) != attention.NAME:
        raise ValueError(
            f"memory_key={key!r} needs model.config.attention_type = {attention.NAME!r}, "
            f"this model has {own!r}"
        )
    if not model._can_set_attn_implementation():
        raise ValueError(f"memory_key={key!r}: {type(model).__name__} takes no other attention than its own")
    _widen(model)
    reader = Reader.around(model, fields.stride_of(config))
    if folder is not None and checkpoint.exists(folder):
        context = checkpoint.open_context(reader, folder)
        if context.kv is None:
            context.close()
            raise ValueError(
                f"memory_key={key!r}: the context in {folder} keeps no keys and values: "
                "read it with Memory(kv=True), or give another key"
            )
        return context
    memory = Memory(kv=True, kv_storage=config.memory_storage, folder=folder)
    if folder is None:  # then there is nothing else for what the budget does not hold
        memory = replace(memory, host_bytes=max(memory.host_bytes, free_bytes(torch.device("cpu")) // 2))
    return Context(reader, voting_of(reader, wording), memory)


def _widen(model: Any) -> None:
    """Put a model into float32 where half precision is emulated and slower, if memory allows."""
    bytes_needed = 2 * sum(weight.numel() * weight.element_size() for weight in model.parameters())
    if model.dtype.itemsize < 4 and not multiplies_bf16(model.device):
        if bytes_needed < free_bytes(model.device):
            model.float()
            log.info("this processor has no products of half precision: the model is now in float32")
        else:
            log.warning("this processor has no products of half precision and too little memory for float32")


FOLDER = Path(".nightread/sessions")
"""Where contexts lie on disk unless `config.memory_folder` says: with the sessions of the default home."""
CONTEXT = "context"
"""Folder of a key's own, beside what else is kept of the dialogue that it names."""


def _folder(config: Any, key: str) -> Path | None:
    """Where a key's context lies on disk, if it does."""
    if fields.levels_of(config) < 3:
        inside(Path(), key)  # refused here as it would be there
        return None
    own = inside(Path(config.memory_folder or FOLDER), key)
    return own if checkpoint.exists(own) else own / CONTEXT  # as earlier versions saved it, or now
