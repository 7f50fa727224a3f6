"""A running API for each test."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from hub.runtime import Hub
from tests.support.api_server import Caller, serve_api


@pytest.fixture
async def call(hub: Hub, project_id: int) -> AsyncIterator[Caller]:
    """Calls a real API on a database of its own, with a key that may do everything."""
    async with serve_api(hub, project_id) as (_, caller):
        yield caller
