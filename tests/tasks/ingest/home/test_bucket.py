"""Objects are deleted many in one request, and what the store refuses of single ones is told.

Run: pytest tests/tasks/ingest/home/test_bucket.py
"""

from typing import Any

import pytest
from botocore.stub import Stubber

from tasks.errors import InvalidInput
from tasks.ingest.home.bucket import Bucket
from tasks.ingest.storage import client
from tests.faults import Fault
from tests.tasks.ingest.home.conftest import Store


def test_a_thousand_objects_are_deleted_by_one_request(store: Store) -> None:
    bucket = Bucket(store.uri, store.storage())
    for number in range(3):
        bucket.put(f"left/{number}", b"text")
    store.proxy.asked.clear()
    bucket.delete(
        [*(f"left/{number}" for number in range(3)), *(f"never/{number}" for number in range(1998))]
    )
    assert [request.method for request in store.proxy.asked] == ["POST", "POST", "DELETE"]
    assert store.names("left/") == []


def test_a_store_that_deletes_one_by_one_is_asked_so(store: Store) -> None:
    bucket = Bucket(store.uri, store.storage())
    for number in range(3):
        bucket.put(f"left/{number}", b"text")
    store.proxy.choose = lambda request: Fault(501, "NotImplemented") if request.method == "POST" else None
    bucket.delete(f"left/{number}" for number in range(3))
    assert store.names("left/") == []


def test_what_a_store_refuses_of_single_objects_is_told(store: Store) -> None:
    bucket = Bucket(store.uri, store.storage())
    with Stubber(client(bucket.config, "s3")) as stub:  # no server refuses single objects at will
        stub.add_response("delete_objects", refused(store, "AccessDenied"))
        why = r"/b: the store at .* refuses: AccessDenied; check .*; 1 of 3 objects could not be deleted$"
        with pytest.raises(InvalidInput, match=why):
            bucket.delete("abc")


def test_what_may_be_deleted_in_a_moment_is_asked_for_again_alone(store: Store) -> None:
    bucket = Bucket(store.uri, store.storage())
    with Stubber(client(bucket.config, "s3")) as stub:
        stub.add_response("delete_objects", refused(store, "InternalError"))
        stub.add_response("delete_object", {}, {"Bucket": store.bucket, "Key": f"{store.folder.name}/b"})
        bucket.delete("abc")
        stub.assert_no_pending_responses()


def refused(store: Store, code: str) -> dict[str, Any]:
    """An answer that two of three objects were not deleted, one of which is not there."""
    place = store.folder.name
    return {"Errors": [{"Key": f"{place}/b", "Code": code}, {"Key": f"{place}/c", "Code": "NoSuchKey"}]}
