"""What both transports share: a connection carries out what its session decides.

A transport writes frames and hangs up; everything else is the switchboard's or the room's. There is no task and no
queue per connection: the transport's write buffer is the queue, and it is bounded.
"""

from __future__ import annotations

import asyncio
from abc import abstractmethod
from typing import TYPE_CHECKING

from gateway.codes import Close, Code
from gateway.message import Message
from gateway.outlet import Outlet
from gateway.session import (
    HOLD_SECONDS,
    Ack,
    Action,
    Actions,
    Admit,
    ChangeState,
    Hold,
    Join,
    Mark,
    Read,
    Renew,
    Seen,
    Session,
)

if TYPE_CHECKING:
    from gateway.room import Room
    from gateway.switchboard import Switchboard


class Connection(Outlet):
    """One client. Owned by its transport; known to the switchboard from `open` to `gone`, to a room while joined."""

    __slots__ = ("address", "board", "deferred", "room", "session", "slot")

    transport_name = ""

    def __init__(self, board: Switchboard, session: Session, address: str) -> None:
        super().__init__()
        self.board = board
        self.session = session
        self.address = address
        self.room: Room | None = None
        self.slot: int | None = None
        self.deferred: Read | None = None

    # A transport's part

    @property
    @abstractmethod
    def congested(self) -> bool:
        """Whether so much waits to be sent that a page had better wait too."""

    @abstractmethod
    def write(self, message: Message) -> None:
        """Sends a frame, now or never: never blocks, and ends the session when too much waits (4001)."""

    @abstractmethod
    def forward(self, message: Message) -> None:
        """`write` for an announcement, which is small and no ping, to a live session: a short way."""

    @abstractmethod
    def relay(self, announcement: bytes) -> None:
        """`forward` for one that has a frame and that nobody else is sent: the shortest way there is."""

    @abstractmethod
    def hang_up(self, close: Close) -> None:
        """Says why and ends the connection. The session is closed already; called once."""

    @abstractmethod
    def linger(self, now: float) -> float | None:
        """After `hang_up`: breaks off a connection whose end takes too long; when to ask again."""

    # The session's part

    def perform(self, actions: Actions) -> None:
        """Carries out what the session decided, in order."""
        for action in actions:
            if isinstance(action, Message):
                self.board.sent += 1
                self.write(action)
            else:
                self._carry_out(action)

    def _carry_out(self, action: Action) -> None:
        board = self.board
        match action:
            case Close():
                board.leave(self)
                board.count_close(action)
                self.hang_up(action)
            case Admit(token):
                self.reschedule()
                board.admit(self, token)
            case Join():
                self.reschedule()
                board.join(self)
            case Renew(ref, token):
                board.renew(self, ref, token)
            case Hold():
                asyncio.get_running_loop().call_later(HOLD_SECONDS, self._held_long_enough)
            case _ if self.room is not None:
                self._carry_out_in(self.room, action)

    def _carry_out_in(self, room: Room, action: Action) -> None:
        """What concerns the person; nothing of it is asked for before the room is joined."""
        match action:
            case Read():
                if self.congested:
                    self.deferred = action
                else:
                    room.read(self, action)
            case Mark(ref, body):
                room.mark(self, ref, body)
            case Seen(rev):
                room.seen(self, rev)
            case Ack(rev):
                self.board.receipts.note(self.session.person_id, rev)
            case ChangeState(state):
                self.board.presence.set(room.project_id, room.user, self.session.connection, state)
                self.board.receipts.note_seen(self.session.person_id)

    def uncongested(self) -> None:
        """What was written has left: a page that waited is read now."""
        deferred, self.deferred = self.deferred, None
        if deferred is not None and self.room is not None:
            self.room.read(self, deferred)

    def tick(self, now: float) -> float | None:
        """The switchboard's clock; see Timed."""
        session = self.session
        self.perform(session.tick(now))
        return self.linger(now) if session.closed else self.deadline(now)

    def deadline(self, now: float) -> float:
        """When `tick` has something to do, unless something else happens first."""
        return self.session.deadline(now)

    def reschedule(self) -> None:
        """The deadline came nearer."""
        self.board.wheel.schedule(self, self.deadline(self.board.now()))

    def end(self, code: Code, reason: str, retry_after_seconds: int | None = None) -> None:
        """Ends the session from outside."""
        self.perform(self.session.end(Close(code, reason, retry_after_seconds)))

    def _held_long_enough(self) -> None:
        self.perform(self.session.held_long_enough())
