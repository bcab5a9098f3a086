"""What a member of an archive is called, and which members are no documents.

The idea: a name is what people see and never a path that is written to, so a name that climbs out of a folder
is only made harmless to look at.
"""

import re
from pathlib import PurePosixPath

_JUNK = re.compile(
    r"(?:.*/)?(?:__MACOSX/.*|\.DS_Store|Thumbs\.db|desktop\.ini|~\$[^/]*|\._[^/]*)$", re.IGNORECASE
)
_LONGEST = 300


def shown(name: str) -> str:
    """A member's name as a relative path."""
    parts = PurePosixPath(name.replace("\\", "/").replace("\0", "")).parts
    kept = "/".join(
        part for part in parts if part not in ("/", "..", ".") and not re.fullmatch("[A-Za-z]:", part)
    )
    return kept[-_LONGEST:] or "unnamed"


def is_junk(name: str) -> bool:
    """Whether it is what an operating system or an office program leaves beside documents."""
    return _JUNK.match(name.replace("\\", "/")) is not None
