"""RFC 6455 framing, the part a hub needs: whole text frames in, prebuilt text frames out.

A client of this protocol sends unfragmented text of at most 16 KiB, so its frames are read without a message assembler:
what exceeds that is refused by its header, before any of it is kept. Zero-length continuation frames, the usual way
round a message limit, are refused with all other fragments.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

import msgspec

from gateway.client_frames import MAX_FRAME_BYTES
from gateway.codes import Close, Code

try:
    from websockets.speedups import apply_mask
except ImportError:  # a wheel without the C extension
    from websockets.utils import apply_mask

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0x0, 0x1, 0x2, 0x8, 0x9, 0xA
_KNOWN = frozenset({CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG})
_CONTROL = 0x8  # bit of every control opcode
MAX_CONTROL_BYTES = 125  # RFC 6455 section 5.5


class Violation(Exception):
    """The peer broke the protocol; nothing after it can be read."""

    def __init__(self, code: Code, reason: str) -> None:
        super().__init__(reason)
        self.close = Close(code, reason)


class Reader(msgspec.Struct, gc=False):
    """Frames out of a client's bytes, however they are cut."""

    _rest: bytes = b""

    def feed(self, data: bytes) -> Iterator[tuple[int, bytes]]:
        """`(opcode, payload)` of each whole frame; holds back at most one frame that is not whole yet.

        Raises:
            Violation: after the frames before it.
        """
        if self._rest:
            data = self._rest + data
            self._rest = b""
        at = 0
        while True:
            frame = _parse(data, at)
            if frame is None:
                self._rest = data[at:]
                return
            opcode, payload, at = frame
            yield opcode, payload


def _parse(data: bytes, at: int) -> tuple[int, bytes, int] | None:
    """The frame that starts at `at` and where it ends, or None when it is not whole."""
    if len(data) - at < 2:
        return None
    first, second = data[at], data[at + 1]
    opcode, final, size = first & 0x0F, first & 0x80, second & 0x7F
    if first & 0x70:
        raise Violation(Code.PROTOCOL_ERROR, "reserved bits must be 0")
    if opcode not in _KNOWN:
        raise Violation(Code.PROTOCOL_ERROR, f"opcode {opcode} is reserved")
    if not second & 0x80:
        raise Violation(Code.PROTOCOL_ERROR, "client frames must be masked")
    if opcode & _CONTROL:
        if not final or size > MAX_CONTROL_BYTES:
            raise Violation(Code.PROTOCOL_ERROR, "control frames are whole and of at most 125 bytes")
    elif not final or opcode == CONTINUATION:
        raise Violation(Code.PROTOCOL_VIOLATED, "fragments are not accepted")
    elif opcode == BINARY:
        raise Violation(Code.PROTOCOL_VIOLATED, "binary frames are not accepted")
    start = at + 2
    if size == 126:
        if len(data) < start + 2:
            return None
        (size,) = struct.unpack_from("!H", data, start)
        start += 2
        if size < 126:
            raise Violation(Code.PROTOCOL_ERROR, "lengths must be spelled as short as possible")
    elif size == 127:
        if len(data) < start + 8:
            return None
        (size,) = struct.unpack_from("!Q", data, start)
        start += 8
        if size < 65536 or size >= 2**63:
            raise Violation(Code.PROTOCOL_ERROR, "lengths must be spelled as short as possible")
    if size > MAX_FRAME_BYTES:
        raise Violation(Code.MESSAGE_TOO_LARGE, f"{size} bytes; a frame may have {MAX_FRAME_BYTES}")
    end = start + 4 + size
    if len(data) < end:
        return None
    return opcode, apply_mask(data[start + 4 : end], data[start : start + 4]), end


def control(opcode: int, payload: bytes = b"") -> bytes:
    """A control frame to a client."""
    return bytes((0x80 | opcode, len(payload))) + payload


def close_frame(code: int, text: str) -> bytes:
    """A close frame; `text` is cut to what fits."""
    return control(CLOSE, struct.pack("!H", code) + text.encode("utf-8")[: MAX_CONTROL_BYTES - 2])


def close_reply(payload: bytes) -> bytes:
    """The frame that answers a client's close: its own code (RFC 6455 section 5.5.1).

    Raises:
        Violation: a code or reason that must not be sent (sections 7.4 and 8.1).
    """
    if not payload:
        return control(CLOSE)
    if len(payload) == 1:
        raise Violation(Code.PROTOCOL_ERROR, "a close code has two bytes")
    (code,) = struct.unpack_from("!H", payload)
    if not (1000 <= code <= 1003 or 1007 <= code <= 1014 or 3000 <= code <= 4999):
        raise Violation(Code.PROTOCOL_ERROR, f"close code {code} must not be sent")
    try:
        payload[2:].decode("utf-8")
    except UnicodeDecodeError:
        raise Violation(Code.INVALID_TEXT, "the reason is not UTF-8") from None
    return control(CLOSE, payload[:2])
