"""All roles as processes on a Valkey Cluster, amid a stream of publishes: slots move, a master is killed."""

from __future__ import annotations

import asyncio
from itertools import cycle
from pathlib import Path

from hub.bus.slots import SLOTS
from tests.support.chaos import Chaos, check, run
from tests.support.fleet import deployment
from tests.support.valkey_cluster import ValkeyCluster, valkey_cluster

PEOPLE = 40
PER_SECOND = 40.0
MOVED_SLOTS = 40


async def shake(valkeys: ValkeyCluster) -> None:
    """Slots of everywhere move to the next master, then one dies, and comes back."""
    ways = cycle(("by key", "at once"))
    for slot in range(7, SLOTS, SLOTS // MOVED_SLOTS):
        source = valkeys.masters.index(await valkeys.owner(slot))
        await valkeys.move(slot, valkeys.masters[(source + 1) % 3], "by key" if next(ways) == "by key" else "at once")
    await valkeys.fail_over()
    await asyncio.sleep(1)
    await valkeys.fail_back()


async def test_nothing_accepted_is_lost_whatever_becomes_of_the_cluster(tmp_path: Path) -> None:
    async with (
        valkey_cluster(tmp_path) as valkeys,
        deployment(tmp_path, apis=2, gateways=2, workers=1, HUB_REDIS_URL=valkeys.url) as hub,
    ):

        async def faults(_chaos: Chaos) -> None:
            await shake(valkeys)

        account = await run(hub, PEOPLE, PER_SECOND, faults)
    check(account, minimum=100)
    assert not account.refused  # who publishes does not notice
