"""Finding and fetching, folders and buckets alike: a fixed order, no circles, nothing lost in silence.

Run: pytest tests/tasks/test_storage.py
"""

import hashlib
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import boto3
import pytest

from tasks.errors import BadDocument, InvalidInput
from tasks.ingest.discover import discover
from tasks.ingest.parse import parse_source, read_text
from tasks.ingest.storage import SPECIAL, Found, fetch, find
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


def test_local_uris_are_absolute_paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(corpus(tmp_path))
    assert [found.uri for found in find("b.txt", LOCAL)] == [str(tmp_path / "b.txt")]


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
def bucket(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[StorageConfig, Any]]:
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
    client.delete_object(Bucket="papers", Key="docs/deep/b.txt")
    assert parse_source(found[1], tmp_path, ParseConfig(), storage)[0]["outcome"] == "vanished"


def test_a_bucket_that_does_not_exist_is_named(bucket: tuple[StorageConfig, Any], tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="s3://missing"):
        list(discover(["s3://missing/docs"], tmp_path, bucket[0]))
