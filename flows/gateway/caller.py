"""Who asks: the user behind a request, and the one home that is theirs.

The idea: a tenant is a home of its own, HOME/tenants/NAME, so what one tenant may see is a matter of which
folder is opened, and of no condition in a query.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from fastapi import Depends, Request

from flows.gateway.doors import doors_of


@dataclass(frozen=True)
class Caller:
    """A user of one tenant, and what they may do."""

    user: str
    tenant: str
    """"" is the home itself."""
    home: Path
    may_write: bool


def caller(request: Request) -> Caller:
    """The user of this request. Without tokens it is the one who started the gateway on their own machine."""
    return Caller("local", "", Path(doors_of(request).config.home), may_write=True)


Asking = Annotated[Caller, Depends(caller)]
"""A parameter of a route: who asks."""
