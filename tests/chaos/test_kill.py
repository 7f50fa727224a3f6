"""kill -9 of every part, each in the middle of a stream of publishes; at full size this is `make soak`."""

from __future__ import annotations

import asyncio
from pathlib import Path

from tests.support.chaos import Chaos, check, run
from tests.support.fleet import deployment

PEOPLE = 50
PER_SECOND = 40.0


async def each_part_dies(chaos: Chaos) -> None:
    """One after the other, with a second of ordinary life between."""
    for role in ("api", "gateway", "worker"):
        await asyncio.sleep(1)
        await chaos.kill_process(chaos.hub.of(role)[0])
    await asyncio.sleep(1)
    await chaos.kill_valkey()
    await asyncio.sleep(1)
    await chaos.kill_postgres()
    await asyncio.sleep(1)


async def test_nothing_accepted_is_lost_and_nobody_reloads_whatever_dies(tmp_path: Path) -> None:
    async with deployment(tmp_path, apis=2, gateways=2, workers=1, HUB_RECONCILE_SECONDS="5") as hub:
        account = await run(hub, PEOPLE, PER_SECOND, each_part_dies)
    check(account, minimum=100)
    assert set(account.kills) == {"api", "gateway", "worker", "valkey", "postgres"}
