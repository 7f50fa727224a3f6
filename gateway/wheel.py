"""Deadlines of many connections behind one timer.

Heartbeats, late hellos, expiring tokens and lingering closes are all coarse, and almost never on time: a deadline is
moved far more often than it is met. So a connection sits in the bucket of its next deadline and is asked there again
when it is (`tick`), instead of owning timers that are cancelled and made anew with every frame.
"""

from __future__ import annotations

import asyncio
import math
from typing import Protocol

STEP_SECONDS = 0.25  # how late a deadline may be met; the contract's shortest is 10 s


_NOBODY: set[Timed] = set()


class Timed(Protocol):
    """Something with a next deadline. `slot` belongs to the wheel and starts as None."""

    slot: int | None

    def tick(self, now: float) -> float | None:
        """Does what is due and answers when to ask again, in seconds of the loop's clock; None: never."""


class Wheel:
    """Asks each entry at, or up to STEP_SECONDS after, its deadline. Not before.

    Owner: one gateway. Runs a timer only while it has entries; `close()` may be called twice.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, step_seconds: float = STEP_SECONDS) -> None:
        self._loop = loop
        self._step = step_seconds
        self._slots: dict[int, set[Timed]] = {}
        self._next = 0  # first slot that was not asked yet
        self._timer: asyncio.TimerHandle | None = None
        self._turning = False

    def schedule(self, entry: Timed, at: float) -> None:
        """Asks `entry` at `at`; its earlier appointment, if any, is dropped."""
        slot = max(math.ceil(at / self._step), self._next)
        if entry.slot is not None:
            if entry.slot == slot:
                return
            self.cancel(entry)
        entry.slot = slot
        self._slots.setdefault(slot, set()).add(entry)
        if self._timer is None and not self._turning:
            self._next = min(slot, math.floor(self._loop.time() / self._step) + 1)
            self._arm()

    def cancel(self, entry: Timed) -> None:
        """Forgets `entry`."""
        if entry.slot is not None:
            self._slots.get(entry.slot, _NOBODY).discard(entry)
            entry.slot = None

    def close(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._slots.clear()

    def _arm(self) -> None:
        self._timer = self._loop.call_at(self._next * self._step, self._turn)

    def _turn(self) -> None:
        now = self._loop.time()
        self._timer = None
        self._turning = True
        try:
            while self._next * self._step <= now:
                due = self._slots.pop(self._next, None)
                self._next += 1
                for entry in due or ():
                    if entry.slot == self._next - 1:  # it may have been cancelled, or moved on, by one before it
                        self._ask(entry, now)
        finally:
            self._turning = False
        if self._slots:
            self._arm()

    def _ask(self, entry: Timed, now: float) -> None:
        entry.slot = None
        try:
            again = entry.tick(now)
        except Exception as error:  # one broken connection must not stop the clock of all others
            self._loop.call_exception_handler({"message": "a deadline failed", "exception": error})
            return
        if again is not None:
            self.schedule(entry, again)
