"""Providers in this process that answer as they are told, a clock that a test turns, and messages for them."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from typing import Any
from uuid import uuid4

from hub.model.message import Address, Message
from hub.model.outcome import Outcome, Sent


class Clock:
    """Unix seconds that pass when they are told to."""

    def __init__(self) -> None:
        self.now = time.time()

    def __call__(self) -> float:
        return self.now

    def later(self, seconds: float) -> None:
        self.now += seconds


class Relay:
    """A provider: answers `answer`, an outcome or an exception, after `before` has returned.

    Attributes:
        asked: Every message it was asked to send; `took`: those it took, by delivery.
    """

    def __init__(self, answer: Outcome | Exception = Sent()) -> None:  # noqa: B008
        self.answer = answer
        self.before: Callable[[Message], Awaitable[None]] | None = None
        self.asked: list[Message] = []
        self.took: list[Message] = []
        self.closed = 0

    async def send(self, message: Message) -> Outcome:
        self.asked.append(message)
        answer = self.answer
        if self.before is not None:
            await self.before(message)
        if isinstance(answer, Exception):
            raise answer
        if isinstance(answer, Sent):
            self.took.append(message)
        return answer

    async def close(self) -> None:
        self.closed += 1


def make_message(channel: str = "email", **changes: Any) -> Message:
    """A message to Ada; another delivery each time, unless `changes` say otherwise."""
    fields: dict[str, Any] = {
        "delivery_id": uuid4(),
        "notification_id": uuid4(),
        "project_id": 1,
        "person_id": 1,
        "channel": channel,
        "kind": "step",
        "attempt": 1,
        "category": "general",
        "to": Address("ada", "Ada", "ada.lovelace@example.com", "+14155550100", "en", "Europe/London"),
        "content": {"title": "A title", "body": "A body"},
        "rendered": {"subject": "A title", "title": "A title", "body": "A body", "text": "A body", "url": ""},
        **changes,
    }
    return Message(**fields)
