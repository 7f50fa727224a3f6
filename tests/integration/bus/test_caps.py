"""Caps against a real Valkey: exact windows, both bounds or none, races, and sets that were lost."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest

from hub.bus.caps import Bound, CapAsk, CapFull, Wanted, release, reserve
from hub.bus.client import Server, create_redis
from hub.local.servers import Servers

HOUR = timedelta(hours=1)


class Store:
    """What Postgres would say was counted."""

    def __init__(self) -> None:
        self.rows: list[tuple[int, str, UUID, datetime]] = []
        self.asked: list[Wanted] = []

    async def load(self, wanted: Sequence[Wanted]) -> dict[tuple[int, str], list[tuple[UUID, datetime]]]:
        self.asked += wanted
        now = datetime.now(UTC)
        return {
            (entry.person_id, entry.scope): [
                (name, at)
                for person, category, name, at in self.rows
                if person == entry.person_id and entry.scope in ("", category) and at > now - entry.per
            ]
            for entry in wanted
        }


class Caps:
    """An installation of its own in the shared Valkey."""

    def __init__(self, redis: Server) -> None:
        self.redis = redis
        self.name = secrets.token_hex(4)
        self.store = Store()

    async def ask(self, *bounds: Bound, person: int = 1, name: UUID | None = None) -> CapFull | None:
        asks = [CapAsk(name or uuid4(), person, bounds)]
        return (await reserve(self.redis, self.name, asks, self.store.load))[0]

    async def lose(self) -> None:
        keys = [key async for key in self.redis.scan_iter(match=f"hub:{self.name}:*")]
        await self.redis.delete(*keys)


@pytest.fixture
async def caps(servers: Servers) -> AsyncIterator[Caps]:
    redis = create_redis(servers.redis_url)
    yield Caps(redis)
    await redis.aclose()


async def test_exactly_so_many_in_a_window(caps: Caps) -> None:
    bound = Bound("news", 3, HOUR)
    assert [await caps.ask(bound) for _ in range(3)] == [None] * 3
    full = await caps.ask(bound)
    assert full is not None
    assert full.scope == "news"
    assert HOUR - timedelta(minutes=1) < full.free_at - datetime.now(UTC) <= HOUR
    assert await caps.ask(bound, person=2) is None
    assert await caps.ask(Bound("other", 3, HOUR)) is None


async def test_a_window_slides(caps: Caps) -> None:
    bound = Bound("news", 2, timedelta(milliseconds=400))
    assert await caps.ask(bound) is None
    assert await caps.ask(bound) is None
    full = await caps.ask(bound)
    assert full is not None
    async with asyncio.timeout(20):
        while (again := await caps.ask(bound)) is not None:
            assert datetime.now(UTC) < again.free_at + timedelta(milliseconds=100)
            await asyncio.sleep(0.01)
    assert datetime.now(UTC) >= full.free_at - timedelta(milliseconds=20)


async def test_the_time_of_the_next_place_is_that_of_the_oldest_in_the_way(caps: Caps) -> None:
    now = datetime.now(UTC)
    caps.store.rows = [(1, "news", uuid4(), now - timedelta(minutes=minutes)) for minutes in (50, 40, 30, 20)]
    full = await caps.ask(Bound("news", 2, HOUR))
    assert full is not None
    assert abs(full.free_at - (now + timedelta(minutes=30))) < timedelta(seconds=1)


async def test_a_delivery_takes_its_place_in_all_bounds_or_in_none(caps: Caps) -> None:
    news, over_all = Bound("news", 5, HOUR), Bound("", 2, HOUR)
    assert await caps.ask(news, over_all) is None
    assert await caps.ask(Bound("other", 5, HOUR), over_all) is None
    for _ in range(3):
        full = await caps.ask(news, over_all)
        assert full is not None
        assert full.scope == ""
    assert [await caps.ask(news) for _ in range(4)] == [None] * 4, "only one of the news was counted"


async def test_one_that_is_counted_already_keeps_its_place(caps: Caps) -> None:
    name, bound = uuid4(), Bound("news", 1, HOUR)
    assert await caps.ask(bound, name=name) is None
    assert await caps.ask(bound) is not None
    assert await caps.ask(bound, name=name) is None


async def test_asks_of_one_call_see_each_other_in_order(caps: Caps) -> None:
    bound = Bound("news", 2, HOUR)
    asks = [CapAsk(uuid4(), 1, (bound,)) for _ in range(4)] + [CapAsk(uuid4(), 2, (bound,)), CapAsk(uuid4(), 1, ())]
    found = await reserve(caps.redis, caps.name, asks, caps.store.load)
    assert [full is None for full in found] == [True, True, False, False, True, True]
    assert len(caps.store.asked) == 2, "each set once"


async def test_of_fifty_that_race_exactly_the_limit_finds_room(caps: Caps, servers: Servers) -> None:
    bound = Bound("news", 7, HOUR)
    clients = [create_redis(servers.redis_url) for _ in range(5)]
    try:
        asks = [[CapAsk(uuid4(), 1, (bound,))] for _ in range(50)]
        found = await asyncio.gather(
            *(reserve(clients[n % 5], caps.name, ask, caps.store.load) for n, ask in enumerate(asks))
        )
    finally:
        for client in clients:
            await client.aclose()
    assert sum(full is None for (full,) in found) == 7


async def test_a_set_that_was_lost_is_filled_from_the_store(caps: Caps) -> None:
    bound = Bound("news", 2, HOUR)
    names = [uuid4(), uuid4()]
    for name in names:
        assert await caps.ask(bound, name=name) is None
    caps.store.rows = [(1, "news", name, datetime.now(UTC)) for name in names]
    await caps.lose()
    assert await caps.ask(bound) is not None
    assert await caps.ask(bound, name=names[0]) is None


async def test_of_two_sets_only_the_lost_one_is_asked_for(caps: Caps) -> None:
    news, over_all = Bound("news", 5, HOUR), Bound("", 5, HOUR)
    await caps.ask(news, over_all)
    caps.store.asked.clear()
    await caps.redis.delete(f"hub:{caps.name}:cap:{{1}}:")
    await caps.ask(news, over_all)
    assert [(entry.person_id, entry.scope) for entry in caps.store.asked] == [(1, "")]


async def test_a_longer_window_than_before_is_filled_anew(caps: Caps) -> None:
    caps.store.rows = [(1, "news", uuid4(), datetime.now(UTC) - timedelta(hours=2))]
    assert await caps.ask(Bound("news", 2, HOUR)) is None
    assert await caps.ask(Bound("news", 2, timedelta(hours=3))) is not None
    assert await caps.ask(Bound("news", 2, HOUR)) is None, "a shorter one counts less of the same set"


async def test_a_place_that_is_given_back_is_free(caps: Caps) -> None:
    ask = CapAsk(uuid4(), 1, (Bound("news", 1, HOUR), Bound("", 1, HOUR)))
    assert await reserve(caps.redis, caps.name, [ask], caps.store.load) == [None]
    await release(caps.redis, caps.name, [ask])
    assert await caps.ask(*ask.bounds) is None


async def test_scripts_that_redis_forgot_are_told_again(caps: Caps) -> None:
    bound = Bound("news", 2, HOUR)
    assert await caps.ask(bound) is None
    await caps.redis.script_flush()
    assert await caps.ask(bound) is None


async def test_a_set_goes_when_nothing_is_in_its_window(caps: Caps) -> None:
    await caps.ask(Bound("news", 2, HOUR))
    (key,) = [key async for key in caps.redis.scan_iter(match=f"hub:{caps.name}:*")]
    assert 0 < await caps.redis.pttl(key) <= 3_600_000
