"""The account of a long run: what is under way, and nothing else, so that it does not grow with the run."""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Iterable, Sequence

from benchmarks.ledger import read_frame
from hub.model.notification import LANES


class Account:
    """Every delivery that was accepted, until it is on its screen.

    The hub may be faster on the screen than with its answer, so either may come first. What comes a second time finds
    no partner any more, and is left at the end.
    """

    def __init__(self, people: int) -> None:
        self._due: dict[tuple[int, str], tuple[str, int]] = {}  # (socket, notification) → lane, when it was sent
        self._early: dict[tuple[int, str], int] = {}  # … that came before its 202 → when
        self._revs = [0] * people
        self._last: list[bytes | None] = [None] * people
        self.delivered: Counter[str] = Counter()
        self.out_of_order = 0
        self.delays = {lane: array("f") for lane in LANES}  # milliseconds, of the window that is open

    def accepted(self, lane: str, notification: str, sockets: Iterable[int], sent_at: int) -> None:
        """A 202 came for these people."""
        for socket in sockets:
            key = (socket, notification)
            if (at := self._early.pop(key, None)) is not None:
                self._shown(lane, at - sent_at)
            else:
                self._due[key] = (lane, sent_at)

    def arrived(self, socket: int, at: int, payload: bytes) -> None:
        """A frame with items came; see `benchmarks.websocket.OnItems`."""
        frame = read_frame(payload)
        before = self._revs[socket]
        # A page of changes may jump over several revisions, it only may not go back.
        follows = frame.rev == before + 1 if frame.type == "item" and before else frame.rev > before
        self.out_of_order += not follows
        self._revs[socket] = frame.rev
        self._last[socket] = payload
        for notification in frame.notifications:
            key = (socket, notification)
            if (due := self._due.pop(key, None)) is not None:
                self._shown(due[0], at - due[1])
            elif key in self._early:
                self.out_of_order += 1  # twice before its 202
            else:
                self._early[key] = at

    def _shown(self, lane: str, nanoseconds: int) -> None:
        self.delivered[lane] += 1
        self.delays[lane].append(nanoseconds / 1e6)

    def cursor(self, socket: int) -> str | None:
        """Where this person's stream stood with the last frame."""
        last = self._last[socket]
        return None if last is None else read_frame(last).cursor

    def window(self) -> dict[str, Sequence[float]]:
        """Delays since the last call, by lane."""
        delays, self.delays = self.delays, {lane: array("f") for lane in LANES}
        return {lane: of for lane, of in delays.items() if of}

    @property
    def missing(self) -> int:
        """Accepted, and not on the screen (yet)."""
        return len(self._due)

    @property
    def strange(self) -> int:
        """On the screen without being accepted, or once more than that."""
        return len(self._early)
