"""The AsyncAPI 3 document of the client protocol, generated from the frames' definitions."""

from __future__ import annotations

import inspect
from typing import Any

import msgspec
from pydantic import TypeAdapter

from gateway import client_frames, hub_frames
from gateway.codes import RECONNECT_LIMIT, Code
from gateway.ws import PATH, SUBPROTOCOL
from hub.web.documentation import hub_version

_REF = "#/components/schemas/"
_CODES = {
    Code.GOING_AWAY: "The gateway stops.",
    Code.PROTOCOL_ERROR: "No WebSocket (RFC 6455).",
    Code.INVALID_TEXT: "Text that is not UTF-8 (RFC 6455).",
    Code.INTERNAL_ERROR: "The hub failed.",
    Code.TRY_AGAIN_LATER: "A server of the hub is away, or the gateway is full.",
    Code.DRAINING: "The gateway drains; the reason says how long to wait.",
    Code.TOO_SLOW: "Too much waited to be read.",
    Code.NO_HEARTBEAT: "Nothing was heard of the client.",
    Code.TOO_OLD: "The connection is too old.",
    Code.TOO_MANY_MESSAGES: "More than 50 frames in 10 seconds.",
    Code.TOO_MANY_CONNECTIONS: "Too many connections of this person; the oldest is closed.",
    Code.HELLO_LATE: "No `hello` in time.",
    Code.TOKEN_EXPIRED: "The token has expired: get a new one first.",
    Code.TOKEN_REFUSED: "The token is refused.",
    Code.ORIGIN_REFUSED: "The origin is refused.",
    Code.PROTOCOL_VIOLATED: "The protocol was violated: binary, fragments, `hello` twice or malformed.",
    Code.MESSAGE_TOO_LARGE: "A frame was larger than 16 KiB.",
    Code.REVOKED: "The token was revoked.",
}


def asyncapi_document() -> dict[str, Any]:
    """The document; the same code gives the same document."""
    client_refs, schemas = _client_schemas()
    hub_refs, hub_schemas = _hub_schemas()
    messages: dict[str, Any] = {}
    for name, shape, ref in client_refs:
        messages[f"client.{name}"] = _message(name, shape, ref)
    for name, shape, ref in hub_refs:
        messages[f"hub.{name}"] = _message(name, shape, ref)
    channel = {
        "address": PATH,
        "title": "A person's inbox",
        "messages": {key: {"$ref": f"#/components/messages/{key}"} for key in messages},
        "bindings": {"ws": {"method": "GET", "bindingVersion": "0.1.0"}},
    }
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Notification hub: client protocol",
            "version": hub_version(),
            "description": (
                f"WebSocket subprotocol `{SUBPROTOCOL}`. One JSON object per text frame, unfragmented; a client sends "
                f"at most {client_frames.MAX_FRAME_BYTES // 1024} KiB a frame. As server-sent events the hub's frames "
                "are the same; see /openapi.json."
            ),
            "license": {"name": "MIT"},
        },
        "defaultContentType": "application/json",
        "channels": {"inbox": channel},
        "operations": {
            "receive": _operation("receive", "What clients send.", [f"client.{name}" for name, _, _ in client_refs]),
            "send": _operation("send", "What the hub sends.", [f"hub.{name}" for name, _, _ in hub_refs]),
        },
        "components": {"messages": messages, "schemas": dict(sorted({**schemas, **hub_schemas}.items()))},
        "x-close-codes": {
            str(int(code)): {
                "meaning": meaning,
                "client": "stop" if code >= RECONNECT_LIMIT or code in (1002, 1007) else "reconnect",
            }
            for code, meaning in _CODES.items()
        },
    }


def _client_schemas() -> tuple[list[tuple[str, type[Any], str]], dict[str, Any]]:
    shapes = client_frames.FRAMES
    _, components = msgspec.json.schema_components(shapes, ref_template=_REF + "{name}")
    return [(str(shape.__struct_config__.tag), shape, shape.__name__) for shape in shapes], components


def _hub_schemas() -> tuple[list[tuple[str, type[Any], str]], dict[str, Any]]:
    shapes = hub_frames.FRAMES
    adapters: list[tuple[str, Any, TypeAdapter[Any]]] = [
        (name, "validation", TypeAdapter(shape)) for name, shape in shapes.items()
    ]
    _, document = TypeAdapter.json_schemas(adapters, ref_template=_REF + "{model}")
    return [(name, shape, shape.__name__) for name, shape in shapes.items()], document["$defs"]


def _message(name: str, shape: type[Any], ref: str) -> dict[str, Any]:
    return {"name": name, "summary": inspect.getdoc(shape) or "", "payload": {"$ref": _REF + ref}}


def _operation(action: str, summary: str, messages: list[str]) -> dict[str, Any]:
    return {
        "action": action,
        "summary": summary,
        "channel": {"$ref": "#/channels/inbox"},
        "messages": [{"$ref": f"#/channels/inbox/messages/{name}"} for name in messages],
    }
