"""A home in a bucket: what one machine wrote, another finds; one writes at a time; a dead one is followed."""

import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from flows.config import load
from flows.read import begin
from flows.watching import watch
from tasks.errors import InvalidInput, Transient
from tasks.ingest.cluster import check_copy
from tasks.ingest.discover import check_uris
from tasks.ingest.home.log import Overtaken, append, newest
from tasks.ingest.home.remote import needed
from tasks.ingest.home.writing import publish, writing
from tasks.ingest.steps import discover
from tasks.memory.reader import open_memory, published
from tasks.runs.ledger import Ledger, ledger_path
from tests.faults import Fault, Request
from tests.tasks.ingest.home.conftest import Store
from tests.tasks.memory.rows import content, ids, put


def note(home: Path, name: str, text: str) -> None:
    path = home / "parsed" / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)


def pointed(home: Path, run: str) -> None:
    """A publication of a table that nobody looks at."""
    (home / "memory").mkdir(exist_ok=True)
    publish(home, {"run": run, "version": 1, "time": ""})


def test_what_one_machine_wrote_another_finds(store: Store) -> None:
    here = store.home("here")
    with writing(here):
        note(here, "a.parquet", "text of a")
        with Ledger(ledger_path(here)) as ledger:
            ledger.put("k", "window", b"what was read")
        put(here, "r1", ["a", "b"])
    there = store.home("there")
    assert here != there
    assert ids(there) == ids(here)
    assert open_memory(there).uris == open_memory(here).uris
    assert not (there / "parsed/a.parquet").exists()
    assert needed(there, "parsed/a.parquet").read_text() == "text of a"
    with Ledger(ledger_path(there)) as ledger:
        assert ledger.get("k") == b"what was read"
    with writing(there):
        put(there, "r2", ["a", "c"])
    assert ids(store.home("here")) == ids(there)
    assert content(here, as_of="r1") == content(there, as_of="r1")
    assert not list(here.glob("memory/*.lance"))


def test_a_store_without_conditional_writes_is_refused(store: Store) -> None:
    home = store.home()
    store.proxy.choose = lambda request: Fault(without="if-none-match")
    with pytest.raises(InvalidInput, match=r"If-None-Match.*lose each other's records"), writing(home):
        pass
    store.proxy.choose = lambda request: (
        Fault(status=501, code="NotImplemented") if "If-None-Match" in request.headers else None
    )
    with pytest.raises(InvalidInput, match="does not know the condition"), writing(home):
        pass
    assert store.names() == []


def test_one_writes_at_a_time_and_who_does_is_named(store: Store) -> None:
    here, there = store.home("here"), store.home("there")
    with writing(here, "run r1"):
        with pytest.raises(Transient, match=r"run r1 on .* writes to s3://homes/.*try again"), writing(there):
            pass
        pointed(here, "r1")
        refused: list[str] = []

        def on_the_same_machine() -> None:
            with writing(here):  # the right is the process's
                refused.append("no")

        thread = threading.Thread(target=on_the_same_machine)
        thread.start()
        thread.join()
        assert refused == ["no"]
    with writing(there):
        pointed(there, "r2")
    assert published(store.home("here")) == {"run": "r2", "version": 1, "time": ""}


def test_a_writer_that_is_not_heard_of_is_followed_and_cannot_publish_any_more(store: Store) -> None:
    lost, other = store.home("lost"), store.home("other")
    with ExitStack() as held:
        held.enter_context(writing(lost, "run r1"))
        put(lost, "r1", ["a"])
        name = newest(store.remote("other").bucket).writer
        beat = f"/alive/{name}"
        store.proxy.choose = lambda it: Fault(reset=True) if it.method == "PUT" and beat in it.path else None
        with writing(other, "run r2"):  # waits until the silence has lasted long enough
            put(other, "r2", ["a", "b"])
        with pytest.raises(Overtaken, match=r"has taken over s3://|was not reached"):
            put(lost, "r3", ["a", "c"])
        store.proxy.choose = lambda _: None
        with pytest.raises(Overtaken):
            held.close()
    assert store.names("alive/") == []
    assert open_memory(store.home("lost")).run == "r2"
    assert ids(store.home("third")) == ids(other) == {f"{name}-{n}" for name in "ab" for n in range(5)}


def test_what_a_dead_process_had_begun_goes_on_at_once_on_its_machine(store: Store) -> None:
    home = store.home(lease_s=600)
    code = f"""
import os
from pathlib import Path
from tasks.ingest.home.writing import publish, writing
with writing(Path({str(home)!r}), "a run"):
    os._exit(9)
"""
    subprocess.run([sys.executable, "-c", code], check=False)
    assert newest(store.remote().bucket).writer
    began = time.monotonic()
    with writing(home):
        pointed(home, "r1")
    assert time.monotonic() - began < 60
    time.sleep(3)  # times of objects are whole seconds
    with writing(store.home(lease_s=2)):
        pass
    assert store.names("alive/") == [], "what a dead writer left"


def test_a_corpus_that_holds_the_home_is_refused(store: Store) -> None:
    config = load("tiny", [f"home={store.uri}"])
    config = replace(config, storage=store.storage())
    place = store.uri.rpartition("/")[0]
    run = begin([place], config)
    refusals: list[Callable[[], object]] = [
        lambda: discover(run),
        lambda: check_uris([place], run.home, config.storage),
        lambda: watch(replace(config, home=str(run.home)), place),
    ]
    for refused in refusals:
        with pytest.raises(InvalidInput, match=rf"{place} holds the home {store.uri}"):
            refused()


def test_of_two_that_begin_at_the_same_moment_one_is_told_so(store: Store) -> None:
    home, bucket = store.home(), store.remote("other").bucket

    def begun(request: Request) -> None:
        """The other one is the first, between two requests of this one."""
        if request.method == "PUT" and "/alive/" in request.path:
            store.proxy.choose = lambda _: None
            append(bucket, newest(bucket), writer="other", who="run r1")

    store.proxy.choose = begun
    with pytest.raises(Transient, match="at the same moment"), writing(home):
        pass
    assert store.names("alive/") == []


def test_a_writer_that_takes_long_to_begin_is_heard_of_and_one_that_cannot_lets_others_write(
    store: Store,
) -> None:
    here, there, begun = store.home("here"), store.home("there"), threading.Event()

    def slow(request: Request) -> Fault | None:
        """What a large home holds takes longer than the lease to be listed."""
        if "parsed%2F" not in request.path or begun.is_set():
            return None
        begun.set()
        return Fault(wait_s=4)

    def write() -> None:
        with writing(here, "run r1"):
            pass

    store.proxy.choose = slow
    thread = threading.Thread(target=write)
    thread.start()
    assert begun.wait(60)
    with pytest.raises(Transient, match=r"run r1 on .* writes to"), writing(there):
        pass
    thread.join()
    store.proxy.choose = lambda it: Fault(status=403, code="AccessDenied") if "parsed%2F" in it.path else None
    with pytest.raises(InvalidInput), writing(there):
        pass
    assert (newest(store.remote("here").bucket).writer, store.names("alive/")) == ("", [])


def test_workers_that_do_not_see_the_working_copy_are_refused(store: Store, tmp_path: Path) -> None:
    class Client:
        """As Dask asks one worker of another machine."""

        def run(self, function: Callable[[str], bool], path: str) -> dict[str, bool]:
            return {"tcp://10.0.0.7:1": function(path.replace(str(tmp_path), "/nowhere"))}

    with pytest.raises(InvalidInput, match=r"1 of 1 Dask workers.*storage\.cache"):
        check_copy(Client(), store.home(), "tcp://10.0.0.5:8786")
    check_copy(Client(), tmp_path, "tcp://10.0.0.5:8786")
