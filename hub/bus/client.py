"""The one place where a Redis client is made, and what the rest of the hub asks of it.

RESP2 and no silent retries: a command that failed says so at once, and its caller decides (facts.md: redis-py retries
hide lost messages). Pub/Sub is not read through this client; see subscribe.py.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Any, Protocol, TypeAlias, cast

from redis.asyncio import Redis
from redis.asyncio.client import Pipeline
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

SOCKET_TIMEOUT_SECONDS = 2.0  # an answer takes under 1 ms; past this the server is gone or stopped
AWAY = (RedisError, OSError, TimeoutError)
"""What a Redis that does not answer raises."""

# One script for many messages: of a pipeline of PUBLISH the answers took more of the publisher's CPU than the messages
# (12 % and 8 % of a publish to a hundred people), and nobody reads how many subscribers there were. And two arguments
# for all of them: redis-py takes 1 to 2 µs for a message's own, and this a third of it.
WALK = """local lengths, texts, at = ARGV[1], ARGV[2], 1
for place = 1, #lengths, 8 do
    local channel, payload = struct.unpack('>I4I4', lengths, place)
    local middle = at + channel
    local name, text = string.sub(texts, at, middle - 1), string.sub(texts, middle, middle + payload - 1)
    at = middle + payload
    %s
end"""
"""A script that does something with `name` and `text` of each message `packed`; `place` is 8 times its own, plus 1."""
_PUBLISH = WALK % "redis.call('PUBLISH', name, text)"
SCRIPT_MESSAGES = 250  # Redis does nothing else meanwhile: a quarter of a millisecond

Command: TypeAlias = "tuple[str, tuple[Any, ...]]"
"""A key that says where the command goes, and the command with its arguments; all its keys are in one slot."""
Message: TypeAlias = "tuple[str, bytes]"
"""A channel and what is published there."""


class Bus(Protocol):
    """One Redis server, or a cluster of them.

    Attributes:
        tags: What keys that belong together over many people have after the installation's name; each person's are
            under one of them. One server has one, and it is empty.
    """

    tags: tuple[str, ...]

    async def each(self, commands: Sequence[Command], first: tuple[Any, ...] = ()) -> list[Any]:
        """Sends commands, one round trip for all; their replies, in order, errors among them.

        Commands of one slot keep their order, unless the slot is just being moved. In a cluster one part of it may be
        away: its commands get the error, the others are done.

        Args:
            first: A command that goes ahead of the others to every server concerned; its reply is not kept.

        Raises:
            redis.RedisError, OSError: One server: it does not answer; some may have been done.
        """
        ...

    async def at(self, key: str, build: Callable[[Pipeline], object], *, transaction: bool = True) -> list[Any]:
        """Sends what `build` puts into a pipeline; all its keys are in the slot of `key`. The replies.

        Args:
            transaction: False lets one server do other commands in between; a cluster never does.

        Raises:
            redis.RedisError, OSError: It does not answer, or refuses; in a transaction nothing, or everything, is done.
        """
        ...

    def publish(self, channel: str, payload: bytes, /) -> Awaitable[Any]:
        """Publishes one message, at most once. Raises redis.RedisError, OSError."""
        ...

    async def publish_all(self, messages: Sequence[Message]) -> list[int]:
        """Publishes messages, at most once each; in a cluster the places of those that a master did not accept.

        Raises:
            redis.RedisError, OSError: One server: it did not accept them all; some may have gone out. A cluster: no
                node has ever answered.
        """
        ...

    def age(self, key: str) -> float:
        """For how many seconds the server of a key has been its server, as far as is known here."""
        ...

    def ping(self) -> Awaitable[Any]:
        """Raises redis.RedisError, OSError: no server answers."""
        ...

    async def aclose(self) -> None: ...


class Server(Redis):
    """A single server."""

    tags: tuple[str, ...] = ("",)

    async def each(self, commands: Sequence[Command], first: tuple[Any, ...] = ()) -> list[Any]:
        if not commands:
            return []
        pipeline = self.pipeline(transaction=False)
        if first:
            pipeline.execute_command(*first)
        for _, words in commands:
            pipeline.execute_command(*words)
        replies = await pipeline.execute(raise_on_error=False)
        return replies[1:] if first else replies

    async def at(self, key: str, build: Callable[[Pipeline], object], *, transaction: bool = True) -> list[Any]:
        pipeline = self.pipeline(transaction=transaction)
        build(pipeline)
        return await pipeline.execute()

    async def publish_all(self, messages: Sequence[Message]) -> list[int]:
        pipeline = self.pipeline(transaction=False)
        for start in range(0, len(messages), SCRIPT_MESSAGES):
            pipeline.execute_command("EVAL", _PUBLISH, 0, *packed(messages[start : start + SCRIPT_MESSAGES]))
        await pipeline.execute()
        return []

    def age(self, key: str) -> float:
        return math.inf


def create_redis(url: str, **options: Any) -> Server:
    """A client for the one server of `url`; nothing is connected yet. Bytes in, bytes out.

    Args:
        options: Of redis-py's connection, over those of the URL.
    """
    redis: Any = Server.from_url(  # typed as Redis; it makes an instance of its class
        url,
        protocol=2,
        decode_responses=False,
        socket_timeout=SOCKET_TIMEOUT_SECONDS,
        socket_connect_timeout=SOCKET_TIMEOUT_SECONDS,
        retry=Retry(NoBackoff(), 0),
        health_check_interval=0,
        max_connections=64,
        **options,
    )
    return cast(Server, redis)


def packed(messages: Iterable[Message]) -> tuple[bytes, bytes]:
    """Messages for a script: the lengths of each channel and payload, 4 bytes big endian, and all of them joined."""
    parts = [part for channel, payload in messages for part in (channel.encode("utf-8"), payload)]
    return struct.pack(f">{len(parts)}I", *map(len, parts)), b"".join(parts)


def checked(replies: list[Any]) -> list[Any]:
    """The replies of `each`; raises the first error among them."""
    for reply in replies:
        if isinstance(reply, Exception):
            raise reply
    return replies
