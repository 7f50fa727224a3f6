"""What a client remembers of an inbox, rule by rule (contract, "Revisions")."""

from __future__ import annotations

from typing import Any

import pytest

from hub.cli.listen import Follower, may_reconnect, retry_after, socket_address

COUNTS = {"unseen": 0, "unread": 0, "total": 0}


def welcome(rev: int) -> dict[str, Any]:
    return {"type": "welcome", "rev": rev, "cursor": f"c{rev}", "counts": COUNTS, "items": []}


def item(rev: int) -> dict[str, Any]:
    return {"type": "item", "rev": rev, "cursor": f"c{rev}", "item": {"id": f"i{rev}"}, "counts": COUNTS}


def changes(since: int, rev: int, *, more: bool = False, items: tuple[str, ...] = ("x",)) -> dict[str, Any]:
    return {
        "type": "changes",
        "since": since,
        "rev": rev,
        "cursor": f"c{rev}",
        "items": [{"id": name} for name in items],
        "updates": [],
        "removed": [],
        "more": more,
    }


@pytest.fixture
def follower() -> Follower:
    """At rev 5."""
    following = Follower()
    assert following.receive(welcome(5))
    return following


def test_the_next_revision_is_applied(follower: Follower) -> None:
    assert follower.receive(item(6))
    assert (follower.rev, follower.cursor, follower.replies) == (6, "c6", [])


@pytest.mark.parametrize("rev", [1, 5])
def test_an_old_revision_is_ignored(follower: Follower, rev: int) -> None:
    assert not follower.receive(item(rev))
    assert (follower.rev, follower.cursor, follower.replies) == (5, "c5", [])


def test_a_gap_asks_once_with_the_own_cursor(follower: Follower) -> None:
    assert not follower.receive(item(7))
    assert not follower.receive(item(8))
    assert follower.replies == [{"type": "sync", "cursor": "c5"}]
    assert follower.rev == 5
    assert follower.receive(changes(5, 8))
    assert (follower.rev, follower.cursor) == (8, "c8")
    assert follower.receive(item(9))


def test_after_an_answered_sync_a_new_gap_asks_again(follower: Follower) -> None:
    follower.receive(item(7))
    follower.receive(changes(5, 7))
    follower.receive(item(9))
    assert follower.replies == [{"type": "sync", "cursor": "c5"}, {"type": "sync", "cursor": "c7"}]


def test_pages_go_on_until_the_last(follower: Follower) -> None:
    follower.receive(item(9))
    assert follower.receive(changes(5, 7, more=True))
    assert follower.receive(changes(7, 9))
    assert follower.rev == 9
    assert len(follower.replies) == 1


def test_changes_since_the_future_are_a_gap(follower: Follower) -> None:
    assert not follower.receive(changes(6, 9))
    assert follower.rev == 5
    assert follower.replies == [{"type": "sync", "cursor": "c5"}]


def test_changes_apply_by_since_alone_and_never_lower_the_revision(follower: Follower) -> None:
    assert follower.receive(changes(3, 4))
    assert (follower.rev, follower.cursor) == (5, "c5")
    assert follower.receive(changes(4, 5))


def test_an_unknown_frame_with_a_revision_is_a_gap_and_without_one_nothing(follower: Follower) -> None:
    assert not follower.receive({"type": "later", "rev": 6})
    assert follower.replies == [{"type": "sync", "cursor": "c5"}]
    follower.replies.clear()
    assert not follower.receive({"type": "later", "colour": "blue"})
    assert follower.replies == []


def test_the_revision_in_ok_is_not_ours(follower: Follower) -> None:
    assert not follower.receive({"type": "ok", "ref": 1, "rev": 9, "changed": 0})
    assert (follower.rev, follower.replies) == (5, [])


def test_reset_forgets_everything_until_the_welcome_that_follows(follower: Follower) -> None:
    assert follower.receive({"type": "reset"})
    assert (follower.rev, follower.cursor) == (None, None)
    assert not follower.receive(item(2))
    assert follower.receive(welcome(1))
    assert follower.receive(item(2))


def test_a_welcome_without_items_keeps_the_place(follower: Follower) -> None:
    assert follower.receive({"type": "welcome", "connection": "x", "heartbeat_seconds": 25})
    assert (follower.rev, follower.cursor) == (5, "c5")


def test_a_new_connection_forgets_an_unanswered_sync(follower: Follower) -> None:
    follower.receive(item(9))
    follower.connected()
    follower.receive(item(9))
    assert follower.replies == [{"type": "sync", "cursor": "c5"}]


def test_ping_is_answered(follower: Follower) -> None:
    assert not follower.receive({"type": "ping"})
    assert follower.replies == [{"type": "pong"}]


@pytest.mark.parametrize(
    "code", [4000, 4001, 4002, 4003, 4004, 4005, 4006, 4100, 4499, 1000, 1001, 1006, 1011, 1012, 1013]
)
def test_codes_that_let_a_client_come_back(code: int) -> None:
    assert may_reconnect(code)


@pytest.mark.parametrize("code", [4500, 4501, 4503, 4504, 4506, 4999, 1002, 1003, 1008])
def test_codes_that_end_it(code: int) -> None:
    assert not may_reconnect(code)


def test_the_hub_s_own_pause_is_kept() -> None:
    assert retry_after(4000, '{"retry_after_seconds": 7.5}', 1) == 7.5


@pytest.mark.parametrize("reason", ["", "draining", "[]", '{"retry_after_seconds": "soon"}', "{"])
def test_without_one_the_pause_is_random_and_bounded(reason: str) -> None:
    pauses = [retry_after(4000, reason, 3) for _ in range(200)]
    assert 0 <= min(pauses) < 1 < max(pauses) <= 4
    assert max(retry_after(1006, "", 1000) for _ in range(200)) <= 30


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("http://127.0.0.1:8000", "ws://127.0.0.1:8000/v1/inbox/ws"),
        ("https://hub.example.com/", "wss://hub.example.com/v1/inbox/ws"),
        ("https://example.com/hub", "wss://example.com/hub/v1/inbox/ws"),
    ],
)
def test_the_socket_is_where_the_hub_is(url: str, address: str) -> None:
    assert socket_address(url) == address
