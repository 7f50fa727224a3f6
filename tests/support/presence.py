"""Gateways' presence without gateways: writers on a real Valkey, some of which are killed."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from hub.bus import presence
from hub.bus.client import Server, create_redis
from hub.bus.presence import Presence, person_key, read_presence
from hub.bus.presence_writer import PresenceWriter
from tests.support.tcp_proxy import TcpProxy, tcp_proxy

LEASE_SECONDS = 0.6
LONG_SECONDS = 1000.0  # a grace that does not pass, a lease that does not end, while a test runs
ADA, BOB, CYD = (1, "ada/ü:x"), (1, "bob"), (2, "cyd")


class Installation:
    """A name of its own in a Valkey, and gateways on it."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.redis = create_redis(url)
        self.name = secrets.token_hex(4)

    @asynccontextmanager
    async def gateway(
        self,
        redis: Server | None = None,
        *,
        lease_seconds: float = LEASE_SECONDS,
        grace_seconds: float = LONG_SECONDS,
    ) -> AsyncIterator[tuple[PresenceWriter, str]]:
        """A gateway that closes at the end of the block."""
        incarnation = secrets.token_hex(6)
        writer = PresenceWriter(redis or self.redis, self.name, incarnation, lease_seconds, grace_seconds)
        writer.start()
        try:
            async with asyncio.timeout(20):
                yield writer, incarnation
        finally:
            await writer.close()
            await writer.close()

    @asynccontextmanager
    async def mortal_gateway(self) -> AsyncIterator[tuple[PresenceWriter, str, TcpProxy]]:
        """A gateway whose way to Redis can be cut: for Redis it has died then."""
        async with tcp_proxy(self.url) as (proxy, url):
            redis = create_redis(url)
            try:
                async with self.gateway(redis) as (writer, incarnation):
                    yield writer, incarnation, proxy
            finally:
                await redis.aclose()

    async def kill(self, incarnation: str, proxy: TcpProxy) -> None:
        """Ends a mortal gateway without a word. Returns when its lease has ended."""
        proxy.refusing = True
        proxy.cut()
        await eventually(lambda: self.redis.exists(f"hub:{self.name}:lease:{incarnation}"), 0)

    async def settle(self) -> None:
        """As if all gateways had been there for long."""
        await self.redis.set(f"hub:{self.name}:present-since", int(time.time()) - presence.SETTLE_SECONDS - 1)

    async def read(self, user: str = ADA[1]) -> Presence:
        return await read_presence(self.redis, self.name, ADA[0], user)

    async def state(self) -> str:
        """Ada's."""
        return (await self.read()).state

    async def leaving(self) -> dict[str, float]:
        """Who is leaving, and when their grace ends."""
        found: Any = await self.redis.zrange(f"hub:{self.name}:leaving", 0, -1, withscores=True)
        return {person.decode("ascii"): score for person, score in found}

    async def is_leaving(self, person: tuple[int, str] = ADA) -> bool:
        return person_key(*person) in await self.leaving()

    async def members(self, name: str) -> set[str]:
        """Of a set of the installation's."""
        found: Any = await self.redis.smembers(f"hub:{self.name}:{name}")
        return {member.decode("ascii") for member in found}


async def eventually(look: Callable[[], Awaitable[object]], expected: object) -> None:
    async with asyncio.timeout(10):
        while await look() != expected:
            await asyncio.sleep(0.01)
