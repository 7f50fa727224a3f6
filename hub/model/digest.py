"""Digests: several deliveries to one person on one channel leave as one.

A digest is open for one person, channel, category and key. What is decided to go joins the open one, or opens it; when
it closes, those that still have something to say leave as one delivery with their exact count.

| mode     | closes                                                                       |
|----------|------------------------------------------------------------------------------|
| fixed    | `window` after it opened                                                     |
| sliding  | `window` after the last one joined, `max_window` (default: 12 windows) after |
|          | it opened at the latest                                                      |
| schedule | at the next moment of the person's digest schedule; without one, `window` or |
|          | a day later                                                                  |

`first: now` sends the first one at once and opens an empty digest for what follows.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from hub.model.policy import Digest
from hub.model.weekly import Appointment, next_appointment

MAX_ITEMS = 100  # that a digest names; the count is exact beyond it
MAX_MEMBERS = 10_000  # then it closes early: one transaction closes it
SLIDING_WINDOWS = 12  # of a sliding digest without `max_window`: people who never stop talking still hear of it
DAY = timedelta(days=1)


def closes_at(
    rule: Digest, opened_at: datetime, now: datetime, schedule: Sequence[Appointment] = (), zone: str = "UTC"
) -> datetime:
    """When a digest that opened at `opened_at`, and which one more joins at `now`, will leave."""
    if rule.mode == "schedule":
        moment = next_appointment(schedule, zone, opened_at)
        return moment or opened_at + (rule.window or DAY)
    window = rule.window or DAY
    if rule.mode == "fixed":
        return opened_at + window
    return min(now + window, opened_at + (rule.max_window or SLIDING_WINDOWS * window))
