"""Re-ranking by the reader: what loads it, and a word of warning, since it takes a while.

The idea: the model is loaded only where a command or a setting wants it; nobody waits without knowing why.
"""

import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flows.config import RunConfig
    from tasks.recall.rerank import Reranker

HELP = "let the reader re-rank the best passages: better, and slower by seconds (recall.rerank)"


def reranking(config: "RunConfig", wanted: bool) -> "Callable[[], Reranker] | None":
    """What loads the re-ranker; None where neither the command nor the settings want it."""
    if not (wanted or config.recall.rerank):
        return None
    from tasks.recall.rerank import load_reranker

    most = config.recall.rerank_candidates
    told = f"the reader re-ranks the best {most} passages: seconds, on a small machine up to a minute"
    print(told, file=sys.stderr, flush=True)
    return partial(load_reranker, Path(config.home), config.infer, config.shard)
