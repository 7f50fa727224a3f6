"""Marks: what a person does with items of their inbox.

| action    | sets                          | travels as                |
|-----------|-------------------------------|---------------------------|
| seen      | seen_at                       | update                    |
| read      | read_at, seen_at              | update                    |
| click     | clicked_at, read_at, seen_at  | update                    |
| unread    | read_at = null                | update                    |
| archive   | archived_at                   | update                    |
| snooze    | snoozed_until (also later)    | update                    |
| unpin     | pinned_at = null              | update                    |
| pin       | pinned_at                     | item, several as changes  |
| unarchive | archived_at = null            | item, several as changes  |
| unsnooze  | snoozed_until = null          | item, several as changes  |
| delete    | the item goes                 | removed                   |

A time is set only where there is none (`snoozed_until` always), so that marks commute with their own repetition; a mark
that changes nothing takes no revision. By filter (`all`) a mark covers every item with `seq` ≤ `upto`, archived and
snoozed ones too, because clients apply the same rule to all items they hold.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

import msgspec

from hub.exceptions import FieldError, Invalid
from hub.model.item import ItemRow
from hub.model.times import truncate

_NAME = re.compile("[^\x00-\x1f\x7f-\x9f\ud800-\udfff]{1,255}")  # contract; half a surrogate pair is no character
MAX_IDS = 100  # contract: ids ≤ 100
MAX_SNOOZE = timedelta(days=366)  # a typing error must not hide an item for a century


class Action(StrEnum):
    SEEN = "seen"
    READ = "read"
    UNREAD = "unread"
    ARCHIVE = "archive"
    UNARCHIVE = "unarchive"
    SNOOZE = "snooze"
    UNSNOOZE = "unsnooze"
    PIN = "pin"
    UNPIN = "unpin"
    CLICK = "click"
    DELETE = "delete"


SETS: Mapping[Action, tuple[str, ...]] = {
    Action.SEEN: ("seen_at",),
    Action.READ: ("read_at", "seen_at"),
    Action.CLICK: ("clicked_at", "read_at", "seen_at"),
    Action.ARCHIVE: ("archived_at",),
    Action.PIN: ("pinned_at",),
}
CLEARS: Mapping[Action, str] = {
    Action.UNREAD: "read_at",
    Action.UNPIN: "pinned_at",
    Action.UNARCHIVE: "archived_at",
    Action.UNSNOOZE: "snoozed_until",
}
RETURNING = frozenset({Action.PIN, Action.UNARCHIVE, Action.UNSNOOZE})
"""Actions that bring items back or to the top: their items travel whole, a client may not hold them."""


class Mark(msgspec.Struct, frozen=True):
    """One validated mark: either `ids`, or everything up to `upto` (None: the head) within `category` and `tag`."""

    action: Action
    ids: tuple[UUID, ...] | None = None
    upto: int | None = None
    category: str | None = None
    tag: str | None = None
    until: datetime | None = None

    def scope(self, upto: int) -> dict[str, Any]:
        """How an `update` names what a mark by filter covers."""
        scope: dict[str, Any] = {"all": True, "upto": upto}
        if self.category is not None:
            scope["category"] = self.category
        if self.tag is not None:
            scope["tag"] = self.tag
        return scope

    def fields(self, now: datetime) -> dict[str, datetime | None]:
        """What the mark sets; empty for `delete`."""
        if self.action is Action.SNOOZE:
            return {"snoozed_until": self.until}
        if self.action in CLEARS:
            return {CLEARS[self.action]: None}
        return dict.fromkeys(SETS.get(self.action, ()), now)

    def changes(self, row: ItemRow) -> bool:
        """Whether the mark changes this item."""
        if self.action is Action.DELETE:
            return True
        if self.action is Action.SNOOZE:
            return bool(row["snoozed_until"] != self.until)
        if self.action in CLEARS:
            return row[CLEARS[self.action]] is not None
        return any(row[name] is None for name in SETS[self.action])

    def apply(self, item: Any, now: datetime) -> None:
        """Sets the fields of a mutable item; the rule of `update` in the contract."""
        for name, value in self.fields(now).items():
            if value is None or name == "snoozed_until" or getattr(item, name) is None:
                setattr(item, name, value)


_FIELDS = {"action", "ids", "all", "upto", "category", "tag", "until"}


def seen_upto(rev: int) -> Mark:
    """The mark behind the frame `seen`."""
    return Mark(Action.SEEN, upto=rev)


def parse_mark(body: object, now: datetime) -> Mark:
    """The mark in a decoded JSON value, the same for REST and frames.

    Raises:
        Invalid: with one entry per wrong field.
    """
    if not isinstance(body, dict):
        raise Invalid("A mark is a JSON object.", code="invalid")
    errors: list[FieldError] = [
        FieldError(str(name), "unknown_field", f"there is no field {name!r} in a mark")
        for name in body
        if name not in _FIELDS
    ]
    action = _action(body.get("action"), errors)
    ids = _ids(body, errors)
    upto = body.get("upto")
    if upto is not None and (type(upto) is not int or not 0 <= upto < 2**63):
        errors.append(FieldError("upto", "invalid_value", "must be a seq: an integer from 0"))
    for name in ("category", "tag"):
        value = body.get(name)
        if value is not None and (not isinstance(value, str) or _NAME.fullmatch(value) is None):
            errors.append(
                FieldError(name, "invalid_value", "must be a string of 1 to 255 characters, none of them a control")
            )
    if ids is not None:
        errors += [
            FieldError(name, "not_allowed", "goes with all, not with ids")
            for name in ("upto", "category", "tag")
            if body.get(name) is not None
        ]
    until = _until(body.get("until"), action, now, errors)
    if errors or action is None:
        raise Invalid("; ".join(f"{e.path}: {e.message}" for e in errors), errors=tuple(errors))
    return Mark(action, ids, upto, body.get("category"), body.get("tag"), until)


def _action(value: object, errors: list[FieldError]) -> Action | None:
    try:
        if isinstance(value, str):
            return Action(value)
    except ValueError:
        pass
    shown = "is required" if value is None else f"{value!r:.60} is none"
    errors.append(FieldError("action", "invalid_value", f"{shown}; one of {', '.join(Action)}"))
    return None


def _ids(body: dict[str, Any], errors: list[FieldError]) -> tuple[UUID, ...] | None:
    ids, everything = body.get("ids"), body.get("all")
    if everything is not None and everything is not True:
        errors.append(FieldError("all", "invalid_value", "must be true when given"))
    elif (ids is None) == (everything is None):
        errors.append(FieldError("ids", "required", "give either ids or all: true"))
    if ids is None:
        return None
    if not isinstance(ids, list) or not 1 <= len(ids) <= MAX_IDS:
        errors.append(FieldError("ids", "invalid_value", f"must be a list of 1 to {MAX_IDS} item ids"))
        return None
    parsed: dict[UUID, None] = {}
    for index, text in enumerate(ids):
        try:
            if not isinstance(text, str) or len(text) != 36:
                raise ValueError
            parsed[UUID(text)] = None
        except ValueError:
            errors.append(FieldError(f"ids.{index}", "invalid_value", "is no item id"))
    return tuple(parsed)


def _until(value: object, action: Action | None, now: datetime, errors: list[FieldError]) -> datetime | None:
    if action is not Action.SNOOZE:
        if value is not None:
            errors.append(FieldError("until", "not_allowed", "goes with the action snooze only"))
        return None
    if not isinstance(value, str) or len(value) > 40:
        errors.append(FieldError("until", "required", "snooze needs an RFC 3339 time: YYYY-MM-DDThh:mm:ssZ"))
        return None
    try:
        moment = datetime.fromisoformat(value)
        if moment.tzinfo is None or "T" not in value.upper():
            raise ValueError
        moment = truncate(moment.astimezone(UTC))
    except (ValueError, OverflowError):
        errors.append(FieldError("until", "invalid_value", "must be an RFC 3339 time: YYYY-MM-DDThh:mm:ssZ"))
        return None
    if not now < moment <= now + MAX_SNOOZE:
        errors.append(FieldError("until", "out_of_range", f"must be in the future and within {MAX_SNOOZE.days} days"))
        return None
    return moment
