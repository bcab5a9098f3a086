"""What tests of deployments share: the server that all tests use, and no deployment of another test on it."""

from collections.abc import Iterator

import pytest
from prefect.client.orchestration import get_client


@pytest.fixture(autouse=True)
def _nothing_is_left(api: str) -> Iterator[None]:
    yield
    with get_client(sync_client=True) as client:
        for deployment in client.read_deployments():
            client.delete_deployment(deployment.id)
