"""Webhooks: what they tell, when a message is tried again, and when an endpoint is left alone.

The schedule is the one that Standard Webhooks suggests (its specification, "Deliverability and reliability"), each wait
stretched or shortened by up to a quarter, so that what failed together does not come back together.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final, NamedTuple

from hub.model.outcome import Failed, Outcome, Sent, Throttled

DELIVERY_EVENTS: Final = ("delivery.sent", "delivery.dead", "delivery.skipped")
"""What becomes of a delivery; its last part is the state."""
EVENTS: Final = (
    *DELIVERY_EVENTS,
    "item.seen",
    "item.read",
    "item.clicked",
    "web_push.shown",
    "web_push.clicked",
    "email.opened",
    "email.clicked",
    "email.bounced",
    "email.complained",
    "unsubscribed",
)
"""What an endpoint may ask for."""
TEST_EVENT: Final = "webhook.test"

WAITS: Final = tuple(
    timedelta(seconds=seconds) for seconds in (5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400)
)  # 5 s, 5 min, 30 min, 2, 5, 10, 14, 20 and 24 h: ten attempts in three days
RETRY_FOR = timedelta(days=4)  # and then it is given up, however often it was tried: its endpoint was off or left alone
FAILING_FOR = timedelta(days=5)  # without one success: then an endpoint is switched off
FREE_FAILURES = 3  # in a row, until an endpoint is left alone for a while
MAX_PAUSE = timedelta(minutes=5)  # how late the recovery of an endpoint that takes nothing is noticed
MAX_ASKED = timedelta(days=1)  # of a Retry-After


class Health(NamedTuple):
    """What the newest attempt says about its endpoint."""

    ok: bool
    gone: bool = False
    asked: timedelta | None = None


def next_attempt(
    attempts: int, retry_until: datetime, now: datetime, chance: float, asked: timedelta | None = None
) -> datetime | None:
    """When to try again after `attempts` failed ones; None when they were all, or its time is over.

    Args:
        chance: A random number in [0, 1).
        asked: For how long the endpoint wants to be left alone.
    """
    if attempts > len(WAITS):
        return None
    wait = WAITS[attempts - 1] * (0.75 + chance / 2)
    at = now + max(wait, min(asked or wait, MAX_ASKED))
    return at if at < retry_until else None


def pause(failures: int, chance: float, asked: timedelta | None = None) -> timedelta | None:
    """For how long an endpoint is left alone after so many failures in a row; None: not at all."""
    if asked is not None:
        return min(asked, MAX_ASKED)
    if failures <= FREE_FAILURES:
        return None
    return min(MAX_PAUSE, timedelta(seconds=2.0 ** min(failures, 16))) * (0.5 + chance / 2)


def health_of(outcome: Outcome, status: int | None) -> Health:
    """410 Gone says for ever."""
    asked = outcome.retry_after if isinstance(outcome, Failed | Throttled) else None
    return Health(isinstance(outcome, Sent), status == 410, asked)
