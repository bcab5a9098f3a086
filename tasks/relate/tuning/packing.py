"""Long samples from short documents: what is alike stands side by side.

The idea: a sample that crosses from one document into an unrelated one teaches that the past does not matter.
So documents are put in a row in which each is followed by the most alike of those that are left, and the row
is cut into samples. (Shi et al. 2024, "In-context pretraining: language modeling beyond document boundaries",
arXiv 2310.10638, section 2.)

Shape suffixes: N documents, D dimensions of a vector.
"""

from collections.abc import Iterator
from pathlib import Path
from random import Random

import numpy as np

from model.files import replacing
from tasks.errors import InvalidInput
from tasks.ingest.parse.store import read_spans
from tasks.ingest.tokens import Ints, piece_count, tokenize
from tasks.ingest.uris import canonical, place
from tasks.ledger import Row
from tasks.memory.reader import Memory

Vectors = np.ndarray[tuple[int, int], np.dtype[np.float32]]


def chain(vectors_ND: Vectors) -> list[int]:
    """An order of all documents: from the first one always to the most alike that is left."""
    left = np.ones(len(vectors_ND), dtype=bool)
    order: list[int] = []
    at = 0
    while left.any():
        order.append(at)
        left[at] = False
        likeness_N = vectors_ND @ vectors_ND[at]
        at = int(np.where(left, likeness_N, -np.inf).argmax())
    return order


def pack(memory: Memory, uri: str, tokenizer: Path, path: Path) -> int:
    """Write the row of all documents under `uri` as token ids (int32) to `path`; returns how many tokens.

    Args:
        uri: a source, a folder or a glob; "" is all that memory holds.

    Raises:
        InvalidInput: if memory holds none there.
    """
    where = place(canonical(uri)) if uri else None
    found: dict[str, np.ndarray[tuple[int], np.dtype[np.float32]]] = {}
    for row in memory.rows("level = 'document'", ["document", "vector"]):
        sources = memory.sources_of(row["document"])
        if where is None or any(where.holds(source["uri"]) for source in sources):
            found[row["document"]] = np.asarray(row["vector"], dtype=np.float32)
    if not found:
        raise InvalidInput(f"{uri or 'this home'}: memory holds no document there; read some first")
    documents = sorted(found)
    order = chain(np.stack([found[document] for document in documents]))
    total = 0
    with replacing(path) as fresh, fresh.open("wb") as file:
        for at in order:
            for ids in _ids(memory, memory.sources_of(documents[at])[0], tokenizer):
                file.write(ids.astype(np.int32).tobytes())
                total += len(ids)
    return total


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
