"""The thread that hears a queue goes on after any error, and says what it was.

Run: pytest tests/tasks/ingest/watch/test_queue.py
"""

import time
from collections.abc import Callable
from pathlib import Path

import boto3
import pytest

from tasks.ingest.watch.queue import Queue
from tasks.settings import StorageConfig
from tests.s3 import s3_server


class Failing(Queue):
    """A queue that meets what nobody foresaw, until it is told not to."""

    fails = True

    def receive(self) -> int:
        if self.fails:
            raise KeyError("Messages")
        return super().receive()


def until(holds: Callable[[], object]) -> bool:
    end = time.monotonic() + 60
    while time.monotonic() < end:
        if holds():
            return True
        time.sleep(0.02)
    return False


def test_an_error_that_nobody_foresaw_is_said_and_the_queue_is_heard_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIATESTED")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "pa55word")
    with s3_server(tmp_path) as endpoint:
        sqs = boto3.client("sqs", endpoint_url=endpoint, region_name="us-east-1")
        url = sqs.create_queue(QueueName="drops")["QueueUrl"]
        queue = Failing(url, StorageConfig(endpoint_url=endpoint), backoff_s=0.05)
        queue.start()
        try:
            assert until(lambda: queue.trouble)
            assert queue.trouble.startswith(
                "reading the queue failed in a way that was not foreseen (KeyError: "
            )
            assert "watch.sweep_s" in queue.trouble
            sqs.send_message(QueueUrl=url, MessageBody="no event")
            queue.fails = False
            assert until(queue.take)
            assert until(lambda: not queue.trouble)
        finally:
            queue.stop()
