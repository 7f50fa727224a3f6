"""When a failed delivery is tried again: exponential backoff with full jitter, within the category's budget.

Full jitter (a random moment between now and the backoff) empties a queue that a provider's outage has filled with the
least work and without waves (M. Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015).
"""

from __future__ import annotations

from datetime import datetime, timedelta

from hub.model.policy import Retry

BASE_SECONDS = 2.0  # the first wait is up to this; doubled with every further attempt
MAX_SECONDS = 3600.0
MIN_SECONDS = 0.5  # no jitter makes a retry immediate


def next_try(
    budget: Retry, attempts: int, first_at: datetime, now: datetime, chance: float, retry_after: timedelta | None = None
) -> datetime | None:
    """When to try again after `attempts` failed ones; None when the budget in attempts or in age is spent.

    Args:
        first_at: When the delivery could first have gone out.
        chance: A random number in [0, 1).
        retry_after: What the provider asked for, at least.
    """
    if attempts >= budget.max_attempts:
        return None
    backoff = min(MAX_SECONDS, BASE_SECONDS * 2.0 ** min(attempts - 1, 16))
    wait = timedelta(seconds=max(MIN_SECONDS, backoff * chance))
    wait = max(wait, retry_after or timedelta(0))
    if wait > budget.max_age:  # before adding: what a provider asks for may lie beyond the calendar
        return None
    at = now + wait
    return at if at - first_at <= budget.max_age else None
