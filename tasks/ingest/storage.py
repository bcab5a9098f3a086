"""Where bytes live: local paths and s3:// alike, found in a fixed order and fetched as a stream.

The only module that knows buckets, and it loads their client only where one is named. A thing that must
not be opened (a FIFO, a socket, a device) is found all the same, marked `SPECIAL`, so that it gets an
outcome instead of being passed over.
"""

import hashlib
import os
import re
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path
from typing import Any, BinaryIO

from tasks.errors import BadDocument, InvalidInput, Transient
from tasks.ingest.uris import S3, Place, path_of, place, uri_of
from tasks.settings import StorageConfig

SPECIAL = "special"
PIECE = 1 << 20
DENIED = ("AccessDenied", "403")
REMEDIES = {
    "check AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, and what they may do there": (
        *DENIED,
        "SignatureDoesNotMatch",
        "InvalidAccessKeyId",
        "InvalidToken",
        "ExpiredToken",
        "ExpiredTokenException",
        "CredentialRetrievalError",
        "UnauthorizedSSOTokenError",
        "NoCredentialsError",
        "PartialCredentialsError",
        "AccountProblem",
    ),
    "check the bucket's name, storage.endpoint_url and storage.region": (
        "NoSuchBucket",
        "InvalidBucketName",
        "ParamValidationError",
        "PermanentRedirect",
        "301",
        "404",
        "AuthorizationHeaderMalformed",
        "IllegalLocationConstraintException",
    ),
    "check watch.queue and storage.region": (
        "QueueDoesNotExist",
        "AWS.SimpleQueueService.NonExistentQueue",
    ),
    "set this machine's clock": ("RequestTimeTooSkewed",),
    "check AWS_PROFILE": ("ProfileNotFound",),
}
"""What a user does about an answer of an object store that no second try would change."""

_LEFT_BY_WINDOWS = frozenset(("thumbs.db", "desktop.ini"))


@dataclass(frozen=True, slots=True)
class Found:
    """A source: where it is, what version of it (etag, or size and time), and its bytes."""

    uri: str
    version: str
    size: int


def find(uri: str, config: StorageConfig) -> Iterator[Found]:
    """Every source in the place of a canonical URI, in the order of their names; nothing where none is.

    Raises:
        InvalidInput: if a folder cannot be listed, or the store refuses what only its user can change.
        Transient: if the store does not answer.
    """
    at = place(uri)
    return _find_s3(at, config) if uri.startswith(S3) else _find_local(at)


def _find_local(at: Place) -> Iterator[Found]:
    base = path_of(at.base)
    if os.path.isdir(base):
        yield from _walk(at, base)
    elif at.holds(at.base) and os.path.lexists(base):
        yield _local(base)


def _walk(at: Place, base: str) -> Iterator[Found]:
    """Files of a place: of each folder its own first, then those of the folders in it."""
    folders = [base]
    while folders:
        folder = folders.pop()
        try:
            with os.scandir(folder) as listing:
                entries = sorted(listing, key=lambda entry: entry.name)
        except OSError as error:
            if folder == base:
                raise InvalidInput(
                    f"{at.base}: the folder cannot be listed ({error.strerror}); check its permissions"
                ) from error
            # Not passed over in silence: fetching it says why nothing below it was read.
            yield Found(uri_of(folder), f"unlisted: {error.strerror}", 0)
            continue
        inside = [entry.path for entry in entries if _is_folder(entry)]
        yield from (_local(entry.path) for entry in entries if not _is_folder(entry) and _held(at, entry))
        folders += reversed([path for path in inside if _entered(at, path)])


def _is_folder(entry: "os.DirEntry[str]") -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link to itself
        return False


def _held(at: Place, entry: "os.DirEntry[str]") -> bool:
    return at.holds(uri_of(entry.path)) and not _is_mark(entry.name)


def _is_mark(name: str) -> bool:
    """Whether a file is a mark that Word, LibreOffice or Windows leaves beside documents."""
    if name.startswith("~$") or (name.startswith(".~lock.") and name.endswith("#")):
        return True
    return name.lower() in _LEFT_BY_WINDOWS


def _entered(at: Place, path: str) -> bool:
    uri = uri_of(path)
    return at.enters(uri) and (at.follows(uri) or not os.path.islink(path))


def _local(path: str) -> Found:
    uri = uri_of(path)
    try:
        path.encode()
        status = os.stat(path)
    except UnicodeEncodeError:
        return Found(uri, f"{SPECIAL}: its name holds bytes that are not UTF-8; rename it", 0)
    except PermissionError as error:
        return Found(uri, f"closed: {error.strerror}", 0)  # fetching it gives the outcome unreadable
    except OSError as error:
        return Found(uri, f"{SPECIAL}: {error.strerror}", 0)  # a link to nowhere or to itself
    if not stat.S_ISREG(status.st_mode):
        return Found(uri, SPECIAL, 0)
    return Found(uri, f"{status.st_size}-{status.st_mtime_ns}", status.st_size)


# Buckets.


def endpoint_of(config: StorageConfig) -> str:
    """URL of the server; "" is AWS itself."""
    names = ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL")
    return config.endpoint_url or next(filter(None, map(os.environ.get, names)), "")


@lru_cache
def client(config: StorageConfig, service: str = "s3") -> Any:
    """The client of these settings, of s3 or of sqs beside it.

    Raises:
        InvalidInput: if they name no store.
    """
    from botocore import UNSIGNED
    from botocore.config import Config
    from botocore.exceptions import BotoCoreError

    endpoint = endpoint_of(config) or None
    settings = Config(
        retries={"max_attempts": 4, "mode": "standard"},
        connect_timeout=10,
        read_timeout=60,
        max_pool_connections=32,
        s3={"addressing_style": config.addressing},
        signature_version=UNSIGNED if config.anonymous else None,
    )
    check = config.ca_bundle or None
    if check and not os.path.isfile(check):
        raise InvalidInput(f"storage.ca_bundle={check}: no such file; give a file of certificates (PEM)")
    try:
        return _session(config).client(service, endpoint_url=endpoint, config=settings, verify=check)
    except (ValueError, BotoCoreError) as error:  # an address that is none, a region or profile that is not
        named = f"storage.endpoint_url={_masked(endpoint or '')}, storage.region={config.region}"
        raise InvalidInput(f"{named}: no such object store ({type(error).__name__}); check both") from error


@lru_cache
def _session(config: StorageConfig) -> Any:
    """Credentials from the standard chain, or of the role that is assumed with them and renewed in time."""
    import boto3
    from botocore.credentials import AssumeRoleCredentialFetcher, DeferredRefreshableCredentials
    from botocore.session import get_session

    found = get_session()
    if not config.role_arn:
        return boto3.Session(botocore_session=found, region_name=config.region)
    service = os.environ.get("AWS_ENDPOINT_URL_STS") or endpoint_of(config) or None
    fetcher = AssumeRoleCredentialFetcher(
        partial(
            found.create_client,
            region_name=config.region,
            endpoint_url=service,
            verify=config.ca_bundle or None,
        ),
        found.get_credentials(),
        config.role_arn,
        {"RoleSessionName": "nightread"},
    )
    assumed = get_session()
    assumed._credentials = DeferredRefreshableCredentials(fetcher.fetch_credentials, "assume-role")
    return boto3.Session(botocore_session=assumed, region_name=config.region)


def secrets_of(config: StorageConfig) -> dict[str, str]:
    """Credentials as they are now, for a client of another library; {} where there are none.

    Never to be logged or kept.
    """
    found = None if config.anonymous else _session(config).get_credentials()
    if found is None:
        return {}
    now = found.get_frozen_credentials()
    named = {"access_key_id": now.access_key, "secret_access_key": now.secret_key, "session_token": now.token}
    return {name: value for name, value in named.items() if value}


@contextmanager
def answered(uri: str, config: StorageConfig, service: str = "s3") -> Iterator[Any]:
    """Within the block the store is asked through the client; its refusals become errors of ours.

    Raises:
        InvalidInput: if the store refuses what only its user can change.
        Transient: if it does not answer, or answers what may be different in a moment.
    """
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        yield client(config, service)
    except (ClientError, BotoCoreError) as error:
        raise _translated(uri, error, config) from error


def in_parts(size: int) -> Any:
    """How a file is sent in parts of so many bytes."""
    from boto3.s3.transfer import TransferConfig

    return TransferConfig(multipart_threshold=size, multipart_chunksize=size)


def _find_s3(at: Place, config: StorageConfig) -> Iterator[Found]:
    bucket, prefix = split(at.base)
    with answered(at.uri, config) as store:
        for page in store.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
            for item in page.get("Contents", []):
                uri = f"{S3}{bucket}/{item['Key']}"
                if at.holds(uri) and not uri.endswith("/") and not _is_mark(uri.rpartition("/")[2]):
                    yield Found(uri, item["ETag"].strip('"'), item["Size"])


def split(uri: str) -> tuple[str, str]:
    """Bucket and key of an s3:// URI."""
    bucket, _, key = uri.removeprefix(S3).partition("/")
    return bucket, key


def _translated(uri: str, error: Exception, config: StorageConfig) -> Exception:
    return told(uri, code_of(error), bool(getattr(error, "response", None)), config)


def told(uri: str, code: str, has_answered: bool, config: StorageConfig) -> InvalidInput | Transient:
    """What a store's error means to us. The message names code and endpoint, never credentials.

    Args:
        has_answered: whether the code is the store's; else it is the client's own.
    """
    store = f"the store at {_masked(client(config).meta.endpoint_url)}"
    for remedy, codes in REMEDIES.items():
        if code in codes:
            return InvalidInput(f"{uri}: {store} refuses: {code}; {remedy}")
    if not has_answered:
        check = "check storage.endpoint_url and the network, or try again"
        return Transient(f"{uri}: {store} cannot be reached: {code}; {check}")
    return Transient(f"{uri}: {store} answers {code}; try again")


def _masked(address: str) -> str:
    """An address without what is before its host, where a user and a password may stand."""
    return re.sub(r"(?<=://)[^/]*@", "***@", address)


def code_of(error: Exception) -> str:
    """The store's name for an error, or the client's own."""
    response: dict[str, Any] = getattr(error, "response", {})
    return str(response["Error"]["Code"]) if response else type(error).__name__


def fetch(found: Found, target: Path | None, limit: int, config: StorageConfig) -> str:
    """Read a source's bytes once, copying them to `target` if one is given; returns their sha256.

    Raises:
        BadDocument: too_large, unreadable or vanished.
        InvalidInput: if the store refuses what only its user can change.
        Transient: if the store does not answer.
    """
    if found.size > limit:
        raise BadDocument("too_large", f"{found.size:,} bytes, over the limit of {limit:,}")
    try:
        with _stream(found, config) as stream, open(target or os.devnull, "wb") as copy:
            return _copy(stream, copy, limit)
    except FileNotFoundError as error:
        raise BadDocument("vanished", f"{found.uri} was there when it was listed, and is gone") from error
    except OSError as error:
        raise BadDocument("unreadable", f"{error.strerror or error}") from error


@contextmanager
def _stream(found: Found, config: StorageConfig) -> Iterator[Any]:
    """The bytes of a source; what its store answers instead becomes an error of ours."""
    uri = found.uri
    if not uri.startswith(S3):
        with _open(path_of(uri)) as file:
            yield file
        return
    from botocore.exceptions import BotoCoreError, ClientError

    bucket, key = split(uri)
    try:
        answer = client(config).get_object(Bucket=bucket, Key=key)
        with answer["Body"] as body:
            # not If-Match: there are stores that ignore it
            if found.version and answer.get("ETag", "").strip('"') not in ("", found.version):
                raise BadDocument("unreadable", "it was replaced while it was read; the next read has it")
            yield body
    except (ClientError, BotoCoreError) as error:
        code = code_of(error)
        if code in DENIED:  # the bucket could be listed: it is this object alone
            raise BadDocument("unreadable", f"{uri}: the store answers {code}") from error
        if code in ("NoSuchKey", "404"):
            raise BadDocument("vanished", f"{uri} was there when it was listed, and is gone") from error
        raise _translated(uri, error, config) from error


def _open(path: str) -> BinaryIO:
    """A regular file. Should a pipe stand there by now, opening it does not wait for a writer."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise BadDocument("unreadable", "not a regular file when it was opened")
    return os.fdopen(descriptor, "rb")


def unchanged(found: Found) -> bool:
    """Whether a local file still is the version that was found."""
    return _local(path_of(found.uri)) == found


def _copy(stream: Any, copy: Any, limit: int) -> str:
    digest, size = hashlib.sha256(), 0
    while piece := stream.read(PIECE):
        size += len(piece)
        if size > limit:
            raise BadDocument("too_large", f"more than {limit:,} bytes, and growing while it was read")
        digest.update(piece)
        copy.write(piece)
    return digest.hexdigest()
