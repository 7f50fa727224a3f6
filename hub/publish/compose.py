"""Composing: from deliveries that are about to go to messages that a channel can send."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from hub.model.message import Address, Browser, Message
from hub.model.outcome import Rejected
from hub.publish.facts import Known
from hub.publish.tracking import track
from hub.store import notifications, push_subscriptions
from hub.store.database import Connection

if TYPE_CHECKING:
    from hub.model.notification import Notification
    from hub.runtime import Hub

PUSH = "web_push"


async def compose(hub: Hub, conn: Connection, going: Sequence[Known]) -> list[Message | Rejected]:
    """The message of each delivery, or why there can be none; a fixed number of reads for any number of deliveries."""
    found = await notifications.read_many(conn, {known.row["notification_id"] for known in going})
    browsers = await push_subscriptions.of_people(
        conn, {known.row["person_id"] for known in going if known.row["channel"] == PUSH}
    )
    messages = [_message(known, found.get(known.row["notification_id"]), browsers) for known in going]
    return [_tracked(hub, known, message) for known, message in zip(going, messages, strict=True)]


def _tracked(hub: Hub, known: Known, message: Message | Rejected) -> Message | Rejected:
    """With its links and a pixel counted, where it has HTML and its category wants that."""
    if isinstance(message, Rejected) or "html" not in message.rendered:
        return message
    whose = message.project_id, message.person_id, message.delivery_id
    html = track(hub.settings, known.rules.policy, message.rendered["html"], *whose)
    return msgspec.structs.replace(message, rendered={**message.rendered, "html": html})


def _message(
    known: Known, notification: Notification | None, browsers: dict[int, tuple[Browser, ...]]
) -> Message | Rejected:
    row = known.row
    request: dict[str, Any] = {} if notification is None else notification.request
    content = {} if notification is None else msgspec.json.decode(notification.content(row["user_id"], row["locale"]))
    return Message(
        row["delivery_id"],
        row["notification_id"],
        row["project_id"],
        row["person_id"],
        row["channel"],
        row["kind"],
        row["attempts"],
        row["category"],
        _address(row, browsers),
        content,
        _plain(row["channel"], content) if row["kind"] == "step" else {},
        overrides=(request.get("overrides") or {}).get(row["channel"]) or {},
        priority=row["priority"] or "normal",
        marketing=known.rules.policy.marketing,
        required=known.rules.policy.required,
        collapse_key=request.get("collapse_key"),
        thread_key=request.get("thread_key"),
        dispatched_at=row["dispatched_at"],
        expires_at=row["expires_at"],
        gathered=row["gathered"],
        reached=frozenset(row["reached"] or ()),
    )


def _plain(channel: str, content: dict[str, Any]) -> dict[str, str]:
    """The texts of a notification without a template."""
    title, body, url = (content.get(name) or "" for name in ("title", "body", "action_url"))
    if channel == PUSH:
        return {"title": title, "body": body, "url": url}
    text = "\n\n".join(part for part in (title, body, url) if part)
    return {"subject": title, "text": text} if channel == "email" else {"text": text}


def _address(row: Any, browsers: dict[int, tuple[Browser, ...]]) -> Address:
    return Address(
        row["user_id"],
        row["name"],
        row["email"],
        row["phone"],
        row["locale"],
        row["timezone"],
        browsers.get(row["person_id"], ()) if row["channel"] == PUSH else (),
    )
