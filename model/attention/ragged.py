"""Streams of different lengths as rows of one batch, each a token longer with every step.

The idea: rows end together and begin where they begin, behind padding that no query attends. So all of them
take their next token in the same place, and one that comes or goes moves the others once; a step copies
nothing. Keys are rotated where they stand, behind the padding: RoPE knows differences alone. Memory may run
out anywhere: it is taken layer by layer without a change to what is held, and only then a row comes.

Shape suffixes: B rows, G key/value heads, K keys, D head size.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from model.attention.sliding_window import StreamingCache, StreamingLayer

ROOM = 128
"""Tokens that are made room for at once."""

Row = tuple[torch.Tensor, torch.Tensor]
"""Keys and values of one layer and row, (1, G, K, D)."""


class RaggedLayer(StreamingLayer):
    """Keys and values of one layer, right-aligned, in memory that has room for more before and behind."""

    def __init__(self) -> None:
        super().__init__()
        self.clear()

    def clear(self) -> None:
        """Hold no row, and no memory."""
        self.wide = list[torch.Tensor]()
        """Memory of keys and of values, (B, G, K, D); what is held is a part of it."""
        self.first = 0
        """Key of it that is the first held."""
        self.rows, self.is_initialized = 0, False
        self.keys = self.values = torch.empty(0)

    def update(
        self, key_states: torch.Tensor, value_states: torch.Tensor, *args: object, **kwargs: object
    ) -> tuple[torch.Tensor, torch.Tensor]:
        fresh, held = (key_states, value_states), self.held + key_states.shape[2]
        if self.first + held > self.wide[0].shape[2]:
            self.reserve(self.rows, held, fresh)
        stop = self.first + held
        for wide, more in zip(self.wide, fresh, strict=True):
            wide[: self.rows, :, stop - more.shape[2] : stop] = more
        self.read += key_states.shape[2]
        self._hold(self.rows, self.first, stop)
        return self.keys, self.values

    def reserve(self, rows: int, length: int, like: Row) -> None:
        """Have memory for so many rows of so many tokens, which end where those end that are held, and for
        more behind; what is held stays the same."""
        held = self.held
        wide = [x.new_zeros(rows, x.shape[1], length + ROOM, x.shape[3]) for x in like]
        first = length - held if rows > self.rows else 0
        if self.rows:
            for new, own in zip(wide, (self.keys, self.values), strict=True):
                new[: self.rows, :, first : first + held] = own
        self.wide = wide
        self._hold(self.rows, first, first + held)

    def add(self, row: Row) -> None:
        """Hold one more row, for which there is memory."""
        stop = self.first + self.held
        first = stop - row[0].shape[2]
        for wide, own in zip(self.wide, row, strict=True):
            wide[self.rows, :, first:stop] = own[0]
        self._hold(self.rows + 1, min(self.first, first) if self.rows else first, stop)

    def remove(self, row: int, padding: int) -> None:
        """Hold a row less; those behind it move up. So many of the first keys are padding of all others."""
        for x in (self.keys, self.values):
            for place in range(row, self.rows - 1):
                x[place].copy_(x[place + 1])
        self._hold(self.rows - 1, self.first + padding, self.first + self.held)

    def _hold(self, rows: int, first: int, stop: int) -> None:
        self.rows, self.first = rows, first
        if rows:
            self.take(*(wide[:rows, :, first:stop] for wide in self.wide))


class RaggedCache(StreamingCache):
    """Rows that are read on together; it begins with none."""

    def __init__(self, layers: int, sinks: int) -> None:
        super().__init__(layers, sinks, RaggedLayer)
        self.lengths: tuple[int, ...] = ()
        """Tokens that each row holds."""

    @property
    def padding(self) -> list[int]:
        """Keys before each row that are none of its own."""
        return [max(self.lengths) - length for length in self.lengths]

    def join(self, cache: StreamingCache) -> None:
        """Add a stream as the last row, or after an error none; the stream itself is left as it is."""
        streams = [layer.whole() for layer in cache.layers]
        length = streams[0][0].shape[2]
        try:
            for layer, stream in zip(self.layers, streams, strict=True):
                layer.reserve(len(self.lengths) + 1, max(length, *self.lengths, 0), stream)
            for layer, stream in zip(self.layers, streams, strict=True):
                layer.add(stream)
        except BaseException:
            if not self.lengths:
                self._clear()
            raise
        self.lengths = (*self.lengths, length)
        self.read = cache.read

    def leave(self, row: int) -> None:
        """Remove a row; those behind it move up. It takes no memory; its own, as that of a row that failed
        to join, is given back when the next one joins or the last one leaves."""
        others = (*self.lengths[:row], *self.lengths[row + 1 :])
        if not others:
            self._clear()
        else:
            for layer in self.layers:
                layer.remove(row, max(self.lengths) - max(others))
        self.lengths = others

    def _clear(self) -> None:
        for layer in self.layers:
            layer.clear()

    def stepped(self) -> None:
        """Every row holds a token more."""
        self.lengths = tuple(length + 1 for length in self.lengths)

    @contextmanager
    def whole_step(self) -> Iterator[None]:
        """Within the block every row gets a token, or after an error none."""
        lengths = self.lengths
        try:
            yield
        except BaseException:
            self.crop(max(lengths))
            self.lengths = lengths
            raise
