"""Where contexts lie in a home. It loads no model, so that a gateway can look.

The idea: a tenant's contexts lie in the tenant's own home, as its memory does.
"""

from pathlib import Path

from tasks.memory.tenants import home_of, named
from tasks.serve.door import Name

CONTEXTS = "contexts"
"""Folder of a home that holds its contexts, a folder each."""


def folder_of(home: Path, name: Name) -> Path:
    """Where a context lies.

    Raises:
        InvalidInput: if tenant or key is no plain name.
    """
    return named("memory_key", home_of(home, name.tenant) / CONTEXTS, name.key)
