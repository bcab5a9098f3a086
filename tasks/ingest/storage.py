"""Where bytes live: local paths and s3:// alike, found in a fixed order and fetched as a stream.

The only module that knows buckets. A thing that must not be opened (a FIFO, a socket, a device) is
found all the same, marked `SPECIAL`, so that it gets an outcome instead of being passed over.
"""

import glob
import hashlib
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path, PurePath
from typing import Any, BinaryIO

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from tasks.errors import BadDocument, InvalidInput, Transient
from tasks.settings import StorageConfig

SPECIAL = "special"
PIECE = 1 << 20
DENIED = ("AccessDenied", "403")


@dataclass(frozen=True, slots=True)
class Found:
    """A source: where it is, what version of it (etag, or size and time), and its bytes."""

    uri: str
    version: str
    size: int


def find(uri: str, config: StorageConfig) -> Iterator[Found]:
    """Every source under a folder, file, glob or s3://bucket/prefix, in the order of their names.

    Raises:
        InvalidInput: if nothing is there, or the scheme is unknown.
        Transient: if the store does not answer.
    """
    if uri.startswith("s3://"):
        yield from _find_s3(uri, config)
    elif "://" in uri and not uri.startswith("file://"):
        scheme = uri.split("://")[0]
        raise InvalidInput(
            f"{uri}: scheme {scheme!r} is not known; give a path, a glob or s3://bucket/prefix"
        )
    else:
        yield from _find_local(os.path.abspath(uri.removeprefix("file://")), uri)


def _find_local(path: str, uri: str) -> Iterator[Found]:
    if os.path.isdir(path):
        yield from _walk(Path(path))
    elif os.path.lexists(path):
        yield _local(path)
    elif glob.has_magic(path):
        yield from _matching(path, uri)
    else:
        raise InvalidInput(f"{uri}: no such file or folder; check the path, it is taken from {os.getcwd()}")


def _matching(path: str, uri: str) -> Iterator[Found]:
    """What a pattern matches; `**` is any depth of folders, and a folder that matches is read whole."""
    head, deep, tail = path.partition("/**")
    found = False
    for match in sorted(glob.glob(head or "/")):
        for item in _walk(Path(match)) if os.path.isdir(match) else [_local(match)]:
            below = PurePath(item.uri).relative_to(match)
            # From the right, as `**` stands for any beginning. glob itself would follow links in circles.
            if not deep or not tail.strip("/") or below.match(tail.strip("/")):
                found = True
                yield item
    if not found:
        raise InvalidInput(f"{uri}: the pattern matches nothing; quote it so that the shell leaves it alone")


def _walk(folder: Path) -> Iterator[Found]:
    """Files below a folder. Hidden names are passed over; links to folders are not followed (loops)."""
    closed: list[OSError] = []
    for root, folders, files in os.walk(folder, onerror=closed.append):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(files):
            if not name.startswith("."):
                yield _local(os.path.join(root, name))
    for error in closed:
        if error.filename == str(folder):
            raise InvalidInput(
                f"{folder}: the folder cannot be listed ({error.strerror}); check its permissions"
            )
        # Not passed over in silence: fetching it says why nothing below it was read.
        yield Found(error.filename, f"unlisted: {error.strerror}", 0)


def _local(path: str) -> Found:
    try:
        status = os.stat(path)
    except PermissionError as error:
        return Found(path, f"closed: {error.strerror}", 0)  # fetching it gives the outcome unreadable
    except OSError as error:
        return Found(path, f"{SPECIAL}: {error.strerror}", 0)  # a link to nowhere or to itself
    if not stat.S_ISREG(status.st_mode):
        return Found(path, SPECIAL, 0)
    return Found(path, f"{status.st_size}-{status.st_mtime_ns}", status.st_size)


@lru_cache
def _client(config: StorageConfig) -> Any:
    endpoint = config.endpoint_url or os.environ.get("AWS_ENDPOINT_URL") or None
    settings = Config(retries={"max_attempts": 4, "mode": "standard"}, connect_timeout=10, read_timeout=60)
    return boto3.client("s3", endpoint_url=endpoint, region_name=config.region, config=settings)


def _split(uri: str) -> tuple[str, str]:
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    if not bucket:
        raise InvalidInput(f"{uri}: no bucket; write s3://bucket/prefix")
    return bucket, key


def _find_s3(uri: str, config: StorageConfig) -> Iterator[Found]:
    bucket, prefix = _split(uri)
    count = 0
    try:
        pages = _client(config).get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
        for page in pages:
            for item in page.get("Contents", []):
                # A prefix names a folder or an object: "docs" must not also mean "docs-old/".
                inside = not prefix or prefix.endswith("/") or item["Key"][len(prefix) :][:1] in ("", "/")
                if inside and not item["Key"].endswith("/"):
                    count += 1
                    yield Found(f"s3://{bucket}/{item['Key']}", item["ETag"].strip('"'), item["Size"])
    except (ClientError, BotoCoreError) as error:
        raise _translated(uri, error) from error
    if not count:
        raise InvalidInput(f"{uri}: no object there; check bucket and prefix")


def _translated(uri: str, error: Exception) -> Exception:
    """What a store's error means to us. The message names the code, never credentials."""
    code = _code(error)
    if code in ("NoSuchBucket", *DENIED, "InvalidAccessKeyId", "NoCredentialsError"):
        return InvalidInput(
            f"{uri}: the store answers {code}; check the bucket's name and your AWS credentials"
        )
    if code in ("NoSuchKey", "404"):
        return BadDocument("vanished", f"{uri} was there when it was listed, and is gone")
    return Transient(f"{uri}: the store answers {code}; try again")


def _code(error: Exception) -> str:
    """The store's name for an error, or the client's own."""
    return error.response["Error"]["Code"] if isinstance(error, ClientError) else type(error).__name__


def fetch(found: Found, target: Path | None, limit: int, config: StorageConfig) -> str:
    """Read a source's bytes once, copying them to `target` if one is given; returns their sha256.

    Raises:
        BadDocument: too_large, unreadable or vanished.
        Transient: if the store does not answer.
    """
    if found.size > limit:
        raise BadDocument("too_large", f"{found.size:,} bytes, over the limit of {limit:,}")
    try:
        if found.uri.startswith("s3://"):
            bucket, key = _split(found.uri)
            stream = _client(config).get_object(Bucket=bucket, Key=key)["Body"]
        else:
            stream = _open(found.uri)
        with stream, open(target or os.devnull, "wb") as copy:
            return _copy(stream, copy, limit)
    except FileNotFoundError as error:
        raise BadDocument("vanished", f"{found.uri} was there when it was listed, and is gone") from error
    except OSError as error:
        raise BadDocument("unreadable", f"{error.strerror or error}") from error
    except (ClientError, BotoCoreError) as error:
        if (code := _code(error)) in DENIED:  # the bucket could be listed: it is this object alone
            raise BadDocument("unreadable", f"{found.uri}: the store answers {code}") from error
        raise _translated(found.uri, error) from error


def _open(path: str) -> BinaryIO:
    """A regular file. Should a pipe stand there by now, opening it does not wait for a writer."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise BadDocument("unreadable", "not a regular file when it was opened")
    return os.fdopen(descriptor, "rb")


def unchanged(found: Found) -> bool:
    """Whether a local file still is the version that was found."""
    return _local(found.uri) == found


def _copy(stream: Any, copy: Any, limit: int) -> str:
    digest, size = hashlib.sha256(), 0
    while piece := stream.read(PIECE):
        size += len(piece)
        if size > limit:
            raise BadDocument("too_large", f"more than {limit:,} bytes, and growing while it was read")
        digest.update(piece)
        copy.write(piece)
    return digest.hexdigest()
