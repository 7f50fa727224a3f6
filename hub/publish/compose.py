"""Composing: from deliveries that are about to go to messages that a channel can send."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple
from uuid import UUID

import msgspec

from hub.model.brand import Brand
from hub.model.message import Address, Browser, Message
from hub.model.outcome import Rejected
from hub.model.reader import Reader
from hub.model.reason import Reason
from hub.model.rendering import Letter, item_of, render
from hub.model.template_text import TemplateError
from hub.model.times import format_time
from hub.publish import mail_links
from hub.publish.facts import Known
from hub.publish.tracking import track
from hub.store import notifications, push_subscriptions, templates
from hub.store.database import Connection

if TYPE_CHECKING:
    from hub.model.notification import Notification
    from hub.runtime import Hub

PUSH, EMAIL = "web_push", "email"
TURN_SECONDS = 0.01  # of rendering, until others have their turn: the worst template takes 65 ms, and a batch has 200


class _Material(NamedTuple):
    """What was read for a batch."""

    notifications: Mapping[UUID, Notification]
    browsers: Mapping[int, tuple[Browser, ...]]
    readers: Mapping[int, Reader]
    brands: Mapping[int, Brand]


async def compose(hub: Hub, conn: Connection, going: Sequence[Known]) -> list[Message | Rejected]:
    """The message of each delivery, or why there can be none; a fixed number of reads for any number of deliveries."""
    rows = [known.row for known in going]
    named = {UUID(name) for row in rows if row["gathered"] for name in row["gathered"]["notifications"]}
    found = await notifications.read_many(conn, {row["notification_id"] for row in rows} | named)
    await hub.templates.attach(conn, found.values())
    pinned = any(notification.pins for notification in found.values())
    material = _Material(
        found,
        await push_subscriptions.of_people(conn, {row["person_id"] for row in rows if row["channel"] == PUSH}),
        await templates.readers(conn, {row["person_id"] for row in rows}) if pinned else {},
        await templates.brands(conn, {row["project_id"] for row in rows}),
    )
    messages: list[Message | Rejected] = []
    loop = asyncio.get_running_loop()
    turn = loop.time()
    for known in going:
        messages.append(_tracked(hub, known, _message(hub, known, material)))
        if loop.time() - turn > TURN_SECONDS:
            await asyncio.sleep(0)
            turn = loop.time()
    return messages


def _tracked(hub: Hub, known: Known, message: Message | Rejected) -> Message | Rejected:
    """With its links and a pixel counted, where it has HTML and its category wants that."""
    if isinstance(message, Rejected) or "html" not in message.rendered:
        return message
    whose = message.project_id, message.person_id, message.delivery_id
    html = track(hub.settings, known.rules.policy, message.rendered["html"], *whose)
    return msgspec.structs.replace(message, rendered={**message.rendered, "html": html})


def _message(hub: Hub, known: Known, material: _Material) -> Message | Rejected:
    row = known.row
    notification = material.notifications.get(row["notification_id"])
    request: dict[str, Any] = {} if notification is None else notification.request
    reader = material.readers.get(row["person_id"]) or Reader(
        row["user_id"], row["name"], row["email"], row["locale"], row["timezone"] or known.rules.zone
    )
    content = {} if notification is None else _content(notification, reader)
    unsubscribe = _unsubscribe_url(hub, known)
    try:
        rendered = (
            _rendered(hub, known, material, notification, content, reader, unsubscribe) if row["kind"] == "step" else {}
        )
    except TemplateError as error:
        return Rejected(f"{request.get('template')}: {error}", Reason.TEMPLATE_FAILED)
    if row["channel"] == EMAIL and known.rules.policy.marketing:
        if not material.brands[row["project_id"]].address:
            return Rejected("marketing needs a postal address: PUT /v1/brand", Reason.NO_POSTAL_ADDRESS)
        if hub.settings.public_url is None:
            return Rejected("marketing needs a link to unsubscribe: set HUB_PUBLIC_URL", Reason.NO_PUBLIC_URL)
        if unsubscribe is None:
            return Rejected("the name of its category is too long for a link to unsubscribe, which marketing needs")
    return Message(
        row["delivery_id"],
        row["notification_id"],
        row["project_id"],
        row["person_id"],
        row["channel"],
        row["kind"],
        row["attempts"],
        row["category"],
        _address(row, material.browsers),
        content,
        rendered,
        overrides=(request.get("overrides") or {}).get(row["channel"]) or {},
        priority=row["priority"] or "normal",
        marketing=known.rules.policy.marketing,
        unsubscribe_url=unsubscribe,
        collapse_key=request.get("collapse_key"),
        thread_key=request.get("thread_key"),
        dispatched_at=row["dispatched_at"],
        expires_at=row["expires_at"],
        gathered=row["gathered"],
        reached=frozenset(row["reached"] or ()),
    )


def _content(notification: Notification, reader: Reader) -> dict[str, Any]:
    content: dict[str, Any] = msgspec.json.decode(notification.content(reader.id, reader.locale, reader))
    return content


def _rendered(
    hub: Hub,
    known: Known,
    material: _Material,
    notification: Notification | None,
    content: dict[str, Any],
    reader: Reader,
    unsubscribe: str | None,
) -> dict[str, str]:
    """The channel's own texts.

    Raises:
        TemplateError: they cannot be rendered.
    """
    row, channel = known.row, known.row["channel"]
    if notification is None:
        return {}
    gathered = row["gathered"]
    failed, notification.template_error = notification.template_error, None
    if failed is not None and (notification.template is None or not notification.template.speaks_for(channel, reader)):
        raise failed  # what stands in for the channel's texts are the item's
    mail = channel == EMAIL
    return render(
        Letter(
            channel,
            reader,
            content,
            notification.template,
            material.brands[row["project_id"]],
            format_time(notification.created_at),
            gathered["count"] if gathered else 1,
            [_item(n, reader) for name in gathered["notifications"] if (n := material.notifications.get(UUID(name)))]
            if gathered
            else (),
            gathered=bool(gathered),
            unsubscribe_url=unsubscribe,
            preferences_url=_preferences_url(hub, known) if mail else None,
        )
    )


def _item(notification: Notification, reader: Reader) -> dict[str, Any]:
    item = item_of(_content(notification, reader), format_time(notification.created_at))
    notification.template_error = None  # its name stands for it: one of a hundred holds up no other
    return item


def _unsubscribe_url(hub: Hub, known: Known) -> str | None:
    """Of a mail: where its person leaves its category. Nobody leaves what is required; a test shows the link all the
    same.
    """
    row, policy = known.row, known.rules.policy
    if row["channel"] != EMAIL or (policy.required and not policy.marketing and not row["test"]):
        return None
    whose = row["project_id"], row["person_id"], row["delivery_id"], row["category"]
    return mail_links.unsubscribe_link(hub.settings, *whose)


def _preferences_url(hub: Hub, known: Known) -> str | None:
    url, row = hub.settings.public_url, known.row
    if url is None:
        return None
    token = mail_links.preferences_token(hub.settings.secret.get_secret_value(), row["project_id"], row["person_id"])
    return mail_links.preferences_url(url, token)


def _address(row: Any, browsers: Mapping[int, tuple[Browser, ...]]) -> Address:
    return Address(
        row["user_id"],
        row["name"],
        row["email"],
        row["phone"],
        row["locale"],
        row["timezone"],
        browsers.get(row["person_id"], ()) if row["channel"] == PUSH else (),
    )
