"""Blocks that were read again are kept for the next question, and nothing else comes of it.

Run: pytest tests/model/context/test_recompute.py
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch

from model.attention.sliding_window import StreamingCache
from model.context.recompute import SINK, RecomputeCache
from model.geometry import BLOCK
from model.reader import Reader
from tests.model import families

TEXT: list[int] = families.ids_of(640)[0].tolist()
ROW_BYTES = 2 * 4 * 2 * 8 * 4
"""Keys and values of a token in fp32."""


@pytest.fixture(params=["llama", "gemma3", "llama4"])
def reader(request: pytest.FixtureRequest, tmp_path: Path) -> Reader:
    return Reader.around(families.build(families.CONFIGS[request.param], tmp_path)[1], 128)


@pytest.fixture
def told(reader: Reader) -> list[int]:
    """How many tokens the model was given, call by call."""
    told: list[int] = []

    def note(decoder: Any, arguments: Any, options: dict[str, Any]) -> None:
        told.append(options["input_ids"].numel())

    reader.decoder.register_forward_pre_hook(note, with_kwargs=True)
    return told


def same(one: Sequence[StreamingCache], two: Sequence[StreamingCache]) -> bool:
    """Whether caches hold the same, but for what another batch rounds otherwise."""
    pairs = [(a.state(), b.state()) for a, b in zip(one, two, strict=True)]
    near = [torch.allclose(a[name], b[name], atol=1e-5) for a, b in pairs for name in a]
    return all(near) and [cache.read for cache in one] == [cache.read for cache in two]


def test_what_was_read_again_is_not_read_a_third_time(reader: Reader, told: list[int]) -> None:
    recompute = RecomputeCache(reader, TEXT)
    first = recompute([[2, 3], [5]])
    assert sum(told) == SINK + 3 * BLOCK
    second = recompute([[5], [7], [2, 3], [7]])
    assert sum(told) == SINK + 4 * BLOCK
    assert same([second[2], second[0], second[1]], [*first, second[3]])
    assert same(second, RecomputeCache(reader, TEXT, 0)([[5], [7], [2, 3], [7]]))
    assert all(cache.read == len(TEXT) for cache in second)


def test_a_question_leaves_what_is_kept_as_it_was(reader: Reader) -> None:
    recompute = RecomputeCache(reader, TEXT)
    one, twin = recompute([[4], [4]])
    before = recompute([[4]])[0].state()
    reader.extend(one, TEXT[:9])
    reader.extend(twin, TEXT[9:20])
    twin.crop(SINK)
    after = recompute([[4]])[0]
    assert after.read == len(TEXT)
    assert all(torch.equal(before[name], kept) for name, kept in after.state().items())


def test_what_was_used_least_recently_is_forgotten_and_its_memory_with_it(
    reader: Reader, told: list[int]
) -> None:
    recompute = RecomputeCache(reader, TEXT, cache_bytes=3 * (SINK + BLOCK) * ROW_BYTES)
    recompute([[2], [3], [4]])
    recompute([[2]])
    recompute([[5]])
    assert list(recompute.kept) == [(4,), (2,), (5,)]
    held = [
        x for cache in recompute.kept.values() for layer in cache.layers for x in (layer.keys, layer.values)
    ]
    assert sum(x.untyped_storage().nbytes() for x in held) == recompute.cache_bytes
    before = sum(told)
    recompute([[3]])
    assert sum(told) == before + BLOCK
    assert RecomputeCache(reader, TEXT, 0)([[3]])[0].held == SINK + BLOCK


def test_a_block_that_grows_is_read_again(reader: Reader) -> None:
    ids = TEXT[:30]
    recompute = RecomputeCache(reader, ids)
    assert same(recompute([[]]), RecomputeCache(reader, TEXT[:30])([[]]))
    for tokens in (200, 230, 260):
        ids += TEXT[len(ids) : tokens]
        sets = [[1], [2, 3]] if tokens < 257 else [[1], [2, 3], [3, 4]]
        assert same(recompute(sets), RecomputeCache(reader, TEXT[:tokens])(sets))
    assert list(recompute.kept) == [(1,), (2, 3)]


def test_an_interruption_costs_only_what_was_being_read(reader: Reader) -> None:
    recompute, deep = RecomputeCache(reader, TEXT), reader.decoder.layers[2]
    for sets, kept in (([[2]], []), ([[3], [2]], [(2,)])):
        with families.interrupted(deep), pytest.raises(KeyboardInterrupt):
            recompute(sets)
        assert list(recompute.kept) == kept
        assert same(recompute(sets), RecomputeCache(reader, TEXT)(sets))
