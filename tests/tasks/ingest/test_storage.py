"""Finding and fetching, folders and buckets alike: a fixed order, no circles, nothing lost in silence.

Run: pytest tests/tasks/ingest/test_storage.py
"""

import hashlib
import json
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import boto3
import pytest

from tasks import schema
from tasks.errors import BadDocument, InvalidInput, Transient
from tasks.ingest.discover import check_uris, discover, existing
from tasks.ingest.parse import parse_source, read_text
from tasks.ingest.storage import SPECIAL, Found, client, fetch, find
from tasks.ingest.uris import place
from tasks.runs.ledger import Ledger
from tasks.settings import ParseConfig, StorageConfig
from tests.s3 import s3_server

LOCAL = StorageConfig()


def corpus(folder: Path) -> Path:
    """Files at three depths, hidden ones, and links that lead in circles."""
    for name in ("b.txt", "a.md", "deep/c.txt", "deep/er/d.md", ".hidden/e.txt", "deep/.f.txt"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(name)
    (folder / "deep" / "round").symlink_to(folder)
    (folder / "deep" / "er" / "again").symlink_to(folder)
    return folder


def names(uri: Path | str, folder: Path) -> list[str]:
    return [str(Path(found.uri).relative_to(folder)) for found in find(str(uri), LOCAL)]


@contextmanager
def nobody() -> Iterator[Path]:
    """A folder, as a user whom permissions bind: root may read everything."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o777)
        root = os.geteuid() == 0
        try:
            if root:
                os.seteuid(65534)
            yield Path(name)
        finally:
            for path in Path(name).iterdir():
                path.chmod(0o700)
            if root:
                os.seteuid(0)


def test_a_folder_gives_its_files_once_without_hidden_ones(tmp_path: Path) -> None:
    found = names(corpus(tmp_path), tmp_path)
    assert found == ["a.md", "b.txt", "deep/c.txt", "deep/er/d.md"]


def test_marks_that_programs_leave_beside_documents_are_passed_over(tmp_path: Path) -> None:
    for name in ("~$lease.docx", ".~lock.a.odt#", "Thumbs.db", "deep/Desktop.ini", "deep/a.odt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    assert names(str(tmp_path), tmp_path) == ["deep/a.odt"]


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("*.txt", ["b.txt"]),
        ("**/*.md", ["a.md", "deep/er/d.md"]),
        ("**/er/*.md", ["deep/er/d.md"]),
        ("deep/**", ["deep/c.txt", "deep/er/d.md"]),
        ("d*", ["deep/c.txt", "deep/er/d.md"]),
    ],
)
def test_a_pattern_matches_any_depth_and_never_runs_in_circles(
    pattern: str, expected: list[str], tmp_path: Path
) -> None:
    assert names(corpus(tmp_path) / pattern, tmp_path) == expected


@pytest.mark.heavy
def test_a_name_that_is_not_utf_8_is_that_files_quarantine_and_no_others(tmp_path: Path) -> None:
    for name in (b"latin\xe9.txt", b"deep\xff/a.txt", b"plain.txt"):
        path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/" + name))
        path.parent.mkdir(exist_ok=True)
        path.write_text("text")
    found = list(discover([str(tmp_path)], tmp_path / "home", LOCAL))
    rows = [parse_source(one, tmp_path / "home", ParseConfig(), LOCAL)[0] for one in found]
    assert {row["uri"].removeprefix(f"{tmp_path}/"): row["outcome"] for row in rows} == {
        r"latin\xe9.txt": "unsupported",
        "plain.txt": "ok",
        r"deep\xff/a.txt": "unsupported",
    }
    assert "UTF-8" in rows[0]["reason"]
    assert [again.uri for again in find(rows[0]["uri"], LOCAL)] == [rows[0]["uri"]]
    table = schema.sources(rows)
    assert table["uri"].to_pylist() == [json.loads(json.dumps(row))["uri"] for row in rows]


def test_what_must_not_be_opened_is_found_and_marked(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert list(find(str(tmp_path), LOCAL)) == [Found(str(tmp_path / "pipe"), SPECIAL, 0)]


def test_a_changed_file_has_another_version(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("one")
    before = next(find(str(path), LOCAL))
    path.write_text("three")
    assert next(find(str(path), LOCAL)).version != before.version


def test_fetching_copies_the_bytes_and_names_them(tmp_path: Path) -> None:
    content = os.urandom(3 << 20)
    (tmp_path / "a").write_bytes(content)
    digest = fetch(next(find(str(tmp_path / "a"), LOCAL)), tmp_path / "copy", 4 << 20, LOCAL)
    assert (tmp_path / "copy").read_bytes() == content
    assert digest == hashlib.sha256(content).hexdigest()


@pytest.mark.parametrize("listed", [0, 5000])
def test_a_file_over_the_limit_is_too_large_whatever_its_listing_said(listed: int, tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"x" * 5000)
    with pytest.raises(BadDocument) as error:
        fetch(Found(str(tmp_path / "a"), "", listed), None, 4096, LOCAL)
    assert error.value.outcome == "too_large"


def test_a_file_that_became_a_pipe_does_not_hang_the_fetch(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a")
    with pytest.raises(BadDocument) as error:
        fetch(Found(str(tmp_path / "a"), "", 5), None, 4096, LOCAL)
    assert error.value.outcome == "unreadable"


def test_a_file_and_a_folder_without_permission_are_unreadable_beside_one_that_is_read() -> None:
    with nobody() as folder:
        for name in ("closed", "open"):
            (folder / name).mkdir()
            (folder / name / "a.txt").write_text("text")
        (folder / "b.txt").write_text("text")
        (folder / "b.txt").chmod(0)
        (folder / "closed").chmod(0)
        outcomes = {}
        for found in find(str(folder), LOCAL):
            name = str(Path(found.uri).relative_to(folder))
            try:
                outcomes[name] = fetch(found, None, 4096, LOCAL)[:0] or "ok"
            except BadDocument as error:
                outcomes[name] = error.outcome
    assert outcomes == {"b.txt": "unreadable", "closed": "unreadable", "open/a.txt": "ok"}


def test_a_folder_that_cannot_be_listed_at_all_is_refused_by_name() -> None:
    with nobody() as folder:
        (folder / "closed").mkdir(mode=0)
        with pytest.raises(InvalidInput, match=r"closed.*permissions"):
            list(find(str(folder / "closed"), LOCAL))


@pytest.fixture(scope="module")
def bucket(processes: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[StorageConfig, Any]]:
    with pytest.MonkeyPatch.context() as patch, s3_server(tmp_path_factory.mktemp("s3")) as endpoint:
        patch.setenv("AWS_ACCESS_KEY_ID", "test")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "test")
        client = boto3.client("s3", endpoint_url=endpoint, region_name="us-east-1")
        client.create_bucket(Bucket="papers")
        yield StorageConfig(endpoint_url=endpoint), client


def test_a_prefix_in_a_bucket_is_read_like_a_folder(
    bucket: tuple[StorageConfig, Any], tmp_path: Path
) -> None:
    storage, client = bucket
    for key in ("docs/a b.txt", "docs/deep/b.txt", "docs-old/c.txt"):
        client.put_object(Bucket="papers", Key=key, Body=f"text of {key}".encode())
    found = list(discover(["s3://papers/docs"], tmp_path, storage))
    assert [item.uri for item in found] == ["s3://papers/docs/a b.txt", "s3://papers/docs/deep/b.txt"]
    row = parse_source(found[0], tmp_path, ParseConfig(), storage)[0]
    assert read_text(tmp_path, row["parsed"], 0, 0, 100) == "text of docs/a b.txt"
    client.put_object(Bucket="papers", Key="docs/a b.txt", Body=b"another text")
    assert next(iter(discover(["s3://papers/docs"], tmp_path, storage))).version != found[0].version
    replaced = parse_source(found[0], tmp_path, ParseConfig(), storage)[0]
    assert (replaced["outcome"], replaced["content"]) == ("unreadable", "")
    client.delete_object(Bucket="papers", Key="docs/deep/b.txt")
    assert parse_source(found[1], tmp_path, ParseConfig(), storage)[0]["outcome"] == "vanished"


def test_a_bucket_that_does_not_exist_is_named(bucket: tuple[StorageConfig, Any], tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="s3://missing"):
        list(discover(["s3://missing/docs"], tmp_path, bucket[0]))


@pytest.mark.parametrize(
    ("uri", "keys"),
    [
        ("s3://odd/a b", ["a b/#1.txt", "a b/100%.txt", "a b/k=v/-lead.txt"]),
        ("s3://odd/a b/*.txt", ["a b/#1.txt", "a b/100%.txt"]),
        ("s3://odd/**/-*", ["a b/k=v/-lead.txt"]),
        ("s3://odd/été/new*", ["été/new\nline.txt"]),
        ("s3://odd/[[]x].txt", ["[x].txt"]),
        ("s3://odd/[x].txt", ["[x].txt", "x.txt"]),
    ],
)
def test_a_prefix_or_glob_gives_the_keys_that_lie_in_it(
    uri: str, keys: list[str], bucket: tuple[StorageConfig, Any]
) -> None:
    storage, client = bucket
    client.create_bucket(Bucket="odd")
    every = ["a b/#1.txt", "a b/100%.txt", "a b/k=v/-lead.txt", "été/new\nline.txt", "[x].txt", "x.txt", "a/"]
    for key in every:
        client.put_object(Bucket="odd", Key=key, Body=b"text")
    found = [one.uri.removeprefix("s3://odd/") for one in find(uri, storage)]
    assert found == keys
    assert [key for key in every if place(uri).holds(f"s3://odd/{key}")] == keys


@contextmanager
def store_that_answers(status: int, code: str) -> Iterator[str]:
    """An HTTP server that answers every request as an object store answers one it refuses."""

    class Refusing(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = (
                f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>pa55word</Message></Error>".encode()
            )
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            del format, args

    server = HTTPServer(("127.0.0.1", 0), Refusing)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize(
    ("status", "code", "remedy"),
    [
        (403, "SignatureDoesNotMatch", "AWS_SECRET_ACCESS_KEY"),
        (403, "AccessDenied", "AWS_ACCESS_KEY_ID"),
        (400, "AuthorizationHeaderMalformed", "storage.region"),
        (403, "RequestTimeTooSkewed", "clock"),
        (404, "NoSuchBucket", "storage.endpoint_url"),
    ],
)
def test_what_only_the_user_can_mend_is_refused_with_the_endpoint_and_the_remedy(
    status: int, code: str, remedy: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIA7")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "pa55word")
    with store_that_answers(status, code) as endpoint:
        with pytest.raises(InvalidInput, match=f"s3://papers.*{endpoint}.*{code}.*{remedy}") as error:
            check_uris(["s3://papers/docs"], tmp_path, StorageConfig(endpoint_url=endpoint))
        assert not any(secret in str(error.value) for secret in ("pa55word", "AKIA7"))


def test_a_store_that_cannot_be_reached_is_named_without_its_password(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIA7")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "pa55word")
    with pytest.raises(Transient, match=r"127\.0\.0\.1:9.*storage\.endpoint_url") as error:
        check_uris(["s3://papers"], tmp_path, StorageConfig(endpoint_url="http://me:pa55word@127.0.0.1:9"))
    assert "pa55word" not in str(error.value)
    with pytest.raises(InvalidInput, match=r"endpoint_url=nonsense"):
        check_uris(["s3://papers"], tmp_path, StorageConfig(endpoint_url="nonsense"))


@pytest.mark.heavy
def test_uris_are_checked_before_anything_heavy_is_loaded(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    check_uris([str(tmp_path / "empty"), "sample:"], tmp_path / "home", LOCAL)
    assert not (tmp_path / "home").exists()
    with pytest.raises(InvalidInput, match="nothing to read"):
        check_uris([], tmp_path, LOCAL)
    code = """
import sys
from pathlib import Path
from tasks.errors import InvalidInput
from tasks.ingest.discover import check_uris
from tasks.settings import StorageConfig
try:
    check_uris(["/nowhere/at/all"], Path(sys.argv[1]), StorageConfig())
except InvalidInput as error:
    print(error)
print(*{"torch", "transformers", "prefect", "lancedb", "pyarrow", "boto3"} & sys.modules.keys())
"""
    done = subprocess.run([sys.executable, "-c", code, tmp_path], capture_output=True, text=True, check=True)
    assert done.stdout == "/nowhere/at/all: no such file or folder; check the path\n\n"


def test_a_place_that_held_something_once_may_be_empty_now(tmp_path: Path) -> None:
    gone = str(tmp_path / "gone")
    with Ledger(tmp_path / "ledger.sqlite") as ledger, pytest.raises(InvalidInput, match="no such"):
        check_uris([gone], tmp_path, LOCAL)
    row = {"uri": f"{gone}/a.txt", "part": 0, "version": "1", "outcome": "ok", "parsed": "parsed/c-p.parquet"}
    ledger.remember_source([row], "p")
    check_uris([gone, f"{gone}/*.txt"], tmp_path, LOCAL)
    assert existing([gone, str(tmp_path)], LOCAL) == [str(tmp_path)]
    assert list(discover([gone], tmp_path, LOCAL, ledger.source_uris())) == []


@pytest.mark.parametrize(
    ("addressing", "address"),
    [
        ("auto", "http://store.test/papers/a.txt"),
        ("path", "http://store.test/papers/a.txt"),
        ("virtual", "http://papers.store.test/a.txt"),
    ],
)
def test_a_bucket_stands_in_the_address_where_the_settings_say(addressing: Any, address: str) -> None:
    config = StorageConfig(endpoint_url="http://store.test", addressing=addressing, anonymous=True)
    asked = client(config).generate_presigned_url("get_object", {"Bucket": "papers", "Key": "a.txt"})
    assert asked.partition("?")[0] == address
