"""`nightread token`: who may come in by the gateway."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from flows.answer import Answer
from flows.show import table
from tasks.errors import InvalidInput

if TYPE_CHECKING:
    from flows.config import RunConfig

HELP = """\
A token is shown once, when it is made, and kept as its hash in home/tokens.json. As soon as there is that
file, the gateway asks everybody for a token, also when all are removed again; without it, everybody on this
machine may read and write, and nobody else may come in.

A tenant has a memory of its own, in home/tenants/NAME, and none of another. Read into it with
home=HOME/tenants/NAME. With --may read a user recalls, asks and looks; with write they also keep sessions,
start runs, try quarantined documents again, and forget documents. Whoever may write to the home itself, and
not to a tenant's, may have any folder read that this machine sees.
"""


def arguments(add: Callable[..., Any]) -> None:
    """The options of this command."""
    token = add(
        "token",
        "make, list and take back the tokens of the gateway",
        "token add ann\ntoken add ben --tenant lab --may write\ntoken list\ntoken remove ann",
        HELP,
    )
    token.add_argument(
        "action", nargs="?", choices=("list", "add", "remove"), default="list", help="default: list"
    )
    token.add_argument("user", nargs="?", default="", metavar="USER", help="whose; remove takes an id too")
    token.add_argument(
        "--tenant", metavar="NAME", help="whose memory is theirs (default: that of the home itself)"
    )
    token.add_argument(
        "--may", choices=("read", "write"), default="read", help="what they may do (default: read)"
    )


def token(
    config: "RunConfig",
    action: str = "list",
    user: str = "",
    tenant: str | None = None,
    may: Literal["read", "write"] = "read",
) -> Answer:
    """Make a token, list those there are, or take some back.

    Raises:
        InvalidInput: if no user is named where one is needed.
    """
    if bool(user) == (action == "list"):
        wanted = "it lists all" if user else "give a user, such as: nightread token add ann"
        raise InvalidInput(f"token {action} {user}".rstrip() + f": {wanted}")
    home = Path(config.home)
    return _list(home) if action == "list" else _changed(home, action, user, tenant, may)


def _changed(home: Path, action: str, user: str, tenant: str | None, may: Literal["read", "write"]) -> Answer:
    from flows.gateway import tokens

    if action == "remove":
        gone = tokens.remove(home, user, tenant)
        return Answer(
            {"removed": [_row(one) for one in gone]}, "\n".join(f"removed {_line(one)}" for one in gone)
        )
    grant, secret = tokens.add(home, user, tenant or "", may)
    text = f"{secret}\n{_line(grant)}; the token is not shown again"
    return Answer({**_row(grant), "token": secret}, text)


def _list(home: Path) -> Answer:
    from flows.gateway.tokens import Tokens

    known = Tokens(home)
    rows = [_row(one) for one in known.all()]
    if not rows:
        asked = (
            "every token was removed: nobody is let in" if known.are_asked_for else "no token is asked for"
        )
        return Answer({"tokens": []}, f"{asked}; make one with: nightread token add USER")
    shown = [[one["id"], one["user"], one["tenant"], one["may"], one["made"][:16]] for one in rows]
    return Answer({"tokens": rows}, "\n".join(table(["id", "user", "tenant", "may", "made"], shown)))


def _row(grant: Any) -> dict[str, str]:
    return {name: getattr(grant, name) for name in ("id", "user", "tenant", "may", "made")}


def _line(grant: Any) -> str:
    of = f" of tenant {grant.tenant}" if grant.tenant else ""
    return f"token {grant.id}: {grant.user}{of} may {grant.may}"
