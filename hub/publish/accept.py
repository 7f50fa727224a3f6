"""Accepting: from a checked publish body to a notification that can no longer fail.

Shapes and sizes are checked by the API's schemas; what is left are the rules between fields. Everything that Postgres
or JSON could refuse later is refused here, because after the 202 there is nobody left to tell.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any

import msgspec

from hub.exceptions import FieldError, Invalid
from hub.model.notification import Notification, from_request
from hub.model.reader import Reader
from hub.model.rendering import Letter, render_item, render_texts
from hub.model.template_text import TemplateError
from hub.model.times import format_time
from hub.store.ids import uuid7

MAX_DATA_BYTES = 16 * 1024  # contract: an item's data
MAX_RENDERED = 100  # recipients whose own data a template is tried with: some 3 ms
MAX_AHEAD = timedelta(days=366)  # of send_at; a typing error must not wait for a century


def accept(project_id: int, body: dict[str, Any], now: datetime) -> Notification:
    """The notification of a schema-checked publish body.

    Args:
        body: Plain values; times as aware datetimes or RFC 3339 strings, `delay` as timedelta.
        now: Accepted when; whole milliseconds, aware.

    Raises:
        Invalid: rules between fields.
    """
    request = {name: value for name, value in body.items() if value is not None}
    request.setdefault("category", "general")
    request.setdefault("priority", "normal")
    delay = request.pop("delay", None)
    if delay is not None:
        if "send_at" in request:
            raise Invalid.field("delay", "not_allowed", "give either delay or send_at, not both")
        if delay > MAX_AHEAD:
            raise Invalid.field("delay", "out_of_range", f"must be at most P{MAX_AHEAD.days}D")
        request["send_at"] = now + delay
    send_at, expires_at = request.get("send_at"), request.get("expires_at")
    if isinstance(send_at, datetime):
        request["send_at"] = format_time(send_at)
    elif isinstance(send_at, dict) and isinstance(send_at["local"], datetime):
        request["send_at"] = {"local": send_at["local"].isoformat(timespec="seconds")}
    if isinstance(expires_at, datetime):
        request["expires_at"] = format_time(expires_at)
    _check_data(request)
    notification = from_request(uuid7(), project_id, now, request)
    # A local time comes first where clocks are furthest ahead: whoever expires before that expires before everybody.
    starts = max(now, notification.send_at or notification.first_local_instant or now)
    if starts > now + MAX_AHEAD:
        raise Invalid.field("send_at", "out_of_range", f"must be within {MAX_AHEAD.days} days")
    if notification.expires_at is not None and notification.expires_at <= starts:
        raise Invalid.field("expires_at", "out_of_range", f"must be after send_at ({format_time(starts)})")
    return notification


def _check_data(request: dict[str, Any]) -> None:
    shared = request.get("data") or {}
    sized: dict[str, Any] = {"data": shared}
    for index, entry in enumerate(request["recipients"]):
        if isinstance(entry, dict) and entry.get("data"):
            sized[f"recipients.{index}.data"] = {**shared, **entry["data"]}
    for path, data in sized.items():
        size = len(msgspec.json.encode(data))
        if size > MAX_DATA_BYTES:
            raise Invalid.field(path, "too_large", f"has {size} bytes as JSON; at most {MAX_DATA_BYTES} are allowed")


def check_rendering(notification: Notification, channels: Collection[str] = ()) -> None:
    """Renders a notification with a template as far as its readers are known: with the shared data in every language,
    and with each recipient's own, of the first MAX_RENDERED.

    Args:
        channels: Where it may go outside: the template's texts for these are tried as well as the item's.

    Raises:
        Invalid: a text cannot be rendered; with its line, and whose data it was.
    """
    template, created_at = notification.template, format_time(notification.created_at)
    assert template is not None
    errors: list[FieldError] = []

    def check(user: str, told: dict[str, Any], locale: str | None, path: str) -> None:
        reader = Reader(user, told.get("name"), told.get("email"), locale, told.get("timezone"), told.get("avatar_url"))
        fields = notification.fields(notification.data_for(user))
        try:
            item = render_item(template, fields, reader, created_at)
            content = msgspec.to_builtins({**fields, **item})
            for channel in channels:
                render_texts(Letter(channel, reader, content, template, created_at=created_at))
        except TemplateError as error:
            errors.append(FieldError(path, "template_failed", f"{template.name}: {error}"))

    own = {user: told for user, told in notification.users.items() if told.get("data")}
    if len(own) < len(notification.users) or notification.topics or notification.everyone:
        shared = next((user for user in notification.users if user not in own), "")
        for locale in (None, *template.locales):
            check(shared, {}, locale, "data")
    for user, told in list(own.items())[:MAX_RENDERED]:
        check(user, told, told.get("locale"), f"recipients.{_place(notification.request, user)}.data")
    if errors:
        raise Invalid(f"{errors[0].path}: {errors[0].message}", code="template_failed", errors=tuple(errors))


def _place(request: dict[str, Any], user: str) -> int:
    return next(
        index
        for index, entry in enumerate(request["recipients"])
        if isinstance(entry, dict) and entry.get("id") == user and entry.get("data")
    )


def answer(notification: Notification) -> dict[str, Any]:
    """The body of a 202."""
    recipients = len(notification.users) if notification.direct else None
    return {"id": str(notification.notification_id), "status": "accepted", "recipients": recipients}
