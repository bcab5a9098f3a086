"""What a GPU reads is what a CPU reads: hidden states, salience, rows of a batch, recall and answer.

Run: pytest -m gpu tests/model/test_device.py
"""

import pydoc_data.topics
from pathlib import Path

import pytest
import torch

from model.context import heads, retrieve
from model.context.answer import answer
from model.context.context import Context, Memory
from model.context.tiers import Tiers
from model.reader import Chunk, Reader
from tests.model.facts import FACT, QUESTION, SMALL
from tests.model.rows import SHAPE, row_bytes, some, stored

STRIDE = 256

pytestmark = pytest.mark.gpu


@pytest.fixture(scope="module")
def device() -> torch.device:
    if not torch.cuda.is_available():
        pytest.skip("no CUDA device here")
    return torch.device("cuda")


@pytest.fixture(scope="module")
def readers(device: torch.device, model_dir: Path) -> tuple[Reader, Reader]:
    """On the CPU and on the GPU, in fp32."""
    on = (torch.device("cpu"), device)
    cpu, gpu = (Reader(model_dir, STRIDE, where, torch.float32) for where in on)
    return cpu, gpu


@pytest.fixture(scope="module")
def ids(readers: tuple[Reader, Reader]) -> list[int]:
    text = "\n\n".join(pydoc_data.topics.topics.values())
    text = text[:8000] + FACT + text[8000:40000]
    encoded: list[int] = readers[0].tokenizer(text, add_special_tokens=False)["input_ids"]
    return encoded[: STRIDE * 24]


def test_a_stream_and_its_salience(readers: tuple[Reader, Reader], ids: list[int]) -> None:
    caches = [reader.start() for reader in readers]
    for start in range(0, STRIDE * 6, STRIDE):
        cpu, gpu = (
            reader.read(cache, ids[start : start + STRIDE])
            for reader, cache in zip(readers, caches, strict=True)
        )
        torch.testing.assert_close(gpu.cpu(), cpu, atol=2e-2, rtol=1e-2)
    (cpu_said,), (gpu_said,) = (
        reader.salience([cache]) for reader, cache in zip(readers, caches, strict=True)
    )
    torch.testing.assert_close(gpu_said.asked.cpu(), cpu_said.asked, atol=1e-3, rtol=1e-2)


def test_rows_of_a_batch(readers: tuple[Reader, Reader], ids: list[int]) -> None:
    _, gpu = readers
    streams = [ids[start : start + 4 * STRIDE] for start in range(0, 16 * STRIDE, 4 * STRIDE)]
    alone, together = ([gpu.start() for _ in streams] for _ in range(2))
    for start in range(0, 4 * STRIDE, STRIDE):
        chunks = [stream[start : start + STRIDE] for stream in streams]
        found = gpu.read_together([Chunk(*step) for step in zip(together, chunks, strict=True)])
        for cache, chunk, hidden in zip(alone, chunks, found, strict=True):
            torch.testing.assert_close(hidden, gpu.read(cache, chunk), atol=2e-2, rtol=1e-2)


@pytest.mark.parametrize("path", ["exact", "codes", "index"])
def test_recall_and_answer(
    path: str, readers: tuple[Reader, Reader], ids: list[int], model_dir: Path
) -> None:
    question = readers[0].tokenizer(QUESTION, add_special_tokens=False)["input_ids"]
    said = []
    for reader in readers:
        context = Context(
            reader, heads.load(model_dir, reader.config), Memory("float32", kv=True, index_sizes=SMALL)
        )
        context.read(ids)
        chosen = retrieve.choose(context, question, 4, path)
        answers = [answer(context, question, chosen.blocks, 6, way) for way in ("kv", "recompute")]
        said.append([chosen.blocks[0], *map(reader.tokenizer.decode, answers)])
        context.close()
    assert said[0] == said[1]
    assert said[1][1].strip().startswith("48213")


@pytest.mark.parametrize("device_rows", [0, 30])
def test_rows_come_back_from_device_memory_from_pinned_memory_and_from_disk(
    device_rows: int, device: torch.device, tmp_path: Path
) -> None:
    size = row_bytes("bfloat16")
    tiers = Tiers(
        SHAPE, "bfloat16", 40 * size, tmp_path / "rows", device=device, device_bytes=device_rows * size
    )
    rows, work = some(200), torch.randn(8192, 8192, device=device)
    for first in range(0, 200, 50):
        tiers.append(rows[first : first + 50].to(device))
    expected = stored(rows, "bfloat16")
    for wanted in (range(15), range(190, 200), range(40, 160, 9)):
        moved = tiers.prefetch(list(wanted))
        work = (work @ work).tanh()  # the GPU is busy meanwhile
        torch.testing.assert_close(tiers.gather(list(wanted)).cpu(), expected[list(wanted)], rtol=0, atol=0)
        moved.result()
    whole = torch.cat([part for _, part in tiers.scan(64)]).float().cpu()
    torch.testing.assert_close(whole, expected, rtol=0, atol=0)
    tiers.close()
