"""Weekly hours: never violated, for any zone and any instant of 2024 to 2030; and where clocks change."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hub.model.decide import ItemState, Presence, Send, decide
from hub.model.policy import Policy, Step
from hub.model.preferences import Preferences, QuietHours
from hub.model.routing import Addressee, Order, Rules, situation
from hub.model.weekly import MAX_CHAIN, Appointment, Window, next_appointment, quiet_until

ZONES = sorted(available_timezones())
DAY = timedelta(days=1)
FIRST = datetime(2024, 1, 1, tzinfo=UTC)
SECONDS = int((datetime(2031, 1, 1, tzinfo=UTC) - FIRST).total_seconds())

instants = st.integers(0, SECONDS).map(lambda seconds: FIRST + timedelta(seconds=seconds))
times = st.builds(time, st.integers(0, 23), st.sampled_from([0, 1, 15, 29, 30, 45, 59]))
days = st.sets(st.integers(1, 7), min_size=1).map(lambda found: tuple(sorted(found)))
windows = st.lists(st.builds(Window, days, times, times), min_size=1, max_size=3)


def on_the_wall(window: Window, wall: datetime) -> bool:
    """Whether a wall clock that shows this is within the window; a window belongs to the day on which it begins."""
    at = wall.time()
    if window.start < window.end:
        return wall.isoweekday() in window.days and window.start <= at < window.end
    return (wall.isoweekday() in window.days and at >= window.start) or (
        (wall - DAY).isoweekday() in window.days and at < window.end
    )


def quiet(plan: list[Window], zone: str, instant: datetime) -> bool:
    wall = instant.astimezone(ZoneInfo(zone)).replace(tzinfo=None)
    return any(on_the_wall(window, wall) for window in plan)


def largest_change(zone: str, around: datetime) -> timedelta:
    """How far clocks are set within two days of an instant."""
    info = ZoneInfo(zone)
    offsets = [
        (around + timedelta(hours=hours)).astimezone(info).utcoffset() or timedelta(0) for hours in range(-49, 50)
    ]
    return max(offsets) - min(offsets)


@settings(max_examples=500)
@given(windows, st.sampled_from(ZONES), instants)
def test_quiet_hours_are_never_violated(plan: list[Window], zone: str, instant: datetime) -> None:
    until = quiet_until(tuple(plan), zone, instant)
    if quiet(plan, zone, instant):
        assert until is not None
        assert until > instant
    elif until is not None:  # only where clocks are set: from the first of two to the second
        assert largest_change(zone, instant) > timedelta(0)
    # Three windows end three times a day at most: what is looked at again, still quiet, is further away than this.
    if until is not None and until - instant < (MAX_CHAIN - 4) * DAY / 3:
        assert not quiet(plan, zone, until)


@settings(max_examples=200)
@given(windows, st.sampled_from(ZONES), instants)
def test_nothing_is_sent_in_them_and_what_is_held_leaves_after_them(
    plan: list[Window], zone: str, instant: datetime
) -> None:
    policy = Policy("x", "opted_in", "transactional", (Step("email"),))
    rules = Rules(policy, providers=frozenset({"email"}), everyone_reachable=True)
    person = Addressee(Preferences(quiet_hours=QuietHours(tuple(plan))), zone)
    asked = situation(
        Step("email"), Order(instant), rules, person, instant, item=ItemState(), presence=Presence("active")
    )
    if isinstance(decide(asked, instant), Send):
        assert not quiet(plan, zone, instant)
    critical = situation(
        Step("email"),
        Order(instant, critical=True),
        rules,
        person,
        instant,
        item=ItemState(),
        presence=Presence("active"),
    )
    assert isinstance(decide(critical, instant), Send)


NIGHT = [Window((1, 2, 3, 4, 5, 6, 7), time(22), time(7))]
EARLY = [Window((1, 2, 3, 4, 5, 6, 7), time(1, 30), time(2, 30))]


def until(plan: list[Window], zone: str, moment: str) -> str | None:
    found = quiet_until(tuple(plan), zone, datetime.fromisoformat(moment))
    return None if found is None else found.astimezone(ZoneInfo(zone)).isoformat()


@pytest.mark.parametrize(
    ("plan", "zone", "moment", "end"),
    [
        (NIGHT, "Europe/Berlin", "2026-11-25T23:00:00+01:00", "2026-11-26T07:00:00+01:00"),
        (NIGHT, "Europe/Berlin", "2026-11-26T06:59:59+01:00", "2026-11-26T07:00:00+01:00"),
        (NIGHT, "Europe/Berlin", "2026-11-26T07:00:00+01:00", None),
        # The night that is an hour shorter, and the one that is an hour longer.
        (NIGHT, "Europe/Berlin", "2026-03-28T23:00:00+01:00", "2026-03-29T07:00:00+02:00"),
        (NIGHT, "Europe/Berlin", "2026-10-24T23:00:00+02:00", "2026-10-25T07:00:00+01:00"),
        # 2:30 does not exist: the end is the change. It comes twice: the end is the second.
        (EARLY, "Europe/Berlin", "2026-03-29T01:45:00+01:00", "2026-03-29T03:00:00+02:00"),
        (EARLY, "Europe/Berlin", "2026-10-25T02:45:00+02:00", "2026-10-25T02:30:00+01:00"),
        (EARLY, "America/New_York", "2026-03-08T01:45:00-05:00", "2026-03-08T03:00:00-04:00"),
        # Half an hour.
        (EARLY, "Australia/Lord_Howe", "2026-10-04T01:45:00+10:30", "2026-10-04T02:30:00+11:00"),
        # Midnight that does not exist.
        ([Window((6,), time(22), time(0))], "Africa/Cairo", "2026-04-23T23:30:00+02:00", None),
        ([Window((4,), time(22), time(0))], "Africa/Cairo", "2026-04-23T23:30:00+02:00", "2026-04-24T01:00:00+03:00"),
        # At the edges of the world.
        (NIGHT, "Pacific/Kiritimati", "2026-11-25T23:00:00+14:00", "2026-11-26T07:00:00+14:00"),
        (NIGHT, "Etc/GMT+12", "2026-11-25T23:00:00-12:00", "2026-11-26T07:00:00-12:00"),
        # Windows that follow on each other are one; a whole day is from midnight to midnight.
        ([*NIGHT, Window((4,), time(7), time(9))], "UTC", "2026-11-25T23:00:00+00:00", "2026-11-26T09:00:00+00:00"),
        ([Window((6, 7), time(0), time(0))], "UTC", "2026-11-28T12:00:00+00:00", "2026-11-30T00:00:00+00:00"),
    ],
)
def test_where_they_end(plan: list[Window], zone: str, moment: str, end: str | None) -> None:
    assert until(plan, zone, moment) == end


def test_a_week_of_quiet_is_looked_at_again() -> None:
    always = [Window((1, 2, 3, 4, 5, 6, 7), time(0), time(0))]
    found = quiet_until(tuple(always), "UTC", FIRST)
    assert found is not None
    assert found - FIRST >= 13 * DAY


@settings(max_examples=200)
@given(st.lists(st.builds(Appointment, days, times), min_size=1, max_size=3), st.sampled_from(ZONES), instants)
def test_an_appointment_is_the_next_one(plan: list[Appointment], zone: str, instant: datetime) -> None:
    found = next_appointment(plan, zone, instant)
    assert found is not None
    assert instant < found <= instant + 8 * DAY + largest_change(zone, found)
    wall = found.astimezone(ZoneInfo(zone)).replace(tzinfo=None)
    meant = [entry for entry in plan if wall.isoweekday() in entry.days and entry.at == wall.time()]
    assert meant or largest_change(zone, found) > timedelta(0)


def test_without_appointments_there_is_none() -> None:
    assert next_appointment([], "UTC", FIRST) is None
