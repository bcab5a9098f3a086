"""One spelling for every place, and one answer to what lies in it: listed there, or remembered of it.

Run: pytest tests/tasks/ingest/test_uris.py
"""

import glob
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tasks import schema
from tasks.errors import InvalidInput
from tasks.ingest.storage import find
from tasks.ingest.uris import canonical, corpus_of, is_corpus, path_of, place, uri_of
from tasks.memory.sources import Seen, merge_sources
from tasks.settings import StorageConfig

LOCAL = StorageConfig()
NAMES = st.sampled_from(
    ["a", "ab", "b.txt", "b c", "#x", "100%", "%41", "k=v", "-lead", "new\nline", "été", "日本", "[x]", "x",
     "*", "q?", ".hid", "a\\b", "{a,b}", "!n", "~", "a|b", "@(a)"]
)  # fmt: skip
FILES = st.lists(st.lists(NAMES, min_size=1, max_size=3).map("/".join), min_size=1, max_size=8)
WILD = st.sampled_from(["*", "**", "?", "a*", "*.txt", "[ab]*", "[!a]*", ".*", "b?c", "*\n*"])
PATTERNS = st.lists(WILD | NAMES, max_size=4).map("/".join)


@contextmanager
def tree(files: list[str]) -> Iterator[Path]:
    """A folder with files of these names; one that would have to be file and folder at once is left out."""
    with tempfile.TemporaryDirectory() as name:
        for file in files:
            path = Path(name) / file
            try:
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(file)
            except (NotADirectoryError, IsADirectoryError, FileExistsError):
                continue
        yield Path(name)


def listed(uri: str) -> set[str]:
    return {found.uri for found in find(uri, LOCAL)}


def shell(uri: str) -> set[str]:
    """What Python's own globbing makes of a pattern, where a folder stands for all that is seen in it."""
    found: set[str] = set()
    for match in [uri] if os.path.lexists(uri) else glob.glob(uri, recursive=True):
        if os.path.isfile(match):
            found.add(match)
        for root, folders, files in os.walk(match):
            folders[:] = [folder for folder in folders if not folder.startswith(".")]
            found |= {os.path.join(root, file) for file in files if not file.startswith(".")}
    return {os.path.normpath(path) for path in found}


def sources(uris: set[str]) -> pa.Table:
    fixed = {
        "version": "1",
        "content": "c",
        "part": 0,
        "label": "",
        "chars": 1,
        "outcome": "ok",
        "reason": "",
    }
    rows = [{"uri": uri, **fixed, "document": uri, "parsed": "p"} for uri in sorted(uris)]
    return schema.sources(rows)


@given(files=FILES, pattern=PATTERNS, chosen=st.integers(0, 2**8 - 1))
@example(files=["a/sub/b.txt", "a/x"], pattern="*", chosen=1)  # the fault that was found: below a match
@example(files=["[x]", "x"], pattern="[x]", chosen=1)
@example(files=["a/.hid/x", "a/b.txt"], pattern="**", chosen=1)
def test_what_a_uri_expands_to_lies_in_it_and_what_is_deleted_there_is_retired(
    files: list[str], pattern: str, chosen: int
) -> None:
    with tree(files) as folder:
        uri = canonical(f"{folder}/{pattern}")
        before = listed(uri)
        assert before == shell(uri)
        assert all(place(uri).holds(one) for one in before)
        everything = {str(path) for path in folder.rglob("*") if path.is_file()}
        assert {one for one in everything if place(uri).holds(one)} == before
        deleted = {one for bit, one in enumerate(sorted(before)) if chosen >> bit & 1}
        for one in deleted:
            os.unlink(one)
        seen = Seen((uri,), tuple(sources(listed(uri)).to_pylist()))
        held = sources(everything)
        after = merge_sources(held, seen, held)["uri"].to_pylist()
        assert set(after) == everything - deleted


def test_a_link_to_a_folder_is_gone_into_only_where_the_uri_names_it(tmp_path: Path) -> None:
    for name in ("real/a.txt", "docs/b.txt"):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).touch()
    (tmp_path / "docs" / "link").symlink_to(tmp_path / "real")
    plain, linked = f"{tmp_path}/docs/b.txt", f"{tmp_path}/docs/link/a.txt"
    for pattern, expected in {
        "docs/link": {linked},
        "docs/*": {plain, linked},
        "docs/*/a.txt": {linked},
        "docs": {plain},
        "docs/**": {plain},
        "**/*.txt": {plain, f"{tmp_path}/real/a.txt"},
    }.items():
        uri = canonical(f"{tmp_path}/{pattern}")
        assert listed(uri) == expected
        assert place(uri).holds(linked) is (linked in expected)


def test_a_folder_that_cannot_be_listed_is_forgotten_once_it_can(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    closed = str(tmp_path / "deep")
    rows = sources({closed}).to_pylist()
    held = schema.sources([{**rows[0], "outcome": "unreadable"}])
    for pattern in ("", "/**/*.md", "/*/a.md"):
        assert merge_sources(held, Seen((f"{tmp_path}{pattern}",), ()), held).num_rows == 0


@pytest.mark.parametrize("pattern", ["docs", "docs/**/*.md", "docs/*"])
def test_a_folder_elsewhere_that_cannot_be_listed_is_not_forgotten(pattern: str, tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    rows = sources({f"{tmp_path}/other", f"{tmp_path}/docs/closed"}).to_pylist()
    held = schema.sources([{**row, "outcome": "unreadable"} for row in rows])
    after = merge_sources(held, Seen((f"{tmp_path}/{pattern}",), ()), held)
    assert after["uri"].to_pylist() == [f"{tmp_path}/other"]


def test_every_spelling_of_a_place_is_one_corpus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    spellings = [
        "docs",
        "./docs",
        "docs/",
        "x/../docs",
        str(tmp_path / "docs"),
        f"file://{tmp_path}/docs",
        "~/docs",
    ]
    assert {canonical(one) for one in spellings} == {f"{tmp_path}/docs"}
    assert {canonical(one) for one in ("s3://b/p", "s3://b/p/", "S3://b/p")} == {"s3://b/p"}
    assert canonical("sample:") == "sample:"


@pytest.mark.parametrize("kept", ["docs", "docs/ ./docs", "docs ./my papers", "docs my papers s3://b/p"])
def test_a_corpus_that_was_named_in_another_spelling_is_recognised(
    kept: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    uris = [canonical("docs"), canonical("my papers"), "s3://b/p"]
    matching = [uris[:count] for count in (1, 2, 3) if is_corpus(kept, uris[:count])]
    assert matching == [uris[: 1 + ("papers" in kept) + ("s3" in kept)]]
    assert is_corpus(corpus_of(uris), uris)
    assert not is_corpus(kept, ["s3://b/q"])


@given(st.binary(min_size=1, max_size=20).map(lambda name: name.replace(b"\0", b"").replace(b"/", b"\\xe9")))
@example(b"latin\xe9.txt")
@example(b"\\xe9\\x5c\xff")
def test_any_file_name_is_valid_text_in_a_uri_and_found_again_by_it(name: bytes) -> None:
    path = "/" + os.fsdecode(name)
    uri = uri_of(path)
    assert path_of(uri) == path
    assert uri.encode().decode() == uri
    assert len(uri) == len(path) or "\\x" in uri


@given(st.lists(st.binary(min_size=1, max_size=8), min_size=1, max_size=3))
@example([b"100%", b"%41", b"a b#c?d"])
@example([b"latin\xe9", b"\\xe9"])
def test_a_file_uri_leads_to_the_path_that_it_encodes(names: list[bytes]) -> None:
    path = Path(*["/", *(os.fsdecode(name.translate(None, b"\0/") or b"x") for name in names)])
    for uri in (path.as_uri(), path.as_uri().replace("file://", "FILE://localhost", 1)):
        assert canonical(uri) == canonical(str(path))


def test_a_byte_that_is_not_utf_8_is_shown_as_a_number(tmp_path: Path) -> None:
    assert (
        uri_of(os.fsdecode(b"/latin\xe9.txt"))
        == canonical(os.fsdecode(b"/latin\xe9.txt"))
        == r"/latin\xe9.txt"
    )
    literal = tmp_path / r"a\xe9"  # eight characters of ASCII, not a byte
    literal.touch()
    assert canonical(str(literal)) == rf"{tmp_path}/a\x5cxe9"
    assert listed(canonical(str(literal))) == {rf"{tmp_path}/a\x5cxe9"}


@pytest.mark.parametrize(
    "uri",
    [
        "s3://AKIA7:pa55word@bucket/docs",
        "s3://AKIA7:pa55/word@bucket",
        "s3://pa55word@bucket",
        "https://u:pa55word@h/p",
    ],
)
def test_credentials_in_a_uri_are_refused_and_never_repeated(uri: str) -> None:
    with pytest.raises(InvalidInput) as error:
        canonical(uri)
    assert not any(secret in str(error.value) for secret in ("pa55", "AKIA7"))


@pytest.mark.parametrize(
    ("uri", "named"),
    [
        ("", "''"),
        ("a\0b", r"a\\x00b"),
        ("file:///a%00b", "%00"),
        ("gopher://x", "gopher"),
        ("s3://", "s3://"),
    ],
)
def test_what_is_no_place_is_refused_by_name(uri: str, named: str) -> None:
    with pytest.raises(InvalidInput, match=named):
        canonical(uri)


@pytest.mark.parametrize(
    ("uri", "key", "inside"),
    [
        ("s3://b/docs", "docs/a b#%=\n.txt", True),
        ("s3://b/docs", "docs-old/c.txt", False),
        ("s3://b/docs", "docs", True),
        ("s3://b", "docs/.hidden/a", True),
        ("s3://b/docs/*.txt", "docs/a.txt", True),
        ("s3://b/docs/*.txt", "docs/deep/a.txt", False),
        ("s3://b/docs/**/*.txt", "docs/deep/er/a.txt", True),
        ("s3://b/docs/d*", "docs/deep/er/a.txt", True),
        ("s3://b/docs/[x].txt", "docs/[x].txt", True),
        ("s3://b/docs//a", "docs//a/b", True),
    ],
)
def test_a_key_lies_in_a_prefix_or_a_glob_as_a_file_does(uri: str, key: str, inside: bool) -> None:
    assert place(uri).holds(f"s3://b/{key}") is inside
