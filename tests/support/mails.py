"""Messages of the e-mail channel, made by hand."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

from hub.model.message import Address, Message


def mail(email: str | None = "ada@example.org", name: str | None = "Ada", **fields: Any) -> Message:
    """One message to Ada; `fields` replace what it says."""
    values: dict[str, Any] = {
        "delivery_id": uuid4(),
        "notification_id": uuid4(),
        "project_id": 1,
        "person_id": 7,
        "channel": "email",
        "kind": "step",
        "attempt": 1,
        "category": "orders.shipped",
        "to": Address("ada", name, email),
        "content": {"title": "It is on its way"},
        "rendered": {"subject": "It is on its way", "text": "Your order has left."},
    }
    return Message(**{**values, **fields})
