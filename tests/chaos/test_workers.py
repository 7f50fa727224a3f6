"""Workers are killed at random while they deliver; at full size (20,000) this belongs to `make soak`."""

from __future__ import annotations

from pathlib import Path

from tests.support.delivery_chaos import run_deliveries
from tests.support.fleet import deployment

DELIVERIES = 2_000


async def test_every_delivery_ends_once_whatever_workers_die(tmp_path: Path) -> None:
    async with deployment(tmp_path, apis=1, gateways=0, workers=2, HUB_DELIVERY_LEASE_SECONDS="3") as hub:
        account = await run_deliveries(hub, DELIVERIES, kill_every=(0.5, 1.5), seed=1)
    assert account.problems == []
    assert account.deliveries == DELIVERIES
    assert account.kills > 0
    assert account.digests > 0
