"""A reader's server: where it listens, who may come in, and how it ends.

The idea: the engine is a thread, the server a loop that waits; when the process is told to end, health says
"not serving" before anything else changes, so that callers go elsewhere while answers are finished.
"""

import asyncio
import hmac
import os
import signal
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from tasks.errors import InvalidInput
from tasks.serve import wire
from tasks.serve.addresses import host_of, is_loopback
from tasks.serve.client import TOKEN_VARIABLE
from tasks.serve.engine import Engine
from tasks.serve.service import Service

_HEALTH = "/grpc.health.v1.Health/"
_LEAVE_S = 1.0
"""For callers to hear the last word, when nothing is computed any more."""


@dataclass(frozen=True)
class Listen:
    """Where a reader listens, and how it is known."""

    address: str
    """HOST:PORT; port 0 is any free one."""
    certificate: Path | None = None
    key: Path | None = None
    """Files (PEM) of TLS; without them there is none."""

    def token(self) -> str:
        """The token that callers must bring, from the environment; "" for none.

        Raises:
            InvalidInput: if there is none and others than this machine can call.
        """
        token = os.environ.get(TOKEN_VARIABLE, "")
        if not token and not is_loopback(host_of(self.address)):
            raise InvalidInput(
                f"{self.address} can be reached from other machines: set {TOKEN_VARIABLE} to a token, "
                "here and for those who call"
            )
        return token

    def credentials(self) -> grpc.ServerCredentials | None:
        """Those of TLS.

        Raises:
            InvalidInput: if a file cannot be read.
        """
        if self.certificate is None or self.key is None:
            return None
        try:
            pair = self.key.read_bytes(), self.certificate.read_bytes()
        except OSError as error:
            raise InvalidInput(
                f"{error.filename} cannot be read ({error.strerror}): see serve.certificate"
            ) from error
        return grpc.ssl_server_credentials([pair])


class Token(grpc.aio.ServerInterceptor):
    """Lets in who brings the token; health may be asked without."""

    def __init__(self, token: str) -> None:
        self.expected = f"Bearer {token}".encode()

    async def intercept_service(
        self, continuation: Callable[[Any], Awaitable[Any]], details: grpc.HandlerCallDetails
    ) -> Any:
        handler = await continuation(details)
        if details.method.startswith(_HEALTH) or handler is None:
            return handler
        given = dict(details.invocation_metadata).get("authorization", "")
        given = given.encode() if isinstance(given, str) else given
        return handler if hmac.compare_digest(given, self.expected) else _refusing(handler)


def _refusing(handler: Any) -> Any:
    """A handler of the same kind that refuses."""

    async def refuse(request: Any, context: grpc.aio.ServicerContext) -> None:
        message = f"the token is missing or wrong: send the one of {TOKEN_VARIABLE} as a Bearer"
        await context.abort(grpc.StatusCode.UNAUTHENTICATED, message)

    async def refuse_stream(request: Any, context: grpc.aio.ServicerContext) -> Any:
        await refuse(request, context)
        yield  # never reached; it makes this a stream

    kinds = {
        (False, False): (grpc.unary_unary_rpc_method_handler, refuse),
        (True, False): (grpc.stream_unary_rpc_method_handler, refuse),
        (False, True): (grpc.unary_stream_rpc_method_handler, refuse_stream),
        (True, True): (grpc.stream_stream_rpc_method_handler, refuse_stream),
    }
    make, function = kinds[handler.request_streaming, handler.response_streaming]
    return make(function, handler.request_deserializer, handler.response_serializer)


async def told_to_end() -> None:
    """Wait for SIGTERM or SIGINT."""
    ended, loop = asyncio.Event(), asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ended.set)
    await ended.wait()


async def serve(
    listen: Listen,
    engine_at: Callable[[str], Engine],
    ready: Callable[[str], None],
    ended: Callable[[], Awaitable[None]] = told_to_end,
) -> None:
    """Serve until the process is told to end.

    Args:
        engine_at: makes the engine, given the address that it listens on; only then is that known.
        ready: called with this address when calls are taken.
        ended: waits for the end.

    Raises:
        InvalidInput: if the address cannot be listened on, or a token or certificate is missing.
    """
    token, credentials = listen.token(), listen.credentials()
    alone = (
        "grpc.so_reuseport",
        0,
    )  # else a second reader would listen there too, under the same name
    server = grpc.aio.server(interceptors=[Token(token)] if token else [], options=[*wire.OPTIONS, alone])
    port = _bound(server, listen.address, credentials)
    address = f"{listen.address.rpartition(':')[0]}:{port}"
    engine = await asyncio.to_thread(engine_at, address)
    healthy = health.aio.HealthServicer()
    health_pb2_grpc.add_HealthServicer_to_server(healthy, server)
    names = (wire.SERVICE, health.SERVICE_NAME, reflection.SERVICE_NAME)
    reflection.enable_server_reflection(names, server)
    server.add_generic_rpc_handlers((Service(engine).handler(),))
    for name in ("", wire.SERVICE):
        await healthy.set(name, health_pb2.HealthCheckResponse.SERVING)
    await server.start()
    ready(address)
    await ended()
    await healthy.enter_graceful_shutdown()
    await asyncio.to_thread(engine.stop)
    await server.stop(_LEAVE_S)


def _bound(server: grpc.aio.Server, address: str, credentials: grpc.ServerCredentials | None) -> int:
    try:
        if credentials is None:
            return int(server.add_insecure_port(address))
        return int(server.add_secure_port(address, credentials))
    except RuntimeError as error:
        raise InvalidInput(
            f"{address} cannot be listened on: is another reader there? Give another HOST:PORT"
        ) from error
