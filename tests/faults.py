"""A proxy in front of a real S3 server that makes the network and the store fail as tests ask it to."""

import http.client
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit


@dataclass(frozen=True)
class Request:
    """What a client asks."""

    method: str
    path: str
    headers: dict[str, str]


@dataclass(frozen=True)
class Fault:
    """What becomes of a request."""

    status: int = 0
    """The store is not asked: it answers this, with `code`."""
    code: str = "InternalError"
    reset: bool = False
    """The connection breaks before the store is asked."""
    unheard: bool = False
    """It breaks after: the request was carried out, and nobody hears of it."""
    cut: bool = False
    """It breaks in the middle of the answer's body."""
    corrupt: bool = False
    """A byte of the answer's body arrives as another one."""
    wait_s: float = 0.0
    without: str = ""
    """A header of the request that the store never sees."""


Choose = Callable[[Request], Fault | None]


@dataclass
class Proxy:
    """Its address, what it does, and all that it was asked."""

    endpoint: str
    choose: Choose = lambda _: None
    asked: list[Request] = field(default_factory=list)


def once(fault: Fault, when: Callable[[Request], bool], times: int = 1) -> Choose:
    """A fault of the first requests of a kind."""
    left = [times]

    def choose(request: Request) -> Fault | None:
        if left[0] and when(request):
            left[0] -= 1
            return fault
        return None

    return choose


class _Passing(BaseHTTPRequestHandler):
    """A request on its way to the server at `host`, and what a proxy makes of it."""

    made: Proxy
    host: str
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: Any) -> None:
        del format, args

    def _pass(self) -> None:
        request = Request(self.command, self.path, dict(self.headers))
        self.made.asked.append(request)
        fault = self.made.choose(request) or Fault()
        body = self._body()
        time.sleep(fault.wait_s)
        if fault.reset:
            self.close_connection = True
        elif fault.status:
            said = f"<?xml version='1.0'?><Error><Code>{fault.code}</Code><Message>no</Message></Error>"
            self._answer(fault.status, [("Content-Type", "application/xml")], said.encode(), fault)
        else:
            answer = self._ask(body, fault)
            if fault.unheard:
                self.close_connection = True
            else:
                self._answer(*answer, fault)

    do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = _pass

    def _body(self) -> bytes:
        if "chunked" not in self.headers.get("Transfer-Encoding", ""):
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        pieces = []
        while size := int(self.rfile.readline(), 16):
            pieces.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(pieces)

    def _ask(self, body: bytes, fault: Fault) -> tuple[int, list[tuple[str, str]], bytes]:
        headers = {
            name: value
            for name, value in self.headers.items()
            if name.lower() not in ("expect", "transfer-encoding")
        }
        headers = {name: value for name, value in headers.items() if name.lower() != fault.without}
        there = http.client.HTTPConnection(self.host, timeout=60)
        there.request(self.command, self.path, body, headers)
        answer = there.getresponse()
        content = answer.read()
        there.close()
        return answer.status, answer.getheaders(), content

    def _answer(self, status: int, headers: list[tuple[str, str]], body: bytes, fault: Fault) -> None:
        self.send_response_only(status)
        skipped = {"transfer-encoding", "connection", "content-length"}
        for name, value in headers:
            if name.lower() not in skipped:
                self.send_header(name, value)
        length = {name.lower(): value for name, value in headers}.get("content-length", "0")
        self.send_header("Content-Length", length if self.command == "HEAD" else str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            if fault.corrupt and body:
                body = bytes([body[0] ^ 1]) + body[1:]
            self.wfile.write(body[: len(body) // 2] if fault.cut else body)
            self.close_connection = self.close_connection or fault.cut


@contextmanager
def proxy(behind: str, context: ssl.SSLContext | None = None) -> Iterator[Proxy]:
    """A proxy in front of the server at an http:// address, which ends with the block; with TLS if given."""
    made = Proxy("")
    passing = type("Passing", (_Passing,), {"made": made, "host": urlsplit(behind).netloc})
    server = ThreadingHTTPServer(("127.0.0.1", 0), passing)
    server.daemon_threads = True
    if context:
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    made.endpoint = f"http{'s' if context else ''}://127.0.0.1:{server.server_port}"
    try:
        yield made
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
