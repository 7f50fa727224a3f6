"""Inbox items: what one person holds of one notification.

An item is content that never changes, stored as ready JSON, and state: eight nullable times. Rendering splices the
two, so that a page of fifty items costs no parsing.
"""

from __future__ import annotations

from datetime import datetime
from functools import lru_cache
from typing import Any, Protocol
from uuid import UUID

import msgspec

from hub.model.counts import ZERO, Counts
from hub.model.times import format_time


class ItemRow(Protocol):
    """What rendering needs to know; a database row and an `Item` both are one."""

    def __getitem__(self, name: str, /) -> Any: ...


class Item(msgspec.Struct):
    """An item about to be written, or being changed. Times are aware, in UTC, whole milliseconds."""

    item_id: UUID
    notification_id: UUID
    seq: int
    rev: int
    category: str
    tags: list[str]
    tenant: str | None
    content: str
    created_at: datetime
    seen_at: datetime | None = None
    read_at: datetime | None = None
    clicked_at: datetime | None = None
    archived_at: datetime | None = None
    pinned_at: datetime | None = None
    snoozed_until: datetime | None = None
    expires_at: datetime | None = None
    collapse_key: str | None = None
    dedupe_key: str | None = None

    def __getitem__(self, name: str, /) -> Any:
        return getattr(self, name)


NEW = Counts(1, 1, 1)
"""What a new item adds to the counts of its inbox."""


def render(row: ItemRow) -> bytes:
    """The item as clients see it (contract, "Item"): a JSON object."""
    if isinstance(row, Item):
        row = msgspec.structs.asdict(row)
    content: str = row["content"]
    return (
        f'{{"id":"{row["item_id"]}","notification_id":"{row["notification_id"]}","seq":{row["seq"]},"rev":{row["rev"]},'
        f'"created_at":{_json(row["created_at"])},"seen_at":{_json(row["seen_at"])},"read_at":{_json(row["read_at"])},'
        f'"clicked_at":{_json(row["clicked_at"])},"archived_at":{_json(row["archived_at"])},'
        f'"pinned_at":{_json(row["pinned_at"])},"snoozed_until":{_json(row["snoozed_until"])},'
        f'"expires_at":{_json(row["expires_at"])},{content[1:]}'
    ).encode()


_UNMARKED = "".join(
    f'"{name}":null,' for name in ("seen_at", "read_at", "clicked_at", "archived_at", "pinned_at", "snoozed_until")
)
_formatted = lru_cache(maxsize=64)(format_time)  # a transaction's items have one time


def render_new(item: Item) -> bytes:
    """As `render`, of an item that nobody has marked yet: a quarter of the time."""
    return (
        f'{{"id":"{item.item_id}","notification_id":"{item.notification_id}","seq":{item.seq},"rev":{item.rev},'
        f'"created_at":"{_formatted(item.created_at)}",{_UNMARKED}"expires_at":{_json(item.expires_at)},'
        f"{item.content[1:]}"
    ).encode()


def _json(moment: datetime | None) -> str:
    return "null" if moment is None else f'"{format_time(moment)}"'


def is_live(row: ItemRow) -> bool:
    """Whether the item counts: neither archived nor snoozed (removed rows are no items)."""
    return row["archived_at"] is None and row["snoozed_until"] is None


def count(row: ItemRow) -> Counts:
    """What this item adds to the counts of its inbox."""
    if not is_live(row):
        return ZERO
    return Counts(int(row["seen_at"] is None), int(row["read_at"] is None), 1)
