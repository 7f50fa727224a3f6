"""Notifications as accepted: what a backend asked for, ready to become items.

`Notification` is made from a checked publish body (`from_request`) when it is accepted, and from the stored body again
by whatever fans it out later, so both paths write the same items.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec

from hub.model.item import Item
from hub.model.reader import Reader
from hub.model.rendering import MAX_TITLE, render_item
from hub.model.template import Template
from hub.model.template_text import TemplateError
from hub.model.times import format_time

DIRECT_RECIPIENTS = 100  # design.md: up to here the accepting transaction writes every inbox
LANES = {"critical": 0, "normal": 1, "bulk": 2}
EARLIEST_ZONE = timedelta(hours=14)  # UTC+14, Kiribati: the first place where any wall-clock time comes
PERSON_FIELDS = ("name", "email", "phone", "locale", "timezone", "avatar_url")

Text = str | Mapping[str, str]


class Actor(msgspec.Struct, frozen=True):
    """Who caused a notification, as items show it."""

    id: str
    name: str | None = None
    avatar_url: str | None = None


class Notification(msgspec.Struct):
    """One accepted notification.

    Attributes:
        users: Explicit recipients in order, each once, with what the request says beside their id.
        topics: Topics whose subscribers get it, without the actor.
        everyone: Whether it is a broadcast.
        request: The publish body as stored; with `template_versions`, what its template is made of.
        template: Attached by whoever renders it (hub.publish.templatebook).
        template_error: Why the last item that could not be rendered could not.
    """

    notification_id: UUID
    project_id: int
    created_at: datetime
    request: dict[str, Any]
    users: dict[str, dict[str, Any]]
    topics: list[str]
    everyone: bool
    send_at: datetime | None
    send_local: datetime | None
    expires_at: datetime | None
    actor: Actor | None = None
    excluded_users: frozenset[str] = frozenset()
    template: Template | None = None
    template_error: TemplateError | None = None
    _contents: dict[Any, str] = msgspec.field(default_factory=dict)

    @property
    def category(self) -> str:
        return str(self.request["category"])

    @property
    def priority(self) -> str:
        return str(self.request["priority"])

    @property
    def template_name(self) -> str:
        return str(self.request["template"])

    @property
    def pins(self) -> Mapping[str, int]:
        """The versions of its template, and of what that uses; empty without a template."""
        return self.request.get("template_versions") or {}

    @property
    def in_app(self) -> bool:
        channels = self.request.get("channels")
        return channels is None or "in_app" in channels

    @property
    def direct(self) -> bool:
        """Whether the accepting transaction writes it; otherwise a job does."""
        explicit = not self.topics and not self.everyone and len(self.users) <= DIRECT_RECIPIENTS
        return explicit and self.send_at is None and self.send_local is None

    @property
    def first_local_instant(self) -> datetime | None:
        """When a local send time comes first anywhere; None without one."""
        return None if self.send_local is None else (self.send_local - EARLIEST_ZONE).replace(tzinfo=UTC)

    def item(
        self, item_id: UUID, rev: int, user: str, locale: str | None, now: datetime, reader: Reader | None = None
    ) -> Item:
        """The item of one recipient, created at revision `rev`; `reader` as in `content`."""
        request = self.request
        return Item(
            item_id,
            self.notification_id,
            rev,
            rev,
            self.category,
            list(request.get("tags") or ()),
            request.get("tenant"),
            self.content(user, locale, reader),
            now,
            expires_at=self.expires_at,
            collapse_key=request.get("collapse_key"),
            dedupe_key=request.get("dedupe_key"),
        )

    def data_for(self, user: str) -> dict[str, Any]:
        """The shared data with what only this user gets merged over it."""
        return {**(self.request.get("data") or {}), **(self.users.get(user, {}).get("data") or {})}

    def content(self, user: str, locale: str | None, reader: Reader | None = None) -> str:
        """What the item of a recipient says: a JSON object of the fields that never change.

        Args:
            user: Whose data it has.
            reader: Who reads it; wanted where there is a template.
        """
        if self.pins:
            return self._render_template(user, reader or Reader(user, locale=locale))
        if self.users.get(user, {}).get("data"):
            return self._render(locale, self.data_for(user))
        key = locale if self._localised else None
        content = self._contents.get(key)
        if content is None:
            content = self._contents[key] = self._render(locale, self.request.get("data"))
        return content

    @property
    def _localised(self) -> bool:
        return isinstance(self.request.get("title"), dict) or isinstance(self.request.get("body"), dict)

    def _render_template(self, user: str, reader: Reader) -> str:
        """Once for everybody who would read the same, where it does not speak of who reads it."""
        own = self.users.get(user, {}).get("data") or self.template is None or self.template.personal(reader.locale)
        if own:
            return self._encode(self.rendered(user, reader))
        key = reader.locale, reader.timezone
        content = self._contents.get(key)
        if content is None:
            content = self._encode(self.rendered(user, reader))
            if self.template_error is None:
                self._contents[key] = content
        return content

    def rendered(self, user: str, reader: Reader) -> dict[str, Any]:
        """The fields of an item with a template. What cannot be rendered in the reader's language is in the default
        one, else the template's name stands for it: an item that is due is never held up.
        """
        fields = self.fields(self.data_for(user))
        template = self.template
        if template is None:
            self.template_error = TemplateError("template", "its versions are gone")
            return {**fields, "title": self.template_name, "body": None}
        created_at = format_time(self.created_at)
        for locale in dict.fromkeys((reader.locale, None)):
            try:
                return {**fields, **render_item(template, fields, _reading(reader, locale), created_at)}
            except TemplateError as error:
                self.template_error = error
        return {**fields, "title": template.title[:MAX_TITLE], "body": None, "action_url": None}

    def _render(self, locale: str | None, data: Mapping[str, Any] | None) -> str:
        return self._encode(self.fields(data, locale))

    def fields(self, data: Mapping[str, Any] | None, locale: str | None = None) -> dict[str, Any]:
        """What an item says without a template."""
        request = self.request
        return {
            "category": self.category,
            "title": localise(request.get("title"), locale),
            "body": localise(request.get("body"), locale),
            "action_url": request.get("action_url"),
            "actions": request.get("actions") or [],
            "image_url": request.get("image_url"),
            "data": data or {},
            "tags": request.get("tags") or [],
            "actor": self.actor,
            "tenant": request.get("tenant"),
            "thread_key": request.get("thread_key"),
            "priority": self.priority,
        }

    @staticmethod
    def _encode(content: Mapping[str, Any]) -> str:
        return msgspec.json.encode(content).decode("utf-8")


def _reading(reader: Reader, locale: str | None) -> Reader:
    """The same reader with another language."""
    return reader if reader.locale == locale else msgspec.structs.replace(reader, locale=locale)


def localise(text: Text | None, locale: str | None) -> str | None:
    """The text in `locale`: `pt-BR` → `pt` → `default` → `en` → the first given."""
    if text is None or isinstance(text, str):
        return text
    tags = {tag.replace("_", "-").lower(): value for tag, value in text.items()}
    wanted = (locale or "").replace("_", "-").lower()
    while wanted:
        if wanted in tags:
            return tags[wanted]
        wanted = wanted.rpartition("-")[0]
    return tags.get("default") or tags.get("en") or next(iter(text.values()))


def from_request(notification_id: UUID, project_id: int, created_at: datetime, request: dict[str, Any]) -> Notification:
    """The notification in a checked publish body: plain JSON values, times as RFC 3339 strings, defaults filled in."""
    users: dict[str, dict[str, Any]] = {}
    topics: dict[str, None] = {}
    everyone = False
    for entry in request["recipients"]:
        if isinstance(entry, str):
            users.setdefault(entry, {})
        elif "id" in entry:
            users[entry["id"]] = {**users.get(entry["id"], {}), **entry}
        elif "topic" in entry:
            topics[entry["topic"]] = None
        else:
            everyone = True
    send_at, send_local = request.get("send_at"), None
    if isinstance(send_at, dict):
        send_local, send_at = datetime.fromisoformat(send_at["local"]), None
    moment = datetime.fromisoformat(send_at) if send_at else None
    if moment is not None and moment <= created_at:
        moment = None
    expires_at = request.get("expires_at")
    actor = request.get("actor")
    return Notification(
        notification_id,
        project_id,
        created_at,
        request,
        users,
        list(topics),
        everyone,
        moment,
        send_local,
        datetime.fromisoformat(expires_at) if expires_at else None,
        Actor(actor) if actor else None,
    )


def local_instant(local: datetime, zone: str) -> datetime:
    """When a wall clock in `zone` shows `local`, in UTC: the first of two, and after a gap the same distance on."""
    return local.replace(tzinfo=ZoneInfo(zone), fold=0).astimezone(UTC)
