"""Documents dropped into a real bucket are read once each, whatever becomes of their notifications.

Run: pytest tests/flows/drops/test_drops.py (-m slow for 200 documents and a watcher killed twice: 10 minutes)
"""

import _thread
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from flows.drops.starting import Here
from flows.drops.watcher import Watcher
from tasks.ingest.uris import place
from tasks.ingest.watch.queue import Queue
from tasks.ingest.watch.state import claimed
from tests.flows.conftest import Configured
from tests.flows.drops.bucket import (
    BUCKET,
    PREFIX,
    Bucket,
    Sizes,
    count_parses,
    documents_read,
    parses,
    remembered_versions,
    runs,
    settled,
)
from tests.s3 import s3_server

ROOT = Path(__file__).parents[3]
PLACE = f"s3://{BUCKET}/{PREFIX}"
QUICK = ("infer.salience=false", "watch.quiet_s=1.0", "watch.sweep_s=4.0", "watch.gather_s=20.0")


@pytest.fixture
def bucket(processes: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bucket]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    with s3_server(tmp_path) as endpoint:
        yield Bucket(endpoint)


def check(bucket: Bucket, home: Path, sizes: Sizes) -> None:
    """Each final version was read exactly once, nothing is lost, and it took few runs."""
    final, read = bucket.listed(), parses(home)
    assert len(final) == sizes.documents - sizes.deleted
    assert remembered_versions(home) == final
    assert {source: read[source] for source in final if read[source] != 1} == {}
    assert documents_read(home) >= len(final)
    assert len(runs(home)) < 10
    assert len(bucket.during) >= sizes.parts - 1
    assert bucket.unread == 0
    assert bucket.lost > 0


def test_what_is_dropped_into_a_bucket_is_read_once_though_events_are_late_doubled_and_lost(
    bucket: Bucket, configured: Configured, api: str
) -> None:
    sizes = Sizes(documents=20, parts=2, twice=4, replaced=3, deleted=2, aborted=2)
    config = configured(f"storage.endpoint_url={bucket.endpoint}", *QUICK)
    home = Path(config.home)
    count_parses(home)
    queue = Queue(bucket.watched, config.storage)
    said: list[str] = []

    def drop() -> None:
        try:
            bucket.drop(sizes, home)
            settled(bucket, home)
        finally:
            _thread.interrupt_main()

    dropper = threading.Thread(target=drop)
    with claimed(home, PLACE) as state, bucket.relayed():
        watcher = Watcher(place(PLACE), config, state, Here(config, url=api), said.append, queue)
        queue.start()
        dropper.start()
        with pytest.raises(KeyboardInterrupt):
            watcher.watch(once=False)
        dropper.join()
        queue.stop()
    check(bucket, home, sizes)
    assert [line for line in said if "cannot" in line or "failed" in line] == []


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("kills", [0, 2])
def test_two_hundred_documents_dropped_while_runs_go_on_are_read_once_though_the_watcher_is_killed(
    kills: int, bucket: Bucket, configured: Configured, tmp_path: Path
) -> None:
    sizes = Sizes(documents=200, parts=4, twice=20, replaced=10, deleted=5, aborted=5)
    config = configured(f"storage.endpoint_url={bucket.endpoint}", *QUICK)
    home = Path(config.home)
    count_parses(home)
    settings = [
        f"home={home}",
        f"infer.model={config.infer.model}",
        f"cluster.address={config.cluster.address}",
        f"storage.endpoint_url={bucket.endpoint}",
        *QUICK,
    ]
    watcher = Command(
        PLACE, "--conf", "tiny", "--queue", bucket.watched, *settings, log=tmp_path / "watch.log"
    )

    def kill(part: int) -> None:
        """In the middle of a run, and of a part."""
        if part <= kills:
            watcher.kill()
            watcher.start()

    watcher.start()
    try:
        with bucket.relayed():
            bucket.drop(sizes, home, kill)
            assert settled(bucket, home), watcher.said
        assert watcher.end() == 0
    finally:
        watcher.kill()
    check(bucket, home, sizes)
    assert [row["status"] for row in runs(home)].count("crashed") == kills
    assert "ended; the same command goes on where this one stopped" in watcher.said
    assert "Traceback" not in watcher.said


class Command:
    """`nightread watch` as a process of its own."""

    def __init__(self, *arguments: str, log: Path) -> None:
        self.command, self.log = [sys.executable, "-m", "flows", "watch", *arguments], log

    def start(self) -> None:
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(self.command, cwd=ROOT, stdout=log, stderr=log)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def end(self) -> int:
        """Ask it to; its exit status."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait()

    @property
    def said(self) -> str:
        return self.log.read_text()
