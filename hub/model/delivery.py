"""The life of a delivery: one row for one person and one line of the ladder, holding its next step.

Theory. A delivery waits until its step's time has come, is decided on, takes its place behind earlier ones of the same
person and channel, is claimed by a worker, and is settled. When a step goes out, the rest of its line goes on as a
delivery of its own; when a step is skipped, the same row takes the next step. So every row ends in exactly one final
state, and a retry of a push never holds up the e-mail behind it. Only a dead letter can begin anew: it is decided on
once more, with a new budget.

    WAITING    for its time, for presence, for the end of quiet hours, or in a digest; decided again at `due_at`
    QUEUED     decided to go, behind an earlier delivery to the same person on the same channel
    DUE        may be claimed from `due_at` on: the first of its person, channel and lane, or one that is tried again
    CLAIMED    a worker has it, until `lease_until`; `attempts` counted at the claim, so that crashes count
    SENT       a provider took it
    DELIVERED  the person's device reported it
    SKIPPED    a decision against it
    DEAD       refused for good, or its budget is spent: a dead letter
    CANCELLED  withdrawn by the backend, or a dead letter that was given up for good
    EXPIRED    its `expires_at` passed before it could go

Every change of state is in TRANSITIONS, and every one is recorded in the row's `history`: when, what, why, by whom.
Once that is long, only the last of waits that follow one another is kept.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum, StrEnum, auto
from typing import Final

from hub.model.reason import Reason


class State(StrEnum):
    WAITING = "waiting"
    QUEUED = "queued"
    DUE = "due"
    CLAIMED = "claimed"
    SENT = "sent"
    DELIVERED = "delivered"
    SKIPPED = "skipped"
    DEAD = "dead"
    CANCELLED = "cancelled"
    EXPIRED = "expired"


class Event(Enum):
    HELD = auto()  # decided: not yet
    PUT_BACK = auto()  # no provider could be asked: no attempt was made
    READY = auto()  # decided: go
    FIRST = auto()  # nothing of the same person, channel and lane is before it
    CLAIMED = auto()  # a worker took it
    SENT = auto()  # the provider accepted it
    FAILED = auto()  # it failed in a way that may pass, within its budget
    LOST = auto()  # the worker that had it went away
    GIVEN_UP = auto()  # refused for good, or the budget is spent
    SKIPPED = auto()  # decided: no, or gone into a digest
    CANCELLED = auto()  # the notification was cancelled
    EXPIRED = auto()  # its time is over
    REPORTED = auto()  # the device has it
    REPLAYED = auto()  # the backend wants a dead letter sent again
    PURGED = auto()  # the backend gives a dead letter up


TRANSITIONS: Final[Mapping[State, Mapping[Event, State]]] = {
    State.WAITING: {
        Event.HELD: State.WAITING,
        Event.READY: State.QUEUED,
        Event.SKIPPED: State.SKIPPED,
        Event.CANCELLED: State.CANCELLED,
        Event.EXPIRED: State.EXPIRED,
    },
    State.QUEUED: {Event.FIRST: State.DUE, Event.CANCELLED: State.CANCELLED},
    State.DUE: {Event.CLAIMED: State.CLAIMED},
    State.CLAIMED: {
        Event.SENT: State.SENT,
        Event.FAILED: State.DUE,
        Event.LOST: State.DUE,
        Event.PUT_BACK: State.DUE,
        Event.HELD: State.WAITING,
        Event.GIVEN_UP: State.DEAD,
        Event.SKIPPED: State.SKIPPED,
        Event.CANCELLED: State.CANCELLED,
        Event.EXPIRED: State.EXPIRED,
    },
    State.SENT: {Event.REPORTED: State.DELIVERED},
    State.DELIVERED: {},
    State.SKIPPED: {},
    State.DEAD: {Event.REPLAYED: State.WAITING, Event.PURGED: State.CANCELLED},
    State.CANCELLED: {},
    State.EXPIRED: {},
}

FINAL: Final = frozenset({State.SENT, State.DELIVERED, State.SKIPPED, State.DEAD, State.CANCELLED, State.EXPIRED})
"""States in which nothing more is done about a delivery by itself; a receipt may still turn `sent` into `delivered`."""


def move(state: State, event: Event) -> State:
    """The state after `event`. Raises KeyError when it cannot happen there: a bug, never input."""
    return TRANSITIONS[state][event]


def skipped_as(why: Reason) -> Event:
    """Which end a decision not to send is."""
    if why is Reason.CANCELLED:
        return Event.CANCELLED
    return Event.EXPIRED if why is Reason.EXPIRED else Event.SKIPPED
