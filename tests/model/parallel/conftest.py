"""Ranks that many tests share: starting them takes longer than most of what they are asked."""

from collections.abc import Iterator

import pytest

from tests.marks import slow
from tests.model.ranks import Job


def _job(world: int) -> Iterator[Job]:
    job = Job(world)
    yield job
    assert job.close() == [""] * world, "neither DeepSpeed nor gloo prints anything"


@pytest.fixture(scope="session", params=[*slow(1, 2, 4), 3])
def job(request: pytest.FixtureRequest, processes: None) -> Iterator[Job]:
    """Three ranks, by which few numbers of heads or tokens divide; others with -m slow."""
    yield from _job(request.param)


@pytest.fixture(params=[1, 2, 3, 4])
def every_job(request: pytest.FixtureRequest, processes: None) -> Iterator[Job]:
    yield from _job(request.param)
