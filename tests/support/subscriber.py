"""A subscriber under test, and what it heard."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, TypeVar

from hub.bus.subscribe import Subscriber

S = TypeVar("S", bound=Subscriber)


class Listener:
    """What a subscriber heard, to be awaited."""

    def __init__(self) -> None:
        self.messages: asyncio.Queue[tuple[bytes, bytes]] = asyncio.Queue()
        self.gaps: asyncio.Queue[frozenset[bytes] | None] = asyncio.Queue()
        self.fail = False

    def hear(self, channel: bytes, payload: bytes) -> None:
        self.messages.put_nowait((channel, payload))
        if self.fail:
            self.fail = False
            raise ValueError("a message that fails")

    def gap(self, channels: frozenset[bytes] | None) -> None:
        self.gaps.put_nowait(channels)


@asynccontextmanager
async def running(
    kind: type[S], url: str, listener: Listener, publish: Callable[[str, bytes], Awaitable[Any]], probe_seconds: float
) -> AsyncIterator[S]:
    """Started, for a minute at most, and closed twice."""
    made = kind(
        url,
        control=f"control:{secrets.token_hex(4)}",
        publish=publish,
        on_message=listener.hear,
        on_gap=listener.gap,
        probe_seconds=probe_seconds,
    )
    made.start()
    try:
        async with asyncio.timeout(60):
            yield made
    finally:
        await made.close()
        await made.close()


def name() -> bytes:
    """A channel of nobody else."""
    return b"test:" + secrets.token_hex(6).encode()
