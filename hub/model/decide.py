"""decide(): whether a step of a ladder goes out now, waits, or does not go; and why.

The one place where this is decided. It is asked when a notification is dispatched, when a step's time has come, right
before sending, by `explain`, and by tests, always with the same question: a `Situation` and the time. First match wins:

    cancelled → expired → seen or read in the app → preferences → pause → delegate → no provider
    → no address, or a suppressed one → presence and delay → quiet hours → cap → digest → send

What is permanent comes first, so that nothing waits for what can no longer happen; what is only a matter of time comes
last, so that the time that is told is the time at which it really goes.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import Enum, auto
from typing import Literal, NamedTuple, TypeAlias

import msgspec

from hub.model.policy import Condition, Step
from hub.model.preferences import Layer, Verdict
from hub.model.reason import Reason
from hub.model.weekly import Window, quiet_until

UNKNOWN_SECONDS = 10.0  # until unknown presence is asked again; it stays unknown for a minute at most while Redis is up
RECHECK = timedelta(minutes=1)  # at the earliest, until somebody who is here is looked at again; presence wakes sooner
PATIENCE = timedelta(hours=24)  # that the last step of a line waits, from its turn on, for somebody to leave


ADDRESS_MISSING = {
    "web_push": "no browser of theirs is subscribed; the person allows pushes in one",
    "email": "the person has no `email`; the backend stores it",
    "sms": "the person has no `phone`; the backend stores it",
}
CONSENT_MISSING = "no consent in their preferences covers this category on this channel; the person gives it"
SUPPRESSED_FOR = {
    "bounced": "the address bounced",
    "complained": "the person complained about a message",
    "unsubscribed": "the person unsubscribed with the provider",
    "manual": "the backend suppressed the address",
}


class Presence(msgspec.Struct, frozen=True):
    """Where a person is, as far as decisions need it.

    Attributes:
        state: `unasked` at dispatch, where nobody waits for Redis: presence is asked right after the commit.
        grace_until: Set while somebody who left (`offline`) or turned away (`idle`) may be back at once.
    """

    state: Literal["active", "idle", "offline", "unknown", "unasked"]
    grace_until: datetime | None = None


UNASKED = Presence("unasked")


class Reach(Enum):
    """Whether a channel can reach the person at all."""

    YES = auto()
    NO_PROVIDER = auto()
    NO_ADDRESS = auto()
    SUPPRESSED = auto()


class ItemState(msgspec.Struct, frozen=True):
    """What the person has done with the item in the app. `delivered`: a client acknowledged that it holds it."""

    seen_at: datetime | None = None
    read_at: datetime | None = None
    shelved: bool = False  # archived or snoozed
    removed: bool = False
    delivered: bool = False


class CapState(msgspec.Struct, frozen=True):
    """A cap that is full: when it will have room again, and what becomes of what is over."""

    free_at: datetime
    overflow: Literal["drop", "digest"]
    layer: Layer


class Quiet(msgspec.Struct, frozen=True):
    """Weekly quiet hours in a zone, and whose they are."""

    windows: tuple[Window, ...]
    zone: str
    layer: Layer


class Situation(msgspec.Struct, frozen=True):
    """Everything that bears on one step for one person.

    Attributes:
        dispatched_at: What the step's `after` counts from.
        next_at: When the next step of the line has its turn; None for the last one.
        item: None when the notification is not in the person's inbox.
        quiet: The quiet hours that bear on it; None when there are none, or they do not matter.
        cap: A cap that is full; None while there is room.
        gather_until: When the digest that it belongs to leaves; None when it belongs to none.
        suppressed_for: Where its address is suppressed, for what: `bounced` …
    """

    step: Step
    dispatched_at: datetime
    verdict: Verdict
    presence: Presence
    expires_at: datetime | None = None
    cancelled: bool = False
    item: ItemState | None = None
    next_at: datetime | None = None
    paused: Layer | None = None
    delegated: bool = False
    reach: Reach = Reach.YES
    quiet: Quiet | None = None
    cap: CapState | None = None
    gather_until: datetime | None = None
    suppressed_for: str | None = None


class Send(NamedTuple):
    """It goes out now."""

    why: Reason = Reason.READY
    layer: Layer | None = None


class Wait(NamedTuple):
    """It is decided again at `until`, or when what it waits for happens."""

    until: datetime
    why: Reason
    layer: Layer | None = None


class Gather(NamedTuple):
    """It joins a digest that leaves at `until`."""

    until: datetime
    why: Reason
    layer: Layer | None = None


class Skip(NamedTuple):
    """It will not go out. `detail` is for people: `after 2.0 s`."""

    why: Reason
    layer: Layer | None = None
    detail: str | None = None


Decision: TypeAlias = Send | Wait | Gather | Skip


def decide(situation: Situation, now: datetime) -> Decision:
    """What becomes of a step at `now`. Pure; the same situation and time give the same answer."""
    s = situation
    gone = _gone(s, now) or _moot(s) or _unwanted(s)
    if gone is not None:
        return gone
    decision = _presence_and_delay(s, now) or _held(s, now)
    if isinstance(decision, Wait) and s.expires_at is not None and decision.until > s.expires_at:
        return decision._replace(until=s.expires_at)
    return decision


def _gone(s: Situation, now: datetime) -> Skip | None:
    if s.cancelled:
        return Skip(Reason.CANCELLED, Layer.NOTIFICATION)
    if s.expires_at is not None and s.expires_at <= now:
        return Skip(Reason.EXPIRED, Layer.NOTIFICATION)
    return None


def _moot(s: Situation) -> Skip | None:
    """What the person did in the app has made the step's condition false, for good."""
    item, condition = s.item, s.step.condition
    if item is None or condition is Condition.ALWAYS:
        return None
    if item.read_at is not None:
        return Skip(Reason.READ, detail=_after(s, item.read_at))
    if item.seen_at is not None and condition is not Condition.UNREAD:
        return Skip(Reason.SEEN, detail=_after(s, item.seen_at))
    if item.removed:
        return Skip(Reason.REMOVED)
    if item.shelved:
        return Skip(Reason.ARCHIVED)
    if item.delivered and condition is Condition.UNDELIVERED:
        return Skip(Reason.DELIVERED)
    return None


def _after(s: Situation, moment: datetime) -> str:
    return f"after {max(0.0, (moment - s.dispatched_at).total_seconds()):.1f} s"


def _unwanted(s: Situation) -> Skip | None:
    if s.verdict.reason is not None:
        missing = CONSENT_MISSING if s.verdict.reason is Reason.NO_CONSENT else None
        return Skip(s.verdict.reason, s.verdict.layer, missing)
    if s.paused is not None:
        return Skip(Reason.PAUSED, s.paused)
    if s.delegated:
        return Skip(Reason.DELEGATED, Layer.PERSON)
    if s.reach is Reach.NO_PROVIDER:
        return Skip(Reason.NO_PROVIDER, Layer.HUB)
    if s.reach is Reach.NO_ADDRESS:
        return Skip(Reason.NO_ADDRESS, Layer.PERSON, ADDRESS_MISSING.get(s.step.channel))
    if s.reach is Reach.SUPPRESSED:
        why = SUPPRESSED_FOR.get(s.suppressed_for or "", "it is suppressed")
        return Skip(Reason.SUPPRESSED, Layer.PERSON, f"{why}; the backend may take it off the suppression list")
    return None


def _presence_and_delay(s: Situation, now: datetime) -> Wait | Skip | None:
    """None when neither speaks against sending."""
    condition = s.step.condition
    due = s.dispatched_at + s.step.after
    if not condition.asks_presence:
        return Wait(due, Reason.DELAY, Layer.CATEGORY) if now < due else None
    presence = s.presence
    if presence.state == "unasked":
        return Wait(now, Reason.ASKING)
    horizon = due + PATIENCE if s.next_at is None else max(s.next_at, due)
    if presence.state == "unknown":
        return _look_again(now, horizon, now + timedelta(seconds=UNKNOWN_SECONDS), Reason.PRESENCE_UNKNOWN)
    away = presence.state == "offline" or (presence.state == "idle" and condition is Condition.AWAY)
    if not away:
        again = now + max(RECHECK, now - s.dispatched_at)  # doubling: ten looks a day, not a thousand
        return _look_again(now, horizon, again, Reason.PRESENT)
    if presence.grace_until is not None and presence.grace_until > now:
        return Wait(presence.grace_until, Reason.GRACE)
    if presence.state == "offline":
        return None  # nobody is connected: there is nothing that the delay could wait for
    return Wait(due, Reason.DELAY, Layer.CATEGORY) if now < due else None


def _look_again(now: datetime, horizon: datetime, again: datetime, why: Reason) -> Wait | Skip:
    """Waits for presence to change, until the next step of the line has its turn."""
    if now < horizon:
        return Wait(min(again, horizon), why)
    return Skip(Reason.STAYED if why is Reason.PRESENT else why)


def _held(s: Situation, now: datetime) -> Decision:
    if s.quiet is not None:
        until = quiet_until(s.quiet.windows, s.quiet.zone, now)
        if until is not None:
            return Wait(until, Reason.QUIET_HOURS, s.quiet.layer)
    if s.cap is not None:
        if s.cap.overflow == "digest":
            return Gather(s.cap.free_at, Reason.CAPPED, s.cap.layer)
        return Skip(Reason.CAPPED, s.cap.layer)
    if s.gather_until is not None:
        return Gather(s.gather_until, Reason.DIGEST, Layer.CATEGORY)
    return Send()
