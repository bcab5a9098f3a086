"""The gateway as a process: it listens at once, opens its memory meanwhile, and ends what it has begun.

The idea: what may not be, and a port that is taken, is said before anything heavy is imported; a stop lets
the answers that are being sent end.
"""

import logging
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

from tasks.errors import InvalidInput
from tasks.ingest.uris import is_remote

if TYPE_CHECKING:
    import uvicorn

    from flows.config import RunConfig
    from tasks.serve.door import ReaderDoor

    Reader = Callable[[], ReaderDoor]

STOP_S = 10
"""In which answers that are being sent may end."""
CONNECTIONS = 512
"""At a time; one more is answered with 503."""
LOOK_S = 0.5


def run_gateway(
    config: "RunConfig", reader: "Reader | None" = None, started: Callable[[str], None] = lambda url: None
) -> None:
    """Serve until SIGTERM or Ctrl-C.

    Args:
        reader: as `gateway` takes it.
        started: is told the address as soon as it answers.

    Raises:
        InvalidInput: if it may not, or cannot, listen there.
    """
    ended = threading.Event()

    def end(_signal: int, _frame: FrameType | None) -> None:
        ended.set()

    before = {one: signal.signal(one, end) for one in (signal.SIGTERM, signal.SIGINT)}
    try:
        with running(config, reader) as url:
            started(url)
            ended.wait()
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)


@contextmanager
def running(config: "RunConfig", reader: "Reader | None" = None) -> Iterator[str]:
    """The address of a gateway that serves in a thread while the block lasts.

    Raises:
        InvalidInput: if it may not, or cannot, listen there.
    """
    check(config)
    listener = _listening(config.serve.host, config.serve.port)
    _log_to_stderr()
    server = _server(config, reader)
    thread = threading.Thread(target=server.run, args=([listener],), name="gateway")
    thread.start()
    try:
        while not server.started:
            if not thread.is_alive():
                raise InvalidInput("the gateway did not start; its log says why")
            time.sleep(0.01)
        yield _address(config, listener.getsockname()[1])
    finally:
        server.should_exit = True
        thread.join()
        listener.close()


def check(config: "RunConfig") -> None:
    """Refuse what must not be served.

    Raises:
        InvalidInput: if it would listen beyond this machine without tokens, its home is in a bucket, or a
            file that encrypts is not there.
    """
    from flows.gateway.tokens import Tokens
    from tasks.serve.addresses import is_loopback

    serve = config.serve
    check_home(config)
    if not is_loopback(serve.host) and not Tokens(Path(config.home)).are_asked_for:
        raise InvalidInput(
            f"serve.host={serve.host}: beyond this machine whoever asks needs a token: make one with "
            f"nightread token add USER home={config.home}, or listen on 127.0.0.1"
        )
    for name in ("certificate", "key"):
        path = getattr(serve, name)
        if path and not Path(path).is_file():
            raise InvalidInput(f"serve.{name}={path}: there is no such file; give one in PEM")


def check_home(config: "RunConfig") -> None:
    """Refuse a home in a bucket.

    Raises:
        InvalidInput: if it is one.
    """
    if is_remote(config.home):
        raise InvalidInput(f"home={config.home}: what serves keeps its memory open: give home=FOLDER")


def _listening(host: str, port: int) -> socket.socket:
    """A socket that is bound to the address.

    Raises:
        InvalidInput: if it is taken, or is no address of this machine.
    """
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0][0]
        listener = socket.create_server((host, port), family=family, backlog=CONNECTIONS)
        # for every connection: asyncio does so only for sockets that name their protocol, and without it the
        # second part of an answer waits 40 ms for the first one to be acknowledged
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return listener
    except OSError as error:
        raise InvalidInput(
            f"serve.host={host} serve.port={port}: cannot listen there ({error.strerror}); end what does, or "
            f"give another port, such as serve.port=0 for any free one"
        ) from error


def _server(config: "RunConfig", reader: "Reader | None") -> "uvicorn.Server":
    import uvicorn

    from flows.gateway.app import gateway
    from flows.gateway.entrance.connections import Patient

    settings = uvicorn.Config(
        gateway(config, reader),
        http=Patient,
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,  # ours says less
        server_header=False,
        limit_concurrency=CONNECTIONS,
        timeout_graceful_shutdown=STOP_S,
        ssl_certfile=config.serve.certificate or None,
        ssl_keyfile=config.serve.key or None,
    )
    return uvicorn.Server(settings)


def _address(config: "RunConfig", port: int) -> str:
    """Where people find it: of every address of a machine, its own name."""
    host = config.serve.host
    host = {"0.0.0.0": socket.gethostname(), "::": socket.gethostname()}.get(host, host)
    scheme = "https" if config.serve.certificate else "http"
    return f"{scheme}://{f'[{host}]' if ':' in host else host}:{port}"


def _log_to_stderr() -> None:
    """Lines of the gateway, and warnings of what it is made of."""
    log = logging.getLogger("nightread.gateway")
    if not log.handlers:
        handler = logging.StreamHandler(sys.stderr)
        handler.setFormatter(logging.Formatter("%(asctime)s %(message)s", "%H:%M:%S"))
        log.addHandler(handler)
        log.setLevel(logging.INFO)
        log.propagate = False
    # what a client sends may be anything: that it was no HTTP is no news, and tracebacks hold its words
    logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)
