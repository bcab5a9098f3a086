"""Whether a store keeps what a home in a bucket rests on: a conditional PUT that is refused where it must be.

The idea: it is tried. LanceDB commits by such a PUT, and so does the log of the home: a store that ignores
the condition would lose records of one of two writers without an error.
"""

import secrets

from tasks.errors import InvalidInput, Transient
from tasks.ingest.home.bucket import Bucket


def probe(bucket: Bucket) -> None:
    """Write an object twice on the condition that there is none, and delete it.

    Raises:
        InvalidInput: if the second write is not refused, or the store does not know the condition.
    """
    name = f"probe/{secrets.token_hex(8)}"
    try:
        first, second = bucket.put_new(name, b"one"), bucket.put_new(name, b"two")
    except Transient as error:
        if any(code in str(error) for code in ("NotImplemented", "InvalidArgument", "answers 501")):
            raise refusal(bucket, "does not know the condition If-None-Match of a PUT") from error
        raise
    finally:
        bucket.delete([name])
    if not first or second:
        raise refusal(bucket, "ignores the condition If-None-Match of a PUT")


def refusal(bucket: Bucket, why: str) -> InvalidInput:
    """The error of a store that cannot hold a home."""
    return InvalidInput(
        f"home={bucket.uri}: the store {why}, so two writers would lose each other's records: keep the home "
        f"in a folder, or in a store with conditional writes (AWS S3, MinIO, Ceph without versioning); "
        f"corpora may lie in this one"
    )
