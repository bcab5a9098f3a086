"""What the ranks of one DeepSpeed job do for tests: one line of JSON asks all of them, each answers with one.

Run as a module, by `tests.model.ranks`: `python -m tests.model.parallel.jobs RANK WORLD PORT`.
"""

import json
import os
import socket
import struct
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForCausalLM

from model.attention import sliding_window as attention
from model.attention.probe import Probe
from model.attention.sliding_window import StreamingCache
from model.context import heads as calibrated
from model.context import retrieve
from model.context.answer import answer
from model.context.context import Context, Memory
from model.context.heads import Heads
from model.geometry import SINKS
from model.parallel import collectives
from model.parallel.collectives import Ranks
from model.parallel.layout import WAYS
from model.parallel.sequence import RanksReader
from model.reader import Reader
from model.weights import without_bars
from tests.model.facts import SMALL


def _wire() -> int:
    """Bytes that the kernel has sent over this process's TCP connections."""
    total = 0
    for name in os.listdir("/proc/self/fd"):
        try:
            with socket.socket(fileno=os.dup(int(name))) as one:
                info = one.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 256)
                sent, again = struct.unpack_from("QQ", info, 200)  # tcpi_bytes_sent, tcpi_bytes_retrans
                total += sent - again
        except OSError:
            pass
    return total


def count_bytes(ranks: Ranks) -> dict[str, Any]:
    """Of every collective: bytes counted, bytes sent by the kernel, the result's sum and shape."""
    world, rank = ranks.world, ranks.rank
    x = torch.arange(4001 * world, dtype=torch.float32).reshape(-1, 1).repeat(1, 16) + rank
    give, take = [500 * (rank + 1)] * world, [500 * (other + 1) for other in range(world)]
    calls: dict[str, Callable[[], torch.Tensor]] = {
        "sum": lambda: ranks.sum(x),
        "max": lambda: ranks.max(x),
        "gather": lambda: ranks.gather(x),
        "exchange": lambda: ranks.exchange(x[: 500 * (rank + 1) * world], give, take),
    }
    found = {}
    for name, call in calls.items():
        ranks.barrier()
        ranks.sent.clear()
        before, out = _wire(), call()
        ranks.barrier()
        counted, total = sum(ranks.sent.values()), float(out.sum(dtype=torch.float64))
        found[name] = [counted, _wire() - before, total, list(out.shape)]
    return found


def compare_ways(ranks: Ranks, folder: str, stride: int, lengths: list[int]) -> list[dict[str, Any]]:
    """Of every model in a folder and every way: how far reading by all is from reading alone."""
    attention.register()
    rows = []
    for path in sorted(Path(folder).iterdir()):
        with without_bars():
            model = AutoModelForCausalLM.from_pretrained(path, attn_implementation=attention.NAME)
        alone = Reader.around(model.eval().requires_grad_(False), stride)
        ids = torch.randint(97, (sum(lengths),), generator=torch.Generator().manual_seed(1)).tolist()
        right, cache = _states(alone, ids, lengths)
        right_probe, right_state, right_answers = _probed(alone, cache), cache.state(), _answered(alone, ids)
        for way in WAYS:
            reader = RanksReader(alone, ranks, way)
            ranks.sent.clear()
            found, cache = _states(reader, ids, lengths)
            sent, held = sum(ranks.sent.values()), cache.layers[0].keys.shape[1]
            answers, state, back = _answered(reader, ids), cache.state(), reader.start()
            back.restore(state, cache.read)
            ranks.sent.clear()
            _whole(reader, ids[: stride + 9])
            rows.append(
                {
                    "model": path.name,
                    "way": way,
                    "sent": sent,
                    "whole": sum(ranks.sent.values()),
                    "held": held,
                    "hidden": _far([found], [right]),
                    "probe": _far([_probed(reader, cache)], [right_probe]),
                    "state": _far(state.values(), right_state.values()),
                    "restored": _far([x.keys for x in back.layers], [x.keys for x in cache.layers]),
                    "answers": answers[0] == right_answers[0],
                    "keys": _far([answers[1]], [right_answers[1]]),
                }
            )
    return rows


def _states(reader: Reader, ids: list[int], lengths: list[int]) -> tuple[torch.Tensor, StreamingCache]:
    """Last hidden states of a stream, and its cache."""
    cache, hidden, at = reader.start(), [], 0
    for length in lengths:
        if cache.held + length > SINKS + 2 * reader.stride:
            cache.slide(reader.stride)
        hidden.append(reader.extend(cache, ids[at : at + length]))
        at += length
    return torch.cat(hidden), cache


def _probed(reader: Reader, cache: StreamingCache) -> torch.Tensor:
    probe, length = Probe([9, 11], queries=4), cache.held
    reader.run(cache, list(range(20)), probe)
    cache.crop(length)
    assert probe.mass_BNK is not None
    return probe.mass_BNK[0]


def _answered(reader: Reader, ids: list[int]) -> tuple[list[list[object]], torch.Tensor]:
    """What is chosen and answered, and the calibrated keys."""
    config = reader.config
    count, group = config.num_attention_heads, config.num_attention_heads // config.num_key_value_heads
    found: list[list[object]] = []
    for kv in (False, True):
        voting = Heads(((1, 0), (1, count - 1), (2, count // 2)), group)
        context = Context(reader, voting, Memory("float32", kv))
        context.read(ids)
        chosen = retrieve.choose(context, ids[90:120], 4)
        found.append([chosen.blocks, answer(context, ids[90:120], chosen.blocks, 4), context.blocks])
    return found, context.keys.gather(range(context.blocks))


def _far(one: Iterable[torch.Tensor], two: Iterable[torch.Tensor]) -> float:
    pairs = list(zip(one, two, strict=True))
    assert all(a.shape == b.shape for a, b in pairs)
    return max((float((a - b).abs().max()) for a, b in pairs if a.numel()), default=0.0)


def read_and_ask(ranks: Ranks, path: str) -> list[dict[str, Any]]:
    """The default model: a document read and asked by one rank and by all; rows from the first."""
    folder, stride, ids, question = json.loads(Path(path).read_text())
    alone = Reader(Path(folder), stride, torch.device("cpu"), torch.float32)
    first = ranks.rank == 0
    right = _whole(alone, ids) if first else None
    right_answer = _told(alone, folder, ids, question) if first else None
    rows = []
    for way in WAYS:
        reader = RanksReader(alone, ranks, way)
        ranks.barrier()
        ranks.sent.clear()
        started = time.monotonic()
        found = _whole(reader, ids)
        seconds = time.monotonic() - started
        told = _told(reader, folder, ids, question)
        if right is not None:
            far = float((found - right).abs().max())
            said = reader.tokenizer.decode(told[1])
            row = {"way": way, "far": far, "same": told == right_answer, "answer": said}
            rows.append(row | {"tokens_per_s": len(ids) / seconds, "sent": dict(ranks.sent)})
    return rows


def _whole(reader: Reader, ids: list[int]) -> torch.Tensor:
    cache = reader.start()
    chunks = [ids[start : start + reader.stride] for start in range(0, len(ids), reader.stride)]
    return torch.cat([reader.read(cache, chunk).clone() for chunk in chunks])


def _told(
    reader: Reader, folder: str, ids: list[int], question: list[int]
) -> tuple[list[int], list[int], int]:
    """Blocks by the exact scan, the answer, and the first block by an index trained on all ranks' queries."""
    context = Context(reader, calibrated.load(Path(folder), reader.config), Memory(index_sizes=SMALL))
    context.read(ids)
    chosen = retrieve.choose(context, question, 8)
    indexed = retrieve.choose(context, question, 8, "index")
    return chosen.blocks, answer(context, question, chosen.blocks, 8), indexed.blocks[0]


JOBS: dict[str, Callable[..., Any]] = {job.__name__: job for job in (count_bytes, compare_ways, read_and_ask)}


def main(arguments: Sequence[str]) -> None:
    rank, world, port = map(int, arguments)
    with collectives.join(rank, world, port, timeout_s=900) as ranks:
        for line in sys.stdin:
            name, given = json.loads(line)
            print(json.dumps(JOBS[name](ranks, *given)), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
