"""What a scaler of readers looks at: how many questions wait."""

from pathlib import Path

import pytest
import torch
from starlette.testclient import TestClient

from flows.gateway.app import gateway
from flows.reading_service import door
from model.reader import Reader
from tasks.errors import InvalidInput
from tasks.serve.directory.local import LocalDirectory
from tests.flows.gateway.conftest import Client
from tests.flows.gateway.homes import Homes, configured
from tests.tasks.serve.readers import NAME, Tiny, served


def test_nothing_is_loaded_to_tell_and_a_tenant_is_told_nothing(own: Homes, client: Client) -> None:
    told = client(own, own.reads).get("/metrics")
    assert (told.status_code, told.text.strip()) == (200, "")
    assert client(own, own.lab).get("/metrics").status_code == 403
    assert client(own).get("/metrics").status_code == 401


def test_the_readers_that_the_settings_name_are_counted_together(
    tmp_path: Path, tiny_model_dir: Path
) -> None:
    tiny = Tiny(Reader(tiny_model_dir, 128, torch.device("cpu"), torch.float32), tiny_model_dir)
    engine = tiny.engine(tmp_path, LocalDirectory(600.0), "one")
    with served(engine) as address:
        config = configured(tmp_path / "home", f"serve.readers=[{address}]")
        with door(config) as reader, TestClient(gateway(config, reader), "http://127.0.0.1:8320") as client:
            reader().read(NAME, ["The ferry leaves at nine. " * 20])
            told = dict(
                line.split() for line in client.get("/metrics").text.splitlines() if not line.startswith("#")
            )
    assert float(told["nightread_reader_contexts"]) == 1
    assert float(told["nightread_reader_questions_waiting"]) == 0
    assert float(told["nightread_reader_contexts_bytes"]) > 0


def test_an_address_that_is_none_is_refused_before_anything_is_loaded(tmp_path: Path) -> None:
    with (
        pytest.raises(InvalidInput, match=r"serve\.readers=nowhere: give HOST:PORT"),
        door(configured(tmp_path, "serve.readers=[nowhere]")),
    ):
        pass
