"""A sandbox project and a worker's steps; presence is known, and everybody is away until they are not."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator

import pytest

from hub.runtime import Hub
from tests.support.deliveries import Steps, make_sandbox, steps
from tests.support.redis_server import redis_of


@pytest.fixture
async def worker(hub: Hub, project_id: int) -> AsyncIterator[Steps]:
    """Valkey itself is younger in a test than presence asks of it."""
    hub.settings.presence_settle_seconds = 0
    await redis_of(hub).set(f"hub:{hub.installation}:present-since", int(time.time()))
    await make_sandbox(hub, project_id)
    async with steps(hub) as running:
        yield running
