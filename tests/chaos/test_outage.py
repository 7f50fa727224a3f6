"""The first provider goes out under load; `make soak` does the same with 5,000 messages."""

from __future__ import annotations

import time

from hub.runtime import Hub
from tests.support.deliveries import make_sandbox
from tests.support.outage import run_outage
from tests.support.redis_server import redis_of


async def test_an_outage_of_the_first_provider_loses_nothing(hub: Hub, project_id: int) -> None:
    hub.settings.presence_settle_seconds = 0
    await redis_of(hub).set(f"hub:{hub.installation}:present-since", int(time.time()))
    await make_sandbox(hub, project_id)
    account = await run_outage(hub, project_id, 500)
    assert account.problems == []
    assert account.probes_back == 1
