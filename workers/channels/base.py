"""What a channel is: a message in, an outcome out."""

from __future__ import annotations

from typing import Any, Protocol
from uuid import UUID

import msgspec

from hub.model.outcome import Outcome


class Message(msgspec.Struct, frozen=True):
    """One delivery, ready to be sent.

    Attributes:
        delivery_id: The same for every attempt: what makes a repeated send recognisable.
        kind: `step`, or `withdrawal`: close what an earlier message of this notification shows.
        attempt: Counted from 1.
        content: The item's fields as the person reads them: title, body, action_url, data …
        gathered: Of a digest: `{"count", "notifications": [ids]}`.
    """

    delivery_id: UUID
    notification_id: UUID
    project_id: int
    person_id: int
    user: str
    channel: str
    kind: str
    attempt: int
    content: dict[str, Any]
    gathered: dict[str, Any] | None = None


class Channel(Protocol):
    """One way out of the app.

    Guarantees that every channel gives, and that the frame around it relies on:

    - `send` may be called many times at once, and for one message again after a crash: a channel that can recognise the
      repetition (by `delivery_id`) sends it once.
    - It raises nothing that is to be expected of a provider: what went wrong is an outcome. What it raises all the same
      counts as `Failed`.
    - It may be cancelled; whether the message went out is then not known.
    """

    async def send(self, message: Message) -> Outcome:
        """Hands one message to the provider; returns when the provider has answered."""
        ...

    async def close(self) -> None:
        """Gives back what it holds. May be called twice."""
        ...
