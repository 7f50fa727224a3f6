"""What a channel is given: one delivery, ready to be sent."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec


class Browser(msgspec.Struct, frozen=True):
    """A push subscription: where to, and the keys to encrypt with (RFC 8291), in unpadded base64url."""

    subscription_id: UUID
    endpoint: str
    p256dh: str
    auth: str


class Address(msgspec.Struct, frozen=True):
    """How to reach a person, on every channel."""

    user: str
    name: str | None = None
    email: str | None = None
    phone: str | None = None
    locale: str | None = None
    timezone: str | None = None
    browsers: tuple[Browser, ...] = ()


class Message(msgspec.Struct, frozen=True):
    """One delivery, ready to be sent.

    Attributes:
        delivery_id: The same for every attempt: what makes a repeated send recognisable.
        kind: `step`, or `withdrawal`: close what an earlier message of this notification shows.
        attempt: Counted from 1.
        content: The item's fields as the person reads them: title, body, action_url, data …
        rendered: The channel's own texts: of `email` `subject`, `text`, `html`; of `web_push` `title`, `body`, `url`;
            of `sms` `text`. Empty for a withdrawal.
        overrides: What the notification says for this channel alone.
        gathered: Of a digest: `{"count", "notifications": [ids]}`.
        unsubscribe_url: Of a mail: where its person leaves its category; None where there is no such link.
        reached: Of its browsers, those that have it from an earlier attempt.
    """

    delivery_id: UUID
    notification_id: UUID
    project_id: int
    person_id: int
    channel: str
    kind: str
    attempt: int
    category: str
    to: Address
    content: dict[str, Any]
    rendered: Mapping[str, str] = {}
    overrides: Mapping[str, Any] = {}
    priority: str = "normal"
    marketing: bool = False
    unsubscribe_url: str | None = None
    collapse_key: str | None = None
    thread_key: str | None = None
    dispatched_at: datetime | None = None
    expires_at: datetime | None = None
    gathered: dict[str, Any] | None = None
    reached: frozenset[str] = frozenset()

    @property
    def user(self) -> str:
        return self.to.user
