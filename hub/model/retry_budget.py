"""The retry budget of a route: repeating may add only so much to what is sent anyway.

Backoff spreads retries in time, but an outage that fails everything still makes everything come again. So of what a
worker sends within WINDOW_SECONDS, retries are at most SHARE of the first attempts, and FLOOR_PER_SECOND besides, so
that a few can always be repeated. The figures are those of Finagle's RetryBudget. What is over waits, and costs no
attempt.

Each worker counts for itself: claims spread deliveries evenly, so that a share that each of them keeps is kept by all;
only the floor is one of each.
"""

from __future__ import annotations

from collections import deque

SHARE = 0.2
FLOOR_PER_SECOND = 10
WINDOW_SECONDS = 10


class RetryBudget:
    """Counts what is sent, by second. Times are unix seconds, and do not go back."""

    def __init__(self) -> None:
        self._seconds: deque[tuple[int, int, int]] = deque()
        self._firsts = self._retries = 0

    def allows(self, now: float) -> bool:
        """Whether there is room for one more retry."""
        self._forget(int(now))
        return self._retries + 1 <= FLOOR_PER_SECOND * WINDOW_SECONDS + SHARE * self._firsts

    def take(self, now: float, *, retry: bool) -> bool:
        """Counts one that is about to be sent; False: it is a retry for which there is no room."""
        if retry and not self.allows(now):
            return False
        second = int(now)
        first, again = (0, 1) if retry else (1, 0)
        if self._seconds and self._seconds[-1][0] >= second:
            last, firsts, retries = self._seconds[-1]
            self._seconds[-1] = (last, firsts + first, retries + again)
        else:
            self._forget(second)
            self._seconds.append((second, first, again))
        self._firsts += first
        self._retries += again
        return True

    def _forget(self, second: int) -> None:
        while self._seconds and self._seconds[0][0] <= second - WINDOW_SECONDS:
            _, firsts, retries = self._seconds.popleft()
            self._firsts -= firsts
            self._retries -= retries
