"""Keeps collections of garbage short however many connections there are.

A full collection looks at everything that could be part of a cycle: some 3 µs for every connection, all of which live
on. So once they have settled they are left out of it (`gc.freeze`): they are freed when the last reference to them
goes, and leave no cycles behind when they close (tests/integration/gateway/test_churn.py). In case something does, all
is looked at again when most of what was left out is gone.
"""

from __future__ import annotations

import gc

FRESH = 500  # connections that are looked at before they are left out: 2 to 3 ms
TURNOVERS = 10  # of all connections, or of 10,000, after which all is looked at


class Heap:
    """Of one gateway process."""

    def __init__(self) -> None:
        self._settled = 0
        self._looked = 0

    def tidy(self, made: int, open_now: int) -> None:
        """Leaves out what has come, if that is much.

        Args:
            made: Connections since the start.
            open_now: Those of them that are there.
        """
        if made - self._settled < FRESH:
            return
        if made - self._looked > TURNOVERS * max(open_now, 10_000):
            gc.unfreeze()
            self._looked = made
        gc.collect()
        gc.freeze()
        self._settled = made
