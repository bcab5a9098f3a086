"""A stream is read in bounded memory, leaves no trace of its probes, and continues from its state.

Run: pytest tests/model/test_reader.py
"""

from itertools import zip_longest
from pathlib import Path

import pytest
import torch

from model.attention.probe import Probe
from model.geometry import SINKS
from model.reader import Chunk, Reader, load_state, save_state
from tests.model.families import CONFIGS, build, ids_of
from tests.model.rows import files_of_at_most

STRIDE = 64


@pytest.fixture(scope="module")
def reader(model_dir: Path) -> Reader:
    return Reader(model_dir, STRIDE, torch.device("cpu"), torch.float32)


@pytest.fixture(scope="module")
def chunks(reader: Reader) -> list[list[int]]:
    text = " ".join(f"On day {day} the crew sailed {day * 7 % 31} miles." for day in range(200))
    ids = reader.tokenizer(text)["input_ids"][: STRIDE * 5]
    return [ids[start : start + STRIDE] for start in range(0, len(ids), STRIDE)]


def test_what_is_kept_does_not_grow_with_what_is_read(reader: Reader, chunks: list[list[int]]) -> None:
    cache = reader.start()
    lengths = []
    for chunk in chunks:
        reader.read(cache, chunk)
        lengths.append(cache.held)
    assert lengths == [STRIDE, 2 * STRIDE, *[SINKS + 2 * STRIDE] * 3]


def test_a_probe_leaves_the_context_as_it_was(reader: Reader, chunks: list[list[int]]) -> None:
    plain, probed = reader.start(), reader.start()
    for chunk in chunks[:3]:
        expected = reader.read(plain, chunk)
        found = reader.read(probed, chunk)
        reader.salience([probed])
    assert torch.equal(found, expected)


def test_attention_of_a_probe_sums_to_at_most_one_per_layer(reader: Reader, chunks: list[list[int]]) -> None:
    cache = reader.start()
    reader.read(cache, chunks[0])
    (salience,) = reader.salience([cache])
    layers = reader.model.config.num_hidden_layers
    assert salience.asked.shape == (STRIDE,)
    assert 0 < salience.asked.sum() < layers
    assert 0 < salience.neutral.sum() < layers


def test_probes_of_one_context_do_not_see_each_other(reader: Reader, chunks: list[list[int]]) -> None:
    cache = reader.start()
    reader.read(cache, chunks[0])
    length = cache.held
    (together,) = reader.salience([cache])
    for question, found in ((Reader.ASKED, together.asked), (Reader.NEUTRAL, together.neutral)):
        ids = reader.tokenizer(question, add_special_tokens=False)["input_ids"]
        probe = Probe([len(ids)], queries=4)
        reader.run(cache, ids, probe)
        cache.crop(length)
        assert probe.mass_BNK is not None
        torch.testing.assert_close(found, probe.mass_BNK[0, 0])


def test_streams_read_together_are_what_each_is_alone(reader: Reader, chunks: list[list[int]]) -> None:
    """Of three streams one is a chunk ahead, so that it has a geometry of its own, and one ends early."""
    plans = [chunks, chunks[1:4], [*chunks[2:], chunks[0][:50]]]
    alone, together = ([reader.start() for _ in plans] for _ in range(2))
    reader.read(alone[0], chunks[0])
    reader.read(together[0], chunks[0])
    steps = zip_longest(plans[0][1:], *plans[1:])
    for step in steps:
        due = [(number, ids) for number, ids in enumerate(step) if ids]
        found = reader.read_together([Chunk(together[number], ids) for number, ids in due])
        asked = reader.salience([together[number] for number, _ in due])
        for (number, ids), hidden, salience in zip(due, found, asked, strict=True):
            torch.testing.assert_close(hidden, reader.read(alone[number], ids), atol=2e-3, rtol=1e-3)
            (expected,) = reader.salience([alone[number]])
            torch.testing.assert_close(salience.asked, expected.asked, atol=1e-4, rtol=1e-3)
            torch.testing.assert_close(salience.neutral, expected.neutral, atol=1e-4, rtol=1e-3)
    for one, other in zip(alone, together, strict=True):
        assert (one.held, one.read) == (other.held, other.read)


@pytest.mark.parametrize("name", CONFIGS)
def test_where_no_hidden_states_are_wanted_the_cache_holds_the_same(name: str, tmp_path: Path) -> None:
    _, ours = build(CONFIGS[name], tmp_path)
    reader, ids = Reader.around(ours, 64), ids_of(150)[0].tolist()
    for layers in (None, 3):
        whole, stored = reader.start(layers), reader.start(layers)
        for start in range(0, len(ids), 64):
            hidden = reader.read(whole, chunk := ids[start : start + 64])
            (nothing,) = reader.read_together([Chunk(stored, chunk)], hidden=False)
            assert nothing.shape == (0, hidden.shape[1])
        state, expected = stored.state(), whole.state()
        assert state.keys() == expected.keys()
        assert all(torch.equal(state[key], expected[key]) for key in expected)
        assert (stored.held, stored.read) == (whole.held, whole.read)
    assert torch.equal(reader.read(stored, [1, 2, 3]), reader.read(whole, [1, 2, 3]))


def test_a_saved_context_continues_to_the_bit(
    reader: Reader, chunks: list[list[int]], tmp_path: Path
) -> None:
    whole, first, second = reader.start(), reader.start(), reader.start()
    for chunk in chunks[:2]:
        reader.read(whole, chunk)
        reader.read(first, chunk)
    save_state(first, tmp_path / "state.safetensors", {"window": "0"})
    load_state(second, tmp_path / "state.safetensors", torch.device("cpu"))
    assert torch.equal(reader.read(second, chunks[2]), reader.read(whole, chunks[2]))


def test_a_state_that_the_disk_has_no_room_for_leaves_the_one_before(
    reader: Reader, chunks: list[list[int]], tmp_path: Path
) -> None:
    """A worker reports an OSError and blames no document for it."""
    path, cache = tmp_path / "state.safetensors", reader.start()
    reader.read(cache, chunks[0])
    save_state(cache, path, {"window": "0"})
    before = path.read_bytes()
    with pytest.raises(OSError, match="cannot be written"), files_of_at_most(1000):
        save_state(cache, path, {"window": "1"})
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_tokens_beyond_the_window_do_not_change_what_is_seen_in_one_layer(
    reader: Reader, chunks: list[list[int]]
) -> None:
    """The keys of the last chunk in the first layer depend on that chunk alone."""
    caches = []
    for history in (chunks[0], chunks[1]):
        cache = reader.start()
        reader.read(cache, history)
        reader.read(cache, chunks[4])
        caches.append(cache.layers[0].keys[:, :, -len(chunks[4]) :])
    torch.testing.assert_close(*caches)
