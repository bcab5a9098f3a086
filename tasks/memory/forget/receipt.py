"""The receipt of an erasure: what was erased where, what became of the versions, what was searched after it.

It holds no word of the documents; their places, and their hashes salted, are how a person finds it again.
"""

import json
from pathlib import Path

from model.files import write_atomic
from tasks.ingest.home.remote import remote_of
from tasks.memory.forget.erasure import Erasure
from tasks.memory.sources import part_name, told_apart
from tasks.runs.ledger import Row

STAYS = (
    "places are still named in this receipt, in the ledger's list of what is left out, and in logs; "
    "what people wrote in sessions, and contexts that generate(memory_key=) has read, are as they were"
)
"""What an erasure does not touch."""
COPIES = "working copies of this home on other machines drop what they hold of it at their next command"
"""What an erasure in a bucket does not reach at once."""


def write_receipt(home: Path, erasure: Erasure, marks: list[str]) -> Row:
    """Write the receipt of an erasure that is proved.

    Args:
        marks: salted hashes of the documents, of each of their versions.
    """
    receipt = {
        "run": erasure.run,
        "on": erasure.on,
        "named": list(erasure.named),
        "count": told_apart(erasure.rows)[0],
        "documents": marks,
        "places": sorted({part_name(row) for row in erasure.rows}),
        **erasure.figures,
        "kept": f"{STAYS}; {COPIES}" if remote_of(home) else STAYS,
    }
    folder = home / "memory" / "receipts"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{erasure.run}.json"
    write_atomic(path, json.dumps(receipt, indent=1))
    return {**receipt, "receipt": str(path)}


def receipts(home: Path) -> list[Row]:
    """Every receipt, oldest first."""
    return [json.loads(path.read_text()) for path in sorted((home / "memory" / "receipts").glob("*.json"))]
