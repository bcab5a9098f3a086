"""Objects below a prefix of a bucket: read, written, written only where there is none, listed, deleted.

The idea: a file travels with its sha256, so that what arrives is what was sent, whatever lies between; and a
request that may have been carried out without our hearing of it is safe to repeat.
"""

import hashlib
import random
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO, TypeVar

from model.files import replacing
from tasks.errors import InvalidInput, Transient
from tasks.ingest.storage import answered, client, code_of, in_parts, split, told
from tasks.ingest.uris import S3
from tasks.settings import StorageConfig

TRIES, WAIT_S = 4, 0.5
"""Of a request beside the client's own: a body that broke off or did not arrive whole is no error to it."""
PIECE, WHOLE = 1 << 20, 64 << 20
"""Bytes that are hashed at a time, and those up to which a file is sent in one request."""
ABSENT = ("NoSuchKey", "404", "NotFound")
TAKEN = ("PreconditionFailed", "412")
AT_ONCE = 1000
"""Objects that one request deletes: S3 takes no more."""
ONE_BY_ONE = ("NotImplemented", "MethodNotAllowed", "MissingContentMD5")
"""How a store says that it does not delete many in one request, or not as our client asks for it."""

Result = TypeVar("Result")
Objects = list[dict[str, str]]
"""Keys, and versions where these are meant, as S3 takes them."""


@dataclass(frozen=True, slots=True)
class Stored:
    """An object: its name below the prefix, its version, its size in bytes."""

    name: str
    etag: str
    size: int
    modified: float
    """When it was written, by the clock of the store; seconds since 1970."""


@dataclass(frozen=True)
class Bucket:
    """A prefix of a bucket. Every method raises what `storage.answered` does."""

    uri: str
    config: StorageConfig

    def _at(self, name: str) -> dict[str, str]:
        bucket, prefix = split(self.uri)
        return {"Bucket": bucket, "Key": f"{prefix}/{name}" if prefix else name}

    def _ask(self, name: str, request: Callable[[Any], Result], tries: int = TRIES) -> Result:
        """What a request answers, asked again after what may be different in a moment."""
        for left in reversed(range(tries)):
            try:
                with answered(f"{self.uri}/{name}", self.config) as store:
                    return request(store)
            except Transient:
                if not left:
                    raise
                time.sleep(WAIT_S * 2 ** (tries - 1 - left) * random.uniform(0.5, 1))
        raise AssertionError("one try at least")

    def _maybe(self, name: str, request: Callable[[Any], Result]) -> Result | None:
        """The same of an object that may not be there."""

        def asked(store: Any) -> Result | None:
            try:
                return request(store)
            except client(self.config).exceptions.ClientError as error:
                if code_of(error) in ABSENT:
                    return None
                raise

        return self._ask(name, asked)

    def get(self, name: str) -> bytes | None:
        """The content of a small object; None where there is none."""
        return self._maybe(name, lambda store: bytes(store.get_object(**self._at(name))["Body"].read()))

    def put(self, name: str, content: bytes) -> str:
        """Write a small object in place of what is there; its version."""
        answer = self._ask(name, lambda store: store.put_object(**self._at(name), Body=content))
        return str(answer["ETag"]).strip('"')

    def put_new(self, name: str, content: bytes) -> bool:
        """Write a small object where there is none; whether it is ours that is there now.

        The content is to be unlike that of any other writer: a repeated request finds its own.
        """

        def request(store: Any) -> bool:
            try:
                store.put_object(**self._at(name), Body=content, IfNoneMatch="*")
            except client(self.config).exceptions.ClientError as error:
                if code_of(error) not in TAKEN:
                    raise
                return False
            return True

        return self._ask(name, request) or self.get(name) == content

    def age_s(self, name: str) -> float | None:
        """Seconds since an object was written, by the clock of the store alone; None where there is none."""
        head = self._maybe(name, lambda store: store.head_object(**self._at(name)))
        if head is None:
            return None
        now = parsedate_to_datetime(head["ResponseMetadata"]["HTTPHeaders"]["date"])
        return float((now - head["LastModified"]).total_seconds())

    def list(self, prefix: str, most: int | None = None, folder: bool = False) -> Iterator[Stored]:
        """Objects whose names begin so, in the order of their names.

        Args:
            folder: only those right in the folder that the prefix names.
        """
        at = self._at(prefix)
        cut = len(at["Key"]) - len(prefix)
        asked: dict[str, Any] = {"Bucket": at["Bucket"], "Prefix": at["Key"]}
        asked |= {"Delimiter": "/"} if folder else {}
        asked |= {"MaxKeys": most} if most else {}
        while True:
            page = self._ask(prefix, lambda store: store.list_objects_v2(**asked))
            for item in page.get("Contents", ()):
                moment = item["LastModified"].timestamp()
                yield Stored(item["Key"][cut:], item["ETag"].strip('"'), item["Size"], moment)
            if most or not page.get("IsTruncated"):
                return
            asked["ContinuationToken"] = page["NextContinuationToken"]

    def upload(self, file: Path, name: str) -> str:
        """Send a file, in parts where it is large; its version. It may be replaced meanwhile, not changed."""
        with file.open("rb") as content:
            digest = {"sha256": hashlib.file_digest(content, "sha256").hexdigest()}
            is_large = content.tell() > WHOLE

            def request(store: Any) -> str:
                content.seek(0)
                if not is_large:
                    answer = store.put_object(**self._at(name), Body=content, Metadata=digest)
                    return str(answer["ETag"]).strip('"')
                extra = {"Metadata": digest}
                store.upload_fileobj(
                    _Kept(content), **self._at(name), ExtraArgs=extra, Config=in_parts(WHOLE)
                )
                return str(store.head_object(**self._at(name))["ETag"]).strip('"')

            return self._ask(name, request)

    def download(self, name: str, file: Path) -> str | None:
        """Fetch an object into a file, which appears whole; its version, None where there is none."""
        file.parent.mkdir(parents=True, exist_ok=True)
        return self._maybe(name, lambda store: self._received(store, name, file))

    def _received(self, store: Any, name: str, file: Path) -> str:
        answer = store.get_object(**self._at(name))
        digest, size = hashlib.sha256(), 0
        with replacing(file, durable=False) as fresh, fresh.open("wb") as copy, answer["Body"] as body:
            while piece := body.read(PIECE):
                digest.update(piece)
                copy.write(piece)
                size += len(piece)
            sent = answer["Metadata"].get("sha256", digest.hexdigest())
            if size != answer["ContentLength"] or sent != digest.hexdigest():
                raise Transient(
                    f"{self.uri}/{name}: what arrives is not what was sent (sha256); it was asked for again"
                )
        return str(answer["ETag"]).strip('"')

    def delete(self, names: Iterable[str]) -> None:
        """Delete objects, many in one request; one that is not there is no error.

        What the store says of single ones is raised, with how many of them there are.
        """
        self._delete_all({"Key": self._at(name)["Key"]} for name in names)

    def _delete_all(self, objects: Iterable[dict[str, str]]) -> int:
        """Delete objects or versions of them; how many."""
        rest, count = iter(objects), 0
        while some := list(islice(rest, AT_ONCE)):
            count += len(some)
            self._ask("", partial(self._delete_some, some))
        return count

    def _delete_some(self, left: Objects, store: Any) -> None:
        """One request; of those that are refused, `left` keeps those to be asked for again."""
        bucket, _ = split(self.uri)
        if len(left) == 1:
            store.delete_object(Bucket=bucket, **left[0])
            return
        try:
            answer = store.delete_objects(Bucket=bucket, Delete={"Objects": left, "Quiet": True})
        except client(self.config).exceptions.ClientError as error:
            if code_of(error) not in ONE_BY_ONE:
                raise
            for one in left:
                store.delete_object(Bucket=bucket, **one)
            return
        refused = [one for one in answer.get("Errors", ()) if one["Code"] not in ABSENT]
        if not refused:
            return
        keys = {(one["Key"], one.get("VersionId", "")) for one in refused}
        asked = len(left)
        left[:] = [one for one in left if (one["Key"], one.get("VersionId", "")) in keys]
        errors = [told(f"{S3}{bucket}/{one['Key']}", one["Code"], True, self.config) for one in refused]
        first = next((error for error in errors if isinstance(error, InvalidInput)), errors[0])
        raise type(first)(f"{first}; {len(refused):,} of {asked:,} objects could not be deleted")

    def delete_versions(self) -> int:
        """Delete every version below the prefix that is not the newest, then what says that one was deleted.

        How many; none where the bucket keeps no versions. Without its mark a deleted object would be there
        again in the version before, so the marks go last.
        """
        count = 0
        for kind in ("Versions", "DeleteMarkers"):
            count += self._delete_all(
                {"Key": one["Key"], "VersionId": one["VersionId"]}
                for one in self._versions(kind)
                if kind == "DeleteMarkers" or not one["IsLatest"]
            )
        return count

    def _versions(self, kind: str) -> Iterator[dict[str, Any]]:
        at = self._at("")
        asked = {"Bucket": at["Bucket"], "Prefix": at["Key"]}
        while True:
            page = self._ask("", partial(_listed_versions, asked))
            yield from page.get(kind, ())
            if not page.get("IsTruncated"):
                return
            asked |= {"KeyMarker": page["NextKeyMarker"], "VersionIdMarker": page["NextVersionIdMarker"]}


def _listed_versions(asked: dict[str, str], store: Any) -> Any:
    return store.list_object_versions(**asked)


class _Kept:
    """A file that stays open when its reader is done: a request may be repeated."""

    def __init__(self, file: BinaryIO) -> None:
        self.read, self.seek, self.tell, self.seekable = file.read, file.seek, file.tell, file.seekable
