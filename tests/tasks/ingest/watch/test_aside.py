"""Manifests that are waited for, and copies of what could not be read.

Run: pytest tests/tasks/ingest/watch/test_aside.py
"""

import json
from pathlib import Path

import pytest

from tasks.errors import InvalidInput
from tasks.ingest.discover import discover
from tasks.ingest.storage import Found, find
from tasks.ingest.uris import Place, place
from tasks.ingest.watch.dead_letters import name_in, put_aside
from tasks.ingest.watch.manifests import named
from tasks.settings import StorageConfig

LOCAL = StorageConfig()


def manifest(folder: Path, content: str) -> Found:
    (folder / "set.manifest.json").write_text(content)
    return next(find(str(folder / "set.manifest.json"), LOCAL))


@pytest.mark.parametrize(
    "content", ['["a.txt", "deep/b.txt"]', '{"files": ["a.txt", {"name": "deep/../deep/b.txt", "size": 3}]}']
)
def test_a_manifest_names_documents_beside_it(content: str, tmp_path: Path) -> None:
    found = named(manifest(tmp_path, content), LOCAL)
    assert found == [str(tmp_path / "a.txt"), str(tmp_path / "deep/b.txt")]


@pytest.mark.parametrize(
    "content",
    ["", "3", '{"files": "a.txt"}', '{"files": [{"size": 3}]}', "[" * 100_000, '["\\ud800.txt"]'],
)
def test_what_is_no_manifest_is_said(content: str, tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="it is not waited for"):
        named(manifest(tmp_path, content), LOCAL)


def test_a_manifest_is_no_document_unless_it_is_named(tmp_path: Path) -> None:
    found = manifest(tmp_path, "[]")
    (tmp_path / "a.txt").write_text("text")
    assert [one.uri for one in discover([str(tmp_path)], tmp_path / "home", LOCAL)] == [
        str(tmp_path / "a.txt")
    ]
    assert list(discover([found.uri], tmp_path / "home", LOCAL)) == [found]


def row(found: Found, **more: str) -> dict[str, str]:
    why = {"outcome": "corrupt", "reason": "no end", "label": "", "run": "night"}
    return {"uri": found.uri, "version": found.version, **why, **more}


def test_what_could_not_be_read_is_copied_with_its_reasons(tmp_path: Path) -> None:
    drops, aside = tmp_path / "drops", tmp_path / "aside"
    (drops / "deep").mkdir(parents=True)
    (drops / "deep" / "bad.pdf").write_bytes(b"%PDF")
    found = next(find(str(drops), LOCAL))
    rows = [row(found, label="row=1"), row(found, label="row=2", reason="empty")]
    where = put_aside(rows, place(str(drops)), str(aside), LOCAL)
    assert where == str(aside / "deep" / "bad.pdf")
    assert Path(where).read_bytes() == b"%PDF"
    told = json.loads(Path(f"{where}.reason.json").read_text())
    assert told["uri"] == found.uri
    assert [one["reason"] for one in told["failures"]] == ["no end", "empty"]
    assert (drops / "deep" / "bad.pdf").exists()
    assert sorted(path.name for path in aside.rglob("*")) == ["bad.pdf", "bad.pdf.reason.json", "deep"]


def test_of_what_is_gone_by_then_only_the_reason_is_kept(tmp_path: Path) -> None:
    gone = Found(str(tmp_path / "drops" / "a.txt"), "1", 1)
    where = put_aside([row(gone)], Place(str(tmp_path / "drops"), True), str(tmp_path / "aside"), LOCAL)
    assert [path.name for path in Path(where).parent.iterdir()] == ["a.txt.reason.json"]


@pytest.mark.parametrize(
    ("uri", "name"),
    [
        ("s3://papers/in/../../etc/passwd", "%2E%2E/%2E%2E/etc/passwd"),
        ("s3://papers/in//a", "%2F/a"),
        ("s3://papers/in/./a", "%2E/a"),
        ("s3://papers/in", "%2Fin"),
        ("s3://papers/in/100%25 %2E.json", "100%2525 %252E.json"),
        ("s3://papers/in/a.reason.json", "a%2Ereason%2Ejson"),
    ],
)
def test_no_key_leads_out_of_the_folder_of_dead_letters(uri: str, name: str) -> None:
    assert name_in(Place("s3://papers/in", True), uri) == name


def test_neither_two_documents_nor_a_document_and_a_reason_have_one_name(tmp_path: Path) -> None:
    drops, aside = tmp_path / "drops", tmp_path / "aside"
    drops.mkdir()
    names = ("a", "a.json", "a.reason.json", "a%2Ereason%2Ejson", "a.reason.json.reason.json")
    for name in names:
        (drops / name).write_text(f"text of {name}")
    where = [put_aside([row(one)], place(str(drops)), str(aside), LOCAL) for one in find(str(drops), LOCAL)]
    assert {Path(path).read_text() for path in where} == {f"text of {name}" for name in names}
    assert {json.loads(Path(f"{path}.reason.json").read_text())["uri"] for path in where} == {
        str(drops / name) for name in names
    }
    at = Place("s3://papers/in", True)
    keys = ["in", "in/in", "in//in", "in/%2F/in", "in/%2Fin", "in/./in", "in/%2E/in", "in/%252E/in"]
    assert len({name_in(at, f"s3://papers/{key}") for key in keys}) == len(keys)
