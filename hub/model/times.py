"""Times as they travel: RFC 3339, UTC, milliseconds, `Z`.

One spelling everywhere, so that a snapshot equals an older snapshot plus its frames to the letter.
"""

from __future__ import annotations

from datetime import UTC, datetime


def format_time(moment: datetime) -> str:
    """`2026-11-21T09:00:00.000Z`; `moment` must be aware."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"


def truncate(moment: datetime) -> datetime:
    """`moment` in UTC without what the wire cannot carry."""
    return moment.astimezone(UTC).replace(microsecond=moment.microsecond // 1000 * 1000)
