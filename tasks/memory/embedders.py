"""Which embedder made the vectors: noted in the table, with the version that holds them.

The idea: vectors of two embedders cannot be compared, and nothing in a number says whose it is. The note is
metadata of the vector's column, so an earlier version, a rollback and a cut-over each have their own.
"""

from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from model import weights
from tasks.errors import InvalidInput
from tasks.memory.reader import Memory

if TYPE_CHECKING:
    from model.embed.embedder import Vectors

NOTED_ON = "vector"
_KEY = "nightread.embedder"


def embedder_name(folder: Path) -> str:
    """The name of its folder, or of the package that it is in, and a hash of its files."""
    name = folder.parent.name if folder.name == "model" else folder.name
    return f"{name}@{weights.fingerprint(folder)}"


def made_by(memory: Memory) -> str:
    """The embedder of the memory's vectors; "" where the version that made it did not note it."""
    return noted(memory.table)


def noted(table: Any) -> str:
    """The embedder that this version of a table notes; "" where it notes none."""
    found = (table.schema.field(NOTED_ON).metadata or {}).get(_KEY.encode(), b"")
    return str(found.decode())


def note(table: Any, embedder: str) -> None:
    """Note in the newest version who made the vectors."""
    table.update_field_metadata({"path": NOTED_ON, "metadata": {_KEY: embedder}})


def same(one: str, two: str) -> bool:
    """Whether two names are of the same files, whatever their folders are called; "" may be any."""
    return not (one and two) or one.rpartition("@")[2] == two.rpartition("@")[2]


def check_embedder(memory: Memory | None, folder: Path) -> None:
    """Refuse a memory whose vectors another embedder made.

    Raises:
        InvalidInput: naming both, and how to have all records embedded again.
    """
    held = made_by(memory) if memory else ""
    if held and not same(held, embedder_name(folder)):
        raise InvalidInput(
            f"the vectors of this memory were made by the embedder {_shown(held)}, and infer.embedder names "
            f"{_shown(embedder_name(folder))}: name the first one, or have every record embedded again with: "
            f"nightread upkeep infer.embedder={folder}"
        )


def question_embedder(memory: Memory, name: str) -> Callable[[Sequence[str]], "Vectors"]:
    """Questions to unit vectors that can be compared with those of the memory; zeros for a question in a
    script that the embedder cannot read, which is then searched by its words alone.

    Args:
        name: a folder or a hub name, "" the default embedder.

    Raises:
        InvalidInput: if another embedder made the vectors of the memory.
        ValueError: if the folder holds no model.
    """
    from model.embed.question import load_question_embedder, readable  # here: of no use without a memory

    check_embedder(memory, weights.resolve_embedder(name))
    encode, reads = load_question_embedder(name), readable(name)

    def embedded(texts: Sequence[str]) -> "Vectors":
        read = np.array([reads(text) for text in texts], bool)
        vectors = np.asarray(encode(texts))
        vectors[~read] = 0.0
        return vectors

    return embedded


def count_tokens(name: str, texts: Sequence[str]) -> list[int]:
    """Tokens of each text, as this embedder cuts them ("" is the default one)."""
    tokenizer = _tokenizer(weights.resolve_embedder(name) / "tokenizer.json")
    return [len(tokenizer.encode(text, add_special_tokens=False)) for text in texts]


@cache
def _tokenizer(path: Path) -> Any:
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(path))
    tokenizer.no_padding()
    tokenizer.no_truncation()
    return tokenizer


def once(embed: Callable[[list[str]], np.ndarray]) -> Callable[[list[str]], np.ndarray]:
    """The same embedder, for which a text that it has embedded before costs nothing; all of them are held."""
    known: dict[str, np.ndarray] = {}

    def embedded(texts: list[str]) -> np.ndarray:
        if new := [text for text in dict.fromkeys(texts) if text not in known]:
            known.update(zip(new, embed(new), strict=True))
        return np.array([known[text] for text in texts])

    return embedded


def _shown(name: str) -> str:
    folder, _, digest = name.rpartition("@")
    return f"{folder} ({digest[:8]})"
