"""A document read as one stream: chunk after chunk through the network, in bounded memory.

A chunk is half a window. After chunk c is read the cache holds [sinks | chunk c-1 | chunk c]; the
last two are exactly window c-1, so everything said about a window is said while its keys are at hand.
"""

import threading
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from transformers import AutoTokenizer

from model.attention import AUTO, rotation, rows
from model.attention import sliding_window as attention
from model.attention.choice import requested
from model.attention.probe import Probe
from model.attention.ragged import RaggedCache
from model.attention.sliding_window import StreamingCache
from model.attention.trials import Times
from model.cost import kv_bytes_per_token
from model.files import replacing
from model.geometry import SINKS, TooLong
from model.hardware import keep_freed, sent
from model.weights import sampled
from model.weights.float8 import is_narrow
from model.weights.load import load
from model.weights.precision import Precision

_FILLS = 2048  # tokens that fill the cores of a CPU: rows beyond them only leave its caches
_ROOM = 2048  # positions kept free behind a full window: for questions, recalled blocks and answers

OnQuery = Callable[[int, torch.Tensor], None]
"""Called with a layer's number and its queries (B, H, Q, D) before RoPE."""
Pick = Callable[[torch.Tensor], int]
"""Chooses a token from the logits (1, V) of the next one."""


def greedy(logits_BV: torch.Tensor) -> int:
    """The likeliest token."""
    return int(logits_BV.argmax())


@dataclass(frozen=True)
class Chunk:
    """What is read next of a stream: at most a stride of tokens."""

    cache: StreamingCache
    ids: Sequence[int]


@dataclass(frozen=True)
class Salience:
    """What the network's own attention says of each token of the cached text, (K,) fp32."""

    asked: torch.Tensor
    """Attention paid by the question that asks what matters."""
    neutral: torch.Tensor
    """Attention paid by a question that asks nothing: what position and token alone attract."""


class Reader:
    """A causal decoder with RoPE, reading streams and writing short texts.

    Args:
        folder: Hugging Face model folder.
        stride: tokens of a chunk, half a window.
        precision: what it computes in, or a `Precision`, whose linear layers may be in FP8.
    """

    kernel = AUTO
    """Name of the attention kernel, see `model.attention.choice`."""

    ASKED = "\n\nThe most important facts stated in this text are:"
    NEUTRAL = "\n\n\n\nThis is the end of the page. The next page is:"

    def __init__(
        self, folder: Path, stride: int, device: torch.device, precision: torch.dtype | Precision
    ) -> None:
        if isinstance(precision, torch.dtype):
            precision = Precision(precision)
        attention.register()
        self.model = load(folder, attention.NAME, device, precision)
        self.tokenizer = AutoTokenizer.from_pretrained(folder, trust_remote_code=False)
        self._set(stride)

    @classmethod
    def around(cls, model: Any, stride: int, kernel: str = AUTO) -> "Reader":
        """A reader with a model that is loaded already; without a tokenizer it knows no salience."""
        reader = cls.__new__(cls)
        reader.model, reader.tokenizer, reader.kernel = model, None, kernel
        reader._set(stride)
        return reader

    def _set(self, stride: int) -> None:
        requested(self.kernel)  # a wrong name is refused now, and not blamed on what is read first
        keep_freed()
        self.stride, self.device, self.dtype = stride, self.model.device, self.model.dtype
        self.decoder = rotation.decoder_of(self.model)
        if not hasattr(self.config, "num_key_value_heads"):  # no query heads of the family share one
            self.config.num_key_value_heads = self.config.num_attention_heads
        self.alone = threading.RLock()  # `dense` and `depth` change the model, which threads may share
        self.layers: int = self.config.num_hidden_layers  # which tells of fewer while `depth` runs fewer
        self.kv_bytes = kv_bytes_per_token(self.config, self.dtype.itemsize)
        self.positions = SINKS + 2 * stride + _ROOM
        self.rotation = rotation.learned(self.model, self.positions)

    @cached_property
    def tokenwise(self) -> list[torch.nn.Module]:
        """What treats every token by itself, see `model.attention.rows`."""
        return rows.tokenwise(self.decoder, self.config.hidden_size)

    @cached_property
    def tiles(self) -> Times | None:
        """Times by which such modules run whole or in tiles of rows, as far as they matter."""
        return rows.times_of_tiles(self.tokenwise, self.config.hidden_size)

    @contextmanager
    def dense(self, name: str = "sdpa") -> Iterator[None]:
        """Meanwhile the model attends as published: every token to all before it, positions and all.

        `name` is that of another such attention (see `model.attention.dense`).
        """
        with self.alone:
            self.model.set_attn_implementation(name)
            try:
                yield
            finally:
                self.model.set_attn_implementation(attention.NAME)

    @cached_property
    def weights(self) -> str:
        """Short hash of the weights, by which a saved context knows them: see `model.weights.sampled`."""
        return sampled(self.model)

    @cached_property
    def precision(self) -> Precision:
        """What it computes in, and whether linear layers' weights are in FP8."""
        return Precision(self.dtype, is_narrow(self.model))

    @property
    def stops(self) -> set[int]:
        """Tokens that end a text."""
        ids = self.model.generation_config.eos_token_id
        return set(ids) if isinstance(ids, list) else {ids}

    def start(self, layers: int | None = None) -> StreamingCache:
        """An empty context of all layers, or of the first `layers`: then no deeper one is ever run for it."""
        return StreamingCache(layers or self.layers, SINKS)

    @property
    def config(self) -> Any:
        """Configuration of the decoder."""
        return self.model.config.get_text_config()

    @torch.inference_mode()
    def read(self, cache: StreamingCache, ids: Sequence[int]) -> torch.Tensor:
        """Read one chunk of at most `stride` tokens; returns its last hidden states, (tokens, hidden).

        The chunk before is forgotten down to the sinks and itself first, so memory stays constant.
        """
        return self.read_together([Chunk(cache, ids)])[0]

    @torch.inference_mode()
    def read_together(self, chunks: Sequence[Chunk], hidden: bool = True) -> list[torch.Tensor]:
        """`read` for several streams: chunks of one length behind contexts of one length are one batch.

        Args:
            hidden: whether hidden states are wanted, see `run`.
        """
        for chunk in chunks:
            tokens = len(chunk.ids)
            assert 0 < tokens <= self.stride, f"a chunk holds 1 to {self.stride} tokens, not {tokens}"
            chunk.cache.slide(self.stride)
        return self.extend_together(chunks, hidden)

    @torch.inference_mode()
    def extend_together(self, chunks: Sequence[Chunk], hidden: bool = True) -> list[torch.Tensor]:
        """`read_together` of any number of tokens, and nothing is forgotten."""
        caches = [chunk.cache for chunk in chunks]
        found: dict[int, torch.Tensor] = {}
        for places in self._alike(caches, [len(chunk.ids) for chunk in chunks]):
            rows = self._read_rows([chunks[place] for place in places], hidden)
            found.update(zip(places, rows, strict=True))
        return [found[place] for place in range(len(chunks))]

    def _read_rows(self, chunks: Sequence[Chunk], hidden: bool) -> Sequence[torch.Tensor]:
        if len(chunks) == 1:
            return [self.run(chunks[0].cache, chunks[0].ids, hidden=hidden)]
        caches = [chunk.cache for chunk in chunks]
        batch = StreamingCache.joined(caches)
        hidden_BQE = self._forward(batch, [chunk.ids for chunk in chunks], hidden)
        batch.scatter(caches)
        for chunk in chunks:
            chunk.cache.read += len(chunk.ids)
        return list(hidden_BQE)

    @torch.inference_mode()
    def step(self, batch: RaggedCache, tokens: Sequence[int]) -> torch.Tensor:
        """Append a token to every row; returns their last hidden states, (rows, hidden)."""
        padding_B1 = sent(torch.tensor(batch.padding)[:, None], self.device) if any(batch.padding) else None
        hidden_B1E = self._forward(batch, [[token] for token in tokens], padding=padding_B1)
        batch.stepped()
        return hidden_B1E[:, 0]

    def _alike(self, caches: Sequence[StreamingCache], counts: Sequence[int]) -> list[list[int]]:
        """Places of streams that can be rows of one batch when so many tokens are put behind each."""
        # such a model scales queries by their place in the text
        asks = getattr(self.config, "attn_temperature_tuning", False)
        groups: dict[tuple[int, ...], list[int]] = {}
        for place, (cache, count) in enumerate(zip(caches, counts, strict=True)):
            shape = (count, cache.held, len(cache.layers), cache.read if asks else 0)
            groups.setdefault(shape, []).append(place)
        batches = []
        for (count, *_), places in groups.items():
            most = max(1, _FILLS // count) if self.device.type == "cpu" else len(places)
            batches += [places[first : first + most] for first in range(0, len(places), most)]
        return batches

    @property
    def head_size(self) -> int:
        """Dimensions of a key."""
        config = self.config
        return int(getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads)

    @torch.inference_mode()
    def extend(
        self, cache: StreamingCache, ids: Sequence[int], on_query: OnQuery | None = None, hidden: bool = True
    ) -> torch.Tensor:
        """Append tokens to a context without forgetting any; returns their last hidden states.

        Of ranks that share the tokens each gets the queries of its own; `pooled` gathers them.
        """
        assert ids
        return self.run(cache, ids, on_query=on_query, shared=True, hidden=hidden)

    def pooled(self, x: torch.Tensor) -> torch.Tensor:
        """All-gather over ranks, along the first dimension; here that is `x`."""
        return x

    @torch.inference_mode()
    def queries(self, cache: StreamingCache, ids: Sequence[int]) -> dict[int, torch.Tensor]:
        """Queries (H, Q, D) before RoPE, of every layer, of a question behind a context; no trace is left."""
        caught: dict[int, torch.Tensor] = {}
        length = cache.held
        try:
            self.run(cache, ids, on_query=lambda layer, q: caught.update({layer: q[0]}), hidden=False)
        finally:
            cache.crop(length)
        return caught

    @torch.inference_mode()
    def decode(
        self,
        cache: StreamingCache,
        ids: Sequence[int],
        pick: Pick = greedy,
        stops: Collection[int] | None = None,
    ) -> Iterator[int]:
        """Tokens behind a context and `ids`, one by one, as `pick` chooses them, up to one that stops.

        Args:
            stops: tokens that do; the model's own by default.
        """
        step, stops = list(ids), self.stops if stops is None else stops
        while True:
            hidden_QE = self.run(cache, step)
            token = pick(self.model.get_output_embeddings()(hidden_QE[-1:]).float())
            yield token
            if token in stops:
                return
            step = [token]

    @torch.inference_mode()
    def salience(self, caches: Sequence[StreamingCache]) -> list[Salience]:
        """Ask of several streams, over the keys now cached, what matters; they are left as they were."""
        questions = [
            self.tokenizer(text, add_special_tokens=False)["input_ids"] for text in (self.ASKED, self.NEUTRAL)
        ]
        ids, lengths = [token for question in questions for token in question], list(map(len, questions))
        found = {}
        for places in self._alike(caches, [len(ids)] * len(caches)):
            probe, some = Probe(lengths, queries=4), [caches[place] for place in places]
            if len(some) == 1:
                self.run(some[0], ids, probe)
                some[0].crop(some[0].held - len(ids))
            else:
                self._forward(StreamingCache.joined(some), [ids] * len(some), on_attention=probe)
            assert probe.mass_BNK is not None
            found.update(
                {place: Salience(*mass_NK) for place, mass_NK in zip(places, probe.mass_BNK, strict=True)}
            )
        return [found[place] for place in range(len(caches))]

    def run(
        self,
        cache: StreamingCache,
        ids: Sequence[int],
        probe: Probe | None = None,
        on_query: OnQuery | None = None,
        shared: bool = False,
        hidden: bool = True,
    ) -> torch.Tensor:
        """Last hidden states (tokens, hidden) of tokens behind a context, to which they are added.

        Args:
            probe: texts that `ids` are, one behind the other; none sees another.
            on_query: called with every layer's queries.
            shared: ranks may share the tokens: then each calls `on_query` with those of its own.
            hidden: whether hidden states are wanted; without, there are none, (0, hidden), and the last layer
                computes no more than what the cache holds of it.
        """
        return self._forward(cache, [ids], hidden, on_attention=probe, on_query=on_query)[0]

    def _forward(
        self, cache: StreamingCache, texts: Sequence[Sequence[int]], hidden: bool = True, **hooks: Any
    ) -> torch.Tensor:
        """Last hidden states, (texts, tokens, hidden); (texts, 0, hidden) where they are not wanted.

        Raises:
            ValueError: if they and what they attend are more tokens than there are positions for.
        """
        if cache.held + len(texts[0]) > self.positions:
            raise TooLong(
                f"{len(texts[0])} tokens behind {cache.held} that are attended: this reader has "
                f"{self.positions} positions; ask a shorter question, or give answers less room"
            )
        ids_BQ = sent(torch.tensor(texts), self.device)
        layers, cut = len(cache.layers), 0
        if ids_BQ.numel() >= rows.LEAST and not torch.is_grad_enabled():
            cut = rows.choice(self.tiles).rows
        with self.depth(layers), rows.tiled(self.tokenwise, cut), suppress(attention.Stored):
            output = self.decoder(
                input_ids=ids_BQ,
                position_ids=torch.zeros_like(ids_BQ),
                past_key_values=cache,
                use_cache=True,
                rotation=self.rotation,
                kernel=self.kernel,
                last=None if hidden else layers - 1,
                **hooks,
            )
            hidden_BQE: torch.Tensor = output.last_hidden_state
            return hidden_BQE
        return torch.empty(len(texts), 0, self.config.hidden_size, dtype=self.dtype, device=self.device)

    @contextmanager
    def depth(self, layers: int) -> Iterator[None]:
        """Run the first layers only: transformers' decoders take their number from the configuration."""
        with self.alone:
            self.config.num_hidden_layers = layers
            try:
                yield
            finally:
                self.config.num_hidden_layers = self.layers


def save_state(cache: StreamingCache, path: Path, metadata: dict[str, str], write: bool = True) -> None:
    """Write a context so that reading can go on in another process. Atomic: the old file or the new.

    The disk is not waited for: a context has 100 MB and more, and is written once a window. After a loss of
    power it may be an older one, or cut short, which its header tells; what it lacks is read again.

    Args:
        write: of ranks that share a context all bring their part, and one writes.

    Raises:
        OSError: if the disk is full.
    """
    state = cache.state()
    if not write:
        return
    with replacing(path, durable=False) as fresh:
        write_tensors(state, fresh, metadata | {"read": str(cache.read)})


def write_tensors(
    tensors: dict[str, torch.Tensor], path: Path, metadata: dict[str, str] | None = None
) -> None:
    """Write tensors to a file of safetensors.

    Raises:
        OSError: if it cannot be written; the library has an error of its own for that.
    """
    try:
        save_file(tensors, path, metadata=metadata)
    except SafetensorError as error:
        raise OSError(f"{path}: cannot be written ({error}): make room") from error


def load_state(cache: StreamingCache, path: Path, device: torch.device) -> None:
    """Continue a context that `save_state` wrote."""
    with safe_open(path, "pt") as file:
        cache.restore(load_file(path, device=str(device)), int(file.metadata()["read"]))
