"""The circuit breaker of one provider: whether it is asked at all.

Theory. A provider that fails most of what it is asked is left alone: no message costs an attempt or a time-out with it
then; all go to the next provider, or wait. From time to time one single message probes whether it is back.

    CLOSED     it is asked; what comes of it is counted
    OPEN       it is not asked, until its time has come
    HALF_OPEN  one message probes it, of all workers' together; nobody else asks until that has its answer

Every change is in TRANSITIONS. It trips when, of the newest ENOUGH asked (of all within WINDOW_SECONDS, when they are
fewer; of LEAST at least), half have failed: so it reacts within a fraction of a second under load, and at leisure to
little traffic, without taking two failures of three for an outage. And when IN_A_ROW failed one after the other and
nothing succeeded within the window: what a trickle of messages has instead of a share.

A refusal of a message is a success here: the provider works. What was asked before the breaker last changed says
nothing about the provider as it is now: `era` tells it apart.

A breaker is a value, stored whole and replaced by compare-and-set (hub/bus/breakers.py), so that of any number of
workers that want to probe one does. Time is given, as unix seconds.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum, StrEnum, auto
from typing import Final, NamedTuple

import msgspec

WINDOW_SECONDS = 10  # how long an answer counts
ENOUGH = 100  # that half of so many fail by chance has a probability of 0.00002 where 30 % fail, which is no outage
LEAST = 10  # asked within the window, for their share to say something
SHARE = 0.5  # of them failed: the next provider is the better choice then
IN_A_ROW = 5  # failures, and no success within the window
OPEN_SECONDS = 5.0  # until the first probe; doubled with every failed one
MAX_OPEN_SECONDS = 300.0  # between probes, however long it is out
JITTER = 0.25  # of it, more or less: the breakers of many providers are not probed at once
PROBE_SECONDS = 35.0  # after which a probe without an answer is lost, with its worker: the longest send, and some
MAX_REST_SECONDS = 3600.0  # that a provider which asks for patience is left alone at most


class State(StrEnum):
    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


class Event(Enum):
    TRIPPED = auto()  # too much of what it was asked has failed
    PROBED = auto()  # its time has come, and one message is on its way to it
    RECOVERED = auto()  # the probe was answered
    FAILED = auto()  # the probe was not


TRANSITIONS: Final[Mapping[State, Mapping[Event, State]]] = {
    State.CLOSED: {Event.TRIPPED: State.OPEN},
    State.OPEN: {Event.PROBED: State.HALF_OPEN},
    State.HALF_OPEN: {
        Event.PROBED: State.HALF_OPEN,  # the last probe was lost with its worker
        Event.RECOVERED: State.CLOSED,
        Event.FAILED: State.OPEN,
    },
}


class Bucket(NamedTuple):
    """What was asked within one second, ENOUGH at most, and how much of it failed."""

    second: int
    asked: int
    failed: int


class Tally(msgspec.Struct):
    """What one worker has counted and not told yet; all of one era.

    Attributes:
        streak: Failures since the last success.
        succeeded: Whether there was a success among them.
    """

    era: int = 0
    buckets: list[Bucket] = []
    streak: int = 0
    succeeded: bool = False
    rests_until: float = 0.0

    def add(self, now: float, *, failed: bool) -> None:
        second = int(now)
        last = self.buckets[-1] if self.buckets else None
        if last is not None and last.second >= second and last.asked < ENOUGH:
            self.buckets[-1] = Bucket(last.second, last.asked + 1, last.failed + failed)
        else:
            self.buckets.append(Bucket(second, 1, int(failed)))
            del self.buckets[: -WINDOW_SECONDS - 1]
        if failed:
            self.streak += 1
        else:
            self.streak, self.succeeded = 0, True


class Breaker(msgspec.Struct, frozen=True, array_like=True):
    """What is known of one provider.

    Attributes:
        until: OPEN: when it may be probed. HALF_OPEN: when the probe counts as lost.
        failures: Failed probes in a row.
        era: Counts its openings and closings.
        probe: Who probes it.
        rests_until: It asked for patience; until then it is not asked, whatever its state.
    """

    state: State = State.CLOSED
    until: float = 0.0
    failures: int = 0
    era: int = 0
    probe: str = ""
    streak: int = 0
    window: tuple[Bucket, ...] = ()
    rests_until: float = 0.0


FRESH = Breaker()


class Admission(Enum):
    ASK = auto()
    PROBE = auto()  # its time has come; whoever gets the probe asks
    WAIT = auto()


def admission(breaker: Breaker, now: float) -> Admission:
    """Whether the provider may be asked at `now`."""
    if now < breaker.rests_until:
        return Admission.WAIT
    if breaker.state is State.CLOSED:
        return Admission.ASK
    return Admission.PROBE if now >= breaker.until else Admission.WAIT


def free_at(breaker: Breaker, now: float) -> float:
    """When to look again, while it may not be asked. A probe under way is not waited for until it is lost."""
    until = breaker.until if breaker.state is State.OPEN else min(breaker.until, now + OPEN_SECONDS)
    return max(breaker.rests_until, 0.0 if breaker.state is State.CLOSED else until)


def count(breaker: Breaker, tally: Tally, now: float, chance: float) -> Breaker:
    """The breaker once it knows a worker's tally; tripped, if that is what it says.

    Args:
        chance: A random number in [0, 1) for the jitter.
    """
    rested = rest(breaker, tally.rests_until, now)
    if breaker.state is not State.CLOSED or tally.era != breaker.era:
        return rested
    window = _newest((*reversed(tally.buckets), *breaker.window), int(now) - WINDOW_SECONDS)
    streak = tally.streak if tally.succeeded else breaker.streak + tally.streak
    counted = msgspec.structs.replace(rested, window=window, streak=streak)
    return _opened(counted, Event.TRIPPED, 0, now, chance) if _too_many(window, streak) else counted


def rest(breaker: Breaker, until: float, now: float) -> Breaker:
    """Leaves the provider alone until then, for MAX_REST_SECONDS at most."""
    until = min(until, now + MAX_REST_SECONDS)
    return breaker if until <= breaker.rests_until else msgspec.structs.replace(breaker, rests_until=until)


def probe(breaker: Breaker, who: str, now: float) -> Breaker:
    """The breaker with `who` as its probe; unchanged when it is not the time, or somebody else probes."""
    if admission(breaker, now) is not Admission.PROBE:
        return breaker
    state = TRANSITIONS[breaker.state][Event.PROBED]
    return msgspec.structs.replace(breaker, state=state, probe=who, until=now + PROBE_SECONDS)


def probed(breaker: Breaker, who: str, now: float, chance: float, *, answered: bool) -> Breaker:
    """The breaker after the answer to its probe; unchanged when it is another's by now."""
    if breaker.state is not State.HALF_OPEN or breaker.probe != who:
        return breaker
    if not answered:
        return _opened(breaker, Event.FAILED, breaker.failures + 1, now, chance)
    state = TRANSITIONS[breaker.state][Event.RECOVERED]
    return Breaker(state, era=breaker.era + 1, rests_until=breaker.rests_until)


def _opened(breaker: Breaker, event: Event, failures: int, now: float, chance: float) -> Breaker:
    seconds = min(MAX_OPEN_SECONDS, OPEN_SECONDS * 2.0 ** min(failures, 16)) * (1 - JITTER + 2 * JITTER * chance)
    state = TRANSITIONS[breaker.state][event]
    return Breaker(state, now + seconds, failures, breaker.era + 1, rests_until=breaker.rests_until)


def _newest(buckets: tuple[Bucket, ...], after: int) -> tuple[Bucket, ...]:
    """The newest of them that hold ENOUGH, or all that are not older than `after`; newest first."""
    found: list[Bucket] = []
    asked = 0
    for bucket in sorted(buckets, key=lambda bucket: -bucket.second):  # of the same second, those told last come first
        if bucket.second <= after or asked >= ENOUGH:
            break
        found.append(bucket)
        asked += bucket.asked
    return tuple(found)


def _too_many(window: tuple[Bucket, ...], streak: int) -> bool:
    asked = sum(bucket.asked for bucket in window)
    failed = sum(bucket.failed for bucket in window)
    if asked >= LEAST and failed >= asked * SHARE:
        return True
    return streak >= IN_A_ROW and asked == failed
