"""HTTP at the socket: uvicorn's protocol, with bounds on what comes before a request can be answered at all.

uvicorn reads a head of any size for as long as it takes, and says "Invalid HTTP request" in plain text. Here a head has
a size and a time, and what cannot be read is refused by the same document as everything else. It also waits without end
for a client that does not read its answers; here that has a time, too. Trailers it takes for headers, without a limit;
here they have one, and are not told. And of a request that asks for another protocol, as Java's client does for HTTP/2,
it drops the body; here such a request is served as it stands (RFC 9110, section 7.8).
"""

from __future__ import annotations

import asyncio
import fcntl
import sys
import termios
from contextlib import suppress
from enum import Enum, auto
from http import HTTPStatus
from typing import Any, NamedTuple, Protocol

import httptools
import msgspec
import structlog
import uuid_utils
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

from hub.web.problems import problem_document
from hub.web.usual import Usual, read_usual

HEAD_SECONDS = 10.0  # from the first byte of a head, or from connecting, to its end; the HAProxy of deploy/ the same
UNREAD_SECONDS = 60.0  # for a client to read UNREAD_BYTES of what waits for it; nginx's send_timeout is as long
UNREAD_BYTES = 16 * 1024  # some 270 bytes a second
HOLD_SECONDS = 1.0  # for the body of what may be refused; then it is read as others are
HEAD_BYTES = 64 * 1024  # what passes a proxy is smaller: HAProxy 16 KiB, nginx 4 × 8 KiB
HEAD_FIELDS = 128  # as many as the parser of WebSocket handshakes takes

log = structlog.get_logger("hub.web")


class Reading(Enum):
    BETWEEN = auto()  # requests; uvicorn's keep-alive limits it, but for the first one
    HEAD = auto()
    BODY = auto()


class Refusal(NamedTuple):
    """Why the connection ends, as the problem document says it."""

    status: int
    code: str
    detail: str


_UNREADABLE = Refusal(400, code="malformed_request", detail="This is not HTTP that we can read.")


class Shed(Protocol):
    """Refuses requests before anything else is done for them."""

    line: bytes
    """How those begin that it is asked about: method, target, HTTP/1.1, CR LF."""

    @property
    def busy(self) -> bool:
        """Whether anything is refused now; otherwise it is not asked."""
        ...

    def __call__(self, request: Usual) -> tuple[int, bytes] | None:
        """The answer to a whole request, which is then sent: status, and what follows the server's own headers.
        None: it is not refused here.
        """
        ...


class _Trailers(list[tuple[bytes, bytes]]):
    """Fields after a body: read, within the bounds of a head, and told nobody (RFC 9110, section 6.5.1)."""

    __slots__ = ("_fields",)

    def __init__(self) -> None:
        self._fields = 0

    @property
    def too_many(self) -> bool:
        return self._fields > HEAD_FIELDS

    def append(self, field: tuple[bytes, bytes]) -> None:
        self._fields += 1
        if self.too_many:
            raise ValueError("too many trailers")  # the parser stops


class HttpProtocol(HttpToolsProtocol):
    """For uvicorn's `http=`. Has a timer of its own only while a head, or what is held, is not complete, after an empty
    line, and while answers are not read.

    An application may have a `shed`: while that is busy it is asked about each usual request that comes while none is
    under way on its connection, once its body is complete, before it is parsed. See Shed.
    """

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._reading = Reading.BETWEEN
        self._deadline: asyncio.TimerHandle | None = None
        self._chunk = 0  # bytes of the data that is being read
        self._head_bytes = 0  # of the head under way, in earlier data
        self._beside_body = 0  # bytes since the last one of a body: chunks' lengths, and trailers
        self._again = False  # whether the parser reads how a body comes of which we have read the head
        self._refusal = _UNREADABLE
        self._running: RequestResponseCycle | None = None  # `cycle` is the newest, which may wait for this one
        self._unread: asyncio.TimerHandle | None = None
        self._shed: Shed | None = getattr(self.config.app, "shed", None)
        self._held: list[bytes] = []  # of what may be refused, until its body has come
        self._missing = 0  # bytes of it
        self._hold: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        super().connection_made(transport)
        self._set_deadline()

    def connection_lost(self, exc: Exception | None) -> None:
        self._drop_deadline()
        self._drop_unread()
        self._take_held()
        if self._running is not None and not self._running.response_complete:
            self._running.disconnected = True  # uvicorn tells the newest only, and this one would write to nobody
            self._running.message_event.set()
        self._tell_who_writes()
        super().connection_lost(exc)
        # Both know this protocol: nothing is left for the collector.
        self.cycle = self._running = None  # type: ignore[assignment]

    def data_received(self, data: bytes) -> None:
        if self.transport.is_closing():
            return  # refused already; only the rest of it
        self._unset_keepalive_if_required()
        if self._held:
            self._held.append(data)
            self._missing -= len(data)
            if self._missing > 0:
                return
            data = self._take_held()
        if not self._is_shed(data):
            self._read(data)

    def _is_shed(self, data: bytes) -> bool:
        """Whether nothing else is done with `data`: it is answered, or held because it may be once there is more."""
        shed = self._shed
        if shed is None or self._reading is not Reading.BETWEEN or not self._is_answered() or self.flow.write_paused:
            return False
        if not shed.busy or (request := read_usual(data, shed.line)) is None:
            return False
        if request.missing:
            self._drop_deadline()
            self._held, self._missing = [data], request.missing
            self._hold = self.loop.call_later(HOLD_SECONDS, self._read_held)
            return True
        try:
            answer = shed(request)
        except Exception:
            log.exception("http.shed_failed")
            return False
        if answer is None:
            return False
        self._drop_deadline()
        status, rest = answer
        own = [name + b": " + value + b"\r\n" for name, value in self.server_state.default_headers]
        self.transport.write(b"".join((STATUS_LINE[status], *own, rest)))
        self.on_response_complete()
        return True

    def _take_held(self) -> bytes:
        held, self._held = b"".join(self._held), []
        if self._hold is not None:
            self._hold.cancel()
            self._hold = None
        return held

    def _read_held(self) -> None:
        if held := self._take_held():
            self._read(held)

    def _read(self, data: bytes) -> None:
        self._chunk = len(data)
        self._beside_body += self._chunk
        self._parse(data)
        if self._reading is Reading.HEAD:
            self._head_bytes += self._chunk
            if self._head_bytes > HEAD_BYTES:
                self._refuse_size()
                self.send_400_response("")
            elif self._deadline is None:
                self._set_deadline()
        elif self._reading is Reading.BODY:
            if self._beside_body > HEAD_BYTES:
                self._refuse_size()
                self.send_400_response("")
            elif self._deadline is None and self._is_answered():
                self._set_deadline()  # for the rest of a body that nobody reads
        elif self._deadline is None and self.timeout_keep_alive_task is None and self._is_idle():
            self._set_deadline()  # an empty line came, after which nothing need come

    def _parse(self, data: bytes) -> None:
        rest = memoryview(data)
        while rest and not self.transport.is_closing():
            try:
                self.parser.feed_data(rest)
                return
            except httptools.HttpParserUpgrade as upgrade:
                if self._should_upgrade():
                    self.handle_websocket_upgrade()
                    return
                rest = rest[upgrade.args[0] :]
                self._parse_anew()
            except httptools.HttpParserError:
                if isinstance(self.headers, _Trailers) and self.headers.too_many:
                    self._refuse_size()
                self.send_400_response("")

    def _parse_anew(self) -> None:
        """After a head that asks for a protocol that we do not speak: its parser takes what follows for that."""
        framing = [b"POST / HTTP/1.1", b"connection: keep-alive" if self.cycle.keep_alive else b"connection: close"]
        for name, value in self.headers:
            if name in (b"content-length", b"transfer-encoding"):
                framing.append(name + b": " + value)
        self.parser = httptools.HttpRequestParser(self)
        self._again = True
        self.parser.feed_data(b"\r\n".join([*framing, b"", b""]))

    def handle_websocket_upgrade(self) -> None:
        """Hands the connection over; only one on which nothing else is going on."""
        self._drop_deadline()
        if self._is_answered():
            self._drop_unread()
            super().handle_websocket_upgrade()
            # Both know this protocol: nothing is left for the collector.
            self.parser = self._running = None  # type: ignore[assignment]
            return
        detail = "The connection has an earlier request, which is not answered yet."
        self._refusal = Refusal(400, code="bad_handshake", detail=detail)
        self.send_400_response("")

    def send_400_response(self, msg: str) -> None:
        """Refuses what cannot become a request, and ends the connection. `msg` is uvicorn's sentence for it."""
        self._drop_deadline()
        if self.transport.is_closing():
            return
        self._tell_who_writes()
        status, code, detail = self._refusal
        phrase = HTTPStatus(status).phrase
        request_id = uuid_utils.uuid7().hex
        body = msgspec.json.encode(problem_document(status, phrase, code, detail, request_id))
        head = (
            f"HTTP/1.1 {status} {phrase}\r\ncontent-type: application/problem+json\r\ncontent-length: {len(body)}\r\n"
            f"x-request-id: {request_id}\r\nconnection: close\r\n\r\n"
        )
        self.transport.write(head.encode("ascii") + body)
        self._close()

    def shutdown(self) -> None:
        self._read_held()
        super().shutdown()
        self._expect_flush()

    def timeout_keep_alive_handler(self) -> None:
        super().timeout_keep_alive_handler()
        self._expect_flush()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        self._expect_flush()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._expect_reading()

    def resume_writing(self) -> None:
        self._drop_unread()
        super().resume_writing()
        self._expect_flush()

    # The parser's part

    def on_message_begin(self) -> None:
        if self._again:
            return
        super().on_message_begin()
        self._reading = Reading.HEAD
        self._head_bytes = -self._chunk  # how much of this data is before the head is not known; less than one more

    def on_url(self, url: bytes) -> None:
        if not self._again:
            super().on_url(url)

    def on_headers_complete(self) -> None:
        self._beside_body = 0
        if self._again:
            self._again = False
            self.headers = _Trailers()
            return
        self._reading = Reading.BODY
        self._drop_deadline()
        if len(self.headers) > HEAD_FIELDS or (self._chunk > HEAD_BYTES and self._measure() > HEAD_BYTES):
            self._refuse_size()
            raise ValueError(self._refusal.detail)  # the parser stops, and the refusal is sent
        super().on_headers_complete()
        if not self.parser.should_upgrade():
            self.headers = _Trailers()  # what is a header has been told

    def on_body(self, body: bytes) -> None:
        self._beside_body = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        if self.parser.should_upgrade() and not self._should_upgrade():
            return  # the body is still to come; see _parse_anew
        super().on_message_complete()
        self._reading = Reading.BETWEEN

    # How

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        self._running = cycle
        # For who writes past `send`: called before others write, and before the socket's number is somebody else's.
        cycle.when_lost = None  # type: ignore[attr-defined]
        super()._start_asgi_task(cycle, app)

    def _tell_who_writes(self) -> None:
        told = getattr(self._running, "when_lost", None)
        if told is not None:
            told()

    def _close(self) -> None:
        """What is written is sent before; see UNREAD_SECONDS."""
        self.transport.close()
        self._expect_flush()

    def _expect_flush(self) -> None:
        if self._unread is None and self.transport.is_closing() and self.transport.get_write_buffer_size():
            self._expect_reading()

    def _expect_reading(self) -> None:
        """Nothing is written meanwhile: what waits only shrinks, by what the client reads."""
        self._unread = self.loop.call_later(UNREAD_SECONDS, self._look_whether_read, self._measure_unread())

    def _look_whether_read(self, waited: int) -> None:
        if self._measure_unread() > waited - UNREAD_BYTES:
            self._unread = None
            self.transport.abort()
        else:
            self._expect_reading()

    def _measure_unread(self) -> int:
        """Bytes that wait here and, where it can be asked, in the kernel, which may hold megabytes, and takes more only
        when a good part of them has left.
        """
        waits: int = self.transport.get_write_buffer_size()
        with suppress(OSError, AttributeError):  # no such question on this system, or no socket any more
            answer = fcntl.ioctl(self.transport.get_extra_info("socket").fileno(), termios.TIOCOUTQ, bytes(4))
            waits += int.from_bytes(answer, sys.byteorder)
        return waits

    def _drop_unread(self) -> None:
        if self._unread is not None:
            self._unread.cancel()
            self._unread = None

    def _is_answered(self) -> bool:
        cycle: RequestResponseCycle | None = self.cycle  # None before the first request, whatever uvicorn's types say
        return cycle is None or (cycle.response_complete and not self.pipeline)

    def _is_idle(self) -> bool:
        return self._is_answered() and not self.transport.is_closing() and self.parser is not None  # or handed over

    def _measure(self) -> int:
        return len(self.url) + sum(len(name) + len(value) for name, value in self.headers)

    def _refuse_size(self) -> None:
        detail = f"The head of the request, or its trailers, have more than {HEAD_BYTES} bytes or {HEAD_FIELDS} fields."
        self._refusal = Refusal(431, code="head_too_large", detail=detail)

    def _set_deadline(self) -> None:
        self._deadline = self.loop.call_later(HEAD_SECONDS, self._too_late)

    def _drop_deadline(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _too_late(self) -> None:
        self._deadline = None
        if self._reading is Reading.HEAD:
            detail = f"The head of the request was not complete after {HEAD_SECONDS:g} seconds."
            self._refusal = Refusal(408, code="request_timeout", detail=detail)
            self.send_400_response("")
        else:
            self._close()
