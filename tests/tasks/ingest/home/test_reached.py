"""How a store is reached: with certificates of one's own, without credentials, in an assumed role."""

import ssl
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from tasks.errors import InvalidInput
from tasks.ingest.home.remote import established
from tasks.ingest.home.writing import opened, writing
from tasks.settings import StorageConfig
from tests.faults import proxy
from tests.tasks.ingest.home.conftest import Store
from tests.tasks.memory.rows import ids, put


def used(storage: StorageConfig, uri: str) -> None:
    """A home is written to and read, by both clients of the store."""
    home = opened(uri, storage)
    with writing(home):
        put(home, "r1", ["a"])
    assert len(ids(opened(uri, replace(storage, cache=f"{storage.cache}-2")))) == 5


def certificate(folder: Path, name: str, *options: str | Path) -> Path:
    """A certificate and, beside it, its key."""
    file = folder / f"{name}.pem"
    made = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", *options]
    subprocess.run(
        [*made, "-keyout", file.with_suffix(".key"), "-out", file], check=True, capture_output=True
    )
    return file


def test_a_public_store_is_asked_without_credentials(store: Store) -> None:
    used(replace(store.storage(), anonymous=True), f"s3://homes/{store.folder.name}")
    assert store.proxy.asked
    assert not any("Authorization" in request.headers for request in store.proxy.asked)


def test_a_role_is_assumed_and_the_credentials_it_gives_are_used(store: Store) -> None:
    role = "arn:aws:iam::000000000000:role/reader"
    used(replace(store.storage(), role_arn=role), f"s3://homes/{store.folder.name}")
    signed = {
        (it.path == "/", "AKIATESTED" in it.headers.get("Authorization", it.headers.get("authorization", "")))
        for it in store.proxy.asked
    }
    assert signed == {(True, True), (False, False)}  # the service that gives them is asked with our own
    tokens = {
        "x-amz-security-token" in map(str.lower, it.headers) for it in store.proxy.asked if it.path != "/"
    }
    assert tokens == {True}


def test_a_store_with_a_certificate_of_its_own_is_trusted_by_its_bundle(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    bundle = certificate(store.folder, "bundle", "-subj", "/CN=authority")
    named = [
        "-subj",
        "/CN=store",
        "-addext",
        "subjectAltName=IP:127.0.0.1",
        "-addext",
        "basicConstraints=CA:FALSE",
    ]
    own = certificate(store.folder, "own", *named, "-CA", bundle, "-CAkey", bundle.with_suffix(".key"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(own, own.with_suffix(".key"))
    with proxy(store.server, context) as secure:
        storage = replace(store.storage(), endpoint_url=secure.endpoint, ca_bundle=str(bundle))
        used(storage, f"s3://homes/{store.folder.name}")


def test_settings_that_cannot_be_meant_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=r"storage\.ca_bundle=/no/such\.pem: no such file"):
        opened("s3://homes/x", StorageConfig(ca_bundle="/no/such.pem", cache=str(tmp_path)))
    with pytest.raises(InvalidInput, match="must not hold credentials") as error:
        established("s3://homes/x", StorageConfig(endpoint_url="http://me:pa55@host", cache=str(tmp_path)))
    assert "pa55" not in str(error.value)
    with pytest.raises(InvalidInput, match="must not hold credentials"):
        established("s3://key:pa55@homes/x", StorageConfig(cache=str(tmp_path)))
