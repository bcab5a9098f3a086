"""Who takes part in a benchmark: our stream, our context, transformers' own dense attention, and llama.cpp.

The idea: a participant is loaded for one turn and gone after it, so that nobody's memory is counted as
another's.
"""

import copy
import importlib
import importlib.util
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib.metadata import distribution
from pathlib import Path
from typing import Any, Protocol

import torch
from transformers import AutoModelForCausalLM

from model import weights
from model.attention.rotation import decoder_of
from model.context import heads
from model.context.context import Context, Memory
from model.cost import (
    activation_bytes,
    attention_flops_per_key,
    kv_bytes_per_token,
    linear_flops_per_token,
    read_flops,
)
from model.geometry import SINKS
from model.reader import Reader

Progress = Callable[[int], None]
"""Called with the tokens of the text that have been read so far."""


_OF_PACKAGE = "smollm2-135m-instruct"
"""Folder of the model whose GGUF file the package index carries."""


class Loaded(Protocol):
    """A participant that is ready to read."""

    reserved: int
    """Bytes for keys and values that loading took already."""

    def read(self, ids: Sequence[int], progress: Progress) -> None:
        """Read a text, so that a question could follow."""

    def cache_bytes(self) -> int:
        """Keys and values that it holds now."""


class Participant(Protocol):
    """Someone who reads."""

    key: str
    """Its name in JSON."""

    def flops(self, tokens: int) -> int:
        """Operations that a text takes."""

    def bytes(self, tokens: int) -> int:
        """About the memory that it takes, weights included."""

    def load(self, tokens: int) -> Loaded:
        """Get ready for a text of so many tokens."""


class Stream:
    """Ours: [sinks | previous chunk | chunk], in bounded memory."""

    key, reserved = "nightread", 0

    def __init__(self, reader: Reader) -> None:
        self.reader = reader

    def flops(self, tokens: int) -> int:
        return read_flops(self.reader.config, tokens, self.reader.stride, SINKS)

    def bytes(self, tokens: int) -> int:
        held = min(tokens, SINKS + 2 * self.reader.stride)
        return _activations(self.reader, self.reader.stride) + held * _kv_bytes(self.reader)

    def load(self, tokens: int) -> "Stream":
        return self

    def read(self, ids: Sequence[int], progress: Progress) -> None:
        self.cache, stride = self.reader.start(), self.reader.stride
        for start in range(0, len(ids), stride):
            chunk = ids[start : start + stride]
            self.reader.read(self.cache, chunk)
            progress(start + len(chunk))

    def cache_bytes(self) -> int:
        return sum(tensor.nbytes for tensor in self.cache.state().values())


class Asked:
    """Ours, of a text that is only read to be asked about: the keys of the calibrated heads and their index.

    Raises:
        ValueError: if the model was never calibrated.
    """

    key, reserved = "context", 0

    def __init__(self, reader: Reader, folder: Path) -> None:
        self.reader, self.heads = reader, heads.load(folder, reader.config)
        self._stream = Stream(reader)
        self.context: Context | None = None

    def flops(self, tokens: int) -> int:
        """Of whole layers alone: of the last one there are only keys and values."""
        config = copy.copy(self.reader.config)
        config.num_hidden_layers = self.heads.depth - 1
        return read_flops(config, tokens, self.reader.stride, SINKS)

    def bytes(self, tokens: int) -> int:
        return self._stream.bytes(tokens) + tokens * len(self.heads.pairs) * self.reader.head_size * 2

    def load(self, tokens: int) -> "Asked":
        if self.context is not None:
            self.context.close()
        self.context = Context(self.reader, self.heads, Memory(host_bytes=max(self.bytes(tokens), 1 << 30)))
        return self

    def read(self, ids: Sequence[int], progress: Progress) -> None:
        assert self.context is not None
        done = 0

        def told(tokens: int) -> None:
            nonlocal done
            progress(done := done + tokens)

        self.context.read(ids, told)

    def cache_bytes(self) -> int:
        assert self.context is not None
        held = [*self.context.cache.state().values(), *self.context.index.state().values()]
        return sum(tensor.nbytes for tensor in held) + sum(self.context.keys.bytes().values())


class Dense:
    """The same weights in the same precision as transformers runs them: every token sees all before it."""

    key = "sdpa"

    def __init__(self, reader: Reader, folder: Path) -> None:
        self.reader, self.folder = reader, folder

    def flops(self, tokens: int) -> int:
        return _dense_flops(self.reader.config, tokens)

    def bytes(self, tokens: int) -> int:
        model = sum(parameter.nbytes for parameter in self.reader.model.parameters())
        return int(model) + _activations(self.reader, tokens) + tokens * _kv_bytes(self.reader)

    def load(self, tokens: int) -> "_LoadedDense":
        with weights.without_bars():
            model = AutoModelForCausalLM.from_pretrained(
                self.folder, dtype=self.reader.dtype, attn_implementation="sdpa"
            )
        return _LoadedDense(model.to(self.reader.device).eval())


class _LoadedDense:
    reserved = 0

    def __init__(self, model: Any) -> None:
        self.model = model

    @torch.inference_mode()
    def read(self, ids: Sequence[int], progress: Progress) -> None:
        """The whole text in one call."""
        ids_BQ = torch.tensor([list(ids)], device=self.model.device)
        with _layer_by_layer(self.model, len(ids), progress):
            self.cache = self.model(input_ids=ids_BQ, use_cache=True, logits_to_keep=1).past_key_values

    def cache_bytes(self) -> int:
        return sum(layer.keys.nbytes + layer.values.nbytes for layer in self.cache.layers)


@contextmanager
def _layer_by_layer(model: Any, tokens: int, progress: Progress) -> Iterator[None]:
    """Tell of one long call as if every layer read its share of the tokens."""
    layers = decoder_of(model).layers
    hooks = [
        layer.register_forward_hook(lambda *_, done=number: progress(tokens * done // len(layers)))
        for number, layer in enumerate(layers, 1)
    ]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


class LlamaCpp:
    """llama.cpp with the default model as its package carries it: weights of 4 bits, a cache of 16.

    Raises:
        ValueError: if llama-cpp-python is not installed, or the model is another one.
    """

    key = "llama_cpp"

    def __init__(self, reader: Reader, folder: Path) -> None:
        if importlib.util.find_spec("llama_cpp") is None:
            raise ValueError("--peers llama.cpp: run `pip install llama-cpp-python`, or leave it out")
        if folder.name != _OF_PACKAGE:
            raise ValueError(f"--peers llama.cpp: there is no GGUF file of {folder.name}; leave it out")
        self.reader = reader
        place = f"{weights.DECODER_PACKAGE}/{weights.DECODER_FILE}"
        self.file = Path(str(distribution(weights.DECODER_PACKAGE).locate_file(place)))

    def flops(self, tokens: int) -> int:
        return _dense_flops(self.reader.config, tokens)

    def bytes(self, tokens: int) -> int:
        return self.file.stat().st_size + tokens * kv_bytes_per_token(self.reader.config, 2)

    def load(self, tokens: int) -> "_LoadedLlamaCpp":
        return _LoadedLlamaCpp(self.file, tokens, tokens * kv_bytes_per_token(self.reader.config, 2))


class _LoadedLlamaCpp:
    BATCH = 2048

    def __init__(self, file: Path, tokens: int, reserved: int) -> None:
        self.reserved, self.library = reserved, importlib.import_module("llama_cpp")
        threads = torch.get_num_threads()
        self.model = self.library.Llama(
            str(file),
            n_ctx=tokens,
            n_batch=self.BATCH,
            n_threads=threads,
            n_threads_batch=threads,
            flash_attn=True,
            verbose=False,
        )

    def read(self, ids: Sequence[int], progress: Progress) -> None:
        for start in range(0, len(ids), self.BATCH):
            self.model.eval(ids[start : start + self.BATCH])
            progress(self.model.n_tokens)

    def cache_bytes(self) -> int:
        return int(self.library.llama_state_seq_get_size(self.model.ctx, 0))


LOADERS: dict[str, Callable[[Reader, Path], Participant]] = {
    "context": Asked,
    "sdpa": Dense,
    "llama.cpp": LlamaCpp,
}
"""By the names of `model.bench.PEERS`."""


def _dense_flops(config: Any, tokens: int) -> int:
    pairs = tokens * (tokens + 1) // 2
    return linear_flops_per_token(config) * tokens + attention_flops_per_key(config) * pairs


def _kv_bytes(reader: Reader) -> int:
    return kv_bytes_per_token(reader.config, reader.dtype.itemsize)


def _activations(reader: Reader, tokens: int) -> int:
    return activation_bytes(reader.config, tokens, reader.dtype.itemsize)
