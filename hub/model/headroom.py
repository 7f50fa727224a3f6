"""Headroom: whether a processor is so taken that work which can wait should leave some of it to urgent work.

Where it is taken whole, each turn of an event loop has to do all that came during the one before. Urgent work needs
some ten turns, and so waits for everything, although no queue has anything ahead of it. Where something else is short,
a database or a disk, waiting gains nothing.
"""

from __future__ import annotations

from collections.abc import Callable

SHARE = 0.85  # of a core: an API process has 0.8 at 60 % of what a machine takes, and 0.95 at twice of it
WINDOW_SECONDS = 0.1  # of which the share is taken: some groups of publishes
FORGOTTEN_SECONDS = 1.0  # without a look; what was before says nothing about now


class Headroom:
    """Whether this process has more than SHARE of a core.

    Args:
        used: Tells the processor time that this process has used, in seconds. Asked once in WINDOW_SECONDS.
    """

    def __init__(self, used: Callable[[], float]) -> None:
        self._used = used
        self._looked = float("-inf")
        self._used_then = 0.0
        self._short = False

    def is_short(self, now: float) -> bool:
        """As in the last whole window. `now` is any clock that is never set back, in seconds."""
        seconds = now - self._looked
        if seconds >= WINDOW_SECONDS:
            used = self._used()
            self._short = seconds < FORGOTTEN_SECONDS and used - self._used_then > SHARE * seconds
            self._looked, self._used_then = now, used
        return self._short
