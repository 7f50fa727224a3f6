"""What travels: cursors, times, counts, frames, rendered items."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from uuid import uuid4

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.bus import announce
from hub.model import frames
from hub.model.counts import Counts
from hub.model.cursor import CURSOR_LENGTH, Cursor, decode_cursor
from hub.model.item import Item, render
from hub.model.times import format_time, truncate

NOW = datetime(2026, 11, 21, 9, 0, 0, 1_000, UTC)
COUNTS = Counts(1, 2, 3)
CURSOR = Cursor(1, 2, 3).encode()
numbers = st.integers(0, 2**64 - 1)


@given(numbers, numbers, numbers)
def test_a_cursor_comes_back_as_it_went(person_id: int, epoch: int, rev: int) -> None:
    cursor = Cursor(person_id, epoch, rev)
    assert len(cursor.encode()) == CURSOR_LENGTH
    assert decode_cursor(cursor.encode()) == cursor


@given(st.text() | st.text(min_size=CURSOR_LENGTH, max_size=CURSOR_LENGTH))
def test_any_other_text_is_no_cursor_or_one_of_its_length(text: str) -> None:
    cursor = decode_cursor(text)
    assert cursor is None or len(cursor.encode()) == len(text)


@pytest.mark.parametrize("text", ["", "A" * 31, "A" * 33, "=" * 32, "é" * 32, "A" * 30 + "\n\n", " " * 32])
def test_what_is_no_cursor_is_told_apart(text: str) -> None:
    assert decode_cursor(text) is None


@given(st.datetimes(datetime.fromisoformat("1000-01-02"), timezones=st.just(UTC)), st.integers(-14, 14))
def test_times_have_one_spelling_whatever_their_offset(moment: datetime, hours: int) -> None:
    if moment.year > 9_998:
        return
    shifted = moment.astimezone(timezone(timedelta(hours=hours)))
    assert format_time(shifted) == format_time(moment) == format_time(truncate(moment))
    assert datetime.fromisoformat(format_time(moment)) == truncate(shifted)


def test_counts_add_and_subtract() -> None:
    assert Counts(3, 2, 5) - Counts(1, 2, 3) + Counts(0, 0, 1) == (2, 0, 3)


def test_an_item_is_rendered_whole() -> None:
    item = Item(uuid4(), uuid4(), 1, 2, "c", [], None, '{"category":"c","title":"\\u2028é"}', NOW, pinned_at=NOW)
    shown = msgspec.json.decode(render(item))
    times = ["created", "seen", "read", "clicked", "archived", "pinned"]
    state = [*(f"{name}_at" for name in times), "snoozed_until", "expires_at"]
    assert list(shown) == ["id", "notification_id", "seq", "rev", *state, "category", "title"]
    assert (shown["pinned_at"], shown["seen_at"], shown["title"]) == ("2026-11-21T09:00:00.001Z", None, "\u2028é")


BODY = b'{"id":"i"}'
FRAMES: list[tuple[bytes, dict[str, Any]]] = [
    (
        frames.welcome("c", 25, "t"),
        {"type": "welcome", "connection": "c", "heartbeat_seconds": 25, "expires_at": "t"},
    ),
    (
        frames.welcome("c", 2.5, "t", rev=3, cursor=CURSOR, counts=COUNTS, items=[BODY, BODY], next_cursor="n"),
        {
            "type": "welcome",
            "connection": "c",
            "heartbeat_seconds": 2.5,
            "expires_at": "t",
            "rev": 3,
            "cursor": CURSOR,
            "counts": {"unseen": 1, "unread": 2, "total": 3},
            "items": [{"id": "i"}, {"id": "i"}],
            "next_cursor": "n",
        },
    ),
    (
        frames.changes(1, 3, CURSOR, updates=[b"{}"], items=[BODY], removed=["r"], more=True),
        {
            "type": "changes",
            "since": 1,
            "rev": 3,
            "cursor": CURSOR,
            "updates": [{}],
            "items": [{"id": "i"}],
            "removed": ["r"],
            "more": True,
        },
    ),
    (
        frames.item(3, CURSOR, BODY, COUNTS, ["r"]),
        {
            "type": "item",
            "rev": 3,
            "cursor": CURSOR,
            "item": {"id": "i"},
            "removed": ["r"],
            "counts": {"unseen": 1, "unread": 2, "total": 3},
        },
    ),
    (
        frames.removed(3, CURSOR, ["r"], COUNTS),
        {
            "type": "removed",
            "rev": 3,
            "cursor": CURSOR,
            "ids": ["r"],
            "counts": {"unseen": 1, "unread": 2, "total": 3},
        },
    ),
    (
        frames.update(3, CURSOR, {"all": True, "upto": 2, "tag": '"}'}, {"read_at": None}, COUNTS),
        {
            "type": "update",
            "rev": 3,
            "cursor": CURSOR,
            "all": True,
            "upto": 2,
            "tag": '"}',
            "set": {"read_at": None},
            "counts": {"unseen": 1, "unread": 2, "total": 3},
        },
    ),
    (frames.ok(1, 3, 2), {"type": "ok", "ref": 1, "rev": 3, "changed": 2}),
    (frames.error("forbidden", '"no"', 4), {"type": "error", "ref": 4, "code": "forbidden", "detail": '"no"'}),
    (frames.error("unavailable", ""), {"type": "error", "code": "unavailable", "detail": ""}),
    (frames.PING, {"type": "ping"}),
    (frames.PONG, {"type": "pong"}),
    (frames.RESET, {"type": "reset"}),
]


@pytest.mark.parametrize(("frame", "expected"), FRAMES)
def test_frames_are_what_the_contract_says_type_first(frame: bytes, expected: dict[str, Any]) -> None:
    assert msgspec.json.decode(frame) == expected
    assert frame.startswith(b'{"type":"')


def test_an_entry_of_updates_is_an_update_without_type_cursor_and_counts() -> None:
    body = frames.update_body(3, {"ids": ["i"]}, {"seen_at": "t"})
    assert msgspec.json.decode(body) == {"rev": 3, "ids": ["i"], "set": {"seen_at": "t"}}


def test_the_last_page_of_changes_alone_has_counts() -> None:
    assert b"counts" in frames.changes(1, 2, CURSOR, counts=COUNTS)
    assert b"counts" not in frames.changes(1, 2, CURSOR, more=True)


@given(st.sampled_from("iurcsx"), st.integers(0, 2**63), numbers, st.binary(max_size=200))
def test_an_announcement_comes_back_as_it_went(kind: str, rev: int, epoch: int, frame: bytes) -> None:
    cursor = Cursor(1, epoch, rev).encode()
    assert announce.unpack(announce.pack(kind, rev, cursor, frame)) == (kind, rev, cursor, frame)


@given(st.binary(max_size=100))
def test_any_other_payload_is_no_announcement_or_has_a_frame_or_no_body(payload: bytes) -> None:
    found = announce.unpack(payload)
    assert found is None or len(payload) == announce.HEADER_BYTES or announce.has_frame(payload)


def test_a_frame_that_is_too_large_only_says_that_there_is_something() -> None:
    large = announce.unpack(announce.pack("i", 5, CURSOR, b"x" * (announce.FRAME_LIMIT_BYTES + 1)))
    assert large == ("s", 5, CURSOR, b"")


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1), st.text(st.characters(exclude_categories=["Cs"])))
def test_no_two_people_share_a_channel(one: str, other: str) -> None:
    names = {announce.channel("h", 1, one), announce.channel("h", 1, other), announce.project_channel("h", 1)}
    assert len(names) == (2 if one == other else 3)
    assert all(name.isascii() and " " not in name for name in names)
