"""The directory that the settings name."""

from tasks.serve.directory.base import Directory, Quota
from tasks.settings import ServeConfig

MIB = 1 << 20


def opened(serve: ServeConfig) -> Directory:
    """In the Redis at `serve.redis_url`, or in this process where none is given.

    Raises:
        InvalidInput: if the URL is none of a Redis.
    """
    quota = Quota(serve.tenant_contexts, serve.tenant_mb * MIB)
    if not serve.redis_url:
        from tasks.serve.directory.local import LocalDirectory

        return LocalDirectory(serve.lease_s, quota)
    from tasks.serve.directory.redis import RedisDirectory  # here: an embedded reader needs no Redis

    return RedisDirectory(serve.redis_url, serve.lease_s, quota)
