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


_SUFFIX = re.compile(r"[^\s.][^.]*\.\w{1,8}$")
_COMPRESSED = re.compile(r"(?<=.)\.(?:gz|bz2|xz|zst|zstd)$", re.IGNORECASE)


def document_name(uri: str, label: str = "") -> str:
    """The file name of a document: inside an archive or a mail its own, without a suffix of compression.

    Args:
        label: its name inside the source, such as "letters/a.docx", "mail 3/budget.xlsx", "row=12".
    """
    inside = next((part for part in reversed(parts(label)) if _SUFFIX.match(part)), "")
    return _COMPRESSED.sub("", inside or "".join(parts(uri)[-1:]))


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
