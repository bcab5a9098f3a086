"""The reader's model with its own dense attention, within its trained length: the baseline of an answer."""

from collections.abc import Sequence
from typing import Any

import torch
from transformers import DynamicCache

from model.reader import Reader


class Dense:
    """The reader's model as published: every token attends to all before it."""

    def __init__(self, reader: Reader) -> None:
        self.reader = reader

    def read(self, ids: Sequence[int]) -> Any:
        """Keys and values of a whole context, read in one pass."""
        cache = DynamicCache()
        self._next(cache, ids)
        return cache

    def answer(self, cache: Any, question: Sequence[int], new_tokens: int) -> list[int]:
        """Greedy continuation of the question; the cache is left as it was."""
        length, step = cache.get_seq_length(), list(question)
        written: list[int] = []
        while len(written) < new_tokens and (token := self._next(cache, step)) not in self.reader.stops:
            written.append(token)
            step = [token]
        cache.crop(length - cache.get_seq_length())
        return written

    @torch.inference_mode()
    def _next(self, cache: Any, ids: Sequence[int]) -> int:
        model = self.reader.model
        with self.reader.dense():
            ids_BQ = torch.tensor([ids], device=model.device)
            output = model(input_ids=ids_BQ, past_key_values=cache, logits_to_keep=1)
        return int(output.logits[0, -1].argmax())
