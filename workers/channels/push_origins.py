"""Push services, each by itself: one that is down must neither take all slots nor stop the others.

Every subscription names its own service, so that there are as many as browsers' makers, and as many more as somebody
makes up. One that fails again and again is left alone for a while, then asked by a single push; one that says nothing
has a bound on what waits for it. And all that have shown nothing good yet have one together: any number of names that
lead to one silent server keep no more places than that.
"""

from __future__ import annotations

from typing import Final

FAILURES: Final = 5  # in a row, until it is left alone
FIRST_PAUSE_SECONDS: Final = 1.0  # doubled with every further failure
MAX_PAUSE_SECONDS: Final = 60.0
BUSY: Final = 50  # pushes at once to one that does not answer: a quarter of a sender's slots
STRANGERS: Final = 75  # pushes at once to all together that are not known as good: more than one that is BUSY has
SILENT_SECONDS: Final = 2.0  # without any answer while some wait: it does not answer


class Origin:
    """One push service. Every method takes the time, in seconds of one clock."""

    def __init__(self) -> None:
        self.in_flight = 0
        self._failures = 0
        self._heard_at = 0.0
        self._paused_until = 0.0
        self._answered = False

    @property
    def known(self) -> bool:
        """Whether it has done what it is there for, and has not failed again and again since."""
        return self._answered and self._failures < FAILURES

    def wait(self, now: float) -> float:
        """Seconds until it may be asked; 0: now."""
        if now < self._paused_until:
            return self._paused_until - now
        if self._failures >= FAILURES and self.in_flight:
            return FIRST_PAUSE_SECONDS  # one push asks whether it is back
        if self.in_flight >= BUSY and now - self._heard_at > SILENT_SECONDS:
            return SILENT_SECONDS
        return 0.0

    def asked(self, now: float) -> None:
        if self.in_flight == 0:
            self._heard_at = now
        self.in_flight += 1

    def answered(self, now: float) -> None:
        """It did what it is there for, or said why not."""
        self._end(now)
        self._failures = 0
        self._answered = True

    def failed(self, now: float, retry_after: float = 0.0) -> None:
        """It did not: no answer, a fault of its own, or too many at once."""
        self._end(now)
        self._failures += 1
        if self._failures >= FAILURES:
            pause = min(MAX_PAUSE_SECONDS, FIRST_PAUSE_SECONDS * 2.0 ** min(self._failures - FAILURES, 10))
            self._paused_until = now + max(pause, min(retry_after, MAX_PAUSE_SECONDS))

    def left(self) -> None:
        """What it was asked was taken back; it says nothing about it."""
        self.in_flight -= 1

    def _end(self, now: float) -> None:
        self.in_flight -= 1
        self._heard_at = now
