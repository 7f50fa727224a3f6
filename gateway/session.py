"""One client's session, without I/O: what the hub says to a client, and when.

Theory of operation. A session is fed what happened (a client's frame, an announcement, an answer of the store, the
clock) and answers with what to do about it; it neither reads nor writes nor waits. Both transports and all tests drive
it the same way. Whatever affects its state is in this file, and every change of state is in TRANSITIONS.

    HELLO      connected; the client has `hello_seconds` to say who it is
    ADMITTING  its token is being verified
    JOINING    its person's channel is being subscribed to, its presence registered. Live frames are kept from here on
    RESUMING   the store is being read, page by page; live frames wait
    LIVE       everything up to `rev` was sent; the next revision is forwarded as it comes
    HOLDING    a later revision came first: two publishers may announce out of order, so it waits HOLD_SECONDS for the
               one between before the store is asked
    CLOSED     the close was sent, or the client is gone; nothing happens any more

Why nothing is lost or doubled: the subscription is confirmed before the store is read, so a change is in the read or
behind it in the buffer; a buffered or live frame goes out only when its revision is the next one of the same epoch, and
whatever else comes leads to a read of everything after `rev`. A frame of another epoch is never forwarded, nor even
compared: its revisions count something else.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import Enum, auto
from typing import Any, Final, NamedTuple, TypeAlias

from gateway import client_frames as client
from gateway.codes import Close, Code
from gateway.grant import READ, WRITE, Grant
from gateway.message import Message
from hub.model import frames
from hub.model.cursor import Cursor, decode_cursor
from hub.store.inbox import ChangesPage, HeadState, InboxPage, Position, nothing_since

HOLD_SECONDS = 0.05  # design.md; two API processes that announce after the same lock are at most a few ms apart
GRACE_SECONDS = 10  # contract: silence of heartbeat_seconds + 10 closes
PATIENCE_SECONDS = 10.0  # from hello to the first answer; servers that are away longer mean: try another gateway
FRAMES_PER_WINDOW, WINDOW_SECONDS = 50, 10.0  # contract
BUFFER_FRAMES = 128  # frames of at most 8 KiB that wait for a read; with more it is cheaper to read again


class State(Enum):
    HELLO = auto()
    ADMITTING = auto()
    JOINING = auto()
    RESUMING = auto()
    LIVE = auto()
    HOLDING = auto()
    CLOSED = auto()


_LIVE = State.LIVE


class Event(Enum):
    GREETED = auto()  # hello, well formed
    ADMITTED = auto()  # its token is good
    JOINED = auto()  # subscribed and registered
    PAGE = auto()  # an answer of the store after which more has to be read
    CAUGHT_UP = auto()  # an answer of the store, and no hole behind it
    AHEAD = auto()  # a revision that is not the next one
    NEXT = auto()  # the revision that was missing
    STALE = auto()  # only the store knows what is missing
    END = auto()  # closed by either side


TRANSITIONS: Final[Mapping[State, Mapping[Event, State]]] = {
    State.HELLO: {Event.GREETED: State.ADMITTING, Event.END: State.CLOSED},
    State.ADMITTING: {Event.ADMITTED: State.JOINING, Event.END: State.CLOSED},
    State.JOINING: {Event.JOINED: State.RESUMING, Event.END: State.CLOSED},
    State.RESUMING: {
        Event.PAGE: State.RESUMING,
        Event.STALE: State.RESUMING,
        Event.CAUGHT_UP: State.LIVE,
        Event.AHEAD: State.HOLDING,
        Event.END: State.CLOSED,
    },
    State.LIVE: {Event.AHEAD: State.HOLDING, Event.STALE: State.RESUMING, Event.END: State.CLOSED},
    State.HOLDING: {
        Event.NEXT: State.LIVE,
        Event.AHEAD: State.HOLDING,
        Event.STALE: State.RESUMING,
        Event.END: State.CLOSED,
    },
    State.CLOSED: {},
}


class Rules(NamedTuple):
    """What every session of a gateway shares. `connection_max_seconds` 0: connections may grow old."""

    heartbeat_seconds: float = 25.0
    hello_seconds: float = 10
    connection_max_seconds: float = 0


class Admit(NamedTuple):
    """Verify the token, then call `admitted` or `end`."""

    token: str


class Join(NamedTuple):
    """Subscribe, register presence, open the inbox, then call `joined`."""


class Read(NamedTuple):
    """Read the store, then call `snapshot`, `page` or `reset`; None: a snapshot, else the changes after `cursor`.

    Once everything that was sent has left: a page is as much as a connection may have under way.
    """

    cursor: Cursor | None
    after: Position | None = None


class Hold(NamedTuple):
    """Call `held_long_enough` after HOLD_SECONDS."""


class Mark(NamedTuple):
    """Carry out a mark, then `answer` its ref."""

    ref: int
    body: dict[str, Any]


class Seen(NamedTuple):
    """The person has seen everything up to `rev`."""

    rev: int


class Ack(NamedTuple):
    """The client holds everything up to `rev`."""

    rev: int


class ChangeState(NamedTuple):
    """Presence is now this."""

    state: client.State


class Renew(NamedTuple):
    """Verify another token, then call `renewed`, or `answer` the ref with an error."""

    ref: int
    token: str


Action: TypeAlias = Message | Admit | Join | Read | Hold | Mark | Seen | Ack | ChangeState | Renew | Close
"""What to do. A Message: write it; a Close: write what waits, say so, hang up."""
Actions: TypeAlias = Sequence[Action]

PING = Message(frames.PING)
_PONG = Message(frames.PONG)
_RESET = Message(frames.RESET)


class Session:
    """See the module's docstring. Every method answers what to do, in order.

    Args:
        connection: The connection's id, as the client is told it.
        now: Seconds of a monotonic clock, here and everywhere; wall clocks never enter.
        chance: A random number in [0, 1) that spreads pings and ages of connections made together.
        beats: Whether the client answers pings. Server-sent events are one way.
    """

    __slots__ = (
        "_again",
        "_beats",
        "_buffer",
        "_chance",
        "_cursor",
        "_early",
        "_frames",
        "_heard",
        "_opened",
        "_owed",
        "_patience",
        "_ping_at",
        "_resync",
        "_rules",
        "_sent",
        "_welcomed",
        "_window",
        "connection",
        "epoch",
        "expires",
        "grant",
        "person_id",
        "presence",
        "rev",
        "state",
    )

    def __init__(self, connection: str, rules: Rules, now: float, chance: float, *, beats: bool = True) -> None:
        self.connection = connection
        self.state = State.HELLO
        self.grant: Grant | None = None
        self.expires = float("inf")
        self.person_id = 0
        self.epoch = 0
        self.rev = 0
        self.presence: client.State = "active"
        self._rules = rules
        self._beats = beats
        self._chance = chance
        self._opened = now
        self._heard = now
        self._ping_at = float("inf")
        self._patience = float("inf")
        self._window = now
        self._frames = 0
        self._cursor: str | None = None  # what hello brought
        self._early: list[client.Frame] | None = None  # frames of a client that did not wait for its welcome
        self._buffer: list[Message] | None = None
        self._again = False  # what waits is not complete: read once more
        self._owed = True  # the client waits for an answer, even an empty one
        self._welcomed = False
        self._resync: Cursor | None = None  # a sync that came while the store was being read
        self._sent = 0  # highest revision that ever went out in this epoch: what an ack can mean

    @property
    def closed(self) -> bool:
        return self.state is State.CLOSED

    # What the client says

    def receive(self, data: bytes, now: float) -> Actions:
        """A text message."""
        if self.state is State.CLOSED:
            return ()
        if not self._heed(now):
            return self.end(
                Close(Code.TOO_MANY_MESSAGES, f"more than {FRAMES_PER_WINDOW} frames in {WINDOW_SECONDS:.0f} s")
            )
        try:
            frame = client.decode(data)
        except client.BadFrame as bad:
            if self.state is State.HELLO:
                return self.end(Close(Code.PROTOCOL_VIOLATED, f"hello expected; {bad.detail}"))
            return self.answer_error(bad.ref, bad.code, bad.detail)
        if self.state is State.HELLO:
            if not isinstance(frame, client.Hello):
                return self.end(Close(Code.PROTOCOL_VIOLATED, "the first frame must be hello"))
            return self.greet(frame.token, frame.cursor, frame.state, now)
        return self._take(frame)

    def control(self, now: float) -> Actions:
        """A control frame of the transport: a sign of life that counts like any other frame."""
        if self.state is not State.CLOSED and not self._heed(now):
            return self.end(
                Close(Code.TOO_MANY_MESSAGES, f"more than {FRAMES_PER_WINDOW} frames in {WINDOW_SECONDS:.0f} s")
            )
        return ()

    def greet(self, token: str, cursor: str | None, presence: client.State, now: float) -> Actions:
        """`hello`, or the request that opens a stream of server-sent events."""
        self._move(Event.GREETED)
        self._cursor = cursor
        self.presence = presence
        self._patience = now + PATIENCE_SECONDS
        self._ping_at = now + self._chance * self._rules.heartbeat_seconds
        return (Admit(token),)

    def _heed(self, now: float) -> bool:
        """Notes a sign of life; False when there were too many of them."""
        self._heard = now
        if now - self._window >= WINDOW_SECONDS:
            self._window, self._frames = now, 0
        self._frames += 1
        return self._frames <= FRAMES_PER_WINDOW

    def _take(self, frame: client.Frame) -> Actions:
        match frame:
            case client.Hello():
                return self.end(Close(Code.PROTOCOL_VIOLATED, "hello twice"))
            case client.Ping():
                return (_PONG,)
            case client.Pong():
                return ()
        if self.grant is None or not self._welcomed:  # its answer would overtake the welcome
            self._early = [*(self._early or ()), frame]
            return ()
        match frame:
            case client.Ack(rev):
                return (Ack(self.clamp(rev)),)
            case client.ChangeState(presence):
                return self.change_state(presence)
            case client.Sync(cursor):
                return self._sync(decode_cursor(cursor))
            case client.Token(ref, token):
                return (Renew(ref, token),)
        if WRITE not in self.grant.scopes:
            asked = frame.ref if isinstance(frame, client.MarkBody) else None
            return self.answer_error(asked, "forbidden", f"this token has no scope {WRITE}")
        if isinstance(frame, client.Seen):
            return (Seen(frame.rev),)
        return (Mark(frame.ref, frame.body),)

    def _sync(self, cursor: Cursor | None) -> Actions:
        if self.state is State.RESUMING:
            if self._welcomed and self._resync is None:
                self._resync = cursor or Cursor(0, 0, 0)
            return ()
        self._owed = True
        self._sent = max(self._sent, self.rev)
        self._move(Event.STALE)
        return self._read_from(cursor)

    def clamp(self, rev: int) -> int:
        """What an ack of `rev` can mean: a client holds no more than it was sent."""
        return min(rev, max(self._sent, self.rev))

    def change_state(self, presence: client.State) -> Actions:
        """The person turned to the page, or away from it: by frame or, for server-sent events, by a receipt."""
        if self.state is State.CLOSED or presence == self.presence:
            return ()
        self.presence = presence
        return (ChangeState(presence),)

    # What came of it

    def admitted(self, grant: Grant, now: float) -> Actions:
        """The token is good."""
        if self.state is State.CLOSED:
            return ()
        if READ not in grant.scopes:
            return self.end(Close(Code.TOKEN_REFUSED, f"this token has no scope {READ}"))
        self._move(Event.ADMITTED)
        self.grant = grant
        self.expires = now + grant.seconds_left
        return (Join(),)

    def joined(self, person_id: int, head: HeadState | None = None) -> Actions:
        """Announcements arrive from before this moment on; the store has to be read for what was before.

        Args:
            head: What of the store was read since the subscription: who holds all of it needs no more.
        """
        if self.state is State.CLOSED:
            return ()
        self._move(Event.JOINED)
        self.person_id = person_id
        cursor = None if self._cursor is None else decode_cursor(self._cursor)
        if self._cursor is None:
            actions: list[Action] = [Read(None)]
        elif head is not None and cursor == (head.person_id, head.epoch, head.rev):
            self.epoch, self.rev = head.epoch, head.rev
            page = nothing_since(head)
            actions = list(self.page(page, Message(page.frame(), page.cursor.encode("ascii"))))
        else:
            actions = list(self._read_from(cursor))
        self._cursor = None
        return [*actions, *self._released()]

    def _released(self) -> list[Action]:
        """What the client said before its welcome, once it has one."""
        if not self._welcomed or self._early is None:
            return []
        early, self._early = self._early, None
        return [action for frame in early for action in self._take(frame)]

    def renewed(self, ref: int, grant: Grant, now: float) -> Actions:
        """A second token was verified."""
        if self.state is State.CLOSED or self.grant is None:
            return ()
        if (grant.project_id, grant.user) != (self.grant.project_id, self.grant.user):
            return self.end(Close(Code.TOKEN_REFUSED, "the new token is another person's"))
        if READ not in grant.scopes:
            return self.answer_error(ref, "token_refused", f"this token has no scope {READ}")
        self.grant = grant
        self.expires = now + grant.seconds_left
        return self.answer(ref, self.rev, 0)

    def answer(self, ref: int, rev: int, changed: int) -> Actions:
        """A mark was carried out."""
        return () if self.state is State.CLOSED else (Message(frames.ok(ref, rev, changed)),)

    def answer_error(self, ref: int | None, code: str, detail: str) -> Actions:
        """A frame was not carried out."""
        return () if self.state is State.CLOSED else (Message(frames.error(code, detail, ref)),)

    # What the store says

    def snapshot(self, page: InboxPage) -> Actions:
        """The newest items: a full welcome."""
        if self.state is not State.RESUMING:
            return ()
        head = page.head
        self.epoch, self.rev, self._sent = head.epoch, head.rev, head.rev
        self._resync = None
        welcome = self._welcome(
            rev=head.rev, cursor=head.cursor, counts=head.counts, items=page.items, next_cursor=page.next_cursor
        )
        return [Message(welcome, head.cursor.encode("ascii")), *self._caught_up(), *self._released()]

    def page(self, page: ChangesPage, message: Message) -> Actions:
        """A page of changes; `message` is its frame, shared by all sessions that asked for it."""
        if self.state is not State.RESUMING:
            return ()
        if self._resync is not None:
            return self._resynchronise()
        actions = self._greeting()
        if self._owed or page.more or page.rev != self.rev:
            actions.append(message)
        self.epoch, self.rev = page.head.epoch, page.rev
        self._sent = max(self._sent, page.rev)
        if page.more:
            self._move(Event.PAGE)
            following = Read(Cursor(self.person_id, self.epoch, page.rev), page.position)
            return [*actions, following, *self._released()]
        return [*actions, *self._caught_up(), *self._released()]

    def reset(self) -> Actions:
        """The store cannot say what happened after the cursor: start again from a snapshot."""
        if self.state is not State.RESUMING:
            return ()
        if self._resync is not None:
            return self._resynchronise()
        return [*self._greeting(), *self._start_again(), *self._released()]

    def behind(self, person_id: int, epoch: int, rev: int) -> Actions:
        """Where the store's head was just now. Unequal, not lower: after a restore heads fall."""
        if (person_id, epoch, rev) == (self.person_id, self.epoch, self.rev):
            return ()
        self.person_id = person_id
        if self.state not in (State.LIVE, State.HOLDING):
            self._again = True
            return ()
        self._move(Event.STALE)
        return (self._read(),)

    # What Redis says

    def follows(self, rev: int, epoch: int) -> bool:
        """Whether a change that is at hand is the next one of a live session: then it counts as sent; write it.

        What `announced` does first, without an answer to be looked through: nearly all that a gateway hears is this.
        """
        if rev != self.rev + 1 or self.state is not _LIVE or epoch != self.epoch:
            return False
        self.rev = rev
        return True

    def announced(self, message: Message) -> Actions:
        """A change, in whatever order; never forwarded but as the next revision of this epoch."""
        if message.payload and self.follows(message.rev, message.epoch):
            return (message,)
        if self.state is State.LIVE:
            if message.epoch == self.epoch and message.rev <= self.rev:
                return ()
            self._buffer = [message]
            return self._sort_out()
        if self.state in (State.JOINING, State.RESUMING, State.HOLDING):
            buffer = self._buffer
            if buffer is None:
                self._buffer = [message]
            elif len(buffer) < BUFFER_FRAMES:
                buffer.append(message)
            else:
                self._buffer, self._again = None, True
            if self.state is State.HOLDING:
                return self._sort_out()
        return ()

    def held_long_enough(self) -> Actions:
        """The missing revision did not come."""
        if self.state is not State.HOLDING:
            return ()
        self._move(Event.STALE)
        return (self._read(),)

    # What the clock says

    def tick(self, now: float) -> Actions:
        """Does what is due."""
        state, rules = self.state, self._rules
        if state is State.CLOSED:
            return ()
        if state is State.HELLO:
            if now >= self._opened + rules.hello_seconds:
                return self.end(Close(Code.HELLO_LATE, f"no hello within {rules.hello_seconds:g} s"))
            return ()
        if now >= self.expires:
            return self.end(Close(Code.TOKEN_EXPIRED, "the token has expired"))
        if now >= self._patience:
            return self.end(Close(Code.TRY_AGAIN_LATER, "the hub's servers do not answer"))
        if now >= self._oldest:
            return self.end(Close(Code.TOO_OLD, "connections are renewed now and then"))
        if self._beats:
            if now >= self._heard + rules.heartbeat_seconds + GRACE_SECONDS:
                return self.end(Close(Code.NO_HEARTBEAT, f"nothing heard for {now - self._heard:.0f} s"))
            if now >= self._ping_at and self._welcomed:
                self._ping_at = max(self._ping_at, now - rules.heartbeat_seconds / 2) + rules.heartbeat_seconds
                return (PING,)
        return ()

    def deadline(self, now: float) -> float:
        """When `tick` has something to do, unless something else happens first."""
        if self.state is State.HELLO:
            return self._opened + self._rules.hello_seconds
        at = min(self.expires, self._patience, self._oldest)
        if self._beats:
            at = min(at, self._heard + self._rules.heartbeat_seconds + GRACE_SECONDS, max(self._ping_at, now))
        return at

    @property
    def _oldest(self) -> float:
        """When this connection is too old: between 80 and 100 % of the limit, so that ages spread."""
        limit = self._rules.connection_max_seconds
        return self._opened + limit * (0.8 + 0.2 * self._chance) if limit else float("inf")

    # What ends it

    def end(self, close: Close | None = None) -> Actions:
        """Closes, once; None: the client is already gone."""
        if self.state is State.CLOSED:
            return ()
        self._move(Event.END)
        self._buffer = self._early = None
        return () if close is None else (close,)

    def revoked(self, revoked_at: float) -> Actions:
        """Tokens issued before this Unix time are void."""
        if self.grant is None or self.grant.issued_at >= revoked_at:
            return ()
        return self.end(Close(Code.REVOKED, "the token was revoked"))

    # How

    def _move(self, event: Event) -> None:
        self.state = TRANSITIONS[self.state][event]

    def _read(self) -> Read:
        return Read(Cursor(self.person_id, self.epoch, self.rev))

    def _read_from(self, cursor: Cursor | None) -> Actions:
        """Brings the client to date from where it says it is, if that can be a place of this inbox at all."""
        if cursor is None or cursor.person_id != self.person_id or cursor.rev >= 2**63:
            return [*self._greeting(), *self._start_again()]
        self.epoch, self.rev = cursor.epoch, cursor.rev
        return (Read(cursor),)

    def _resynchronise(self) -> Actions:
        cursor, self._resync = self._resync, None
        self._owed = True
        self._move(Event.PAGE)
        return self._read_from(cursor)

    def _start_again(self) -> Actions:
        self._move(Event.PAGE)
        self._sent = 0
        return (_RESET, Read(None))

    def _greeting(self) -> list[Action]:
        """The short welcome, if nothing was said yet."""
        return [] if self._welcomed else [Message(self._welcome())]

    def _welcome(self, **inbox: Any) -> bytes:
        assert self.grant is not None
        self._welcomed = True
        seconds = self._rules.heartbeat_seconds
        heartbeat = int(seconds) if seconds == int(seconds) else seconds  # 25, not 25.0: typed clients take an integer
        return frames.welcome(self.connection, heartbeat, self.grant.expires_at, **inbox)

    def _caught_up(self) -> Actions:
        self._owed = False
        self._patience = float("inf")
        return self._sort_out()

    def _sort_out(self) -> Actions:
        """Sends what follows on `rev` of the frames that wait, and decides how to get the rest."""
        waiting = sorted(self._buffer or (), key=lambda message: message.rev)
        actions: list[Action] = []
        ahead: list[Message] = []
        stale, self._again = self._again, False
        for message in waiting:
            if message.epoch != self.epoch:
                stale = True
            elif message.rev <= self.rev:
                continue
            elif not message.payload:
                stale = True
            elif message.rev == self.rev + 1:
                self.rev = message.rev
                actions.append(message)
            else:
                ahead.append(message)
        self._buffer = ahead or None
        if stale:
            self._move(Event.STALE)
            actions.append(self._read())
        elif ahead:
            if self.state is not State.HOLDING:
                actions.append(Hold())
            self._move(Event.AHEAD)
        elif self.state is State.RESUMING:
            self._move(Event.CAUGHT_UP)
        elif self.state is State.HOLDING:
            self._move(Event.NEXT)
        return actions
