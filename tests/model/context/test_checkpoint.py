"""A saved context is continued and asked as if it had never been closed, or refused.

Run: pytest tests/model/context/test_checkpoint.py
"""

import copy
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import torch

from model.context import checkpoint, retrieve
from model.context.answer import answer
from model.context.context import Context, Memory
from model.context.disk import StaleContext, TornContext, alone
from model.context.heads import Heads
from model.geometry import BLOCK
from model.reader import Reader
from tests.conftest import ReaderOf
from tests.marks import slow
from tests.model.facts import QUESTION, SMALL, ids_of
from tests.model.rows import files_of_at_most, full_file

ASK = """
import sys
from pathlib import Path
import torch
from model.context import retrieve
from model.context import checkpoint
from model.context.answer import answer
from model.reader import Reader
from tests.model import families
reader = Reader(Path(sys.argv[1]), 256, torch.device("cpu"), torch.float32)
context = checkpoint.open_context(reader, Path(sys.argv[2]))
question = reader.tokenizer(sys.argv[3], add_special_tokens=False)["input_ids"]
chosen = retrieve.choose(context, question, 4)
print(chosen.blocks, answer(context, question, chosen.blocks, 8, "kv"), flush=True)
"""


def test_a_saved_context_answers_the_same_in_another_process(
    context: Context, reader: Reader, model_dir: Path, tmp_path: Path
) -> None:
    checkpoint.save(context, tmp_path)
    checkpoint.save(context, tmp_path)  # again, into the same place
    question = ids_of(reader, QUESTION)
    chosen = retrieve.choose(context, question, 4)
    expected = f"{chosen.blocks} {answer(context, question, chosen.blocks, 8, 'kv')}\n"
    command = [sys.executable, "-c", ASK, str(model_dir), str(tmp_path), QUESTION]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == expected


def test_a_saved_context_is_continued_as_if_it_had_never_been_closed(
    reader: Reader, voting: Heads, document: tuple[list[int], set[int]], tmp_path: Path
) -> None:
    one = Context(reader, voting, Memory(folder=tmp_path))
    one.read(document[0][:550])
    checkpoint.save(one, tmp_path)
    two = checkpoint.open_context(reader, tmp_path)
    for context in (one, two):
        context.read(document[0][550:])
    question = ids_of(reader, QUESTION)
    assert retrieve.choose(one, question, 8).blocks == retrieve.choose(two, question, 8).blocks
    assert one.ids == two.ids


def test_an_index_learns_while_reading_and_is_saved_with_its_context(
    reader: Reader, voting: Heads, document: tuple[list[int], set[int]], tmp_path: Path
) -> None:
    ids, question = document[0], ids_of(reader, QUESTION)
    memory = Memory(folder=tmp_path, index_sizes=SMALL)
    one = Context(reader, voting, memory)
    for until in (300, 700):  # before it has learned, and after
        one.read(ids[len(one) : until])
        checkpoint.save(one, tmp_path)
        shutil.copytree(tmp_path, apart := tmp_path.with_name(f"{until}"))
        two = checkpoint.open_context(reader, apart, memory)
        for context in (one, two):
            assert context.index.trained == (until > 512)
            context.read(ids[until : until + 250])
        assert all(torch.equal(x, two.index.state()[name]) for name, x in one.index.state().items())
    one.read(ids[len(one) :])
    exact = retrieve.choose(one, question, 8)
    for path in ("codes", "index"):
        chosen = retrieve.choose(one, question, 8, path)
        assert chosen.blocks[0] == exact.blocks[0] in document[1]
    without = Context(reader, voting, Memory(index=False))
    without.read(ids)
    assert not without.index.trained
    scanned = retrieve.choose(without, question, 8, "index")
    assert scanned.blocks == retrieve.choose(without, question, 8).blocks
    assert scanned.blocks[0] == exact.blocks[0]


def test_what_is_torn_or_of_another_model_is_refused(
    reader: Reader, context: Context, model_dir: Path, tmp_path: Path
) -> None:
    with pytest.raises(ValueError, match="no context was saved here"):
        checkpoint.open_context(reader, tmp_path)
    checkpoint.save(context, tmp_path)
    other = copy.copy(reader)
    other.stride = 128
    with pytest.raises(ValueError, match="saved with stride 256, this reader has 128"):
        checkpoint.open_context(other, tmp_path)
    tuned = Reader(model_dir, 256, torch.device("cpu"), torch.float32)
    with torch.no_grad():
        tuned.model.model.layers[20].mlp.up_proj.weight.mul_(1.01)
    with pytest.raises(ValueError, match=r"saved with weights .* open it with the model and window it was"):
        checkpoint.open_context(tuned, tmp_path)
    manifest = tmp_path / "context.json"
    kept = manifest.read_text()
    manifest.write_text(kept.replace(f'"format": {checkpoint.FORMAT}', '"format": 2'))
    with pytest.raises(ValueError, match=r"format 2, this version reads .* read the document again"):
        checkpoint.open_context(reader, tmp_path)
    manifest.write_text(kept)
    window = next(tmp_path.glob("*window*"))
    content = bytearray(window.read_bytes())
    content[-5] ^= 1
    window.write_bytes(content)
    with pytest.raises(TornContext, match="damaged"):
        checkpoint.open_context(reader, tmp_path)


def test_a_save_that_fails_leaves_the_one_before_it(
    reader: Reader, voting: Heads, document: tuple[list[int], set[int]], tmp_path: Path
) -> None:
    context = Context(reader, voting, Memory(folder=tmp_path))
    context.read(document[0][:200])
    checkpoint.save(context, tmp_path)
    (tmp_path / "2-index.safetensors").mkdir()  # where the next save will want to write a file
    for _ in range(2):  # the same tokens, then more of them
        with pytest.raises(OSError, match="cannot be written"):
            checkpoint.save(context, tmp_path)
        context.read(document[0][200:300])
    again = checkpoint.open_context(reader, tmp_path)
    assert again.ids.tolist() == document[0][:200]
    assert again.blocks == 200 // BLOCK


@pytest.mark.parametrize("keys_fail", [False, *slow(True)])
def test_what_a_full_disk_stopped_goes_on_once_there_is_room(
    keys_fail: bool,
    reader: Reader,
    voting: Heads,
    document: tuple[list[int], set[int]],
    tmp_path: Path,
) -> None:
    """Keys and all keys and values stay in step, whichever of them had no room, and a save loses no block."""
    tokens, small = (1500, 2_000_000) if keys_fail else (750, 4_000_000)
    ids = (document[0] * 2)[:tokens]
    one = Context(reader, voting, Memory(kv=True, host_bytes=small, folder=tmp_path / "one"))
    one.read(ids[:150])
    checkpoint.save(one, tmp_path / "one")
    assert one.keys.disk is not None
    full = full_file(one.keys.disk.file) if keys_fail else files_of_at_most(5_000_000)
    with full, pytest.raises(OSError, match=f"no room.*{'keys' if keys_fail else 'kv'}/"):
        one.read(ids[150:])
    with pytest.raises(OSError, match="no room"), files_of_at_most(10_000):
        checkpoint.save(one, tmp_path / "one")
    assert checkpoint.open_context(reader, tmp_path / "one").ids == one.ids[:150]
    one.read(ids[len(one) :])
    checkpoint.save(one, tmp_path / "one")
    two = Context(reader, voting, Memory(kv=True))
    two.read(ids)
    again = checkpoint.open_context(reader, tmp_path / "one")
    assert again.ids == two.ids
    for kept in (one, again):
        assert kept.kv is not None
        assert two.kv is not None
        assert len(kept.keys) == len(kept.kv) == len(two.keys)
        rows = range(len(two.keys))
        assert torch.allclose(kept.kv.gather(rows), two.kv.gather(rows), atol=0.1)
        assert torch.allclose(kept.keys.gather(rows), two.keys.gather(rows), atol=0.1)


def test_of_two_that_continue_one_context_the_later_save_is_refused(
    reader: Reader, voting: Heads, document: tuple[list[int], set[int]], tmp_path: Path
) -> None:
    """Even where neither completes a block, so that no stored key changes."""
    one = Context(reader, voting, Memory(folder=tmp_path))
    one.read(document[0][:300])
    checkpoint.save(one, tmp_path)
    two = checkpoint.open_context(reader, tmp_path)
    one.read(document[0][300:305])
    two.read(document[0][300:303])
    checkpoint.save(one, tmp_path)
    with pytest.raises(StaleContext, match="saved anew since it was opened: open it again"):
        checkpoint.save(two, tmp_path)
    assert checkpoint.open_context(reader, tmp_path).ids == one.ids


def test_a_first_save_that_never_ended_is_as_none(
    reader: Reader, voting: Heads, document: tuple[list[int], set[int]], tmp_path: Path
) -> None:
    one = Context(reader, voting, Memory(folder=tmp_path))
    one.read(document[0][:300])
    checkpoint.save(one, tmp_path)
    with pytest.raises(ValueError, match="already holds a saved context"):
        Context(reader, voting, Memory(folder=tmp_path))
    (tmp_path / "context.json").unlink()  # as if killed before it was written
    one.close()
    two = Context(reader, voting, Memory(folder=tmp_path))
    two.read(document[0][100:400])
    checkpoint.save(two, tmp_path)
    assert checkpoint.open_context(reader, tmp_path).ids == two.ids


def test_a_context_that_is_being_saved_is_opened_before_or_afterwards(
    reader: Reader, voting: Heads, document: tuple[list[int], set[int]], tmp_path: Path
) -> None:
    """A save removes the files of the one before it: whoever opens meanwhile waits, and finds all of one."""
    one = Context(reader, voting, Memory(folder=tmp_path))
    one.read(document[0][:300])
    checkpoint.save(one, tmp_path)
    with ThreadPoolExecutor(1) as pool:
        with alone(tmp_path):
            coming = pool.submit(checkpoint.open_context, reader, tmp_path)
            with pytest.raises(TimeoutError):
                coming.result(timeout=0.5)
        assert coming.result(timeout=60).ids == one.ids
        for _ in range(5):
            coming = pool.submit(checkpoint.open_context, reader, tmp_path)
            checkpoint.save(one, tmp_path)
            assert coming.result(timeout=60).ids == one.ids


def test_a_context_is_continued_in_another_precision(
    reader: Reader, voting: Heads, document: tuple[list[int], set[int]], reader_of: ReaderOf, tmp_path: Path
) -> None:
    one = Context(reader, voting, Memory(folder=tmp_path))
    one.read(document[0][:-100])
    checkpoint.save(one, tmp_path)
    two = checkpoint.open_context(reader_of(256, "bfloat16"), tmp_path)
    two.read(document[0][-100:])
    assert set(retrieve.choose(two, ids_of(reader, QUESTION), 4).blocks) & document[1]


def test_a_question_without_positions_is_refused_and_changes_nothing(
    context: Context, reader: Reader
) -> None:
    question = ids_of(reader, QUESTION)
    before = retrieve.choose(context, question, 4).blocks
    with pytest.raises(ValueError, match=r"3000 tokens behind \d+ .* ask a shorter question"):
        retrieve.choose(context, question[:1] * 3000)
    assert retrieve.choose(context, question, 4).blocks == before
