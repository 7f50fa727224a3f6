"""A room: one person's connections to this gateway, and what they share.

The channel, the store's answers and the order of marks belong to the person, not to a connection. So three tabs that
missed the same frame cost one read, and marks of one person are carried out in the order in which they came.
"""

from __future__ import annotations

import asyncio
import random
from collections import deque
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypeAlias

import structlog

from gateway.codes import Code
from gateway.message import Message, heard
from gateway.session import Read, State
from hub.bus.announce import HEADER_BYTES, REVOKED, has_frame, read_header, read_place
from hub.exceptions import Forbidden, NotFound, RateLimited, Refused, Unavailable
from hub.model.cursor import STEM_LENGTH, decode_cursor
from hub.model.mark import Mark, parse_mark, seen_upto
from hub.model.person import Person
from hub.publish import inbox as publish_inbox
from hub.store import inbox
from hub.store.database import GONE

if TYPE_CHECKING:
    from gateway.connection import Connection
    from gateway.switchboard import Switchboard

log = structlog.get_logger("hub.gateway")

MARKS_WAITING = 200  # per person; two tabs at the frame limit for 20 s of a database that is away
RETRY_SECONDS = (0.2, 3.0)  # between reads while the store is away: first, longest; full jitter
PAGE_ROWS = 200  # contract: items ≤ 200
_REVOKED = REVOKED.encode("ascii")

Wanted: TypeAlias = "tuple[Any, Any]"


class Room:
    """Made for a person's first connection, gone with the last."""

    __slots__ = (
        "_board",
        "_epoch",
        "_marks",
        "_reading",
        "_stem",
        "_unchecked",
        "_wanted",
        "channel",
        "connections",
        "person_id",
        "project_id",
        "user",
    )

    def __init__(self, board: Switchboard, channel: bytes, project_id: int, user: str) -> None:
        self._board = board
        self.channel = channel
        self.project_id = project_id
        self.user = user
        self.person_id = 0
        self.connections: list[Connection] = []  # oldest first
        self._wanted: dict[Wanted, list[Connection]] = {}
        self._reading = False
        self._stem, self._epoch = b"", 0  # of the cursor that was heard last, and what it means
        self._unchecked = False  # a revocation came before the person was known
        self._marks: deque[tuple[Connection, int | None, Mark]] | None = None  # while some are carried out

    def hear(self, payload: bytes) -> None:
        """An announcement on the person's channel.

        The hot path of a gateway: most people have one screen, for which nearly all announcements are the next change,
        and that is written as it came. Nothing is made for it but the bytes that are written.
        """
        if has_frame(payload):
            rev, stem = read_place(payload)
            if stem == self._stem and len(self.connections) == 1:
                connection = self.connections[0]
                if connection.session.follows(rev, self._epoch):
                    self._board.sent += 1
                    connection.relay(payload)
                    return
        self._hear(payload)

    def _hear(self, payload: bytes) -> None:
        """The same for whatever comes, and for any number of connections."""
        if len(payload) < HEADER_BYTES:
            return  # none of ours
        kind, rev, cursor = read_header(payload)
        if kind == _REVOKED:
            self.check_tokens()
            return
        if cursor[:STEM_LENGTH] != self._stem:
            position = decode_cursor(cursor.decode("ascii", "replace"))
            if position is None:
                return
            self._stem, self._epoch = cursor[:STEM_LENGTH], position.epoch
        message, forwarded = heard(payload, self._epoch), 0
        for connection in tuple(self.connections):  # writing may end some of them
            if message.payload and connection.session.follows(rev, message.epoch):
                connection.forward(message)
                forwarded += 1
            else:
                connection.perform(connection.session.announced(message))
        self._board.sent += forwarded

    def check_tokens(self) -> None:
        """Tokens were revoked, or the person was deleted; looked up once it is known which person that is."""
        self._unchecked = self.person_id == 0
        if not self._unchecked:
            self._board.spawn(self._board.reconciler.check_tokens(self))

    def identify(self, person_id: int) -> None:
        """The inbox was opened: this is whose it is."""
        self.person_id = person_id
        if self._unchecked:
            self.check_tokens()

    def compare(self, head: inbox.HeadState) -> None:
        """The store's head as it was just now: every session that is elsewhere is brought to date."""
        revoked_at = head.tokens_revoked_at
        if self.person_id:
            self.person_id = head.person_id
        for connection in tuple(self.connections):
            if revoked_at is not None:
                connection.perform(connection.session.revoked(revoked_at.timestamp()))
            connection.perform(connection.session.behind(head.person_id, head.epoch, head.rev))

    def end(self, code: Code, reason: str) -> None:
        """Closes every connection."""
        for connection in tuple(self.connections):
            connection.end(code, reason)

    # Reading, one at a time

    def read(self, connection: Connection, wanted: Read) -> None:
        """Answers the session from a read that starts from now on: an earlier one may not hold what it missed."""
        self._wanted.setdefault((wanted.cursor, wanted.after), []).append(connection)
        if not self._reading:
            self._reading = True
            self._board.spawn(self._read_wanted())

    async def _read_wanted(self) -> None:
        try:
            while self._wanted:
                wanted = next(iter(self._wanted))
                waiting = self._wanted.pop(wanted)
                delay = RETRY_SECONDS[0]
                while any(connection.session.state is State.RESUMING for connection in waiting):
                    try:
                        await self._answer(wanted, waiting)
                        break
                    except GONE as error:
                        self._board.warn("gateway.read_failed", error)
                        await asyncio.sleep(random.uniform(0, delay))
                        delay = min(delay * 2, RETRY_SECONDS[1])
                    except Exception:  # a bug of ours must neither stop the room nor leave a client without an answer
                        log.exception("gateway.read_broken")
                        for connection in waiting:
                            connection.end(Code.INTERNAL_ERROR, "the hub failed")
        finally:
            self._reading = False

    async def _answer(self, wanted: Wanted, waiting: list[Connection]) -> None:
        cursor, after = wanted
        board = self._board
        if cursor is None:
            board.count_read("snapshot")
            snapshot = await board.snapshots.get(self.person_id)
            if snapshot is None:
                await board.reconciler.gone(self)
                return
            for connection in waiting:
                connection.perform(connection.session.snapshot(snapshot))
            head = snapshot.head
        else:
            board.count_read("changes")
            async with board.reads:
                page = await inbox.read_changes(board.hub.db, self.person_id, cursor, after, PAGE_ROWS)
            if page is None:
                for connection in waiting:
                    connection.perform(connection.session.reset())
                return
            message = Message(page.frame(), page.cursor.encode("ascii"))
            for connection in waiting:
                connection.perform(connection.session.page(page, message))
            head = page.head
        if head.pending_broadcasts:
            board.reconciler.pull(self.project_id, [head.person_id])

    # Marks, in order

    def mark(self, connection: Connection, ref: int, body: dict[str, Any]) -> None:
        """Carries out a mark after those before it, and answers."""
        try:
            self._enqueue(connection, ref, parse_mark(body, datetime.now(UTC)))
        except Refused as refused:
            connection.perform(connection.session.answer_error(ref, frame_code(refused), refused.detail))

    def seen(self, connection: Connection, rev: int) -> None:
        """Marks everything up to `rev` seen; only a failure is answered."""
        try:
            self._enqueue(connection, None, seen_upto(rev))
        except Refused as refused:
            connection.perform(connection.session.answer_error(None, frame_code(refused), refused.detail))

    def _enqueue(self, connection: Connection, ref: int | None, mark: Mark) -> None:
        self._board.take_rate(self.project_id, self.user)
        if self._marks is None:
            self._marks = deque()
            self._board.spawn(self._carry_out(self._marks))
        if len(self._marks) >= MARKS_WAITING:
            raise Unavailable("Too many marks wait for the database.")
        self._marks.append((connection, ref, mark))

    async def _carry_out(self, marks: deque[tuple[Connection, int | None, Mark]]) -> None:
        try:
            while marks:
                connection, ref, mark = marks.popleft()
                session = connection.session
                try:
                    person = Person(self.person_id, self.project_id, self.user)
                    marked = await publish_inbox.mark(self._board.hub, person, mark)
                except Refused as refused:
                    actions = session.answer_error(ref, frame_code(refused), refused.detail)
                except GONE as error:
                    self._board.warn("gateway.mark_failed", error)
                    actions = session.answer_error(ref, "unavailable", "the database does not answer; try again")
                except Exception:  # as above
                    log.exception("gateway.mark_broken")
                    actions = session.answer_error(ref, "unavailable", "the hub failed")
                else:
                    actions = () if ref is None else session.answer(ref, marked.rev, marked.changed)
                connection.perform(actions)
        finally:
            self._marks = None


def frame_code(refused: Refused) -> str:
    """The contract's code of an error frame for a refusal."""
    match refused:
        case Forbidden():
            return "forbidden"
        case NotFound():
            return "not_found"
        case RateLimited():
            return "rate_limited"
        case Unavailable():
            return "unavailable"
    return "invalid_frame"
