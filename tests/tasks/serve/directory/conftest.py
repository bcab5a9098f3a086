"""Directories of every kind, for the same tests."""

from collections.abc import Callable

import pytest

from tasks.serve.directory.base import Directory, Quota
from tasks.serve.directory.local import LocalDirectory

DirectoryOf = Callable[..., Directory]


@pytest.fixture(params=["local"])
def directory_of() -> DirectoryOf:
    """`directory_of(lease_s, quota)`: a directory that knows of nothing yet."""

    def directory_of(lease_s: float = 60.0, quota: Quota | None = None) -> Directory:
        return LocalDirectory(lease_s, quota)

    return directory_of
