"""Weekly hours on the wall clock of an IANA time zone: quiet hours, and the moments of a digest's schedule.

A window belongs to the day on which it begins; one whose end is not after its beginning ends on the next day (22:00 to
07:00; 00:00 to 00:00 is the whole day). Where clocks change, whoever looks at the wall must agree with us: a window
begins at the first instant at which the wall shows its beginning or something later, and ends at the last at which it
comes to show its end. So a beginning or an end that falls into a gap (02:30 does not exist) is the moment of the
change, and one that happens twice counts from the first and until the second.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

DAY = timedelta(days=1)
MAX_CHAIN = 14  # windows that follow on each other: two weeks of quiet are looked at again, not computed further


class Window(msgspec.Struct, frozen=True):
    """Hours of a week. `days` are ISO weekdays, 1 Monday … 7 Sunday."""

    days: tuple[int, ...]
    start: time
    end: time


class Appointment(msgspec.Struct, frozen=True):
    """A time of day on some days of the week."""

    days: tuple[int, ...]
    at: time


@lru_cache(maxsize=1_024)
def quiet_until(windows: tuple[Window, ...], zone: str, now: datetime) -> datetime | None:
    """When the quiet that holds at `now` ends, over windows that follow on each other; None when it is not quiet.

    Remembered, because a batch asks it at one `now` for every delivery of a person, and fifty windows that follow on
    each other cost 1.3 ms.
    """
    until = None
    moment = now
    for _ in range(MAX_CHAIN):
        end = _end_of_quiet(windows, zone, moment)
        if end is None:
            break
        until = moment = end
    return until


def _end_of_quiet(windows: Sequence[Window], zone: str, now: datetime) -> datetime | None:
    today = now.astimezone(zone_of(zone)).date()
    end: datetime | None = None
    for day in (today - DAY, today):
        weekday = day.isoweekday()
        for window in windows:
            if weekday not in window.days:
                continue
            last = day if window.end > window.start else day + DAY
            if _earliest(day, window.start, zone) <= now < (ended := _latest(last, window.end, zone)):
                end = ended if end is None else max(end, ended)
    return end


def next_appointment(appointments: Sequence[Appointment], zone: str, now: datetime) -> datetime | None:
    """The first of these moments after `now`; None when there are none."""
    today = now.astimezone(zone_of(zone)).date()
    moments = (
        _earliest(day, appointment.at, zone)
        for day in (today + offset * DAY for offset in range(-1, 9))
        for appointment in appointments
        if day.isoweekday() in appointment.days
    )
    return min((moment for moment in moments if moment > now), default=None)


@lru_cache(maxsize=1_024)
def zone_of(name: str) -> ZoneInfo:
    """The zone of that name; UTC where this machine does not know it: other machines' tables may be newer."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        return ZoneInfo("UTC")


def _earliest(day: date, at: time, zone: str) -> datetime:
    """The first instant at which the wall shows `at` on `day`, or something later."""
    return _instant(day, at, zone, 0)


def _latest(day: date, at: time, zone: str) -> datetime:
    """The last instant at which the wall comes to show `at` on `day`."""
    return _instant(day, at, zone, 1)


@lru_cache(maxsize=4_096)  # windows that follow on each other look at the same days again
def _instant(day: date, at: time, zone: str, fold: int) -> datetime:
    info = zone_of(zone)
    wall = datetime.combine(day, at)
    instant = wall.replace(tzinfo=info, fold=fold).astimezone(UTC)
    if instant.astimezone(info).replace(tzinfo=None) == wall:
        return instant
    # In a gap PEP 495 reads the wall by the offset before the change (fold 0: an instant after it), or after it.
    after = wall.replace(tzinfo=info, fold=0).astimezone(UTC)
    before = wall.replace(tzinfo=info, fold=1).astimezone(UTC)
    offset = before.astimezone(info).utcoffset()
    while after - before > timedelta(seconds=1):
        middle = before + (after - before) // 2
        middle = middle.replace(microsecond=0)
        if middle <= before:
            break
        if middle.astimezone(info).utcoffset() == offset:
            before = middle
        else:
            after = middle
    return after
