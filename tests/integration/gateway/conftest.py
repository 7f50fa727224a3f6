"""A gateway that listens, and tokens for it."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from hub.config import Settings
from hub.runtime import Hub, open_hub
from tests.support.gateway import RunningGateway, running_gateway


@pytest.fixture
def changes() -> dict[str, object]:
    """Settings that a test module wants otherwise; override it there."""
    return {}


@pytest.fixture
async def hub(settings: Settings, changes: dict[str, object]) -> AsyncIterator[Hub]:
    async with open_hub(settings.model_copy(update=changes), role="test") as running:
        yield running


@pytest.fixture
async def gateway(hub: Hub) -> AsyncIterator[RunningGateway]:
    async with running_gateway(hub) as running:
        yield running
