"""`nightread bench load`: many sessions ask readers at once, with the options it takes."""

from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from flows.answer import Answer
from flows.deployments.commands import check_models
from flows.show import seconds, size, table
from tasks.runs.ledger import Row

if TYPE_CHECKING:
    from flows.config import RunConfig

LOAD_HELP = """\
Starts two readers, a Redis (apt-get install redis-server) and a gateway on this machine, tells every session
facts that no other one is told, and asks for them, while one reader is killed and started again and Redis is
restarted. What is cited must be, to the character, what the session was told. Contexts lie in a folder that
goes at the end; the memory under home is not touched. It ends by itself.
"""


def arguments(test: Any) -> None:
    """The options of `bench load`."""
    load = test.add_argument_group("load", LOAD_HELP)
    load.add_argument("--sessions", type=int, default=200, metavar="N", help="contexts (default: 200)")
    load.add_argument("--requests", type=int, default=2000, metavar="N", help="in all (default: 2000)")
    load.add_argument("--clients", type=int, default=8, metavar="N", help="requests at a time (default: 8)")
    load.add_argument("--readers", type=int, default=2, metavar="N", help="processes (default: 2)")
    load.add_argument(
        "--through",
        choices=("gateway", "readers"),
        default="gateway",
        help="what sessions are told and ask goes through the gateway, or to the readers (default: gateway)",
    )
    load.add_argument("--calm", action="store_true", help="kill and restart nothing")


def bench_load(
    config: "RunConfig",
    sessions: int = 200,
    requests: int = 2000,
    clients: int = 8,
    readers: int = 2,
    through: str = "gateway",
    calm: bool = False,
    minutes: float | None = None,
    seed: int = 0,
    **_: Any,
) -> Answer:
    """Load readers of this machine."""
    check_models(config)
    from flows.progress import counter
    from tasks.bench.load.run import MINUTES, Load, Parts, load
    from tasks.serve.client import Client

    options = Load(
        sessions=sessions,
        requests=requests,
        clients=clients,
        readers=readers,
        minutes=minutes or MINUTES,
        seed=seed,
        disturbed=not calm,
    )
    with TemporaryDirectory(prefix="nightread-load-") as folder:
        command = Command(config, Path(folder))
        gateway = command.gateway if through == "gateway" else None
        parts = Parts(command.reader, Client, config.serve.lease_s, gateway)
        result = load(options, parts, Path(folder), counter())
    return Answer(result, told(result))


class Command:
    """The commands of what is loaded: these settings, and a home of their own in `folder`."""

    def __init__(self, config: "RunConfig", folder: Path) -> None:
        self.config, self.folder = replace(config, home=str(folder / "home")), folder

    def reader(self, address: str, redis_url: str) -> list[str]:
        return self._of("reader", listen=address, redis_url=redis_url)

    def gateway(self, port: int, redis_url: str) -> list[str]:
        """One that refuses no user for asking too often: all sessions are one user's."""
        return self._of("gateway", port=port, redis_url=redis_url, requests_per_minute=10**6)

    def _of(self, part: str, **settings: Any) -> list[str]:
        from pydantic import TypeAdapter

        from flows.config import RunConfig
        from flows.server import tied

        own = replace(self.config, serve=replace(self.config.serve, **settings))
        conf = self.folder / f"{part}-{len(list(self.folder.glob('*.yaml')))}.yaml"
        conf.write_text(TypeAdapter(RunConfig).dump_json(own).decode())
        return tied(["-m", "flows", "serve", part, "--conf", str(conf)])


def told(result: Row) -> str:
    """Requests by kind, errors, what was wrong, what was done to whom, and memory."""
    machine, done, failed = result["machine"], result["requests"], result["failed"]
    head = [
        "request",
        "count",
        "failed",
        "p50",
        "p95",
        "p99",
        "first word p50",
        "blocks",
        "fact in them",
        "said",
    ]
    return "\n".join(
        [
            f"{machine['processor']}, {machine['threads']} threads, {size(machine['memory'])}; "
            f"{machine['date']}, commit {machine['commit'] or 'unknown'}",
            f"{result['sessions']:,} sessions told in {seconds(result['told_s'])}; {done:,} of "
            f"{result['wanted']:,} requests by {result['clients']} clients in {seconds(result['seconds'])}: "
            f"{result['requests_per_s']:.1f} a second",
            *(f"  at request {one['behind']:,}: {one['what']}" for one in result["events"]),
            "",
            *table(head, [_kind(row) for row in result["kinds"]]),
            "",
            f"wrong or mixed-up answers: {len(result['wrong'])} of {done:,}, by {result['cited']:,} cited "
            f"blocks; lost: {len(result['lost'])}",
            *(f"  {what}" for what in [*result["wrong"], *result["lost"]][:10]),
            f"failed: {failed:,} of {done:,} ({failed / max(1, done):.2%}), for good: "
            f"{result['failed_for_good']:,}",
            *(_error(one) for one in [*result["told_errors"], *result["errors"]]),
            "",
            *_memory(result["memory"]),
        ]
    )


def _error(row: Row) -> str:
    again = "to be asked again" if row["retryable"] else "for good"
    return f"  {row['count']:,} x {row['kind']}: {row['error']}, {again}; the first: {row['said']}"


def _kind(row: Row) -> list[str]:
    times = [f"{1000 * row[name]:,.0f} ms" for name in ("p50", "p95", "p99")]
    first = f"{1000 * row['first_p50']:,.0f} ms" if "first_p50" in row else ""
    cited = [f"{row['cited']:.1f}", f"{row['found']:.1%}"] if row["cited"] else ["", ""]
    cited.append(f"{row['answered']:.1%}" if first else "")
    return [row["kind"], f"{row['requests']:,}", f"{row['failed']:,}", *times, first, *cited]


def _memory(seen: Row) -> list[str]:
    """Resident memory by process, at the moments it was looked at."""
    names = list(seen["start"])
    return table(
        ["memory", *seen],
        [[name, *(size(at[name]) if at[name] else "gone" for at in seen.values())] for name in names],
    )
