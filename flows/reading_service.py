"""Readers of long contexts: one behind gRPC (`nightread serve reader`), and the door of a gateway to some.

The idea: everything is settled before the model is loaded, so a wrong address, a missing token or a model
that is not there is said at once.
"""

import asyncio
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING

from flows.answer import Answer
from flows.deployments.commands import check_models
from flows.homes import folder_of
from tasks.errors import InvalidInput
from tasks.ingest.uris import is_remote

if TYPE_CHECKING:
    from flows.config import RunConfig
    from tasks.serve.door import ReaderDoor


def serve_reader(config: "RunConfig") -> Answer:
    """Offer a reader's contexts at `serve.listen`."""
    check_models(config)
    home, serve = Path(config.home), config.serve
    check_address("serve.listen", serve.listen)
    if is_remote(config.home):
        raise InvalidInput(
            f"home={config.home}: readers keep contexts in a folder that all of them see: give home=FOLDER"
        )
    from tasks.serve.addresses import is_wildcard
    from tasks.serve.directory.opened import opened
    from tasks.serve.engine import Engine
    from tasks.serve.server import Listen
    from tasks.serve.server import serve as listen_on

    told: dict[str, str] = {}
    files = (Path(serve.certificate), Path(serve.key)) if serve.certificate else (None, None)
    listen = Listen(serve.listen, *files)
    listen.token()
    directory = opened(serve)

    def engine_at(address: str) -> Engine:
        from tasks.serve.node import engine

        host, _, port = address.rpartition(":")
        told["node"] = serve.address or (f"{socket.gethostname()}:{port}" if is_wildcard(host) else address)
        return engine(home, config.infer, config.shard.stride, serve, directory, told["node"])

    def ready(address: str) -> None:
        known = "" if told["node"] == address else f" (known to others as {told['node']})"
        place = f"contexts are kept in {home / 'contexts'}; Ctrl-C ends it."
        print(f"Reader at {address}{known}, model {_model(config)}; {place}", flush=True)

    try:
        asyncio.run(listen_on(listen, engine_at, ready))
    finally:
        directory.close()
    return Answer({"node": told["node"]}, "")


@contextmanager
def door(config: "RunConfig") -> Iterator[Callable[[], "ReaderDoor"]]:
    """Gives the readers that the settings name, or else one in this process; opened when it is first asked.

    Raises:
        InvalidInput: if an address is none.
    """
    for address in config.serve.readers:
        check_address("serve.readers", address)
    lock, opened = Lock(), list["ReaderDoor"]()

    def get() -> "ReaderDoor":
        with lock:
            if not opened:
                opened.append(_door(config))
            return opened[0]

    try:
        yield get
    finally:
        for one in opened:
            one.shut()


def _door(config: "RunConfig") -> "ReaderDoor":
    serve = config.serve
    if serve.readers or serve.redis_url:
        from tasks.serve.readers import opened

        return opened(serve)
    from tasks.serve.directory.opened import opened as directory_of
    from tasks.serve.embedded import Embedded
    from tasks.serve.node import engine

    home = Path(folder_of(config))
    return Embedded(engine(home, config.infer, config.shard.stride, serve, directory_of(serve), ""))


def at(config: "RunConfig", listen: str) -> "RunConfig":
    """The settings, with another address to listen on."""
    return replace(config, serve=replace(config.serve, listen=listen))


def check_address(name: str, address: str) -> None:
    """Refuse what is no HOST:PORT.

    Raises:
        InvalidInput: if it is none.
    """
    host, _, port = address.rpartition(":")
    if not host or not (port.isdigit() and int(port) < 1 << 16):
        raise InvalidInput(f"{name}={address}: give HOST:PORT, such as 127.0.0.1:8322")


def _model(config: "RunConfig") -> str:
    from model import weights

    return weights.resolve(config.infer.model, Path(config.home) / "models").name
