"""A channel's way out: which of its providers has a message, and what goes around every one of them alike."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import NamedTuple

import structlog
from prometheus_client import Histogram

from hub.model.message import Message
from hub.model.outcome import Attempt, Failed, Outcome, Rejected, Sent
from workers.channels.base import Channel

log = structlog.get_logger("hub.route")

SEND_SECONDS = 30.0  # the longest that a provider may take; half of the lease
SEND_LATENCY = Histogram("hub_send_seconds", "Duration of one send", ["channel", "provider"])


class Provider(NamedTuple):
    """A channel's provider, with what its settings say."""

    name: str
    channel: Channel
    order: int = 0
    weight: int = 1
    per_second: float | None = None


class Route:
    """All providers of one channel. Owner: the sender; `close()` may be called twice."""

    def __init__(self, channel: str, providers: Sequence[Provider]) -> None:
        self._channel = channel
        self._providers = sorted(providers, key=lambda provider: provider.order)

    async def send(self, message: Message) -> Attempt:
        """One attempt: by the first provider that takes it, or refuses it for good. Raises nothing."""
        attempt = Attempt(Failed("no provider is configured"))
        for provider in self._providers:
            attempt = Attempt(await self._ask(provider, message), provider.name)
            if isinstance(attempt.outcome, Sent | Rejected):
                break
            if isinstance(attempt.outcome, Failed) and attempt.outcome.handed_over:
                break
        return attempt

    async def _ask(self, provider: Provider, message: Message) -> Outcome:
        loop = asyncio.get_running_loop()
        started = loop.time()
        try:
            async with asyncio.timeout(SEND_SECONDS):
                return await provider.channel.send(message)
        except TimeoutError:
            return Failed(f"no answer within {SEND_SECONDS:g} s", handed_over=True)
        except Exception as error:
            log.exception("channel.broken", provider=provider.name, delivery=str(message.delivery_id))
            return Failed(f"the channel failed: {type(error).__name__}")
        finally:
            SEND_LATENCY.labels(self._channel, provider.name).observe(loop.time() - started)

    async def close(self) -> None:
        for provider in self._providers:
            await provider.channel.close()
