"""Streams of different lengths as rows of one batch, each a token longer with every step.

The idea: rows end together and begin where they begin, behind padding that no query attends. So all of them
take their next token in the same place, and one that comes or goes moves the others once; a step copies
nothing. Keys are rotated where they stand, behind the padding: RoPE knows differences alone.

Shape suffixes: B rows, G key/value heads, K keys, D head size.
"""

from collections.abc import Sequence

import torch

from model.attention.sliding_window import StreamingCache, StreamingLayer

ROOM = 128
"""Tokens that are made room for at once."""

Row = tuple[torch.Tensor, torch.Tensor]
"""Keys and values of one layer and row, (1, G, K, D)."""


class RaggedLayer(StreamingLayer):
    """Keys and values of one layer, right-aligned, with room for more behind them."""

    def update(
        self, key_states: torch.Tensor, value_states: torch.Tensor, *args: object, **kwargs: object
    ) -> tuple[torch.Tensor, torch.Tensor]:
        stop = self.held + key_states.shape[2]
        if stop > self.wide[0].shape[2]:
            self.hold(
                [(self.keys[row : row + 1], self.values[row : row + 1]) for row in range(len(self.keys))]
            )
        for wide, more in zip(self.wide, (key_states, value_states), strict=True):
            wide[:, :, self.held : stop] = more
        self.read += key_states.shape[2]
        self.take(*(wide[:, :, :stop] for wide in self.wide))
        return self.keys, self.values

    def hold(self, rows: Sequence[Row]) -> None:
        """Hold these rows instead of what was held, with fresh room."""
        length = max(keys.shape[2] for keys, _ in rows)
        self.wide = [_aligned(some, length) for some in zip(*rows, strict=True)]
        self.take(*(wide[:, :, :length] for wide in self.wide))


def _aligned(rows: Sequence[torch.Tensor], length: int) -> torch.Tensor:
    """Rows (1, G, K, D) ending at `length`, with room behind."""
    _, groups, _, dims = rows[0].shape
    wide = rows[0].new_zeros(len(rows), groups, length + ROOM, dims)
    for row, own in enumerate(rows):
        wide[row, :, length - own.shape[2] : length] = own[0]
    return wide


class RaggedCache(StreamingCache):
    """Rows that are read on together; it begins with none."""

    def __init__(self, layers: int, sinks: int) -> None:
        super().__init__(layers, sinks, RaggedLayer)
        self.lengths: list[int] = []
        """Tokens that each row holds."""

    @property
    def padding(self) -> list[int]:
        """Keys before each row that are none of its own."""
        return [max(self.lengths) - length for length in self.lengths]

    def join(self, cache: StreamingCache) -> None:
        """Add a stream as the last row; the stream itself is left as it is."""
        self._hold([*self._rows(), [layer.whole() for layer in cache.layers]])
        self.read = cache.read

    def leave(self, row: int) -> None:
        """Remove a row; those behind it move up."""
        rows = self._rows()
        del rows[row]
        self._hold(rows)

    def stepped(self) -> None:
        """Every row holds a token more."""
        self.lengths = [length + 1 for length in self.lengths]

    def _rows(self) -> list[list[Row]]:
        """Of each row what every layer holds of it."""
        return [
            [
                (layer.keys[row : row + 1, :, first:], layer.values[row : row + 1, :, first:])
                for layer in self.layers
            ]
            for row, first in enumerate(self.padding)
        ]

    def _hold(self, rows: Sequence[Sequence[Row]]) -> None:
        self.lengths = [row[0][0].shape[2] for row in rows]
        if not rows:
            for layer in self.layers:
                layer.crop(0)
                layer.wide = []
                layer.settle()  # no memory is held for nobody
            return
        for layer, *own in zip(self.layers, *rows, strict=True):
            layer.hold(own)
