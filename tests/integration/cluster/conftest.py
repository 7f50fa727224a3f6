"""One cluster for each test process; every test finds it whole, with names of its own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from hub.bus.cluster import Cluster
from tests.support.valkey_cluster import ValkeyCluster, valkey_cluster


@pytest.fixture(scope="session")
def valkeys(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ValkeyCluster]:
    with asyncio.Runner() as runner:
        context = valkey_cluster(Path(tmp_path_factory.mktemp("cluster")))
        running = runner.run(context.__aenter__())
        try:
            yield running
        finally:
            runner.run(context.__aexit__(None, None, None))


@pytest.fixture
async def redis(valkeys: ValkeyCluster) -> AsyncIterator[Cluster]:
    client = Cluster(valkeys.url)
    yield client
    await client.aclose()
    await client.aclose()
