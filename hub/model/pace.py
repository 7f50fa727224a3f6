"""Pacing: so many in so long, one after the other at even distances (GCRA, ITU-T I.371).

A pace is remembered as one moment: when the next one may leave. Whoever reserves it moves it on by the distance. So any
stretch of time holds at most as many as fit into it, and one more; there are no bursts.

A message with several paces goes when all of them let it, or takes a place in none.
"""

from __future__ import annotations

from collections.abc import MutableMapping, Sequence
from typing import NamedTuple

PATIENCE_SECONDS = {"critical": 1.0, "normal": 0.5, "bulk": 0.25}
"""How far ahead a priority may reserve: what is worth waiting for with the message in hand. Bulk fills no more than a
quarter of a second, so that critical finds room behind it however long its backlog is."""
MAX_HOLD_SECONDS = 60.0  # until what found no room asks again


class Pace(NamedTuple):
    """`key` names whose it is; `distance` is the seconds between two."""

    key: str
    distance: float


class Place(NamedTuple):
    """When it may go, in seconds from now; `taken`: it has its place, otherwise `key` is the pace without room."""

    wait: float
    taken: bool = True
    key: str | None = None


def reserve(moments: MutableMapping[str, float], paces: Sequence[Pace], patience: float, now: float) -> Place:
    """Takes a place in all of `paces`, if it comes within `patience` seconds.

    Args:
        moments: When the next one of each pace may leave; those that are not there are free.
    """
    starts = [max(now, moments.get(pace.key, now)) for pace in paces]
    latest = max(range(len(paces)), key=starts.__getitem__)
    wait = starts[latest] - now
    if wait > patience:
        return Place(wait, False, paces[latest].key)  # noqa: FBT003
    for pace, start in zip(paces, starts, strict=True):
        moments[pace.key] = start + pace.distance
    return Place(wait)
