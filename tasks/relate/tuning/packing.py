"""Long samples from short documents: what is alike stands side by side.

The idea: a sample that crosses from one document into an unrelated one teaches that the past does not matter.
So documents are put in a row in which each is followed by the most alike of those that are left, and the row
is cut into samples. (Shi et al. 2024, "In-context pretraining: language modeling beyond document boundaries",
arXiv 2310.10638, section 2.) Where there are more of them than a block holds, they are halved along the
direction in which they differ most, until a half fits; the walk goes through the half that it is in before it
takes the other. So the time grows as N log N and not as N^2.

Shape suffixes: N documents, B documents of a block, D dimensions of a vector.
"""

import tempfile
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import IO

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from model.files import replacing
from tasks.errors import InvalidInput
from tasks.ingest.names import Names
from tasks.ingest.parse.store import read_spans
from tasks.ingest.tokens import Ints, piece_count, tokenize
from tasks.ingest.uris import Place, canonical, place
from tasks.memory.reader import Memory
from tasks.runs.ledger import Row

Vectors = np.ndarray[tuple[int, int], np.dtype[np.float32]]
Vector = np.ndarray[tuple[int], np.dtype[np.float32]]
Numbers = np.ndarray[tuple[int], np.dtype[np.int64]]
BLOCK, SAMPLE = 2048, 256
"""Documents that are compared all with all, and those by which more of them are halved."""


def chain(vectors_ND: Vectors, numbers: Numbers, block: int = BLOCK) -> Iterator[int]:
    """These documents in a row: from the first of them always to the most alike that is left of its block.

    Args:
        block: documents up to which they are one.
    """
    if len(numbers):
        yield from _walk(vectors_ND, numbers, int(numbers[0]), block)


def _walk(vectors_ND: Vectors, numbers: Numbers, at: int, block: int) -> Iterator[int]:
    """These documents from number `at` on, which is one of them."""
    if len(numbers) > block:
        mine, other = _halves(vectors_ND, numbers, at)
        for at in _walk(vectors_ND, mine, at, block):  # noqa: B020 - the last one is used below
            yield at
        at = int(other[_products(vectors_ND, other, vectors_ND[at]).argmax()])
        yield from _walk(vectors_ND, other, at, block)
        return
    vectors_BD, left = vectors_ND[numbers], np.ones(len(numbers), dtype=bool)
    here = int(np.flatnonzero(numbers == at)[0])
    while left.any():
        yield int(numbers[here])
        left[here] = False
        here = int(np.where(left, vectors_BD @ vectors_BD[here], -np.inf).argmax())


def _halves(vectors_ND: Vectors, numbers: Numbers, at: int) -> tuple[Numbers, Numbers]:
    """Two halves along the direction in which a sample differs most; document `at` is in the first."""
    sample_BD = vectors_ND[numbers[:: -(-len(numbers) // SAMPLE)]]
    direction_D = np.linalg.svd(sample_BD - sample_BD.mean(0), full_matrices=False)[2][0]
    order = _products(vectors_ND, numbers, direction_D).argsort(kind="stable")
    middle = len(numbers) // 2
    low, high = numbers[np.sort(order[:middle])], numbers[np.sort(order[middle:])]
    return (low, high) if at in low else (high, low)


def _products(vectors_ND: Vectors, numbers: Numbers, by_D: Vector) -> Vector:
    """Of the vectors of these numbers with another one, some at a time: they may lie in a file."""
    starts = range(0, len(numbers), BLOCK)
    return np.concatenate([vectors_ND[numbers[start : start + BLOCK]] @ by_D for start in starts])


def pack(memory: Memory, uri: str, tokenizer: Path, path: Path) -> int:
    """Write the row of all documents under `uri` as token ids (int32) to `path`; returns how many tokens.

    Args:
        uri: a source, a folder or a glob; "" is all that memory holds.

    Raises:
        InvalidInput: if memory holds none there.
    """
    where = place(canonical(uri)) if uri else None
    total = 0
    with tempfile.NamedTemporaryFile(dir=path.parent) as vectors:
        documents = _documents(memory, where, vectors)
        if not len(documents):
            raise InvalidInput(f"{uri or 'this home'}: memory holds no document there; read some first")
        vectors.flush()
        vectors_ND = np.memmap(vectors.name, np.float32, "r").reshape(len(documents), -1)
        first = Names(name.as_py() for name in documents).firsts()
        order = first[pc.sort_indices(documents.take(first)).to_numpy()]
        with replacing(path) as fresh, fresh.open("wb") as file:
            for at in chain(vectors_ND, order):
                for ids in _ids(memory, memory.sources_of(documents[at].as_py())[0], tokenizer):
                    file.write(ids.astype(np.int32).tobytes())
                    total += len(ids)
    return total


def _documents(memory: Memory, where: Place | None, vectors: IO[bytes]) -> pa.ChunkedArray:
    """Documents of a place, and their vectors in a file."""
    found = []
    for batch in memory.batches("level = 'document'", ["document", "vector"]):
        names = batch["document"].to_pylist()
        lies = [
            where is None or any(where.holds(source["uri"]) for source in memory.sources_of(name))
            for name in names
        ]
        held = batch.filter(pa.array(lies, pa.bool_()))
        found.append(held["document"].cast(pa.string()))
        for vector in held["vector"]:
            vectors.write(np.asarray(vector.as_py(), np.float32).tobytes())
    return pa.chunked_array(found, pa.string())


def _ids(memory: Memory, source: Row, tokenizer: Path) -> Iterator[Ints]:
    text = "".join(span.text for span in read_spans(memory.home, source["parsed"], source["part"])) + "\n\n\n"
    for ids, _, _ in tokenize(lambda start, end: text[start:end], range(piece_count(len(text))), tokenizer):
        yield ids


def sample(ids: Ints, tokens: int, step: int, seed: int) -> list[int]:
    """The `tokens` + 1 ids of a step: every part of the row once, in a new order each time through.

    Where the cuts fall differs each time as well.
    """
    count = max(1, (len(ids) - 1) // tokens)
    turn, place = divmod(step, count)
    random = Random(f"{seed} {turn}")
    slack = len(ids) - 1 - count * tokens
    shift = random.randrange(slack + 1)
    order = random.sample(range(count), count)
    start = shift + order[place] * tokens
    return [int(one) for one in ids[start : start + tokens + 1]]
