"""An installation of its own for each test."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from hub.bus import presence
from hub.local.servers import Servers
from tests.support.presence import Installation


@pytest.fixture
async def installation(servers: Servers, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Installation]:
    """Settled: Valkey itself is younger than SETTLE_SECONDS in a test."""
    monkeypatch.setattr(presence, "SETTLE_SECONDS", 0)
    made = Installation(servers.redis_url)
    yield made
    await made.redis.aclose()
