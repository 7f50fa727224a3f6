"""Presence against a real Valkey: leases, other gateways' entries, and what is unknown."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from redis.asyncio import Redis

from hub.bus import presence
from hub.bus.client import create_redis
from hub.bus.presence import Entry, PresenceWriter, holds, read_presence
from hub.local.servers import Servers
from tests.support.tcp_proxy import tcp_proxy

LEASE_SECONDS = 0.6
ADA = (1, "ada/ü:x")


class Installation:
    """A name of its own in the shared Valkey, and gateways on it."""

    def __init__(self, redis: Redis) -> None:
        self.redis = redis
        self.name = secrets.token_hex(4)

    @asynccontextmanager
    async def gateway(self, redis: Redis | None = None) -> AsyncIterator[tuple[PresenceWriter, str]]:
        incarnation = secrets.token_hex(6)
        writer = PresenceWriter(redis or self.redis, self.name, incarnation, LEASE_SECONDS)
        writer.start()
        try:
            async with asyncio.timeout(20):
                yield writer, incarnation
        finally:
            await writer.close()
            await writer.close()

    async def settle(self) -> None:
        """As if all gateways had been there for long."""
        await self.redis.set(f"hub:{self.name}:present-since", int(time.time()) - presence.SETTLE_SECONDS - 1)

    async def read(self, user: str = ADA[1]) -> presence.Presence:
        return await read_presence(self.redis, self.name, ADA[0], user)


@pytest.fixture
async def installation(servers: Servers, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Installation]:
    """Valkey itself is younger than SETTLE_SECONDS in a test."""
    monkeypatch.setattr(presence, "SETTLE_SECONDS", 0)
    redis = create_redis(servers.redis_url)
    yield Installation(redis)
    await redis.aclose()


async def eventually(look: Callable[[], Awaitable[object]], expected: object) -> None:
    async with asyncio.timeout(10):
        while await look() != expected:
            await asyncio.sleep(0.01)


async def state(installation: Installation) -> str:
    return (await installation.read()).state


async def test_a_person_is_active_idle_and_gone(installation: Installation) -> None:
    async with installation.gateway() as (writer, incarnation):
        first, second = f"{incarnation}1", f"{incarnation}2"
        await writer.set(*ADA, first, "idle")
        assert await installation.read() == presence.Presence("idle", (Entry(first, incarnation, "idle"),))
        await writer.set(*ADA, second, "active")
        assert (await installation.read()).state == "active"
        await writer.set(*ADA, second, "idle")
        assert [entry.state for entry in (await installation.read()).connections] == ["idle", "idle"]
        writer.remove(*ADA, first)
        writer.remove(*ADA, second)
        await eventually(lambda: state(installation), "offline")
        assert (await installation.read("bob")).state == "offline"


async def test_a_connection_is_known_to_be_whose_it_is(installation: Installation) -> None:
    async with installation.gateway() as (writer, incarnation):
        connection = f"{incarnation}1"
        await writer.set(*ADA, connection, "active")
        assert await holds(installation.redis, installation.name, *ADA, connection)
        assert not await holds(installation.redis, installation.name, 1, "bob", connection)
        assert not await holds(installation.redis, installation.name, 2, ADA[1], connection)


async def test_a_gateway_that_ends_removes_its_own_entries_only(installation: Installation) -> None:
    async with installation.gateway() as (one, first):
        async with installation.gateway() as (two, second):
            await one.set(*ADA, f"{first}1", "idle")
            await two.set(*ADA, f"{second}1", "active")
        assert await installation.read() == presence.Presence("idle", (Entry(f"{first}1", first, "idle"),))


async def test_entries_of_a_gateway_whose_lease_ran_out_do_not_count(installation: Installation) -> None:
    async with installation.gateway() as (writer, incarnation):
        await writer.set(*ADA, f"{incarnation}1", "active")
        await installation.redis.hset(
            f"hub:{installation.name}:present:{presence._person(*ADA)}", "deadbeefdead1", "active"
        )
        assert [entry.gateway for entry in (await installation.read()).connections] == [incarnation]


async def test_a_lease_is_refreshed_as_long_as_its_gateway_lives(installation: Installation) -> None:
    async with installation.gateway() as (writer, incarnation):
        await writer.set(*ADA, f"{incarnation}1", "active")
        key = f"hub:{installation.name}:lease:{incarnation}"
        lowest = 10_000
        until = time.monotonic() + 2 * LEASE_SECONDS
        while time.monotonic() < until:
            lowest = min(lowest, await installation.redis.pttl(key))
            await asyncio.sleep(0.02)
        assert lowest > 0
        assert (await installation.read()).state == "active"


async def test_nobody_is_absent_before_anybody_was_there_to_say_so(servers: Servers) -> None:
    redis = create_redis(servers.redis_url)
    try:
        assert (await Installation(redis).read()).state == "unknown"
    finally:
        await redis.aclose()


async def test_absence_is_unknown_until_gateways_have_had_time(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with installation.gateway() as (writer, incarnation):
        await writer.set(*ADA, f"{incarnation}1", "active")
        monkeypatch.setattr(presence, "SETTLE_SECONDS", 3600)
        assert (await installation.read("bob")).state == "unknown"
        assert (await installation.read()).state == "active"


async def test_everything_is_written_again_when_redis_was_emptied(installation: Installation) -> None:
    async with installation.gateway() as (writer, incarnation):
        await writer.set(*ADA, f"{incarnation}1", "active")
        await installation.settle()
        keys = [key async for key in installation.redis.scan_iter(f"hub:{installation.name}:*")]
        await installation.redis.delete(*keys)
        await eventually(lambda: state(installation), "active")
        since = await installation.redis.get(f"hub:{installation.name}:present-since")
        assert since is not None
        assert int(since) >= time.time() - 10


async def test_changes_made_while_redis_is_away_are_written_when_it_returns(
    servers: Servers, installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(presence, "RETRY_SECONDS", 0.02)
    async with tcp_proxy(servers.redis_url) as (proxy, url):
        redis = create_redis(url)
        async with installation.gateway(redis) as (writer, incarnation):
            await writer.set(*ADA, f"{incarnation}1", "active")
            await writer.set(*ADA, f"{incarnation}2", "active")
            await installation.settle()
            proxy.refusing = True
            proxy.cut()
            writer.remove(*ADA, f"{incarnation}1")
            await writer.set(*ADA, f"{incarnation}2", "idle")
            assert (await read_presence(redis, installation.name, *ADA)).state == "unknown"
            proxy.refusing = False
            expected = presence.Presence("idle", (Entry(f"{incarnation}2", incarnation, "idle"),))
            await eventually(installation.read, expected)
        await redis.aclose()
