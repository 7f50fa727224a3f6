"""The session's rules, one by one. That they suffice together is tests/integration/inbox/test_stream_machine.py."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar
from uuid import UUID

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.codes import Close, Code
from gateway.grant import READ, WRITE, Grant
from gateway.message import Message
from gateway.session import (
    BUFFER_FRAMES,
    FRAMES_PER_WINDOW,
    PATIENCE_SECONDS,
    TRANSITIONS,
    WINDOW_SECONDS,
    Ack,
    Action,
    Admit,
    ChangeState,
    Event,
    Hold,
    Join,
    Mark,
    Read,
    Renew,
    Rules,
    Seen,
    Session,
    State,
)
from hub.model import frames
from hub.model.counts import Counts
from hub.model.cursor import Cursor
from hub.store.inbox import ChangesPage, HeadState, InboxPage, Position

T = TypeVar("T")
PERSON, EPOCH, OTHER_EPOCH = 7, 11, 12
EVERYTHING = frozenset({READ, WRITE})


def grant(
    user: str = "ada", scopes: frozenset[str] = EVERYTHING, *, seconds: float = 3600, issued: float = 100
) -> Grant:
    return Grant(1, user, scopes, "2026-11-21T10:00:00.000Z", seconds, issued)


def cursor(rev: int, epoch: int = EPOCH) -> str:
    return Cursor(PERSON, epoch, rev).encode()


def announcement(rev: int, epoch: int = EPOCH, *, body: bool = True) -> Message:
    payload = frames.removed(rev, cursor(rev, epoch), ["x"], Counts(0, 0, 0)) if body else b""
    return Message(payload, cursor(rev, epoch).encode(), rev=rev, epoch=epoch)


def head(rev: int, epoch: int = EPOCH) -> HeadState:
    return HeadState(PERSON, epoch, rev, Counts(1, 2, 3), 0, 0, pending_broadcasts=False, tokens_revoked_at=None)


def snapshot(rev: int, epoch: int = EPOCH) -> InboxPage:
    return InboxPage(head(rev, epoch), [b'{"id":"a"}'], None)


def changes(since: int, rev: int, *, more: bool = False) -> tuple[ChangesPage, Message]:
    page = ChangesPage(
        since, rev, cursor(rev), [], [], [], more, Counts(1, 2, 3), Position(rev, UUID(int=1)), head(rev)
    )
    return page, Message(page.frame(), page.cursor.encode())


def frame(kind: str, **fields: Any) -> bytes:
    return json.dumps({"type": kind, **fields}).encode()


def sent(actions: Iterable[Action]) -> list[dict[str, Any]]:
    """The frames among the actions."""
    return [json.loads(action.payload) for action in actions if isinstance(action, Message)]


def types(actions: Iterable[Action]) -> list[str]:
    return [str(body["type"]) for body in sent(actions)]


def only(kind: type[T], actions: Sequence[Action]) -> T:
    (action,) = [action for action in actions if isinstance(action, kind)]
    return action


def greeted(hello: dict[str, Any] | None = None, rules: Rules | None = None, *, beats: bool = True) -> Session:
    session = Session("c1", rules or Rules(), 0.0, 0.5, beats=beats)
    assert session.receive(frame("hello", token="t", **(hello or {})), 0.0) == (Admit("t"),)
    return session


def joined(hello: dict[str, Any] | None = None, granted: Grant | None = None, rules: Rules | None = None) -> Session:
    session = greeted(hello, rules)
    assert session.admitted(granted or grant(), 0.0) == (Join(),)
    return session


def live(rev: int = 5, rules: Rules | None = None, granted: Grant | None = None) -> Session:
    session = joined(rules=rules, granted=granted)
    assert session.joined(PERSON) == [Read(None)]
    assert types(session.snapshot(snapshot(rev))) == ["welcome"]
    assert session.state is State.LIVE
    return session


# hello


def test_hello_without_a_cursor_reads_a_snapshot_and_answers_one_full_welcome() -> None:
    session = joined({"state": "idle"})
    assert session.presence == "idle"
    assert session.joined(PERSON) == [Read(None)]
    actions = session.snapshot(snapshot(5))
    assert b'"heartbeat_seconds":25,' in only(Message, actions).payload
    (welcome,) = sent(actions)
    assert welcome == {
        "type": "welcome",
        "connection": "c1",
        "heartbeat_seconds": 25,
        "expires_at": "2026-11-21T10:00:00.000Z",
        "rev": 5,
        "cursor": cursor(5),
        "counts": {"unseen": 1, "unread": 2, "total": 3},
        "items": [{"id": "a"}],
        "next_cursor": None,
    }


def test_who_holds_all_that_was_just_read_is_live_without_a_read() -> None:
    session = joined({"cursor": cursor(5)})
    session.announced(announcement(6))
    actions = session.joined(PERSON, head(5))
    assert types(actions) == ["welcome", "changes", "removed"]
    page, _ = changes(5, 5)
    assert sent(actions)[1] == json.loads(page.frame())
    assert (session.state, session.epoch, session.rev) == (State.LIVE, EPOCH, 6)


@pytest.mark.parametrize("here", [cursor(4), cursor(6), cursor(5, OTHER_EPOCH), Cursor(8, EPOCH, 5).encode(), "?"])
def test_who_stands_elsewhere_than_what_was_just_read_is_read_for(here: str) -> None:
    session = joined({"cursor": here})
    assert isinstance(session.joined(PERSON, head(5))[-1], Read)
    assert session.state is State.RESUMING


def test_hello_with_a_current_cursor_gets_a_short_welcome_and_empty_changes() -> None:
    session = joined({"cursor": cursor(5)})
    assert session.joined(PERSON) == [Read(Cursor(PERSON, EPOCH, 5))]
    welcome, answer = sent(session.page(*changes(5, 5)))
    assert set(welcome) == {"type", "connection", "heartbeat_seconds", "expires_at"}
    assert (answer["type"], answer["since"], answer["rev"], answer["more"]) == ("changes", 5, 5, False)
    assert session.state is State.LIVE


def test_pages_are_asked_for_until_there_are_no_more_while_live_frames_wait() -> None:
    session = joined({"cursor": cursor(1)})
    session.joined(PERSON)
    actions = session.page(*changes(1, 3, more=True))
    assert types(actions) == ["welcome", "changes"]
    assert only(Read, actions) == Read(Cursor(PERSON, EPOCH, 3), Position(3, UUID(int=1)))
    assert session.announced(announcement(6)) == ()
    actions = session.page(*changes(3, 5))
    assert types(actions) == ["changes", "removed"]
    assert (session.rev, session.state) == (6, State.LIVE)


@pytest.mark.parametrize("bad", ["nonsense", "", Cursor(8, EPOCH, 5).encode(), Cursor(PERSON, EPOCH, 2**63).encode()])
def test_a_cursor_that_is_no_place_of_this_inbox_resets_on_the_same_connection(bad: str) -> None:
    session = joined({"cursor": bad})
    actions = session.joined(PERSON)
    assert types(actions) == ["welcome", "reset"]
    assert only(Read, actions) == Read(None)
    assert types(session.snapshot(snapshot(5))) == ["welcome"]


def test_a_cursor_that_the_store_cannot_continue_resets_on_the_same_connection() -> None:
    session = joined({"cursor": cursor(900)})
    session.joined(PERSON)
    actions = session.reset()
    assert types(actions) == ["welcome", "reset"]
    assert only(Read, actions) == Read(None)
    (welcome,) = sent(session.snapshot(snapshot(5)))
    assert welcome["rev"] == 5


@pytest.mark.parametrize(
    "first",
    [
        b"hello",
        b"[]",
        b"[" * 9000,
        b"\xff",
        frame("ping"),
        frame("mark", ref=1, action="read", ids=["x"]),
        frame("hello"),
        frame("hello", token=1),
        frame("hello", token="t", cursor=7),
        frame("hello", token="t", state="away"),
        frame("hello", token="t", extra=1),
        frame("nothing"),
    ],
)
def test_a_first_frame_that_is_no_hello_closes(first: bytes) -> None:
    session = Session("c1", Rules(), 0.0, 0.5)
    assert only(Close, session.receive(first, 0.0)).code is Code.PROTOCOL_VIOLATED
    assert session.state is State.CLOSED


def test_hello_twice_closes_in_every_state() -> None:
    for session in (greeted(), joined(), live()):
        assert only(Close, session.receive(frame("hello", token="t"), 1.0)).code is Code.PROTOCOL_VIOLATED


def test_hello_needs_the_scope_to_read() -> None:
    session = greeted()
    assert only(Close, session.admitted(grant(scopes=frozenset({WRITE})), 0.0)).code is Code.TOKEN_REFUSED


def test_frames_that_come_before_the_welcome_are_carried_out_after_it() -> None:
    session = greeted()
    assert session.receive(frame("mark", ref=3, action="read", ids=["x"]), 0.0) == ()
    session.admitted(grant(), 0.0)
    assert session.receive(frame("ack", rev=9), 0.0) == ()
    assert session.joined(PERSON) == [Read(None)]
    assert session.receive(frame("ack", rev=4), 0.0) == ()
    welcome, *actions = session.snapshot(snapshot(5))
    assert types([welcome]) == ["welcome"]
    # Carried out before it, the answer might overtake it: nothing says which of the two the database does first.
    assert actions == [Mark(3, {"action": "read", "ids": ["x"]}), Ack(5), Ack(4)]


# live frames


def test_the_next_revision_is_forwarded_and_older_ones_are_dropped() -> None:
    session = live(5)
    message = announcement(6)
    assert session.announced(message) == (message,)
    assert session.announced(announcement(6)) == ()
    assert session.announced(announcement(4)) == ()
    assert session.rev == 6


def test_a_revision_that_comes_early_is_held_until_the_one_before_it() -> None:
    session = live(5)
    late, early = announcement(6), announcement(7)
    assert session.announced(early) == [Hold()]
    assert session.announced(late) == [late, early]
    assert session.state is State.LIVE
    assert session.held_long_enough() == ()


def test_a_revision_that_stays_missing_is_read_from_the_store() -> None:
    session = live(5)
    session.announced(announcement(8))
    assert session.announced(announcement(9)) == []
    assert session.held_long_enough() == (Read(Cursor(PERSON, EPOCH, 5)),)
    actions = session.page(*changes(5, 8))
    assert types(actions) == ["changes", "removed"]
    assert (session.rev, session.state) == (9, State.LIVE)


def test_a_read_that_does_not_reach_what_waits_leads_to_another() -> None:
    session = live(5)
    session.announced(announcement(9))
    session.held_long_enough()
    actions = session.page(*changes(5, 7))
    assert types(actions) == ["changes"]
    assert only(Hold, actions) == Hold()
    assert session.held_long_enough() == (Read(Cursor(PERSON, EPOCH, 7)),)


def test_a_sync_announcement_is_read_from_the_store_at_once() -> None:
    session = live(5)
    assert session.announced(announcement(5, body=False)) == ()
    assert session.announced(announcement(6, body=False)) == [Read(Cursor(PERSON, EPOCH, 5))]
    assert types(session.page(*changes(5, 6))) == ["changes"]


def test_an_answer_that_brings_nothing_is_not_sent_unasked() -> None:
    session = live(5)
    session.behind(PERSON, EPOCH, 4)
    assert session.page(*changes(5, 5)) == []
    assert session.state is State.LIVE


@pytest.mark.parametrize("rev", [1, 6, 900])
def test_a_frame_of_another_epoch_is_never_forwarded_but_sends_to_the_store(rev: int) -> None:
    session = live(5)
    assert session.announced(announcement(rev, OTHER_EPOCH)) == [Read(Cursor(PERSON, EPOCH, 5))]
    assert types(session.reset()) == ["reset"]
    actions = session.snapshot(snapshot(2, OTHER_EPOCH))
    assert types(actions) == ["welcome"]
    following = announcement(3, OTHER_EPOCH)
    assert session.announced(following) == (following,)


def test_a_straggler_of_the_old_epoch_costs_one_read_and_nothing_else() -> None:
    session = live(5)
    session.announced(announcement(6, OTHER_EPOCH))
    session.announced(announcement(6, EPOCH))
    session.reset()
    actions = session.snapshot(snapshot(1, OTHER_EPOCH))
    assert types(actions) == ["welcome"]
    assert only(Read, actions) == Read(Cursor(PERSON, OTHER_EPOCH, 1))
    assert session.state is State.RESUMING


def test_frames_that_arrive_before_the_store_was_read_are_not_lost() -> None:
    session = joined()
    session.announced(announcement(6))
    session.joined(PERSON)
    session.announced(announcement(7))
    actions = session.snapshot(snapshot(6))
    assert types(actions) == ["welcome", "removed"]
    assert session.rev == 7


def test_too_many_waiting_frames_are_dropped_and_read_instead() -> None:
    session = joined()
    session.joined(PERSON)
    for rev in range(6, 6 + BUFFER_FRAMES + 1):
        session.announced(announcement(rev))
    actions = session.snapshot(snapshot(5))
    assert types(actions) == ["welcome"]
    assert only(Read, actions) == Read(Cursor(PERSON, EPOCH, 5))


def test_too_many_held_frames_are_read_instead() -> None:
    session = live(5)
    session.announced(announcement(7))
    for rev in range(8, 8 + BUFFER_FRAMES):
        actions = session.announced(announcement(rev))
    assert only(Read, actions) == Read(Cursor(PERSON, EPOCH, 5))


@pytest.mark.parametrize(("epoch", "rev"), [(EPOCH, 6), (EPOCH, 3), (OTHER_EPOCH, 5)])
def test_a_head_that_is_elsewhere_is_read_from_even_when_it_fell(epoch: int, rev: int) -> None:
    session = live(5)
    assert session.behind(PERSON, EPOCH, 5) == ()
    assert session.behind(PERSON, epoch, rev) == (Read(Cursor(PERSON, EPOCH, 5)),)


def test_a_head_comparison_during_a_read_is_made_good_by_another_read() -> None:
    session = joined({"cursor": cursor(5)})
    session.joined(PERSON)
    assert session.behind(PERSON, EPOCH, 8) == ()
    actions = session.page(*changes(5, 7))
    assert types(actions) == ["welcome", "changes"]
    assert only(Read, actions) == Read(Cursor(PERSON, EPOCH, 7))


# sync


def test_sync_is_answered_from_its_cursor_even_when_nothing_happened() -> None:
    session = live(5)
    assert session.receive(frame("sync", cursor=cursor(5)), 1.0) == (Read(Cursor(PERSON, EPOCH, 5)),)
    assert types(session.page(*changes(5, 5))) == ["changes"]
    assert session.receive(frame("sync", cursor=cursor(3)), 1.0) == (Read(Cursor(PERSON, EPOCH, 3)),)
    assert [body["since"] for body in sent(session.page(*changes(3, 5)))] == [3]


def test_sync_with_a_foreign_cursor_resets() -> None:
    session = live(5)
    actions = session.receive(frame("sync", cursor=Cursor(8, EPOCH, 3).encode()), 1.0)
    assert types(actions) == ["reset"]
    assert only(Read, actions) == Read(None)


def test_sync_during_a_read_replaces_its_answer() -> None:
    session = live(5)
    session.announced(announcement(6, body=False))
    assert session.receive(frame("sync", cursor=cursor(2)), 1.0) == ()
    actions = session.page(*changes(5, 6))
    assert actions == (Read(Cursor(PERSON, EPOCH, 2)),)
    assert [body["since"] for body in sent(session.page(*changes(2, 6)))] == [2]


# other frames


def test_an_ack_is_clamped_to_what_was_sent() -> None:
    session = live(5)
    assert session.receive(frame("ack", rev=4), 1.0) == (Ack(4),)
    assert session.receive(frame("ack", rev=99), 1.0) == (Ack(5),)
    session.announced(announcement(6))
    session.receive(frame("sync", cursor=cursor(2)), 1.0)
    assert session.receive(frame("ack", rev=99), 1.0) == (Ack(6),)


def test_state_changes_are_told_once() -> None:
    session = live()
    assert session.receive(frame("state", state="active"), 1.0) == ()
    assert session.receive(frame("state", state="idle"), 1.0) == (ChangeState("idle"),)
    assert session.change_state("active") == (ChangeState("active"),)


def test_ping_is_answered_and_pong_is_not() -> None:
    session = live()
    assert types(session.receive(frame("ping"), 1.0)) == ["pong"]
    assert session.receive(frame("pong"), 1.0) == ()


def test_marks_and_seen_need_the_scope_to_write() -> None:
    session = live(granted=grant(scopes=frozenset({READ})))
    (error,) = sent(session.receive(frame("mark", ref=9, action="read", ids=["x"]), 1.0))
    assert (error["type"], error["ref"], error["code"]) == ("error", 9, "forbidden")
    (error,) = sent(session.receive(frame("seen", rev=9), 1.0))
    assert error["code"] == "forbidden"
    assert "ref" not in error


def test_marks_and_seen_are_handed_on() -> None:
    session = live()
    assert session.receive(frame("mark", ref=9, action="read", all=True), 1.0) == (
        Mark(9, {"action": "read", "all": True}),
    )
    assert session.receive(frame("seen", rev=9), 1.0) == (Seen(9),)


@pytest.mark.parametrize(
    ("data", "code", "ref"),
    [
        (b"{", "invalid_frame", None),
        (b"[1]", "invalid_frame", None),
        (b"null", "invalid_frame", None),
        (b'"\xff"', "invalid_frame", None),
        (b"[" * 9000, "invalid_frame", None),
        (b'{"type":"ack","rev":"\\ud800"}', "invalid_frame", None),
        (frame("nothing", ref=4), "unknown_type", 4),
        (frame("nothing", ref=2**70), "unknown_type", None),
        (frame("nothing", ref=True), "unknown_type", None),
        (json.dumps({"type": 3, "ref": 4}).encode(), "invalid_frame", 4),
        (json.dumps({"ref": 4}).encode(), "invalid_frame", 4),
        (frame("ack"), "invalid_frame", None),
        (frame("ack", rev=-1), "invalid_frame", None),
        (frame("ack", rev=1.5), "invalid_frame", None),
        (frame("ack", rev=2**63), "invalid_frame", None),
        (frame("ack", rev=1, extra=2), "invalid_frame", None),
        (frame("seen", rev=None), "invalid_frame", None),
        (frame("sync"), "invalid_frame", None),
        (frame("sync", cursor=1), "invalid_frame", None),
        (frame("state", state="busy"), "invalid_frame", None),
        (frame("token", ref=4, token=1), "invalid_frame", 4),
        (frame("token", token="t"), "invalid_frame", None),
        (frame("mark", action="read", ids=["x"]), "invalid_frame", None),
        (frame("ping", extra=1), "invalid_frame", None),
    ],
)
def test_a_malformed_frame_is_answered_with_its_ref_and_the_connection_stays(
    data: bytes, code: str, ref: int | None
) -> None:
    session = live()
    (error,) = sent(session.receive(data, 1.0))
    assert (error["type"], error["code"], error.get("ref")) == ("error", code, ref)
    assert session.state is State.LIVE


def test_the_wrong_field_is_named() -> None:
    session = live()
    assert "rev" in sent(session.receive(frame("ack", rev="x"), 1.0))[0]["detail"]
    assert "extra" in sent(session.receive(frame("ping", extra=1), 1.0))[0]["detail"]


@given(st.binary(max_size=200))
def test_no_bytes_break_a_session(data: bytes) -> None:
    session = live()
    assert types(session.receive(data, 1.0)) in (["error"], ["pong"], [])


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
        lambda s: (
            st.lists(s)
            | st.dictionaries(st.sampled_from(["type", "ref", "rev", "token", "cursor", "state", "action", "ids"]), s)
        ),
    )
)
def test_no_json_breaks_a_session(body: Any) -> None:
    kinds = ["ack", "seen", "mark", "sync", "state", "token", "ping", "pong"]
    for kind in kinds:
        if isinstance(body, dict):
            body["type"] = kind
        live().receive(json.dumps(body).encode(), 1.0)


# tokens


def test_a_second_token_of_the_same_person_moves_the_expiry() -> None:
    session = live(granted=grant(seconds=60))
    assert session.receive(frame("token", ref=2, token="t2"), 1.0) == (Renew(2, "t2"),)
    assert sent(session.renewed(2, grant(seconds=600), 50.0)) == [{"type": "ok", "ref": 2, "rev": 5, "changed": 0}]
    session.receive(frame("pong"), 60.0)
    assert types(session.tick(61.0)) == ["ping"]
    assert session.expires == 650.0


@pytest.mark.parametrize("other", [grant("bob"), msgspec.structs.replace(grant(), project_id=2)])
def test_a_second_token_of_somebody_else_closes(other: Grant) -> None:
    assert only(Close, live().renewed(2, other, 1.0)).code is Code.TOKEN_REFUSED


def test_a_second_token_without_the_scope_to_read_is_refused_and_the_first_one_stays() -> None:
    session = live()
    (error,) = sent(session.renewed(2, grant(scopes=frozenset({WRITE})), 1.0))
    assert (error["code"], error["ref"]) == ("token_refused", 2)
    assert session.state is State.LIVE


def test_an_expired_token_closes_on_time() -> None:
    session = live(granted=grant(seconds=3))
    assert session.deadline(0.0) == 3.0
    assert session.tick(2.9) == ()
    assert only(Close, session.tick(3.0)).code is Code.TOKEN_EXPIRED


def test_revocation_closes_who_was_issued_a_token_before() -> None:
    assert live(granted=grant(issued=100)).revoked(100.0) == ()
    assert only(Close, live(granted=grant(issued=100)).revoked(100.5)).code is Code.REVOKED


# the clock


def test_a_late_hello_closes() -> None:
    session = Session("c1", Rules(hello_seconds=10), 0.0, 0.5)
    assert session.deadline(0.0) == 10.0
    assert session.tick(9.9) == ()
    assert only(Close, session.tick(10.0)).code is Code.HELLO_LATE


def test_servers_that_stay_away_after_hello_close_with_a_code_that_reconnects() -> None:
    session = joined()
    session.joined(PERSON)
    assert only(Close, session.tick(PATIENCE_SECONDS)).code is Code.TRY_AGAIN_LATER


def test_the_first_ping_comes_at_a_random_moment_and_then_one_each_heartbeat() -> None:
    session = live(rules=Rules(heartbeat_seconds=20))
    pings = []
    for now in range(100):
        session.receive(frame("pong"), float(now))
        pings += [now] * (types(session.tick(float(now))) == ["ping"])
    assert pings == [10, 30, 50, 70, 90]


def test_no_ping_comes_before_the_welcome() -> None:
    session = joined(rules=Rules(heartbeat_seconds=2))
    assert session.tick(2.0) == ()


def test_silence_closes_after_the_heartbeat_and_its_grace() -> None:
    session = live(rules=Rules(heartbeat_seconds=20))
    session.receive(frame("pong"), 5.0)
    session.tick(30.0)
    assert all(not isinstance(action, Close) for action in session.tick(34.9))
    assert only(Close, session.tick(35.0)).code is Code.NO_HEARTBEAT


def test_control_frames_are_signs_of_life() -> None:
    session = live(rules=Rules(heartbeat_seconds=20))
    session.control(30.0)
    assert all(not isinstance(action, Close) for action in session.tick(59.0))


def test_a_one_way_session_is_never_silent() -> None:
    session = greeted(beats=False)
    session.admitted(grant(), 0.0)
    session.joined(PERSON)
    session.snapshot(snapshot(5))
    assert session.tick(3000.0) == ()
    assert only(Close, session.tick(3600.0)).code is Code.TOKEN_EXPIRED


def test_a_connection_grows_too_old_between_80_and_100_percent_of_the_limit() -> None:
    session = live(rules=Rules(connection_max_seconds=100, heartbeat_seconds=1000))
    assert all(not isinstance(action, Close) for action in session.tick(89.9))
    assert only(Close, session.tick(90.0)).code is Code.TOO_OLD


def test_the_frame_limit_closes_the_51st_within_ten_seconds() -> None:
    session = live()
    for n in range(FRAMES_PER_WINDOW - 1):  # hello was one
        assert types(session.receive(frame("ping"), 0.1 * n)) == ["pong"]
    assert only(Close, session.receive(frame("ping"), 9.0)).code is Code.TOO_MANY_MESSAGES


def test_a_steady_client_at_the_limit_stays() -> None:
    session = live()
    for n in range(1000):
        now = WINDOW_SECONDS / FRAMES_PER_WINDOW * (n + 1)
        assert types(session.receive(frame("ping"), now)) == ["pong"]


# the end


def test_nothing_happens_after_the_end() -> None:
    session = live()
    assert session.end(Close(Code.DRAINING, "", 3)) == (Close(Code.DRAINING, "", 3),)
    nothing: list[Callable[[], Sequence[Action]]] = [
        lambda: session.end(Close(Code.DRAINING)),
        lambda: session.receive(frame("ping"), 1.0),
        lambda: session.control(1.0),
        lambda: session.announced(announcement(6)),
        lambda: session.admitted(grant(), 1.0),
        lambda: session.joined(PERSON),
        lambda: session.snapshot(snapshot(5)),
        lambda: session.page(*changes(5, 6)),
        session.reset,
        lambda: session.behind(PERSON, EPOCH, 9),
        session.held_long_enough,
        lambda: session.answer(1, 2, 3),
        lambda: session.answer_error(1, "x", "y"),
        lambda: session.renewed(1, grant(), 1.0),
        lambda: session.change_state("idle"),
        lambda: session.tick(99999.0),
    ]
    for call in nothing:
        assert list(call()) == []


def test_every_state_can_end_and_nothing_leaves_the_end() -> None:
    assert TRANSITIONS[State.CLOSED] == {}
    for state in State:
        if state is not State.CLOSED:
            assert TRANSITIONS[state][Event.END] is State.CLOSED
