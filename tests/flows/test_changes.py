"""A memory keeps up: what changed is read, what is gone is retired, and what lies elsewhere stays.

Run: pytest tests/flows/test_changes.py
"""

from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest

from flows.cli import main
from tasks.memory.reader import open_memory
from tests.flows.conftest import Configured
from tests.flows.corpus import read, recall, story, write_corpus
from tests.marks import slow
from tests.s3 import s3_server


class Folder:
    """A corpus in a folder."""

    def __init__(self, path: Path) -> None:
        self.uri = str(path)
        path.mkdir()

    def put(self, name: str, text: str) -> None:
        (Path(self.uri) / name).write_text(text)

    def remove(self, name: str) -> None:
        (Path(self.uri) / name).unlink()


class Bucket:
    """A corpus in a bucket of a real S3-compatible server."""

    def __init__(self, endpoint: str) -> None:
        self.uri = "s3://corpus/reports/"
        self.client = boto3.client("s3", endpoint_url=endpoint, region_name="us-east-1")
        self.client.create_bucket(Bucket="corpus")

    def put(self, name: str, text: str) -> None:
        self.client.put_object(Bucket="corpus", Key=f"reports/{name}", Body=text.encode())

    def remove(self, name: str) -> None:
        self.client.delete_object(Bucket="corpus", Key=f"reports/{name}")


@pytest.fixture(params=["bucket", *slow("folder")])
def store(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Folder | Bucket]:
    if request.param == "folder":
        yield Folder(tmp_path / "corpus")
        return
    with s3_server(tmp_path) as endpoint:
        monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
        yield Bucket(endpoint)


def test_only_what_changed_is_read_and_what_was_replaced_is_never_recalled(
    store: Folder | Bucket, configured: Configured
) -> None:
    config = configured()
    documents = 10
    for number in range(documents):
        store.put(f"report-{number:02d}.txt", story(number, 2))
    first = read(config, store.uri)
    assert first["read"] == documents
    store.put("report-07.txt", "The harbour of Bergen was dredged by two steam ships in 1931.\n")
    store.remove("report-08.txt")
    store.put("new.txt", "The glass factory of Nancy employed ninety people in winter.\n")
    second = read(config, store.uri)
    assert second["read"] == second["windows"] == 2
    texts = {hit["text"] for hit in recall(config, "observatory of Izmir number 7 meteors")}
    assert not any("number 7 " in text for text in texts)
    assert any("Bergen" in hit["text"] for hit in recall(config, "Who dredged the harbour of Bergen?"))
    earlier = recall(config, "observatory of Izmir number 7 meteors", as_of=first["run"])
    assert any("number 7 " in hit["text"] for hit in earlier)


def test_what_is_deleted_under_a_uri_is_retired_and_what_lies_elsewhere_stays(
    tmp_path: Path, configured: Configured
) -> None:
    config = configured()
    here, there = write_corpus(tmp_path / "here", 3, lines=2), tmp_path / "there"
    there.mkdir()
    (there / "note.txt").write_text("The glass factory of Nancy employed ninety people in winter.\n")
    (there / "copy.txt").write_text(story(1, 2))
    read(config, here)
    read(config, there)
    (here / "report-00.txt").unlink()
    (here / "report-01.txt").unlink()  # there is a copy of it elsewhere
    (here / "late.txt").write_text("The salt works of Aveiro were rebuilt after the flood.\n")
    kept = read(config, here, keep_gone=True)
    assert (kept["read"], kept["gone"]) == (1, [])
    assert {"late.txt", "report-00.txt"} <= {Path(uri).name for uri in open_memory(Path(config.home)).uris}
    outcome = read(config, here, allow_retire=True)
    assert outcome["status"] == "published"
    memory = open_memory(Path(config.home))
    cited = {Path(row["uri"]).name for row in memory.sources.to_pylist()}
    assert cited == {"late.txt", "report-02.txt", "note.txt", "copy.txt"}
    texts = " ".join(row["text"] for row in memory.rows())
    assert "Lisbon number 0 " not in texts
    for stays in ("Oslo number 1 ", "Quito number 2 ", "Nancy"):
        assert stays in texts
    quoted = {quote["document"] for row in memory.rows("level = 'corpus'") for quote in row["quotes"]}
    assert quoted <= {row["document"] for row in memory.sources.to_pylist()}


def test_a_renamed_document_is_called_by_its_new_name_where_the_old_one_was_its_title(
    tmp_path: Path, configured: Configured
) -> None:
    config, folder = configured(), write_corpus(tmp_path / "corpus", 1, lines=2)
    (folder / "ports.csv").write_text("port,depth,quays\nOrlo,12,3\nTarn,9,2\n")
    read(config, folder)
    (folder / "ports.csv").rename(folder / "harbours.csv")
    (folder / "report-00.txt").rename(folder / "observatory.txt")  # its title stands in its text
    outcome = read(config, folder)
    assert (outcome["read"], outcome["windows"]) == (1, 0)
    memory = open_memory(Path(config.home))
    rows = memory.rows("level != 'corpus'", ["id", "title"])
    assert {row["title"] for row in rows} == {"harbours.csv: port, depth, quays", "Report 0 from Lisbon"}
    assert len({row["id"] for row in rows}) == len(rows)
    (corpus,) = memory.rows("level = 'corpus'", ["text"])
    assert "- harbours.csv: port, depth, quays (table)" in corpus["text"]
    assert read(config, folder)["read"] == 0


def test_an_emptied_folder_is_retired_only_once_that_is_confirmed(
    tmp_path: Path, configured: Configured, capsys: pytest.CaptureFixture[str]
) -> None:
    config, folder = configured(), write_corpus(tmp_path / "corpus", 2, lines=2)
    read(config, folder)
    for path in list(folder.iterdir()):
        path.unlink()
    settings = {
        "home": config.home,
        "infer.model": config.infer.model,
        "cluster.address": config.cluster.address,
    }
    argv = ["read", str(folder), "--conf", "tiny", *(f"{name}={value}" for name, value in settings.items())]
    assert main(argv) == 2
    said = capsys.readouterr().err
    assert "2 of 2 documents" in said
    assert "--yes" in said
    assert not open_memory(Path(config.home)).is_empty
    assert main([*argv, "--yes"]) == 0
    assert "0 documents; 0 windows" in capsys.readouterr().out
    assert open_memory(Path(config.home)).is_empty
