"""Times as they travel: RFC 3339, UTC, milliseconds, `Z`; durations ISO 8601.

One spelling everywhere, so that a snapshot equals an older snapshot plus its frames to the letter.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

DURATION_PATTERN = (
    r"P(?=[0-9T])(?:([0-9]{1,6})W)?(?:([0-9]{1,6})D)?"
    r"(?:T(?=[0-9])(?:([0-9]{1,6})H)?(?:([0-9]{1,8})M)?(?:([0-9]{1,10})S)?)?"
)
_DURATION = re.compile(DURATION_PATTERN, re.ASCII)


def format_time(moment: datetime) -> str:
    """`2026-11-21T09:00:00.000Z`; `moment` must be aware."""
    # isoformat takes a fifth of strftime's time, and astimezone as long as both where there is nothing to change.
    if moment.tzinfo is not UTC:
        moment = moment.astimezone(UTC)
    return moment.isoformat(timespec="milliseconds")[:-6] + "Z"


def truncate(moment: datetime) -> datetime:
    """`moment` in UTC without what the wire cannot carry."""
    if moment.tzinfo is not UTC:
        moment = moment.astimezone(UTC)
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


def parse_duration(text: str) -> timedelta:
    """An ISO 8601 duration of weeks, days, hours, minutes and seconds; years and months have no fixed length.

    Raises:
        ValueError: it is none.
    """
    match = _DURATION.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is no duration")
    weeks, days, hours, minutes, seconds = (int(part or 0) for part in match.groups())
    return timedelta(weeks=weeks, days=days, hours=hours, minutes=minutes, seconds=seconds)
