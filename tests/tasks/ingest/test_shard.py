"""Windows hold the tokens of the whole text, wherever it is cut and whoever tokenises it.

Run: pytest tests/tasks/ingest/test_shard.py
The proof that 1 GB is sharded in 1.5 GiB of memory: pytest -m slow tests/tasks/ingest/test_shard.py
"""

import gc
import hashlib
import json
import os
import random
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from distributed.utils import LoopRunner
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer

from tasks import schema
from tasks.errors import InvalidInput
from tasks.ingest.cluster import connect
from tasks.ingest.parse import read_text
from tasks.ingest.shard import cut_windows, read_windows, shard_all, shard_document, shard_documents, sweep
from tasks.ingest.tokens import PIECE_CHARS, piece_count, tokenize
from tasks.settings import ClusterConfig, ShardConfig

SMALL = ShardConfig(window=128, stride=64, windows_per_shard=3)
WORDS = "the cat sat. don't 3,141 naïve 日本語。 🙂👩‍👩‍👧 é x_y <|im_end|> }; \u200b ﷽ __init__ 'll".split(
    " "
)
GAPS = [" ", "\n", "\n\n", "  ", " \n", "\n  ", "\t", "\r\n", "\u3000", "\n \n", "\x1c"]
# the vocabulary lacks the bytes of six control characters and of planes where nothing is assigned: the
# tokenizer drops those, and its offsets are behind from there to the word's end
LETTERS = st.characters(max_codepoint=0x3FFFF, codec="utf-8", exclude_characters="\x04\x06\x13\x14\x16\x1d")
TEXTS = st.lists(
    st.tuples(
        st.sampled_from(WORDS) | st.text(LETTERS, min_size=1, max_size=6).filter(str.strip),
        st.sampled_from(GAPS),
    ),
    max_size=120,
).map(lambda pairs: "".join(word + gap for word, gap in pairs))


@cache
def encoder_of(folder: Path) -> Any:
    encoder = Tokenizer.from_file(str(folder / "tokenizer.json"))
    encoder.encode_special_tokens = True
    return encoder


def encode(text: str, folder: Path) -> Any:
    return encoder_of(folder).encode(text, add_special_tokens=False)


def parsed(home: Path, *texts: str) -> list[dict[str, Any]]:
    """A TEXT file with a part per text, and its rows of SOURCES."""
    rows, sources = [], []
    for part, text in enumerate(texts):
        for start in range(0, len(text), 1000):
            piece = text[start : start + 1000]
            rows.append({"part": part, "char_start": start, "text": piece, "place": "line", "number": 1})
        document = hashlib.sha256(text.encode()).hexdigest()
        sources.append({"document": document, "chars": len(text), "part": part, "parsed": "parsed/a.parquet"})
    (home / "parsed").mkdir(parents=True, exist_ok=True)
    pq.write_table(
        pa.Table.from_pylist(rows, schema=schema.TEXT), home / "parsed/a.parquet", row_group_size=200
    )
    return sources


def prose(chars: int, seed: int = 0) -> str:
    rng = random.Random(seed)
    words = [rng.choice(WORDS) + rng.choice([" "] * 8 + GAPS) for _ in range(chars // 4)]
    return "".join(words)[:chars]


@given(text=TEXTS.filter(bool), size=st.integers(40, 200))
def test_pieces_have_the_tokens_of_the_whole_text(model_dir: Path, text: str, size: int) -> None:
    pieces = list(tokenize(lambda a, b: text[a:b], range(piece_count(len(text), size)), model_dir, size))
    whole = encode(text, model_dir)
    assert np.concatenate([ids for ids, _, _ in pieces]).tolist() == whole.ids
    assert np.concatenate([starts for _, starts, _ in pieces]).tolist() == [a for a, _ in whole.offsets]
    assert pieces[-1][2] == len(text)


@pytest.mark.parametrize("text", ["a" * 5000, "\n" * 5000, " " * 3000 + "b" * 2000, "日" * 1000])
def test_text_without_a_seam_is_cut_hard_and_loses_nothing(model_dir: Path, text: str) -> None:
    pieces = list(tokenize(lambda a, b: text[a:b], range(piece_count(len(text), 400)), model_dir, 400))
    assert encoder_of(model_dir).decode([i for ids, _, _ in pieces for i in ids.tolist()]) == text


def test_a_token_begins_in_the_character_that_holds_its_first_byte(model_dir: Path) -> None:
    text = "日本🙂x é"
    (piece,) = tokenize(lambda a, b: text[a:b], range(1), model_dir)
    assert piece[1].tolist() == [0, 0, 1, 2, 2, 3, 4]


@pytest.mark.parametrize(
    ("tokens", "windows"), [(0, 0), (1, 1), (128, 1), (129, 2), (192, 2), (193, 3), (10_000, 156)]
)
def test_a_window_begins_at_every_stride_until_the_text_is_covered(tokens: int, windows: int) -> None:
    made = cut_windows([(np.zeros(tokens, np.int32), np.arange(tokens), tokens)], SMALL)
    assert len(list(made)) == windows


def test_windows_give_back_the_tokens_and_the_characters(tmp_path: Path, model_dir: Path) -> None:
    text = prose(20_000)
    (row,) = parsed(tmp_path, text)
    done = shard_document(tmp_path, row, model_dir, SMALL)
    windows, whole = list(read_windows(done.directory)), encode(text, model_dir)
    assert (done.tokens, done.windows) == (len(whole.ids), -(-(len(whole.ids) - 128) // 64) + 1)
    assert [window.index for window in windows] == list(range(done.windows))
    for window in windows:
        first, last = window.token_start, window.token_start + len(window.ids)
        assert first == 64 * window.index
        assert window.ids.tolist() == whole.ids[first:last]
        assert (window.starts + window.char_start).tolist() == [a for a, _ in whole.offsets[first:last]]
        assert 0 <= window.starts.min() <= window.starts.max() < window.char_end - window.char_start
        own = read_text(tmp_path, row["parsed"], 0, window.char_start, window.char_end)
        assert own == text[window.char_start : window.char_end]
    assert (windows[0].char_start, windows[-1].char_end) == (0, len(text))
    assert [window.index for window in read_windows(done.directory, first=7)] == list(range(7, done.windows))


def test_every_part_of_a_container_is_a_document_of_its_own(tmp_path: Path, model_dir: Path) -> None:
    rows = parsed(tmp_path, "one row", "another one", "")
    done = [shard_document(tmp_path, row, model_dir, SMALL) for row in rows]
    assert [document.windows for document in done] == [1, 1, 0]
    assert [window.char_end for window in read_windows(done[1].directory)] == [11]
    assert list(read_windows(done[2].directory)) == []


def test_short_documents_of_one_batch_are_sharded_as_each_alone(tmp_path: Path, model_dir: Path) -> None:
    rows = parsed(tmp_path, *(f"{prose(300, seed)} {seed}" for seed in range(5)))
    found = shard_documents(tmp_path, [*rows, rows[2]], model_dir, SMALL)
    alone = tmp_path / "alone"
    parsed(alone, *(f"{prose(300, seed)} {seed}" for seed in range(5)))
    each = [shard_document(alone, row, model_dir, SMALL) for row in rows]
    assert [one.document for one in found] == [row["document"] for row in [*rows, rows[2]]]
    for many, one in zip(found, each, strict=False):
        assert contents(many.directory) == contents(one.directory)
    assert [path.name for path in found[0].directory.parent.iterdir() if path.suffix == ".new"] == []


def test_a_second_run_writes_nothing(tmp_path: Path, model_dir: Path) -> None:
    (row,) = parsed(tmp_path, prose(5000))
    first = shard_document(tmp_path, row, model_dir, SMALL)
    (tmp_path / "parsed/a.parquet").unlink()
    assert shard_document(tmp_path, row, model_dir, SMALL) == first


def test_a_folder_without_its_marker_is_written_again(tmp_path: Path, model_dir: Path) -> None:
    (row,) = parsed(tmp_path, prose(5000))
    first = shard_document(tmp_path, row, model_dir, SMALL)
    before = contents(first.directory)
    (first.directory / "_DONE").unlink()
    (first.directory / "00001.parquet").write_bytes(b"torn")
    (first.directory / "00099.parquet").write_bytes(b"stray")
    left = first.directory.with_name(first.directory.name + ".killed.new")
    left.mkdir()
    os.utime(left, (0, 0))
    assert shard_document(tmp_path, row, model_dir, SMALL) == first
    assert contents(first.directory) == before
    sweep(first.directory.parent)
    assert list(first.directory.parent.iterdir()) == [first.directory]


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


@pytest.fixture(scope="module")
def client(processes: None) -> Iterator[Any]:
    before = dict(os.environ)
    with connect(ClusterConfig(workers=2)) as client:
        assert dict(os.environ) == before, "what is started later would inherit the workers' environment"
        yield client


def test_runs_that_shard_one_document_at_once_leave_one_whole_folder(tmp_path: Path, model_dir: Path) -> None:
    """The later one must not take away what the earlier one may be reading from."""
    (row,) = parsed(tmp_path, prose(5000))
    with ThreadPoolExecutor(4) as pool:
        made = list(pool.map(lambda _: shard_document(tmp_path, row, model_dir, SMALL), range(4)))
    assert len(set(made)) == 1
    assert [window.index for window in read_windows(made[0].directory)] == list(range(made[0].windows))
    assert list(made[0].directory.parent.iterdir()) == [made[0].directory]


def test_dask_gives_what_one_process_gives(tmp_path: Path, model_dir: Path, client: Any) -> None:
    line = "The quick brown fox, it is said, jumps over 27 lazy dogs; nobody knows why.\n"
    long = (line * (PIECE_CHARS // 20))[: 2 * PIECE_CHARS + 12345]
    rows = parsed(tmp_path, "short", prose(5000), long)
    alone = tmp_path / "alone"
    parsed(alone, "short", prose(5000), long)
    config = ShardConfig()
    together = shard_all(tmp_path, rows, model_dir, config, client, range_pieces=1)
    single = [shard_document(alone, row, model_dir, config) for row in rows]
    for ours, theirs in zip(together, single, strict=True):
        assert (ours.document, ours.windows, ours.tokens) == (theirs.document, theirs.windows, theirs.tokens)
        assert contents(ours.directory) == contents(theirs.directory)
    left = sorted(path.name for path in together[0].directory.parent.iterdir())
    assert left == sorted(row["document"] for row in rows)


def test_a_given_scheduler_is_used_and_left_running(client: Any) -> None:
    address = client.scheduler.address
    with connect(ClusterConfig(address=address)) as other:
        assert other.submit(os.getpid).result() != os.getpid()
    assert client.submit(int, "7").result() == 7


def test_an_address_without_a_scheduler_is_named() -> None:
    config = ClusterConfig(address="tcp://127.0.0.1:9", connect_timeout_s=1.0)
    with pytest.raises(InvalidInput, match=r"cluster\.address=tcp://127\.0\.0\.1:9"), connect(config):
        pass


def test_what_a_failed_connection_left_does_not_stop_the_next_one(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused() -> None:
        with (
            pytest.raises(InvalidInput),
            connect(ClusterConfig(address="nonsense://x", connect_timeout_s=0.1)),
        ):
            pass

    begin = LoopRunner._start_unlocked

    def begin_after_a_collection(self: LoopRunner) -> None:
        gc.collect()  # Python may do so at any place
        begin(self)

    gc.disable()
    try:
        refused()
        monkeypatch.setattr(LoopRunner, "_start_unlocked", begin_after_a_collection)
        again = threading.Thread(target=refused, daemon=True)
        again.start()
        again.join(60)
        assert not again.is_alive()
    finally:
        gc.enable()


@pytest.mark.parametrize("address", ["127.0.0.1", "nonsense://x", "tcp://no-such-host.invalid:8786"])
def test_an_address_that_makes_no_sense_is_named(address: str) -> None:
    with (
        pytest.raises(InvalidInput, match=r"cluster\.address="),
        connect(ClusterConfig(address=address, connect_timeout_s=1.0)),
    ):
        pass


@pytest.mark.parametrize("settings", [{"workers": 0}, {"memory_limit": "much"}, {"connect_timeout_s": 0.0}])
def test_a_cluster_that_cannot_be_is_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(settings))):
        ClusterConfig(**settings)


BIG_RUN = """
import json, sys, time
from pathlib import Path
from tasks.ingest.cluster import connect
from tasks.ingest.parse import parse_source
from tasks.settings import ClusterConfig, ParseConfig, ShardConfig, StorageConfig
from tasks.ingest.shard import shard_all
from tasks.ingest.storage import find

def main():
    source, home, model = map(Path, sys.argv[1:4])
    began = time.monotonic()
    rows = [row for found in find(str(source), StorageConfig())
            for row in parse_source(found, home, ParseConfig(timeout_s=3600), StorageConfig())]
    assert rows[0]["outcome"] == "ok", rows
    parsed = time.monotonic()
    with connect(ClusterConfig(workers=int(sys.argv[4]))) as client:
        (done,) = shard_all(home, rows, model, ShardConfig(), client)
    seconds = time.monotonic() - parsed
    report = {"parse_s": parsed - began, "shard_s": seconds, "tokens": done.tokens}
    print(json.dumps(report))

if __name__ == "__main__":
    main()
"""


def read_big(folder: Path, model_dir: Path, megabytes: int, workers: int) -> dict[str, float]:
    """Discover, parse and shard one synthetic text; peak resident bytes of the whole process tree."""
    rng = random.Random(7)
    source, script = folder / "big.txt", folder / "big.py"
    vocabulary = ["".join(rng.choices("etaoinshrdlu", k=rng.randint(2, 9))) for _ in range(20_000)]
    with source.open("w") as file:
        while file.tell() < megabytes * 1_000_000:
            file.write("".join(f"{' '.join(rng.choices(vocabulary, k=14))}.\n" for _ in range(2000)))
    script.write_text(BIG_RUN)
    command = [sys.executable, str(script), str(source), str(folder / "home"), str(model_dir), str(workers)]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        peak = _watch(process)
        assert process.stdout is not None
        report: dict[str, float] = json.loads(process.stdout.read().splitlines()[-1])
    return {**report, "peak_rss": peak, "bytes": source.stat().st_size}


def _watch(process: "subprocess.Popen[str]") -> int:
    root, peak = psutil.Process(process.pid), 0
    while process.poll() is None:
        total = 0
        for each in [root, *root.children(recursive=True)]:
            try:
                total += each.memory_info().rss
            except psutil.NoSuchProcess:
                continue
        peak = max(peak, total)
        time.sleep(0.2)
    return peak


@pytest.mark.slow
@pytest.mark.timeout(7200)
def test_one_gigabyte_is_parsed_and_sharded_in_a_gigabyte_and_a_half(tmp_path: Path, model_dir: Path) -> None:
    report = read_big(tmp_path, model_dir, megabytes=1000, workers=2)
    print(json.dumps(report))
    assert report["peak_rss"] < 1.5 * 2**30
    assert report["tokens"] > report["bytes"] / 10
