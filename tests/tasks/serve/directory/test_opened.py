"""The settings decide where claims are kept."""

import pytest

from tasks.errors import InvalidInput
from tasks.serve.directory.base import Quota
from tasks.serve.directory.local import LocalDirectory
from tasks.serve.directory.opened import opened
from tasks.serve.directory.redis import RedisDirectory
from tasks.settings import ServeConfig


def test_without_a_redis_claims_are_kept_in_the_process() -> None:
    directory = opened(ServeConfig(lease_s=7.0, tenant_contexts=3, tenant_mb=2))
    assert isinstance(directory, LocalDirectory)
    assert (directory.lease_s, directory.quota) == (7.0, Quota(3, 2 << 20))


def test_with_one_they_are_kept_there() -> None:
    directory = opened(ServeConfig(redis_url="redis://:secret@10.0.0.4:6379/1", lease_s=9.0))
    assert isinstance(directory, RedisDirectory)
    assert (directory.place, directory.lease_s) == ("10.0.0.4:6379", 9.0)
    directory.close()


def test_what_is_no_address_is_refused() -> None:
    with pytest.raises(InvalidInput, match=r"serve\.redis_url"):
        opened(ServeConfig(redis_url="10.0.0.4"))
