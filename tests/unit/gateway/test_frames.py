"""Frames are built as bytes; their documented shapes must be theirs."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from pydantic import TypeAdapter, ValidationError

from gateway import client_frames, hub_frames
from gateway.asyncapi import asyncapi_document
from gateway.codes import Close, Code
from gateway.message import Message
from hub.model import frames
from hub.model.counts import Counts

COUNTS = Counts(1, 2, 3)
ITEM: dict[str, Any] = {
    "id": "i", "notification_id": "n", "seq": 1, "rev": 1, "category": "general", "title": "t", "body": None,
    "action_url": None, "actions": [], "image_url": None, "data": {}, "tags": [], "actor": None, "tenant": None,
    "thread_key": None, "priority": "normal", "created_at": "2026-11-21T09:00:00.000Z", "seen_at": None,
    "read_at": None, "clicked_at": None, "archived_at": None, "pinned_at": None, "snoozed_until": None,
    "expires_at": None,
}  # fmt: skip
BODY = json.dumps(ITEM).encode()
UPDATE = frames.update_body(4, {"all": True, "upto": 3, "category": "c"}, {"read_at": None})

BUILT = [
    frames.welcome("c", 25, "2026-11-21T09:00:00.000Z"),
    frames.welcome("c", 0.5, "t", rev=1, cursor="x", counts=COUNTS, items=[BODY, BODY], next_cursor=None),
    frames.changes(1, 2, "x", updates=[UPDATE], items=[BODY], removed=["i"], more=True),
    frames.changes(1, 2, "x", counts=COUNTS),
    frames.RESET,
    frames.item(1, "x", BODY, COUNTS, ["gone"]),
    frames.item(1, "x", BODY, COUNTS),
    frames.update(2, "x", {"ids": ["i"]}, {"seen_at": "2026-11-21T09:00:00.000Z"}, COUNTS),
    frames.removed(2, "x", ["i"], COUNTS),
    frames.ok(1, 2, 3),
    frames.error("forbidden", "no", 4),
    frames.error("unavailable", "no"),
    frames.PING,
    frames.PONG,
]


@pytest.mark.parametrize("built", BUILT, ids=lambda built: json.loads(built)["type"])
def test_what_is_built_has_the_documented_shape(built: bytes) -> None:
    frame = json.loads(built)
    shape: TypeAdapter[Any] = TypeAdapter(hub_frames.FRAMES[frame["type"]])
    assert shape.validate_python(frame, strict=True) == frame
    with pytest.raises(ValidationError):
        shape.validate_python({**frame, "undocumented": 1}, strict=True)


def test_every_documented_frame_is_built() -> None:
    assert {json.loads(built)["type"] for built in BUILT} == hub_frames.FRAMES.keys()


def test_the_document_names_every_frame_and_code_and_every_reference_leads_somewhere() -> None:
    document = asyncapi_document()
    names = {frame.__struct_config__.tag for frame in client_frames.FRAMES}
    assert {name for name in document["components"]["messages"] if name.startswith("client.")} == {
        f"client.{name}" for name in names
    }
    assert document["x-close-codes"].keys() == {str(int(code)) for code in Code}
    for reference in _references(document):
        found: Any = document
        for step in reference.removeprefix("#/").split("/"):
            found = found[step]
        assert found
    assert msgspec.json.encode(asyncapi_document()) == msgspec.json.encode(document)


def _references(value: Any) -> list[str]:
    if isinstance(value, dict):
        own = [value["$ref"]] if isinstance(value.get("$ref"), str) else []
        return own + [reference for entry in value.values() for reference in _references(entry)]
    return [reference for entry in value for reference in _references(entry)] if isinstance(value, list) else []


def test_close_reasons_fit_a_close_frame() -> None:
    assert Close(Code.DRAINING, "", 3).text == '{"retry_after_seconds":3}'
    assert len(Close(Code.PROTOCOL_VIOLATED, "ü" * 200).text.encode()) <= 123


@pytest.mark.parametrize(("cursor", "place"), [(None, b""), (b"c", b"id: c\n")])
def test_a_chunk_is_an_event(cursor: bytes | None, place: bytes) -> None:
    payload = b'{"type":"item","rev":300}'
    event = b"event: item\n" + place + b"data: " + payload + b"\n\n"
    message = Message(payload, cursor)
    assert message.chunked == b"%x\r\n%b\r\n" % (len(event), event)
    assert message.sse == event
