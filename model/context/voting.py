"""The heads that vote in a model's contexts: those kept for it, or found at its first use.

The idea: a model of any name can be asked at once. What nobody has calibrated is calibrated here, for about
the time of reading 8,192 tokens, and kept in the user's cache by the model's weights: neither its folder nor
another's model of the same shape is touched. Heads found by `nightread calibrate` in a longer text, beside
the model, go before.
"""

import logging
import time
from pathlib import Path

from transformers.utils import cached_file

from model.context import heads
from model.context.calibrate import calibrated
from model.context.heads import Heads
from model.context.wording import Wording
from model.files import user_cache
from model.reader import Reader
from model.weights import HEADS

log = logging.getLogger(__name__)
TOKENS = 8192
"""Of the text that heads are looked for in: a text of half that length tells them worse."""
_GOOD = 0.5
"""Share of hidden facts that useful heads put first among 128 blocks."""
_found: dict[str, Heads] = {}
"""By weights, what this process has found."""


def voting_of(reader: Reader, wording: Wording | None) -> Heads:
    """The heads that vote for the reader's model.

    Args:
        wording: the model's words, which are needed where its heads have to be found.

    Raises:
        ValueError: if they have to be and its words are not known.
    """
    name, config = reader.model.name_or_path, reader.config
    kept = heads.kept(_home(name), config) or heads.kept(_place(reader), config)
    return kept or _found.get(reader.weights) or _find(reader, name, wording)


def _find(reader: Reader, name: str, wording: Wording | None) -> Heads:
    """Calibrate a model, keep its heads, and say what was done and how well they find."""
    if wording is None:
        raise ValueError(
            f"{name or type(reader.model).__name__}: this model was never calibrated, which takes its "
            "tokenizer, and none lies beside it: give generate(..., tokenizer=...)"
        )
    log.warning(
        "%s: used for the first time, so the heads that find things again are looked for, once: "
        "about as long as reading %s tokens",
        name,
        f"{TOKENS:,}",
    )
    started, place = time.monotonic(), _place(reader)
    found = calibrated(reader, wording.encode, TOKENS, lambda done, of: None)
    _found[reader.weights] = found.heads
    try:
        place.mkdir(parents=True, exist_ok=True)
        heads.save(found.heads, reader.config, place / HEADS, found.found)
    except OSError as error:
        log.warning("the heads cannot be kept, so the next process looks for them again: %s", error)
    first = found.found["rank_first"]
    log.log(
        logging.INFO if first >= _GOOD else logging.WARNING,
        "%s: %d heads found in %.0f s; they put %.0f %% of %d hidden facts first%s",
        name,
        len(found.heads.heads),
        time.monotonic() - started,
        100 * first,
        found.found["questions"],
        "" if first >= _GOOD else ": what has left the window will often not be found again with this model",
    )
    return found.heads


def _place(reader: Reader) -> Path:
    """Folder of a model's heads in the user's cache."""
    return user_cache() / "heads" / reader.weights


def _home(name: str) -> Path:
    """The folder of a loaded model, where its heads may lie: of one from the hub, in the hub's cache."""
    try:
        file = None if Path(name).is_dir() else cached_file(name, "config.json", local_files_only=True)
    except (OSError, ValueError):
        file = None
    return Path(file).parent if file else Path(name)
