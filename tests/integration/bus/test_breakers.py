"""Breakers in a real Valkey: of those who change one at the same moment, one does."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import AsyncIterator, Mapping
from functools import partial

import pytest

from hub.bus.breakers import BreakerStore
from hub.bus.client import Server, create_redis
from hub.local.servers import Servers
from hub.model.breaker import LEAST, Breaker, State, Tally, count, probe

NOW = time.time()


@pytest.fixture
async def redis(servers: Servers) -> AsyncIterator[Server]:
    made = create_redis(servers.redis_url)
    yield made
    await made.aclose()


class Late(BreakerStore):
    """Somebody else changes it between what this one read and what it writes."""

    other: BreakerStore
    change = staticmethod(partial(probe, who="other", now=NOW + 60))

    async def _swap(self, held: Mapping[str, bytes], wanted: Mapping[str, bytes]) -> dict[str, bytes]:
        await self.other.exchange({"relay-1": self.change})
        return await super()._swap(held, wanted)


async def opened(redis: Server) -> tuple[BreakerStore, Late]:
    """Two workers' views of a breaker that is open."""
    installation = secrets.token_hex(4)
    store, late = BreakerStore(redis, installation, "email"), Late(redis, installation, "email")
    late.other = store
    tally = Tally()
    for _ in range(LEAST):
        tally.add(NOW, failed=True)
    found = await store.exchange({"relay-1": partial(count, tally=tally, now=NOW, chance=0.5)})
    assert found["relay-1"].state is State.OPEN
    return store, late


async def test_who_comes_second_learns_who_probes(redis: Server) -> None:
    _, late = await opened(redis)
    found = await late.exchange({"relay-1": partial(probe, who="late", now=NOW + 60)})
    assert (found["relay-1"].state, found["relay-1"].probe) == (State.HALF_OPEN, "other")


async def test_what_is_changed_all_the_time_is_left_as_it_is(redis: Server) -> None:
    store, late = await opened(redis)
    late.change = staticmethod(lambda breaker: Breaker(breaker.state, breaker.until + 1))
    found = await late.exchange({"relay-1": partial(probe, who="late", now=NOW + 60), "relay-2": lambda b: b})
    assert found["relay-1"] == (await store.exchange({"relay-1": lambda b: b}))["relay-1"]
    assert found["relay-1"].probe == ""


async def test_of_many_at_once_one_probes(redis: Server) -> None:
    store, _ = await opened(redis)
    names = [str(number) for number in range(30)]
    found = await asyncio.gather(
        *(store.exchange({"relay-1": partial(probe, who=name, now=NOW + 60)}) for name in names)
    )
    winners = {answer["relay-1"].probe for answer in found}
    assert len(winners) == 1
    assert winners < set(names)
