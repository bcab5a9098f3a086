"""The reader behind gRPC as strangers meet it: who is let in, what rubbish does, how overload is told.

Run: pytest tests/tasks/serve/test_service.py
"""

import asyncio
import datetime
import ipaddress
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from google.protobuf.descriptor_pb2 import FileDescriptorProto
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from tasks.errors import InvalidInput
from tasks.serve import reader_pb2 as pb
from tasks.serve import wire
from tasks.serve.client import TOKEN_VARIABLE, Client
from tasks.serve.directory.local import LocalDirectory
from tasks.serve.door import Busy, Done, NotAllowed, Unavailable
from tasks.serve.engine import Engine, Limits
from tasks.serve.server import Listen
from tests.tasks.serve.readers import NAME, START_S, Tiny, answered, served, text_of

TEXT = text_of(40)
QUESTION = "How many pages did the 7th keeper write?"
TOKEN = "correct horse"


@pytest.fixture
def address(engine: Engine) -> Iterator[str]:
    with served(engine) as address:
        yield address


@pytest.fixture
def client(address: str) -> Iterator[Client]:
    client = Client(address)
    grpc.channel_ready_future(client.channel).result(START_S)
    yield client
    client.shut()


def test_health_and_reflection_say_what_is_there(address: str) -> None:
    with grpc.insecure_channel(address) as channel:
        health = health_pb2_grpc.HealthStub(channel)
        for name in ("", wire.SERVICE):
            reply = health.Check(health_pb2.HealthCheckRequest(service=name))
            assert reply.status == health_pb2.HealthCheckResponse.SERVING
        asked = [
            reflection_pb2.ServerReflectionRequest(list_services=""),
            reflection_pb2.ServerReflectionRequest(file_containing_symbol=wire.SERVICE),
        ]
        replies = reflection_pb2_grpc.ServerReflectionStub(channel).ServerReflectionInfo(iter(asked))
        services, files = list(replies)
        assert wire.SERVICE in [one.name for one in services.list_services_response.service]
        file = FileDescriptorProto.FromString(files.file_descriptor_response.file_descriptor_proto[0])
        methods = [method.name for method in file.service[0].method]
        assert methods == ["Open", "Read", "Retrieve", "Ask", "Score", "Save", "Close", "Stats"]


def test_rubbish_is_refused_and_the_next_call_is_answered(
    address: str, client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    client.read(NAME, [TEXT])
    with grpc.insecure_channel(address) as channel:
        for method, code in (
            ("Open", grpc.StatusCode.INVALID_ARGUMENT),
            ("Score", grpc.StatusCode.INVALID_ARGUMENT),
            ("Never", grpc.StatusCode.UNIMPLEMENTED),
        ):
            with pytest.raises(grpc.RpcError) as error:
                channel.unary_unary(f"/{wire.SERVICE}/{method}")(b"\xff\x13rubbish" * 9, timeout=60)
            assert error.value.code() == code
        for method, pieces in (
            ("Read", [b"\xff" * 50]),
            ("Read", [b"", b"\xff"]),
            ("Ask", [b"\xff"]),
            ("Read", []),
        ):
            call = channel.stream_stream(f"/{wire.SERVICE}/{method}")(iter(pieces), timeout=60)
            with pytest.raises(grpc.RpcError) as error:
                list(call)
            assert error.value.code() == grpc.StatusCode.INVALID_ARGUMENT
    assert "Traceback" not in caplog.text
    assert answered(client, NAME, QUESTION)[1].tokens > 0
    empties(client)


def test_a_message_that_is_too_large_is_refused_and_a_long_text_is_sent_in_several(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(InvalidInput, match="send less at once"):
        list(client.ask(NAME, "x" * (wire.MESSAGE_BYTES + 1)))
    with pytest.raises(InvalidInput, match="give 0 to"):
        client.read(NAME, [[10**6]])
    assert 4 * wire.TEXT_CHARS < wire.MESSAGE_BYTES
    monkeypatch.setattr(wire, "TEXT_CHARS", 1000)
    long = "Ø" * 2010
    assert client.read(NAME, [long]).state.chars == len(long)


def test_without_the_token_nobody_is_let_in(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv(TOKEN_VARIABLE, TOKEN)
    with served(engine) as address:
        for token in ("", "wrong", TOKEN + " ", "Ø"):
            client = Client(address, token=token) if token.isascii() else Client(address, token="")
            for call in (
                client.stats,
                lambda client=client: client.open(NAME, create=True),
                lambda client=client: client.read(NAME, [TEXT]),
                lambda client=client: list(client.ask(NAME, QUESTION)),
            ):
                with pytest.raises(NotAllowed, match="missing or wrong"):
                    call()
            client.shut()
        assert not engine.contexts.home.joinpath("contexts").exists()
        with grpc.insecure_channel(address) as channel:
            health = health_pb2_grpc.HealthStub(channel)
            assert (
                health.Check(health_pb2.HealthCheckRequest()).status == health_pb2.HealthCheckResponse.SERVING
            )
        client = Client(address)  # from the environment
        assert client.read(NAME, [TEXT]).tokens > 0
        client.shut()
    assert TOKEN not in caplog.text


def test_beyond_this_machine_a_token_is_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(TOKEN_VARIABLE, raising=False)
    for address in ("127.0.0.1:1", "[::1]:1", "localhost:1"):
        assert Listen(address).token() == ""
    for address in ("0.0.0.0:1", "[::]:1", "10.0.0.5:1", "reader-0.readers:1"):
        with pytest.raises(InvalidInput, match=f"set {TOKEN_VARIABLE} to a token"):
            Listen(address).token()
    with pytest.raises(InvalidInput, match=r"cannot be read.*see serve\.certificate"):
        Listen("127.0.0.1:1", Path("/nowhere/a"), Path("/nowhere/b")).credentials()


def certificate(folder: Path) -> tuple[Path, Path]:
    """Files of a certificate for 127.0.0.1, signed by itself, and of its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "reader")])
    now = datetime.datetime.now(datetime.UTC)
    names = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(names, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    plain, form = serialization.NoEncryption(), serialization.PrivateFormat.PKCS8
    files = folder / "certificate.pem", folder / "key.pem"
    files[0].write_bytes(made.public_bytes(serialization.Encoding.PEM))
    files[1].write_bytes(key.private_bytes(serialization.Encoding.PEM, form, plain))
    return files


def test_with_a_certificate_what_is_said_is_encrypted(engine: Engine, tmp_path: Path) -> None:
    files = certificate(tmp_path)
    with served(engine, Listen("127.0.0.1:0", *files)) as address:
        client = Client(address, ca_bundle=files[0])
        assert client.read(NAME, [TEXT]).tokens > 0
        assert answered(client, NAME, QUESTION)[1].tokens > 0
        client.shut()
        plain = Client(address)
        with pytest.raises(Unavailable):
            plain.stats()
        plain.shut()


def test_a_thousand_questions_at_once_are_answered_or_told_to_come_again(tiny: Tiny, tmp_path: Path) -> None:
    """No time-out, no lost answer; those that are refused hear so while others are still being answered."""
    engine = tiny.engine(tmp_path, LocalDirectory(600.0), "here", Limits(queue=20, batch=4))
    try:
        with served(engine) as address:
            client = Client(address)
            client.read(NAME, [TEXT])
            expected = answered(client, NAME, QUESTION, 2)[0]
            told = asyncio.run(_asked_at_once(address, 1000))
            assert set(told) == {expected, "RESOURCE_EXHAUSTED"}
            assert told.count(expected) >= 24
            assert client.stats().refused == told.count("RESOURCE_EXHAUSTED")
            assert answered(client, NAME, QUESTION, 2)[0] == expected
            client.shut()
    finally:
        engine.stop()


async def _asked_at_once(address: str, count: int) -> list[str]:
    request = pb.AskRequest(name=wire.named(NAME), question=QUESTION, new_tokens=2)

    async def ask(call: Any) -> str:
        parts = []
        try:
            async for reply in call(request, timeout=600):
                parts.append(reply.text)
        except grpc.aio.AioRpcError as error:
            trailing = dict(error.trailing_metadata() or ())
            assert int(trailing["retry-after-ms"]) >= 500
            return str(error.code().name)
        return "".join(parts)

    async with grpc.aio.insecure_channel(address) as channel:
        method = f"/{wire.SERVICE}/Ask"
        call = channel.unary_stream(method, pb.AskRequest.SerializeToString, pb.AskReply.FromString)
        return await asyncio.gather(*(ask(call) for _ in range(count)))


def test_reads_above_what_is_taken_are_refused_and_a_slow_one_holds_up_nobody(
    client: Client, engine: Engine
) -> None:
    go_on = threading.Event()

    def slow() -> Iterator[str]:
        yield TEXT
        go_on.wait(120)
        yield TEXT

    slow_ones = [
        threading.Thread(target=client.read, args=(NAME._replace(key=f"slow-{number}"), slow()))
        for number in range(15)
    ]
    for thread in slow_ones:
        thread.start()
    until = time.monotonic() + 120
    while client.stats().reads_queued < 15 and time.monotonic() < until:
        time.sleep(0.01)
    assert client.read(NAME, [TEXT]).tokens > 0
    assert answered(client, NAME, QUESTION)[1].tokens > 0
    last = threading.Thread(target=client.read, args=(NAME._replace(key="slow-15"), slow()))
    last.start()
    while client.stats().reads_queued < 16 and time.monotonic() < until:
        time.sleep(0.01)
    with pytest.raises(Busy, match="16 texts are being read here already"):
        client.read(NAME, [TEXT])
    go_on.set()
    for thread in [*slow_ones, last]:
        thread.join()
    empties(client)


def test_a_server_that_ends_says_so_first_and_finishes_answers(tiny: Tiny, tmp_path: Path) -> None:
    engine = tiny.engine(tmp_path, LocalDirectory(600.0))
    seen, rest = list[int](), list[Any]()
    with served(engine) as address:
        client, channel = Client(address), grpc.insecure_channel(address)
        client.read(NAME, [TEXT])
        answer = client.ask(NAME, QUESTION, 60)
        next(answer)
        watched = health_pb2_grpc.HealthStub(channel).Watch(health_pb2.HealthCheckRequest())
        threads = [
            threading.Thread(target=_watch, args=(watched, seen)),
            threading.Thread(target=rest.extend, args=(answer,)),
        ]
        for thread in threads:
            thread.start()
        while not seen:
            time.sleep(0.01)
    for thread in threads:
        thread.join()
    assert seen == [health_pb2.HealthCheckResponse.SERVING, health_pb2.HealthCheckResponse.NOT_SERVING]
    assert isinstance(rest[-1], Done)
    with pytest.raises(Unavailable):
        client.stats()
    client.shut()
    channel.close()


def _watch(watched: Any, seen: list[int]) -> None:
    try:
        for reply in watched:
            seen.append(reply.status)
    except grpc.RpcError:
        return


def empties(client: Client) -> None:
    """The queue of reads does, a moment after the last of them was answered."""
    until = time.monotonic() + 60
    while client.stats().reads_queued and time.monotonic() < until:
        time.sleep(0.01)
    assert client.stats().reads_queued == 0
