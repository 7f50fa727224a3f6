"""The account of deliveries: what was accepted must have arrived, at every socket of its person, exactly once.

During a measurement an arrival is only a tuple appended to a list; frames are decoded and compared afterwards, so that
the account costs the measured seconds next to nothing.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import msgspec


class Arrival(NamedTuple):
    """A frame that carries items, as it came."""

    socket: int  # index of the socket
    at: int  # time.perf_counter_ns() when its bytes were read
    payload: bytes


class Delivery(NamedTuple):
    socket: int
    notification: str


class Reconciliation(NamedTuple):
    """What came of what was expected. A run is only good with nothing missing, doubled or strange."""

    expected: int
    delivered: int
    missing: list[Delivery]
    doubled: list[Delivery]
    strange: list[Delivery]  # nobody published that to this person
    gaps: int  # frames whose rev did not follow the one before on the same socket

    @property
    def good(self) -> bool:
        return not (self.missing or self.doubled or self.strange or self.gaps)

    def __str__(self) -> str:
        return (
            f"{self.expected} deliveries expected, {self.delivered} came, {len(self.missing)} missing, "
            f"{len(self.doubled)} doubled, {len(self.strange)} strange, {self.gaps} out of order"
        )


class _Item(msgspec.Struct):
    notification_id: str


class _Frame(msgspec.Struct):
    """The fields of `item` and `changes` that an account needs."""

    type: str
    rev: int
    cursor: str | None = None
    item: _Item | None = None
    items: list[_Item] = []

    @property
    def notifications(self) -> list[str]:
        """What came with it."""
        return [item.notification_id for item in (self.items if self.item is None else (self.item,))]


read_frame = msgspec.json.Decoder(_Frame).decode


class Ledger:
    """One measurement's account. Sockets report to `arrived`; whoever publishes reports to `accept`."""

    def __init__(self) -> None:
        self.arrivals: list[Arrival] = []
        self._expected: list[tuple[str, Sequence[str]]] = []
        self._target: int | None = None
        self._reached = asyncio.Event()

    def arrived(self, socket: int, at: int, payload: bytes) -> None:
        """Notes a frame with items."""
        self.arrivals.append(Arrival(socket, at, payload))
        if self._target is not None and len(self.arrivals) >= self._target:
            self._reached.set()

    def accept(self, notification: str, users: Sequence[str]) -> None:
        """Notes that the hub accepted `notification` for `users` (a 2xx came)."""
        self._expected.append((notification, users))

    async def reach(self, frames: int, seconds: float) -> bool:
        """Waits until this many frames have come since the start; False when `seconds` pass without that."""
        self._target = frames
        if len(self.arrivals) >= frames:
            return True
        self._reached.clear()
        try:
            async with asyncio.timeout(seconds):
                await self._reached.wait()
        except TimeoutError:
            return False
        finally:
            self._target = None
        return True

    def deliveries(self) -> Iterable[tuple[Arrival, str]]:
        """Every arrival with each notification it carried."""
        for arrival in self.arrivals:
            for notification in read_frame(arrival.payload).notifications:
                yield arrival, notification

    def reconcile(self, sockets: Mapping[str, Sequence[int]]) -> Reconciliation:
        """Compares what came with what was accepted; `sockets` are each person's open sockets."""
        expected = {
            Delivery(socket, notification)
            for notification, users in self._expected
            for user in users
            for socket in sockets.get(user, ())
        }
        counts: Counter[Delivery] = Counter(
            Delivery(arrival.socket, notification) for arrival, notification in self.deliveries()
        )
        return Reconciliation(
            expected=len(expected),
            delivered=counts.total(),
            missing=sorted(expected - counts.keys()),
            doubled=sorted(delivery for delivery, times in counts.items() if times > 1),
            strange=sorted(counts.keys() - expected),
            gaps=self._gaps(),
        )

    def _gaps(self) -> int:
        last: dict[int, int] = {}
        gaps = 0
        for arrival in self.arrivals:
            frame = read_frame(arrival.payload)
            before = last.get(arrival.socket)
            # A page of changes may jump over several revs, it only may not go back.
            ordered = before is None or (frame.rev == before + 1 if frame.type == "item" else frame.rev >= before)
            gaps += not ordered
            last[arrival.socket] = frame.rev
        return gaps
