"""Documents are forgotten, and left-overs removed, in a bucket as in a folder, earlier versions too.

Run: pytest tests/tasks/ingest/home/test_erase.py -m "" (a minute)
"""

import time
from pathlib import Path

import pytest

from tasks.errors import NightreadError
from tasks.ingest.home.whole import fetch_all
from tasks.ingest.home.writing import writing
from tasks.memory.forget.forget import finish
from tasks.memory.reader import history
from tasks.memory.staging import DEAD_S
from tasks.memory.upkeep.leftovers import in_bucket, sweep
from tests.faults import Fault
from tests.tasks.ingest.home.conftest import Store
from tests.tasks.ingest.home.test_home import note
from tests.tasks.memory.library import Library, build, uri, words_of
from tests.tasks.memory.rows import put
from tests.tasks.memory.test_forget import MEANS, forgotten, left


def everything(store: Store, to: Path) -> Path:
    """Every version of every object of the home as files, those that are read as a home."""
    place = f"{store.folder.name}/"
    listed = store.client.list_object_versions(Bucket=store.bucket, Prefix=place)
    for one in listed.get("Versions", []):
        name = one["Key"].removeprefix(place)
        file = to / name if one["IsLatest"] else to / "earlier" / one["VersionId"] / name
        file.parent.mkdir(parents=True, exist_ok=True)
        where = {"Bucket": store.bucket, "Key": one["Key"], "VersionId": one["VersionId"]}
        file.write_bytes(store.client.get_object(**where)["Body"].read())
        if name.startswith("ledger/"):
            (to / "ledger.sqlite").write_bytes(file.read_bytes())
    return to


@pytest.mark.slow
def test_what_is_forgotten_in_a_bucket_is_in_no_object_and_no_earlier_version(
    store: Store, tmp_path: Path
) -> None:
    store.bucket = "versioned"
    store.client.create_bucket(Bucket=store.bucket)
    versioning = {"Status": "Enabled"}
    store.client.put_bucket_versioning(Bucket=store.bucket, VersioningConfiguration=versioning)
    home = store.home("one", lease_s=60)
    with writing(home):
        build(home, 6).ledger.close()
    wanted = [*words_of(0), *words_of(0, 2)]
    assert {words for _, words in left(everything(store, tmp_path / "before"), wanted)} == set(wanted)
    there = store.home("two", lease_s=60)
    with writing(there):
        fetch_all(there)
        library = Library(there)
        sends = iter(range(10**6))
        store.proxy.choose = lambda it: (
            Fault(status=403, code="AccessDenied")
            if it.method == "DELETE" and "/shards/" in it.path and next(sends) < 1
            else None
        )
        with pytest.raises(NightreadError, match="AccessDenied"):
            forgotten(library, [uri(0)])
    third = store.home("three", lease_s=60)
    with writing(third):  # another machine finishes what was begun
        fetch_all(third)
        receipt = finish(third, Library(third).ledger, MEANS)
    assert receipt is not None
    assert (receipt["found"], len(receipt["documents"])) == (0, 2)
    assert receipt["object versions dropped"] > 0
    assert "other machines drop what they hold" in receipt["kept"]
    assert left(everything(store, tmp_path / "after"), wanted) == set()
    assert [row["run"] for row in history(store.home("one"))] == ["f1", "r3", "r2", "r1"]
    for machine in (home, third):
        assert left(machine, wanted) == set()


def test_an_upkeep_removes_from_the_bucket_what_no_kept_run_needs(store: Store) -> None:
    home = store.home("one")
    with writing(home):
        put(home, "r1", ["a"])
        for name in ("ca-p.parquet", "ca-p.json", "gone-p.parquet"):
            note(home, name, "a text")
    there = store.home("two")
    with writing(there):
        assert sweep(there)["parsed"] == 0  # nothing is old
        assert in_bucket(there, time.time() + 2 * DEAD_S) == {"parsed": 1, "shards": 0}
    assert store.names("parsed/") == ["parsed/ca-p.json", "parsed/ca-p.parquet"]
