"""Records of other documents, without what they quote of the documents that are forgotten.

The idea: wherever a column holds things that name their document, however deep, those of a forgotten document
are taken out; nothing has to know which columns there are.
"""

from collections.abc import Collection, Iterator
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc


def scrubbed(batch: pa.RecordBatch, documents: Collection[str]) -> pa.RecordBatch:
    """The same rows; items of their lists that name one of the documents are gone."""
    names = pa.array(sorted(documents), pa.string())
    for number, field in enumerate(batch.schema):
        column = batch.column(number)
        if _is_list(field.type) and any(pc.any(pc.is_in(some, names)).as_py() for some in strings(column)):
            kept = [[item for item in row if not mentions(item, documents)] for row in column.to_pylist()]
            batch = batch.set_column(number, field, pa.array(kept, field.type))
    return batch


def mentions(item: Any, documents: Collection[str]) -> bool:
    """Whether a value is one of the documents, or holds one, however deep."""
    if isinstance(item, dict):
        return any(mentions(value, documents) for value in item.values())
    if isinstance(item, list):
        return any(mentions(value, documents) for value in item)
    return isinstance(item, str) and item in documents


def less(value: Any, names: Collection[str]) -> Any:
    """A JSON value without what it tells of some documents, places or texts.

    An item of a list goes if it is one of them or has one as a field, or words with one inside another field;
    a text that only holds one is emptied.
    """
    if isinstance(value, dict):
        return {name: less(inner, names) for name, inner in value.items()}
    if isinstance(value, list):
        return [less(inner, names) for inner in value if not _is_about(inner, names)]
    return "" if isinstance(value, str) and any(name in value for name in names) else value


def _is_about(item: Any, names: Collection[str]) -> bool:
    """Whether an item of a list, not counting lists inside it, is about one of these."""
    if isinstance(item, dict):
        inner = (value for value in item.values() if isinstance(value, dict))
        return any(value in names for value in item.values() if isinstance(value, str)) or any(
            isinstance(value, str) and any(name in value for name in names)
            for one in inner
            for value in one.values()
        )
    return isinstance(item, str) and any(name in item for name in names)


def _is_list(kind: pa.DataType) -> bool:
    return pa.types.is_list(kind) and not pa.types.is_floating(kind.value_type)


def strings(column: pa.Array) -> Iterator[pa.Array]:
    """Every array of strings inside a column."""
    kind = column.type
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        yield from strings(column.flatten())
    elif pa.types.is_struct(kind):
        for part in column.flatten():
            yield from strings(part)
    elif pa.types.is_string(kind) or pa.types.is_large_string(kind):
        yield column
