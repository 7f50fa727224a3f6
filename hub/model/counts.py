"""The three counts of an inbox.

All three are over items that are neither archived, snoozed nor removed: unseen has no `seen_at`, unread no `read_at`.
No clock is asked: an item counts until the hub gives its expiry or the end of its snooze a revision.
"""

from __future__ import annotations

from typing import NamedTuple


class Counts(NamedTuple):
    unseen: int
    unread: int
    total: int

    def __add__(self, other: object) -> Counts:
        if not isinstance(other, Counts):
            return NotImplemented
        return Counts(self.unseen + other.unseen, self.unread + other.unread, self.total + other.total)

    def __sub__(self, other: Counts) -> Counts:
        return Counts(self.unseen - other.unseen, self.unread - other.unread, self.total - other.total)


ZERO = Counts(0, 0, 0)
