"""WebSocket, from the upgrade on: bytes to sessions, prebuilt frames to the transport.

Stands in uvicorn's place for a WebSocket protocol (`ws=`): no ASGI, so no task, no queue and no event objects per
connection. The usual handshake is read and answered by gateway.handshake, any other by `websockets`; frames are read by
gateway.framing. A refusal comes after accepting, because a browser cannot read a failed handshake; only what is no
attempt at this protocol at all (another path, another subprotocol, no WebSocket) is answered over HTTP.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from enum import Enum, auto
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, cast

import msgspec
import uuid_utils
from uvicorn.protocols.utils import get_remote_addr
from websockets.exceptions import InvalidMessage, NegotiationError
from websockets.http11 import Request, Response
from websockets.server import ServerProtocol
from websockets.typing import Subprotocol

from gateway import framing, handshake
from gateway.codes import Close, Code
from gateway.connection import Connection
from gateway.message import Message, heard
from gateway.session import PING
from gateway.switchboard import Switchboard
from hub.bus.announce import HEADER_BYTES
from hub.web.app import REFUSALS_PER_SECOND
from hub.web.limits import household
from hub.web.problems import problem_document

if TYPE_CHECKING:
    from uvicorn.config import Config
    from uvicorn.server import ServerState

PATH = "/v1/inbox/ws"
SUBPROTOCOL = Subprotocol("hub.v1")
_PATH, _SUBPROTOCOL = PATH.encode("ascii"), SUBPROTOCOL.encode("ascii")
CLOSE_SECONDS = 5.0  # for the client's half of the closing handshake (Centrifugo 1 s, websockets 10 s)
SLOW_CLOSE_SECONDS = 20.0  # for a client that was too slow: what is buffered comes before the close frame
LARGE_BYTES = 64 * 1024  # asyncio's default high-water mark

_quiet = logging.getLogger("hub.gateway.handshake")
_quiet.setLevel(logging.WARNING)  # its debug lines are whole requests: a URL may hold a token


class Phase(Enum):
    HANDSHAKE = auto()
    OPEN = auto()
    CLOSING = auto()  # our close was sent; only the client's matters
    BROKEN = auto()  # the peer's bytes have lost their meaning; they are read away so that it hears why


_OPEN = Phase.OPEN


class WebSocket(Connection, asyncio.Protocol):
    """One WebSocket. Subclassed per gateway by `protocol_class`, because uvicorn makes the instances."""

    __slots__ = ("_bound", "_broken_off", "_congested", "_peers", "_phase", "_reader")

    transport_name = "ws"
    switchboard: ClassVar[Switchboard]

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        board = self.switchboard
        super().__init__(board, board.session(), "")
        self._peers: set[Any] = server_state.connections
        self._reader = framing.Reader()
        self._phase = Phase.HANDSHAKE
        self._bound = board.write_buffer_bytes
        self._congested = False
        self._broken_off = 0.0  # when a close that takes too long is broken off

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.attach(cast(asyncio.Transport, transport))  # uvloop's transports are no subclass
        if self._bound < LARGE_BYTES:  # what is not congested is not measured
            self._transport.set_write_buffer_limits(high=self._bound)
        self._peers.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self._peers.discard(self)
        self._phase = Phase.BROKEN
        self.release()
        self.board.gone(self)

    def data_received(self, data: bytes) -> None:
        if self._phase is Phase.HANDSHAKE:
            self._transport.pause_reading()  # nothing more before it is answered, in whatever turn that is
            self.board.turns.take(partial(self._shake_hands, data))
            return
        if self._deaf:
            return
        now = self.board.now()
        try:
            for opcode, payload in self._reader.feed(data):
                self._take(opcode, payload, now)
                if self._deaf:
                    return
        except framing.Violation as violation:
            self._break(violation.close)

    def eof_received(self) -> bool:
        return False

    def pause_writing(self) -> None:
        self._congested = True

    def resume_writing(self) -> None:
        self._congested = False
        self._bound = self.board.write_buffer_bytes
        self.uncongested()

    def shutdown(self) -> None:
        """uvicorn stops; whoever is still here after the drain."""
        self.end(Code.GOING_AWAY, "the gateway stops")
        self._transport.close()

    @property
    def _deaf(self) -> bool:
        return self._phase is Phase.BROKEN

    # Handshake

    def _shake_hands(self, data: bytes) -> None:
        if self._phase is not Phase.HANDSHAKE or self._transport.is_closing():
            return
        self._transport.resume_reading()
        upgrade = handshake.usual(data, _PATH, _SUBPROTOCOL) or self._negotiate(data)
        if upgrade is None:
            return
        self._transport.write(upgrade.answer)
        self._phase = Phase.OPEN
        self.address = self._client_address(upgrade.forwarded)
        refusal = self.board.open(self)
        if refusal is None:
            refusal = self._refused_origin(upgrade)
        if refusal is not None:
            self.perform(self.session.end(refusal))

    def _negotiate(self, data: bytes) -> handshake.Upgrade | None:
        """The same for a handshake that is unusual; None when it was refused."""
        protocol = ServerProtocol(subprotocols=[SUBPROTOCOL], select_subprotocol=_select, logger=_quiet)
        protocol.receive_data(data)
        request = next((event for event in protocol.events_received() if isinstance(event, Request)), None)
        if request is None:  # whole, or it would not be here; but more than the parser of handshakes takes
            if isinstance(protocol.handshake_exc, InvalidMessage):
                self._reject(protocol.reject(400, "A handshake is a GET without a body.\n"))
            else:
                self._reject(protocol.reject(431, "The handshake has a line over 8 KiB, or more than 128 headers.\n"))
            return None
        if request.path.partition("?")[0] != PATH:
            response = protocol.reject(404, "There is no WebSocket at this path; it is at /v1/inbox/ws.\n")
        else:
            response = protocol.accept(request)
        if response.status_code != 101:
            self._reject(response)
            return None
        protocol.send_response(response)
        origins, hosts, forwarded = (request.headers.get_all(name) for name in ("Origin", "Host", "X-Forwarded-For"))
        return handshake.Upgrade(b"".join(protocol.data_to_send()), origins, hosts, forwarded)

    def _reject(self, response: Response) -> None:
        _explain(response)
        peer = get_remote_addr(self._transport)
        allowance = self.board.refusals.peek(household(peer[0]) if peer else "unknown", REFUSALS_PER_SECOND)
        for name, value in allowance.headers():
            response.headers[name.decode("ascii")] = value.decode("ascii")
        self._transport.write(response.serialize())
        self._transport.close()

    def _refused_origin(self, upgrade: handshake.Upgrade) -> Close | None:
        origins, hosts = upgrade.origins, upgrade.hosts
        origin = origins[0] if len(origins) == 1 else None
        rule = self.board.origins
        if len(origins) <= 1 and rule.allows(origin, hosts[0] if hosts else None):
            return None
        return Close(Code.ORIGIN_REFUSED, rule.refusal(origin))

    def _client_address(self, forwarded: Sequence[str]) -> str:
        """Whose connections are counted together; "" for a trusted proxy that does not say."""
        peer = get_remote_addr(self._transport)
        address = peer[0] if peer else ""
        trusted = self.board.trusted
        if address not in trusted:
            return household(address)
        client = trusted.get_trusted_client_address(", ".join(forwarded))[0] if any(forwarded) else ""
        return household(client) if trusted.always_trust or client not in trusted else ""

    # Frames in

    def _take(self, opcode: int, payload: bytes, now: float) -> None:
        if opcode == framing.CLOSE:
            self._closed_by_client(payload)
        elif self._phase is not Phase.OPEN:
            return
        elif opcode == framing.TEXT:
            try:
                payload.decode("utf-8")
            except UnicodeDecodeError:
                raise framing.Violation(Code.INVALID_TEXT, "a text frame is not UTF-8") from None
            self.perform(self.session.receive(payload, now))
        else:
            self.perform(self.session.control(now))
            if opcode == framing.PING and self._phase is Phase.OPEN:
                self._put(framing.control(framing.PONG, payload))

    def _closed_by_client(self, payload: bytes) -> None:
        reply = framing.close_reply(payload)
        if self._phase is Phase.OPEN:
            self.emit(reply)
        self._phase = Phase.BROKEN
        self.session.end()
        self.board.leave(self)
        self._transport.close()

    def _break(self, close: Close) -> None:
        """Says what the peer broke, stops sending, and reads away what still comes: a reset would overtake it."""
        self.perform(self.session.end(close))
        self._phase = Phase.BROKEN
        if self._transport.can_write_eof() and not self._transport.is_closing():
            self._transport.write_eof()

    # Connection

    @property
    def congested(self) -> bool:
        return self._congested

    def forward(self, message: Message) -> None:
        if self._descriptor >= 0:  # nothing waits; and nobody forwards to a session that has ended
            self.emit(message.framed or message.ws)
        else:
            self.write(message)

    def relay(self, announcement: bytes) -> None:
        if self._descriptor >= 0:
            self.emit(announcement[HEADER_BYTES:])
        else:
            self.write(heard(announcement, self.session.epoch))

    def write(self, message: Message) -> None:
        if self._phase is _OPEN and not (message is PING and self._congested):
            self._put(message.ws)  # a ping would wait behind what the client has not taken yet, and prove nothing

    def _put(self, data: bytes) -> None:
        """Writes, unless too much waits already. One frame, however large, is never too much by itself."""
        if self._congested and (waiting := self._transport.get_write_buffer_size()) > self._bound:
            self.end(Code.TOO_SLOW, f"{waiting} bytes wait to be read")
            return
        self.emit(data)
        if len(data) > LARGE_BYTES:
            self._bound = self.board.write_buffer_bytes + self._transport.get_write_buffer_size()

    def hang_up(self, close: Close) -> None:
        if self._phase is not Phase.OPEN:
            return
        self._phase = Phase.CLOSING
        self.emit(framing.close_frame(close.code, close.text))
        now = self.board.now()
        self._broken_off = now + (SLOW_CLOSE_SECONDS if close.code is Code.TOO_SLOW else CLOSE_SECONDS)
        self.board.wheel.schedule(self, self._broken_off)

    def linger(self, now: float) -> float | None:
        if now < self._broken_off:
            return self._broken_off
        self._transport.abort()
        return None


def protocol_class(board: Switchboard) -> type[WebSocket]:
    """The class for uvicorn's `ws=`."""
    return type("GatewayWebSocket", (WebSocket,), {"__slots__": (), "switchboard": board})


def _select(_protocol: ServerProtocol, offered: Sequence[Subprotocol]) -> Subprotocol | None:
    """Ours, or none to a client that offers none: it speaks this protocol without saying so."""
    if not offered:
        return None
    if SUBPROTOCOL in offered:
        return SUBPROTOCOL
    raise NegotiationError(f"of the subprotocols offered none is {SUBPROTOCOL}")


def _explain(response: Response) -> None:
    """Makes a refused handshake the problem document that every refusal over HTTP is."""
    detail = (response.body or b"").decode("utf-8").strip()
    code = {404: "not_found", 405: "method_not_allowed", 426: "upgrade_required", 431: "head_too_large"}.get(
        response.status_code, "bad_handshake"
    )
    request_id = uuid_utils.uuid7().hex
    document = problem_document(response.status_code, response.reason_phrase, code, detail, request_id)
    response.body = msgspec.json.encode(document)
    for name, value in (("Content-Type", "application/problem+json"), ("Content-Length", str(len(response.body)))):
        del response.headers[name]
        response.headers[name] = value
    response.headers["X-Request-Id"] = request_id
