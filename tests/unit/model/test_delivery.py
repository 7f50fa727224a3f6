"""The table of a delivery's transitions, and what an attempt leads to."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.model.delivery import FINAL, TRANSITIONS, Event, State, move, skipped_as
from hub.model.digest import SLIDING_WINDOWS, closes_at
from hub.model.outcome import Failed, Rejected, Sent, Throttled, settle
from hub.model.policy import Cap, Digest, Retry, free_at
from hub.model.reason import Reason
from hub.model.retry import MAX_SECONDS, next_try
from hub.model.weekly import Appointment

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
BUDGET = Retry(4, timedelta(hours=1))


def reachable(start: State) -> set[State]:
    found, edge = set[State](), {start}
    while edge:
        found |= edge
        edge = {following for state in edge for following in TRANSITIONS[state].values()} - found
    return found


def test_every_state_is_reached_and_every_way_ends() -> None:
    assert set(TRANSITIONS) == set(State)
    assert reachable(State.WAITING) == set(State)
    for state in State:
        assert reachable(state) & FINAL
    assert TRANSITIONS[State.SENT] == {Event.REPORTED: State.DELIVERED}
    assert TRANSITIONS[State.DEAD] == {Event.REPLAYED: State.WAITING, Event.PURGED: State.CANCELLED}
    assert all(not TRANSITIONS[state] for state in FINAL - {State.SENT, State.DEAD})


def test_what_cannot_happen_raises() -> None:
    with pytest.raises(KeyError):
        move(State.SENT, Event.CLAIMED)


def test_a_skip_ends_as_what_it_is() -> None:
    assert move(State.WAITING, skipped_as(Reason.CANCELLED)) is State.CANCELLED
    assert move(State.CLAIMED, skipped_as(Reason.EXPIRED)) is State.EXPIRED
    assert move(State.CLAIMED, skipped_as(Reason.SEEN)) is State.SKIPPED


def test_every_reason_has_its_own_word_and_a_sentence() -> None:
    assert len({reason.value for reason in Reason}) == len(Reason)
    assert all(reason.sentence.endswith(".") for reason in Reason)


@given(
    st.integers(1, 20),
    st.integers(0, 7200),
    st.floats(0, 1, exclude_max=True),
    st.none() | st.integers(0, 7200),
)
def test_a_retry_keeps_to_its_budget(attempts: int, age: int, chance: float, asked: int | None) -> None:
    first = NOW - timedelta(seconds=age)
    retry_after = None if asked is None else timedelta(seconds=asked)
    again = next_try(BUDGET, attempts, first, NOW, chance, retry_after)
    if again is None:
        assert attempts >= 4 or age + max(asked or 0, MAX_SECONDS) > 3600
        return
    assert attempts < 4
    assert NOW < again <= first + BUDGET.max_age
    assert retry_after is None or again >= NOW + retry_after


def test_backoff_doubles_with_full_jitter() -> None:
    waits = [next_try(Retry(50), n, NOW, NOW, 0.999, None) for n in (1, 2, 3, 20)]
    seconds = [(moment - NOW).total_seconds() for moment in waits if moment is not None]
    assert seconds == pytest.approx([2, 4, 8, 3600], rel=0.01)
    assert next_try(Retry(50), 10, NOW, NOW, 0.0, None) == NOW + timedelta(seconds=0.5)


@pytest.mark.parametrize(
    ("outcome", "attempts", "event", "reason"),
    [
        (Sent("id"), 1, Event.SENT, None),
        (Rejected("gone"), 1, Event.GIVEN_UP, Reason.REJECTED),
        (Failed("503"), 1, Event.FAILED, Reason.RETRY),
        (Failed("503"), 4, Event.GIVEN_UP, Reason.ATTEMPTS_SPENT),
        (Throttled(2 * timedelta(hours=1)), 1, Event.GIVEN_UP, Reason.ATTEMPTS_SPENT),
        (Throttled(MINUTE), 1, Event.FAILED, Reason.RETRY),
    ],
)
def test_what_follows_from_an_outcome(outcome: object, attempts: int, event: Event, reason: Reason | None) -> None:
    verdict = settle(outcome, BUDGET, attempts, NOW, NOW, 0.5)  # type: ignore[arg-type]
    assert (verdict.event, verdict.reason) == (event, reason)
    assert (verdict.due_at is not None) == (event is Event.FAILED)


@given(st.sampled_from(["fixed", "sliding"]), st.integers(0, 120), st.none() | st.integers(5, 60))
def test_a_digest_closes_within_its_bounds(mode: str, minutes: int, longest: int | None) -> None:
    rule = Digest(None, 5 * MINUTE, mode, None if longest is None else longest * MINUTE)  # type: ignore[arg-type]
    now = NOW + minutes * MINUTE
    closes = closes_at(rule, NOW, now)
    if mode == "fixed":
        assert closes == NOW + 5 * MINUTE
    else:
        latest = NOW + (SLIDING_WINDOWS * 5 if longest is None else longest) * MINUTE
        assert closes == min(now + 5 * MINUTE, latest)


def test_a_digest_on_schedule() -> None:
    schedule = (Appointment((1, 2, 3, 4, 5), NOW.time().replace(hour=16)),)
    rule = Digest(mode="schedule")
    assert closes_at(rule, NOW, NOW, schedule, "UTC") == NOW.replace(hour=16)
    assert closes_at(rule, NOW, NOW, schedule, "Europe/Berlin") == NOW.replace(hour=15)
    assert closes_at(rule, NOW, NOW) == NOW + timedelta(days=1)


@given(st.integers(1, 4), st.lists(st.integers(0, 200)))
def test_a_cap_has_room_when_enough_has_left_its_window(limit: int, ages: list[int]) -> None:
    cap = Cap(limit, 60 * MINUTE)
    times = [NOW - age * MINUTE for age in ages]
    free = free_at(cap, times, NOW)
    within = [age for age in ages if age < 60]
    assert (free is None) == (len(within) < limit)
    if free is not None:
        assert free_at(cap, times, free) is None
        assert free_at(cap, times, free - timedelta(seconds=1)) is not None
