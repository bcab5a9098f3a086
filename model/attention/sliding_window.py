"""Sliding-window attention with sinks over a stream of any length, as a transformers attention.

A chunk of queries attends [sinks | previous chunk | itself]. Keys are cached before RoPE and rotated
here at compact positions 0, 1, 2 ... of what is attended, so no position ever leaves the range the
model was trained on, however long the document. The model itself is given position 0 for every
token, where RoPE is the identity (times YaRN's attention factor, see `model.attention.rotation`). A layer
with a narrower window or chunks of its own (Mistral, Gemma 3, Llama 4) keeps them, counted in compact
positions. Only the length that the cache reports is that of the whole text: Llama 4 scales queries by it.

Sinks: Xiao et al. 2023, "Efficient Streaming Language Models with Attention Sinks" (arXiv 2309.17453).

Shape suffixes: B batch, H query heads, G key/value heads, Q queries, K keys, D head size.
"""

import copy
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any, Protocol

import torch
from transformers import AttentionInterface, AttentionMaskInterface, PreTrainedConfig
from transformers.cache_utils import Cache, CacheLayerMixin

from model.attention import AUTO
from model.attention.attend import Reach, attend, attend_near
from model.attention.fields import DEFAULTS, AttentionType, stride_of
from model.attention.probe import Probe
from model.attention.rotation import Rotation
from model.geometry import SINKS

NAME = "sparse_sliding_window"


class StreamingLayer(CacheLayerMixin):
    """Keys (before RoPE) and values of one layer: the sinks, then the most recent chunk."""

    is_sliding = False
    read = 0
    """Tokens of the text so far, whether they are still held or not."""

    def lazy_initialization(self, key_states: torch.Tensor, value_states: torch.Tensor) -> None:
        self.keys = key_states[:, :, :0]
        self.values = value_states[:, :, :0]
        self.is_initialized = True

    def update(
        self, key_states: torch.Tensor, value_states: torch.Tensor, *args: object, **kwargs: object
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Append a chunk; what is attended comes back. `StreamingCache.slide` decides what is kept."""
        if not self.is_initialized:
            self.lazy_initialization(key_states, value_states)
        self.keys = torch.cat([self.keys, key_states], dim=2)
        self.values = torch.cat([self.values, value_states], dim=2)
        self.read += key_states.shape[2]
        return self.keys, self.values

    def keep(self, sinks: int, recent: int) -> None:
        """Forget everything between the first `sinks` and the last `recent` tokens."""
        length = self.held
        if length > sinks + recent:
            index = [slice(0, sinks), slice(length - recent, length)]
            self.keys = torch.cat([self.keys[:, :, part] for part in index], dim=2)
            self.values = torch.cat([self.values[:, :, part] for part in index], dim=2)

    def crop(self, length: int) -> None:
        """Forget what came after the first `length` cached tokens (probes that leave no trace)."""
        if self.is_initialized:
            self.read -= max(self.held - length, 0)
            self.keys, self.values = self.keys[:, :, :length], self.values[:, :, :length]

    def whole(self, tokens: int | None = None) -> tuple[torch.Tensor, torch.Tensor]:
        """Keys and values of all heads, (B, G, K, D), of the last `tokens` or of everything cached."""
        first = 0 if tokens is None else self.held - tokens
        return self.keys[:, :, first:], self.values[:, :, first:]

    def keys_of(self, groups: Sequence[int], tokens: int) -> torch.Tensor:
        """Keys of some key/value heads for the last `tokens`, (B, groups, K, D)."""
        return self.whole(tokens)[0][:, list(groups)]

    def take(self, keys: torch.Tensor, values: torch.Tensor) -> None:
        """Hold what `whole` gave instead of what was held."""
        self.keys, self.values, self.is_initialized = keys, values, True

    def settle(self) -> None:
        """Give up what is shared with tensors of which only a part is held."""
        if self.is_initialized:
            self.keys, self.values = map(_settled, (self.keys, self.values))

    @property
    def held(self) -> int:
        """Tokens that are attended."""
        return self.keys.shape[2] if self.is_initialized else 0

    def get_seq_length(self) -> int:
        """Tokens read: what transformers takes for the next token's true position."""
        return self.read

    def get_mask_sizes(self, query_length: int) -> tuple[int, int]:
        return self.held + query_length, 0

    def get_max_length(self) -> int:
        return -1


def _settled(x: torch.Tensor) -> torch.Tensor:
    return x if x.untyped_storage().nbytes() == x.nbytes else x.clone()


class StreamingCache(Cache):
    """KV of one stream: sinks and the last chunk, in every layer. Bounded, whatever was read.

    Args:
        layers: number of decoder layers.
        sinks: tokens of the start that are never forgotten.
        layer: makes one; those of ranks hold a part of the heads (see `model.parallel.sequence`).
    """

    def __init__(self, layers: int, sinks: int, layer: Callable[[], StreamingLayer] = StreamingLayer) -> None:
        super().__init__(layers=[layer() for _ in range(layers)])
        self.sinks = sinks

    @property
    def held(self) -> int:
        """Tokens that are attended."""
        return int(self.layers[0].held)

    @property
    def read(self) -> int:
        """Tokens of the text so far. May be set, to read on elsewhere in it."""
        return int(self.layers[0].read)

    @read.setter
    def read(self, tokens: int) -> None:
        for layer in self.layers:
            layer.read = tokens

    def slide(self, recent: int) -> None:
        """Keep the sinks and the `recent` last tokens."""
        for layer in self.layers:
            layer.keep(self.sinks, recent)

    def crop(self, length: int) -> None:
        for layer in self.layers:
            layer.crop(length)

    @classmethod
    def joined(cls, streams: Sequence["StreamingCache"]) -> "StreamingCache":
        """Streams that hold equally many tokens, copied, as the rows of one batch."""
        batch = cls(len(streams[0].layers), streams[0].sinks)
        for layer, *rows in zip(batch.layers, *(stream.layers for stream in streams), strict=True):
            if rows[0].is_initialized:
                layer.take(torch.cat([row.keys for row in rows]), torch.cat([row.values for row in rows]))
        batch.read = streams[0].read
        return batch

    def scatter(self, streams: Sequence["StreamingCache"]) -> None:
        """Let streams that were joined hold their rows of what this batch holds, and share its memory."""
        for row, stream in enumerate(streams):
            for mine, theirs in zip(self.layers, stream.layers, strict=True):
                theirs.take(mine.keys[row : row + 1], mine.values[row : row + 1])

    def fork(self) -> "StreamingCache":
        """The same stream, to be read on apart from this one; both hold one memory, in which none writes."""
        twin = copy.copy(self)
        twin.layers = list(map(copy.copy, self.layers))
        return twin

    def copy(self, tokens: int | None = None) -> "StreamingCache":
        """A fork that holds the first `tokens`, or everything, and no more memory than that."""
        alone = self.fork()
        for layer in alone.layers:
            layer.keys, layer.values = layer.keys[:, :, :tokens], layer.values[:, :, :tokens]
        alone.settle()
        return alone

    def settle(self) -> None:
        """Hold no more memory than is needed: a row of a batch holds all of it."""
        for layer in self.layers:
            layer.settle()

    def state(self) -> dict[str, torch.Tensor]:
        """Tensors that `restore` takes back, in another process if need be; exact to the bit."""
        named = {}
        for index, layer in enumerate(self.layers):
            named[f"k{index}"], named[f"v{index}"] = layer.whole()
        return {name: tensor.contiguous() for name, tensor in named.items()}

    def restore(self, state: dict[str, torch.Tensor], read: int) -> None:
        """Hold what `state` gave, of a text of which `read` tokens were read."""
        self.read = read
        for index, layer in enumerate(self.layers):
            layer.take(state[f"k{index}"], state[f"v{index}"])


class Stored(Exception):
    """No error, but the way out of a decoder: the last layer's keys and values are cached, all is done."""


class Exchange(Protocol):
    """What ranks that share a chunk do around one layer's attention (see `model.parallel.sequence`)."""

    def before(
        self, query: torch.Tensor, key: torch.Tensor, value: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Queries, keys and values that this rank attends with; the last of the keys are the queries' own."""

    def after(self, out_BHQD: torch.Tensor) -> torch.Tensor:
        """All heads' outputs for the tokens that this rank has run."""


def attend_whole(
    module: Any,
    q_BHQD: torch.Tensor,
    k_BGKD: torch.Tensor,
    v_BGKD: torch.Tensor,
    scale: float,
    sliding_window: int | None = None,
) -> torch.Tensor:
    """The stream's rule over keys that the model itself has rotated, chunk by chunk; Q are the last of K.

    Chunks stand where a stream's would. A layer with a narrower window of its own keeps it, and one that
    attends within chunks of its own (Llama 4) sees nothing before them.

    Raises:
        ValueError: if such a chunk's layer is continued from a cache that has forgotten where its keys stood.
    """
    stride, past, total = stride_of(module.config), k_BGKD.shape[2] - q_BHQD.shape[2], k_BGKD.shape[2]
    own = _chunk_of(module)
    if own and past >= own - 1:  # transformers' cache of such a layer keeps no more, and no positions
        raise ValueError(
            f"attention_chunk_size={own}: {NAME} continues such a model only within its first chunk; "
            "give the text in one call"
        )
    cuts = {past, total, *range(0, total, stride), *(range(0, total, own) if own else ())}
    bounds = sorted(cut for cut in cuts if past <= cut)
    parts = []
    for start, stop in pairwise(bounds):
        q = q_BHQD[:, :, start - past : stop - past]
        first = max(start // stride - 1, 0) * stride
        if own:
            seen = [slice(max(first, start // own * own), stop)]
        elif first <= SINKS:
            seen = [slice(0, stop)]
        else:
            seen = [slice(0, SINKS), slice(first, stop)]
        if sliding_window is not None and sliding_window < stop:
            reach = Reach(window=sliding_window)
            parts.append(attend_near(q, k_BGKD[:, :, :stop], v_BGKD[:, :, :stop], scale, reach))
        else:
            k, v = (torch.cat([x[:, :, part] for part in seen], 2) for x in (k_BGKD, v_BGKD))
            parts.append(attend(q, k, v, scale))
    return torch.cat(parts, 2)


def _chunk_of(module: Any) -> int | None:
    types: list[str] | None = getattr(module.config, "layer_types", None)
    chunked = types is not None and types[module.layer_idx] == "chunked_attention"
    return module.config.attention_chunk_size if chunked else None


def _refuse(softcap: float | None, s_aux: torch.Tensor | None, of_key: int, of_value: int) -> None:
    """What no fused kernel does; `of_key` and `of_value` are dimensions."""
    if softcap is not None:
        raise ValueError(f"attn_logit_softcapping={softcap}: {NAME} cannot cap logits; use another attention")
    if s_aux is not None:
        raise ValueError(f"attention sinks of the weights: {NAME} has none; use another attention")
    if of_key != of_value:
        raise ValueError(
            f"keys of {of_key} dimensions and values of {of_value}: {NAME} takes heads of one size; "
            "use another attention"
        )


def sparse_sliding_window(
    module: Any,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    scaling: float,
    dropout: float = 0.0,
    *,
    rotation: Sequence[Rotation] | None = None,
    sliding_window: int | None = None,
    softcap: float | None = None,
    s_aux: torch.Tensor | None = None,
    on_attention: Probe | None = None,
    on_query: Callable[[int, torch.Tensor], None] | None = None,
    exchange: Exchange | None = None,
    kernel: str = AUTO,
    last: int | None = None,
    padding: torch.Tensor | None = None,
    **kwargs: object,
) -> tuple[torch.Tensor, None]:
    """Attention function in transformers' convention.

    Shapes: query (B, H, Q, D), key and value (B, G, K, D) before RoPE, K >= Q with the chunk's own
    keys last; returns (B, Q, H, D). A stream's `rotation`, of every layer, comes with the call that runs the
    model; with `on_attention` the chunk is that probe's branches. `kernel` names the one that computes (see
    `model.attention.choice`); layer `last` ends with its keys and values. `padding` (B, 1) says how many keys
    of every row, which has one query, are none of its own (see `model.attention.ragged`). Without a rotation
    the model is used as any other, has rotated queries and keys itself, and all keys are at hand (see
    `attend_whole`).

    Raises:
        Stored: in layer `last`.
        ValueError: if the model caps its attention's logits (Gemma 2), lets a query attend to nothing
            (gpt-oss), which no fused kernel does, or has values of another size than keys (DeepSeek 3).
    """
    assert attention_mask is None, "padding was refused with the mask"
    assert dropout == 0.0, "a stream is not trained"
    if on_query is not None:
        on_query(module.layer_idx, query)
    _refuse(softcap, s_aux, key.shape[3], value.shape[3])
    if rotation is None:
        whole = attend_whole(module, query, key, value, scaling, sliding_window)
        return whole.transpose(1, 2).contiguous(), None
    if module.layer_idx == last:
        raise Stored
    if exchange is not None:
        query, key, value = exchange.before(query, key, value)
        if query.shape[1] == 0:  # more ranks than heads
            return exchange.after(query).transpose(1, 2).contiguous(), None
    turn, reach = rotation[module.layer_idx], Reach(sliding_window, _chunk_of(module))
    past = key.shape[2] - query.shape[2]
    branches = on_attention.branches if on_attention is not None else [query.shape[2]]
    behind = [(past, length) for length in branches]
    q, k = turn(query, *behind), turn(key, (0, past), *behind)
    if on_attention is not None:
        on_attention(q, k, scaling, reach)
    out = attend_near(q, k, value, scaling, reach, branches, kernel, padding)
    whole = out if exchange is None else exchange.after(out)
    return whole.transpose(1, 2).contiguous(), None  # the copy that most models would make of it


def no_mask(*args: object, attention_mask: torch.Tensor | None = None, **kwargs: object) -> None:
    """Causality is the attention's own business here; transformers must not build a mask.

    Raises:
        ValueError: if a batch is padded.
    """
    if attention_mask is not None and not bool(attention_mask.all()):
        raise ValueError(f"{NAME} takes no padded batch: pass texts one by one, or of equal length")


def register() -> None:
    """Make `attn_implementation="sparse_sliding_window"` known to transformers. May be called again.

    `attention_type` and the fields of `DEFAULTS` become part of every configuration: `from_pretrained` takes
    them, and they may be set later.
    """
    AttentionInterface.register(NAME, sparse_sliding_window)
    AttentionMaskInterface.register(NAME, no_mask)
    PreTrainedConfig.attention_type = AttentionType(NAME)
    for name, value in DEFAULTS.items():
        setattr(PreTrainedConfig, name, value)
