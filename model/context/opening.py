"""How an answer begins: a sentence that the question has begun is completed, not left.

The idea: a small model likes to break the line behind "the number is", whatever it has read. What a question
leaves open can only go on, so the answer's first token is none that breaks the line or ends it; transformers
calls such tokens `begin_suppress_tokens`.

Shape suffixes: V vocabulary.
"""

import math
from collections.abc import Collection, Sequence
from typing import Any

import torch

from model.reader import Pick

_LIKELIEST = 64
"""Tokens that are looked at: of these few, some go on."""
_END = 8
"""Tokens of the question of which the last character tells whether it is open."""


def completing(pick: Pick, tokenizer: Any, question: Sequence[int], stops: Collection[int]) -> Pick:
    """`pick` itself, or one whose first token goes on where the question ends within a sentence.

    Args:
        tokenizer: without one, None, nothing is known of words.
        stops: tokens that end an answer.
    """
    if tokenizer is None:
        return pick
    end = tokenizer.decode(list(question[-_END:]))[-1:]
    if not (end.isalnum() or end == ","):
        return pick
    first = True

    def completed(logits_1V: torch.Tensor) -> int:
        nonlocal first
        if first:
            first, logits_1V = False, logits_1V.clone()
            for token in logits_1V[0].topk(min(_LIKELIEST, logits_1V.shape[1])).indices.tolist():
                text = tokenizer.decode([token]).lstrip(" ")
                if token in stops or text[:1].isspace():
                    logits_1V[0, token] = -math.inf
        return pick(logits_1V)

    return completed
