"""What came of one attempt to send: what a channel answers, and what follows from it.

| outcome   | meaning                                        | follows                                              |
|-----------|------------------------------------------------|------------------------------------------------------|
| Sent      | the provider took it                           | `sent`                                               |
| Rejected  | it never will: bad address, refused content    | `dead`, reason `rejected`                            |
| Failed    | it may pass: time-outs, 5xx, lost connections  | tried again within the budget, else `dead`           |
| Throttled | the provider asks for patience                 | tried again after that; counts as an attempt as well |
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import NamedTuple, TypeAlias

from hub.model.delivery import Event
from hub.model.policy import Retry
from hub.model.reason import Reason
from hub.model.retry import next_try


class Sent(NamedTuple):
    """`reference`: the provider's id for it, if it gave one."""

    reference: str | None = None


class Rejected(NamedTuple):
    """Permanent. `detail` for people, without addresses or secrets."""

    detail: str


class Failed(NamedTuple):
    """Transient. `retry_after`: what the provider asked for, if it did."""

    detail: str
    retry_after: timedelta | None = None


class Throttled(NamedTuple):
    """Too many at once, says the provider."""

    retry_after: timedelta | None = None
    detail: str = "the provider asked to wait"


Outcome: TypeAlias = Sent | Rejected | Failed | Throttled


class Verdict(NamedTuple):
    """What follows from an outcome: the event, why, when it is due again, and a word for people."""

    event: Event
    reason: Reason | None
    due_at: datetime | None = None
    detail: str | None = None


def settle(outcome: Outcome, budget: Retry, attempts: int, ready_at: datetime, now: datetime, chance: float) -> Verdict:
    """What follows from an outcome of attempt number `attempts`.

    Args:
        ready_at: When it could first have gone out: what the budget's age counts from.
        chance: A random number in [0, 1) for the jitter.
    """
    match outcome:
        case Sent(reference):
            return Verdict(Event.SENT, None, detail=reference)
        case Rejected(detail):
            return Verdict(Event.GIVEN_UP, Reason.REJECTED, detail=detail)
        case Failed(detail, retry_after):
            again = next_try(budget, attempts, ready_at, now, chance, retry_after)
        case Throttled(retry_after, detail):
            again = next_try(budget, attempts, ready_at, now, chance, retry_after)
    if again is None:
        return Verdict(Event.GIVEN_UP, Reason.ATTEMPTS_SPENT, detail=detail)
    return Verdict(Event.FAILED, Reason.RETRY, again, detail)
