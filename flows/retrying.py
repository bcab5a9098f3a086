"""What a retry of the quarantine reads again: the corpora that its sources were found in.

The idea: not the sources alone. They would become a corpus of their own, and their corpus would stay without
them.
"""

from typing import TYPE_CHECKING

from tasks.errors import InvalidInput
from tasks.runs.ledger import Ledger
from tasks.text.counted import counted

if TYPE_CHECKING:
    from flows.config import RunConfig


def released(config: "RunConfig", known: Ledger) -> list[tuple[str, ...]]:
    """Forget what is known of quarantined sources; the corpora to read again.

    Raises:
        InvalidInput: if none of the sources is there any more.
    """
    from tasks.ingest.discover import existing

    rows = known.quarantined()
    uris = sorted({row["uri"] for row in rows})
    there = set(existing(uris, config.storage))  # a store that does not answer must not empty the quarantine
    corpora = {row["run"]: tuple(row["corpus"]) for row in known.runs()}
    again = sorted({corpora[row["run"]] for row in rows if row["uri"] in there})
    known.release(uris)
    if not again:
        raise InvalidInput(
            f"nothing to read again: of {counted(len(uris), 'source')} in quarantine none is there any more, "
            f"and the quarantine is empty now"
        )
    return again
