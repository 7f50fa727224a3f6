"""RFC 6455, the cases a hostile or sloppy client brings."""

from __future__ import annotations

import os
import struct
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway import framing
from gateway.client_frames import MAX_FRAME_BYTES
from gateway.codes import Code
from gateway.message import Message, chunk_of, heard
from hub.bus import announce
from hub.model import frames
from hub.model.cursor import Cursor
from tests.support.gateway import client_frame


def read(data: bytes) -> list[tuple[int, bytes]]:
    return list(framing.Reader().feed(data))


@pytest.mark.parametrize("size", [0, 1, 125, 126, 127, 1000, MAX_FRAME_BYTES])
def test_text_of_every_length_spelling_is_read(size: int) -> None:
    payload = os.urandom(size)
    assert read(client_frame(payload)) == [(framing.TEXT, payload)]


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (client_frame(b"x", masked=False), Code.PROTOCOL_ERROR),
        (client_frame(b"x", first=0xC0), Code.PROTOCOL_ERROR),
        (client_frame(b"x", first=0xA0), Code.PROTOCOL_ERROR),
        (client_frame(b"x", first=0x90), Code.PROTOCOL_ERROR),
        (client_frame(b"x", 0x3), Code.PROTOCOL_ERROR),
        (client_frame(b"x", 0xB), Code.PROTOCOL_ERROR),
        (client_frame(b"x", framing.BINARY), Code.PROTOCOL_VIOLATED),
        (client_frame(b"x", first=0), Code.PROTOCOL_VIOLATED),
        (client_frame(b"", first=0), Code.PROTOCOL_VIOLATED),
        (client_frame(b"x", framing.CONTINUATION), Code.PROTOCOL_VIOLATED),
        (client_frame(b"", framing.CONTINUATION, first=0), Code.PROTOCOL_VIOLATED),
        (client_frame(b"x" * 126, framing.PING), Code.PROTOCOL_ERROR),
        (client_frame(b"x", framing.PING, first=0), Code.PROTOCOL_ERROR),
        (client_frame(b"x" * (MAX_FRAME_BYTES + 1)), Code.MESSAGE_TOO_LARGE),
        (struct.pack("!BBQ", 0x81, 0xFF, 10_000_000), Code.MESSAGE_TOO_LARGE),
        (struct.pack("!BBQ", 0x81, 0xFF, 2**63), Code.PROTOCOL_ERROR),
        (struct.pack("!BBH", 0x81, 0xFE, 5) + bytes(9), Code.PROTOCOL_ERROR),
        (struct.pack("!BBQ", 0x81, 0xFF, 5) + bytes(9), Code.PROTOCOL_ERROR),
    ],
)
def test_what_is_no_frame_of_ours_is_refused_by_its_header(data: bytes, code: Code) -> None:
    with pytest.raises(framing.Violation) as refused:
        read(data)
    assert refused.value.close.code is code


def test_frames_before_a_violation_are_read_first() -> None:
    reader = framing.Reader()
    frames = reader.feed(client_frame(b"good") + client_frame(b"bad", framing.BINARY))
    assert next(frames) == (framing.TEXT, b"good")
    with pytest.raises(framing.Violation):
        next(frames)


@given(
    st.lists(
        st.tuples(st.sampled_from([framing.TEXT, framing.PING, framing.PONG, framing.CLOSE]), st.binary(max_size=125))
    )
)
def test_frames_cut_anywhere_are_the_same_frames(expected: list[tuple[int, bytes]]) -> None:
    data = b"".join(client_frame(payload, opcode) for opcode, payload in expected)
    assert read(data) == expected
    reader = framing.Reader()
    assert [frame for index in range(len(data)) for frame in reader.feed(data[index : index + 1])] == expected


@given(st.binary(max_size=300))
def test_no_bytes_raise_anything_but_a_violation(data: bytes) -> None:
    with suppress(framing.Violation):
        read(data)


@pytest.mark.parametrize("code", [1000, 1001, 1003, 1007, 1011, 1014, 3000, 4000, 4999])
def test_a_close_is_answered_with_its_own_code(code: int) -> None:
    payload = struct.pack("!H", code) + "grüße".encode()
    assert framing.close_reply(payload) == framing.control(framing.CLOSE, payload[:2])
    assert framing.close_reply(b"") == framing.control(framing.CLOSE)


@pytest.mark.parametrize(
    ("payload", "code"),
    [
        (b"\x03", Code.PROTOCOL_ERROR),
        *(
            (struct.pack("!H", code), Code.PROTOCOL_ERROR)
            for code in (0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, 65535)
        ),
        (struct.pack("!H", 1000) + b"\xff", Code.INVALID_TEXT),
    ],
)
def test_a_close_that_must_not_be_sent_is_a_violation(payload: bytes, code: Code) -> None:
    with pytest.raises(framing.Violation) as refused:
        framing.close_reply(payload)
    assert refused.value.close.code is code


@pytest.mark.parametrize("size", [20, 125, 126, 65535, 65536])
def test_a_message_is_framed_and_spelled_as_an_event(size: int) -> None:
    payload = b'{"type":"item","x":"' + b"x" * (size - 22) + b'"}'
    message = Message(payload, b"c" * 32)
    assert message.ws.endswith(payload)
    assert message.ws[0] == 0x81
    header = len(message.ws) - len(payload)
    assert header == (2 if len(payload) < 126 else 4 if len(payload) < 65536 else 10)
    assert frames.out_of_websocket(message.ws) == payload
    assert message.sse == b"event: item\nid: " + b"c" * 32 + b"\ndata: " + payload + b"\n\n"
    assert Message(b'{"type":"reset"}').sse == b'event: reset\ndata: {"type":"reset"}\n\n'


@pytest.mark.parametrize("size", [40, 125, 126, announce.FRAME_LIMIT_BYTES])
@pytest.mark.parametrize(
    ("kind", "name"),
    [
        (announce.ITEM, "item"),
        (announce.UPDATE, "update"),
        (announce.REMOVED, "removed"),
        (announce.CHANGES, "changes"),
        ("?", "later"),
    ],
)
def test_an_announcement_is_sent_as_it_was_announced(kind: str, name: str, size: int) -> None:
    payload = b'{"type":"%b","x":"' % name.encode()
    payload += b"x" * (size - len(payload) - 2) + b'"}'
    cursor = Cursor(7, 3, 12).encode()
    announcement = announce.pack(kind, 12, cursor, payload)
    message = heard(announcement, 3)
    built = Message(payload, cursor.encode("ascii"), 12, 3)
    assert announcement[announce.HEADER_BYTES :] == message.ws == built.ws
    assert message.sse == built.sse
    assert (message.payload, message.cursor, message.rev, message.epoch) == (payload, built.cursor, 12, 3)
    assert chunk_of(announcement) == message.chunked
    assert heard(announce.pack(announce.SYNC, 12, cursor, b""), 3).payload == b""


@pytest.mark.parametrize("body", [b"\x81", b'{"type":"item"}', b"\x82\x01x"])
def test_a_body_that_is_no_frame_is_left_to_the_store(body: bytes) -> None:
    bare = announce.pack(announce.SYNC, 12, Cursor(7, 3, 12).encode(), b"")
    assert heard(bare + body, 3).payload == b""
