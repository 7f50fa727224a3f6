"""What came of one attempt to send: what a channel answers, and what follows from it.

| outcome   | meaning                                        | follows                                              |
|-----------|------------------------------------------------|------------------------------------------------------|
| Sent      | the provider took it                           | `sent`                                               |
| Rejected  | it never will: bad address, refused content    | `dead`, or `skipped` where there is no address       |
| Failed    | it may pass: time-outs, 5xx, lost connections, | the next provider, else tried again within the       |
|           | and what is the provider's own fault           | budget, else `dead`                                  |
| Throttled | the provider asks for patience                 | the next provider, else tried again after that       |

What no provider could be asked for at all is `Held` by the frame around the channels: no attempt was made.
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
    """Permanent: the recipient, or what is said to them; another provider would say the same.

    Attributes:
        detail: For people, without addresses or secrets.
        reason: `no_address` or `suppressed`, found out only now, end it as skipped; others as a dead letter.
    """

    detail: str
    reason: Reason = Reason.REJECTED


class Failed(NamedTuple):
    """Transient, or a fault of the provider's.

    Attributes:
        retry_after: What the provider asked for, if it did.
        handed_over: It may have gone out all the same (no answer after the data were sent): no other provider is asked.
        reached: Of several places, those that have it: the next attempt leaves them out.
        recipient: It is the recipient's mailbox or server that may be better later: nothing against the provider.
    """

    detail: str
    retry_after: timedelta | None = None
    handed_over: bool = False
    reached: frozenset[str] = frozenset()
    recipient: bool = False


class Throttled(NamedTuple):
    """Too many at once, says the provider."""

    retry_after: timedelta | None = None
    detail: str = "the provider asked to wait"


Outcome: TypeAlias = Sent | Rejected | Failed | Throttled
"""What a channel answers."""


class Held(NamedTuple):
    """No attempt was made: every provider is out of order, or its pace is reached. Decided again after `wait`."""

    why: Reason
    wait: timedelta
    detail: str | None = None


class Attempt(NamedTuple):
    """What became of one message, and which provider had it last; None: none was asked.

    `before`: what those said that were asked before it, in vain.
    """

    outcome: Outcome | Held
    provider: str | None = None
    before: tuple[str, ...] = ()


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
        case Rejected(detail, reason):
            event = Event.SKIPPED if reason in (Reason.NO_ADDRESS, Reason.SUPPRESSED) else Event.GIVEN_UP
            return Verdict(event, reason, detail=detail)
        case Failed(detail, retry_after):
            again = next_try(budget, attempts, ready_at, now, chance, retry_after)
        case Throttled(retry_after, detail):
            again = next_try(budget, attempts, ready_at, now, chance, retry_after)
    if again is None:
        return Verdict(Event.GIVEN_UP, Reason.ATTEMPTS_SPENT, detail=detail)
    return Verdict(Event.FAILED, Reason.RETRY, again, detail)
