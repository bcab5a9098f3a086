"""Tenants: homes inside a home, HOME/tenants/NAME.

The idea: each is a home like any other, with a memory, a ledger and sessions of its own. What is done to one
is not done to another, nor to the home that holds them.
"""

from pathlib import Path

from model.files import inside
from tasks.errors import InvalidInput

TENANTS = "tenants"
"""Folder of a home that holds the homes of its tenants."""


def home_of(home: Path, tenant: str) -> Path:
    """The home of a tenant; "" is the home itself.

    Raises:
        InvalidInput: if the tenant is no plain name.
    """
    return named("tenant", home / TENANTS, tenant) if tenant else home


def named(what: str, folder: Path, name: str) -> Path:
    """The path that a plain name has in a folder.

    Raises:
        InvalidInput: if it could lie elsewhere.
    """
    try:
        return inside(folder, name)
    except ValueError as error:
        reason = str(error).rpartition(": ")[2]
        raise InvalidInput(f"{what} {name!r}: {reason}") from error
