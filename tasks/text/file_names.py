"""What the name of a file tells about a document: a hint beside its text."""

import re

_ROLE = re.compile(
    r"[-_. ]*(?:licen[cs]es?|copying|copyright|notice|read ?me|change ?log|changes|news|history|releases?"
    r"|metadata|pkg-info|index|md|rst|txt|gz|debian)(?![a-z])",
    re.IGNORECASE,
)
_SHARED_FOLDERS = frozenset("doc docs src lib share common-licenses licenses license tmp home etc".split())


def parts(name: str) -> list[str]:
    """Folders and file of a path or URI."""
    return [part for part in re.split(r"[/\\]", name) if part]


def own_name(name: str) -> str:
    """What a file is called beside its role and format: "pumps" of "pumps-licence.txt"."""
    return _ROLE.sub("", _stem(name)).strip("-_. ")


def _stem(name: str) -> str:
    path = parts(name)
    file = path[-1] if path else ""
    return file.rsplit(".", 1)[0] if "." in file[1:] else file


def package(name: str) -> str:
    """What a file belongs to: the distribution, the name before its role, its folder; "" if unknown."""
    folders = parts(name)[:-1]
    for folder in reversed(folders):
        if folder.endswith((".dist-info", ".egg-info")):
            return folder.rsplit(".", 1)[0].replace("-", " ")
    if (own := own_name(name)) and own != _stem(name):
        return own
    return folders[-1] if folders and folders[-1].lower() not in _SHARED_FOLDERS else ""
