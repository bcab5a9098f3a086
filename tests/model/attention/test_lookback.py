"""A window is as wide as what a chunk repeats: counted again in the plainest way, and read by a model.

Run: pytest tests/model/attention/test_lookback.py
"""

from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from model.attention.lookback import MAX_LOST, past_needed
from model.context.context import Context
from model.geometry import SINKS
from model.reader import Reader
from tests.model import families

TOKENS = st.lists(st.integers(0, 5), max_size=60)


def lost(past: list[int], chunk: list[int], width: int) -> int:
    """Tokens of the chunk whose pair last began before the `width` last tokens of the past."""
    whole, count = [*past, *chunk], 0
    for place in range(max(len(past), 1), len(whole)):
        before = [n for n in range(place - 1) if whole[n : n + 2] == whole[place - 1 : place + 1]]
        count += bool(before) and before[-1] < len(past) - width
    return count


@given(past=TOKENS, chunk=TOKENS.filter(bool), least=st.integers(1, 70))
def test_the_narrowest_window_that_loses_little(past: list[int], chunk: list[int], least: int) -> None:
    needed = past_needed(past, chunk, least)
    widths = [min(least << power, len(past)) for power in range(8)]
    assert needed == next(width for width in widths if lost(past, chunk, width) <= MAX_LOST * len(chunk))


def test_what_is_repeated_from_far_behind_keeps_the_window_wide() -> None:
    fresh = list(range(4096))
    assert past_needed(fresh[:2048], fresh[2048:], 256) == 256
    assert past_needed(fresh[:2048], [*fresh[2048:3996], *fresh[:100]], 256) == 2048
    assert past_needed(fresh[:2048], [*fresh[2048:3996], *fresh[1100:1200]], 256) == 1024
    assert past_needed([], fresh, 256) == 0


@torch.inference_mode()
def test_a_context_attends_as_much_of_the_past_as_the_text_asks_for(tmp_path: Path) -> None:
    _, ours = families.build(families.CONFIGS["llama"], tmp_path / "model")
    ours.config.window_least = SINKS
    reader = Reader.around(ours, 256)
    fresh = [token * step % 97 for step in (1, 2, 3, 5, 7, 11, 13, 17) for token in range(97)]
    ids = [*fresh[:512], *fresh[256:512], *fresh[512:768]]
    held, wide = list[int](), list[int]()
    for pieces in (1, 4):
        context = Context(reader, families.HEADS)
        for start in range(0, 1024, 256 // pieces):
            context.read(ids[start : start + 256 // pieces])
            if (start + 256 // pieces) % 256 == 0:
                (held if pieces == 1 else wide).append(context.cache.held)
    starts = (256, 512, 768)
    pasts = [past_needed(ids[start - 256 : start], ids[start : start + 256], SINKS) for start in starts]
    assert pasts == [SINKS, 256, SINKS]
    assert held == [256, *(SINKS + past + 256 for past in pasts)]
    assert wide == [256, 512, SINKS + 512, SINKS + 512], "what comes in pieces keeps a whole chunk"
    for wrong in (32, 100, 320):
        ours.config.window_least = wrong
        with pytest.raises(ValueError, match=rf"window_least={wrong}: give 0, .* multiple of 64 up to 256"):
            Context(reader, families.HEADS)
