"""The OpenAPI 3.1 document, generated from the routes: what is not declared does not exist."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import TypeAdapter

from hub.web.query import NAME_SCHEMA
from hub.web.request import BODY_LIMIT_BYTES
from hub.web.routing import Reply, Route
from hub.web.schema import Schema

TAGS: Mapping[str, str] = {
    "notifications": "Publish, follow and withdraw notifications.",
    "deliveries": "What leaves the app, has left it, or did not.",
    "users": "People, their tokens and their inboxes, as the backend sees them.",
    "categories": "Policies that notifications refer to.",
    "templates": "What notifications say, by channel and language; and what mails wear.",
    "preferences": "What people want, and what tenants and projects set for who says nothing.",
    "topics": "Groups of people that one publish reaches.",
    "webhooks": "Endpoints of yours that hear what happens.",
    "suppressions": "Addresses that nothing is sent to any more.",
    "inbound": "What comes back of e-mail: bounces and complaints.",
    "inbox": "A person's own inbox, called with a client token.",
    "operation": "Health, metrics and documentation.",
}

_REFUSALS: Mapping[int, str] = {
    400: "Malformed: not JSON, not UTF-8, broken escapes.",
    401: "No credential, or one that is not valid.",
    403: "The credential does not allow this.",
    404: "Not there, or not yours.",
    405: "The path has no such method; `Allow` names those it has.",
    408: "The body did not arrive in time.",
    409: "In conflict with a request under way.",
    413: "The body is too large; `detail` says how large, and how large it may be.",
    415: "The body's media type is not the one that the call takes: JSON, unless it says otherwise.",
    422: "A field or parameter is not valid; `errors` names each.",
    429: "Too many requests; `Retry-After` says when to come back.",
    500: "The hub failed; `request_id` identifies the log entry.",
    503: "A server the hub needs does not answer; `Retry-After` says when to try again.",
}
_RETRY = {429, 503}
_RATE_HEADERS = ("RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset")


def openapi_document(routes: Iterable[Route], *, version: str, server_url: str | None = None) -> dict[str, Any]:
    """The document for `routes`; the same routes give the same document.

    Raises:
        ValueError: two operations or two schemas have one name.
    """
    shown = [route for route in routes if not route.hidden]
    schemas, components = _collect_schemas(shown)
    paths: dict[str, dict[str, Any]] = {}
    security: dict[str, Any] = {}
    names: set[str] = set()
    for route in shown:
        operation = _operation(route, schemas)
        if operation["operationId"] in names:
            raise ValueError(f"two operations are called {operation['operationId']}")
        names.add(operation["operationId"])
        paths.setdefault(route.path, {})[route.method.lower()] = operation
        if route.guard is not None:
            security[route.guard.name] = dict(route.guard.scheme)
    document: dict[str, Any] = {
        "openapi": "3.1.0",
        "info": {
            "title": "Notification hub",
            "version": version,
            "description": "One call: durably in the inbox and on every open screen.",
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "servers": [{"url": server_url or "/"}],
        "tags": [{"name": name, "description": text} for name, text in TAGS.items()],
        "paths": paths,
        "components": {
            "schemas": {"Problem": PROBLEM_SCHEMA, **dict(sorted(components.items()))},
            "responses": {_problem_name(status): _problem_response(status) for status in _REFUSALS},
            "headers": _HEADERS,
            "securitySchemes": security,
        },
    }
    return document


def operation_name(route: Route) -> str:
    """Of the handler, which reads like the call: `publish`, `list_users`."""
    return route.handler.__name__.strip("_")


def _collect_schemas(routes: Iterable[Route]) -> tuple[dict[int, dict[str, Any]], dict[str, Any]]:
    """Inlined or referring JSON Schemas by id of their Schema, and the components they refer to."""
    found: dict[int, Schema[Any]] = {}
    for route in routes:
        if route.body is not None:
            found[id(route.body)] = route.body
        for reply in route.replies.values():
            if reply.schema is not None:
                found[id(reply.schema)] = reply.schema
    inputs: list[tuple[int, Any, TypeAdapter[Any]]] = [(key, "validation", s.adapter) for key, s in found.items()]
    by_key, rest = TypeAdapter.json_schemas(inputs, ref_template="#/components/schemas/{model}")
    components = {name: _tidy(schema) for name, schema in rest.get("$defs", {}).items()}
    return {key: _tidy(schema) for (key, _mode), schema in by_key.items()}, components


def _tidy(schema: Any) -> Any:
    """Without the titles that pydantic makes of field names."""
    if isinstance(schema, dict):
        return {
            key: _tidy(value)
            for key, value in schema.items()
            if not (key == "title" and isinstance(value, str) and "properties" not in schema)
        }
    if isinstance(schema, list):
        return [_tidy(entry) for entry in schema]
    return schema


def _operation(route: Route, schemas: Mapping[int, dict[str, Any]]) -> dict[str, Any]:
    operation: dict[str, Any] = {"operationId": operation_name(route), "summary": route.summary, "tags": [route.tag]}
    description = route.description
    if route.scopes:
        scopes = " or ".join(f"`{scope}`" for scope in route.scopes)
        description = f"{description}\n\nScope: {scopes}.".strip()
    if description:
        operation["description"] = description
    parameters = [*_path_parameters(route), *_query_parameters(route)]
    if route.idempotent:
        parameters.append(_IDEMPOTENCY_KEY)
    if parameters:
        operation["parameters"] = parameters
    if route.body is not None:
        limit = route.body_limit or BODY_LIMIT_BYTES
        media_type = "application/merge-patch+json" if route.method == "PATCH" else "application/json"
        content = {media_type: {"schema": schemas[id(route.body)]}}
        if route.method == "PATCH":
            content["application/json"] = content[media_type]
        operation["requestBody"] = {
            "required": route.body_required,
            "content": content,
            "description": f"At most {limit // 1024} KiB.",
        }
    elif route.takes is not None:
        operation["requestBody"] = {
            "required": True,
            "content": {route.takes: {}},  # OpenAPI 3.1 has no schema for bytes
            "description": f"At most {(route.body_limit or BODY_LIMIT_BYTES) // 1024} KiB.",
        }
    limited = route.guard is not None
    responses: dict[str, Any] = {
        str(status): _reply(status, reply, schemas, limited=limited, replayable=route.idempotent)
        for status, reply in route.replies.items()
    }
    for status in sorted(_refusals(route)):
        responses.setdefault(str(status), {"$ref": f"#/components/responses/{_problem_name(status)}"})
    operation["responses"] = responses
    operation["security"] = [{route.guard.name: list(route.scopes)}] if route.guard is not None else []
    return operation


def _refusals(route: Route) -> set[int]:
    statuses = {400, 422, 500, *route.errors}
    if route.guard is not None:
        statuses |= {401, 403, 429, 503}
    if route.ids:
        statuses.add(404)
    if route.body is not None or route.takes is not None:
        statuses |= {408, 413, 415}
    if route.idempotent:
        statuses.add(409)
    return statuses


def _path_parameters(route: Route) -> list[dict[str, Any]]:
    return [
        {
            "name": name,
            "in": "path",
            "required": True,
            "schema": {"type": "string", "format": "uuid"} if name in route.ids else dict(NAME_SCHEMA),
            "description": "An id of the hub's." if name in route.ids else "Percent-encoded as one segment.",
        }
        for name in route.placeholders
    ]


def _query_parameters(route: Route) -> list[dict[str, Any]]:
    return [
        {"name": p.name, "in": "query", "required": False, "schema": dict(p.schema), "description": p.description}
        for p in route.query
    ]


def _reply(
    status: int, reply: Reply, schemas: Mapping[int, dict[str, Any]], *, limited: bool, replayable: bool
) -> dict[str, Any]:
    answer: dict[str, Any] = {"description": reply.description}
    headers: dict[str, Any] = {"X-Request-Id": {"$ref": "#/components/headers/X-Request-Id"}}
    if limited:
        headers |= {name: {"$ref": f"#/components/headers/{name}"} for name in _RATE_HEADERS}
    if replayable:
        headers["Idempotency-Replayed"] = {"$ref": "#/components/headers/Idempotency-Replayed"}
    if status in _RETRY:
        headers["Retry-After"] = {"$ref": "#/components/headers/Retry-After"}
    headers |= {name: {"description": text, "schema": {"type": "string"}} for name, text in reply.headers.items()}
    answer["headers"] = headers
    if reply.schema is not None:
        answer["content"] = {reply.media_type: {"schema": schemas[id(reply.schema)]}}
    elif status not in (204, 304):
        answer["content"] = {reply.media_type: {"schema": {"type": "string"}}}
    if reply.links:
        answer["links"] = {
            name: {"operationId": name, "parameters": dict(parameters)} for name, parameters in reply.links.items()
        }
    for media_type in reply.also:
        answer["content"][media_type] = {"schema": {"type": "string"}}
    return answer


def _problem_name(status: int) -> str:
    return f"Problem{status}"


def _problem_response(status: int) -> dict[str, Any]:
    headers: dict[str, Any] = {"X-Request-Id": {"$ref": "#/components/headers/X-Request-Id"}}
    if status in _RETRY:
        headers["Retry-After"] = {"$ref": "#/components/headers/Retry-After"}
    return {
        "description": _REFUSALS[status],
        "headers": headers,
        "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
    }


PROBLEM_SCHEMA: dict[str, Any] = {
    "title": "Problem",
    "description": "RFC 9457. Programs test `code`, people read `detail`.",
    "type": "object",
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "code": {"type": "string", "pattern": "^[a-z0-9_]+$", "description": "Stable."},
        "request_id": {"type": "string"},
        "errors": {
            "type": "array",
            "description": "Wrong fields, where the problem is about fields.",
            "items": {
                "type": "object",
                "properties": {
                    "path": {"type": "string", "examples": ["recipients.3.id"]},
                    "code": {"type": "string"},
                    "message": {"type": "string"},
                },
                "required": ["path", "code", "message"],
                "additionalProperties": False,
            },
        },
    },
    "required": ["type", "title", "status", "detail", "code", "request_id", "errors"],
    "additionalProperties": False,
}

_HEADERS: dict[str, Any] = {
    "X-Request-Id": {"description": "The caller's, or one of ours.", "schema": {"type": "string"}},
    "RateLimit-Limit": {"description": "Requests that fit at once.", "schema": {"type": "integer"}},
    "RateLimit-Remaining": {"description": "Of these, how many are left.", "schema": {"type": "integer"}},
    "RateLimit-Reset": {"description": "Seconds until all are there again.", "schema": {"type": "integer"}},
    "Retry-After": {"description": "Seconds to wait.", "schema": {"type": "integer"}},
    "Idempotency-Replayed": {
        "description": "`true` when this is the first answer to this key again.",
        "schema": {"type": "string", "enum": ["true"]},
    },
}

_IDEMPOTENCY_KEY: dict[str, Any] = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]([ -~]*[!-~])?$"},
    "description": "Repeats of this call with the same key and body get the first answer again, for 24 hours.",
}

_REF = re.compile(r"#/components/schemas/(.+)")


def referred_name(reference: str) -> str:
    """The component that a `$ref` points to; raises ValueError for a reference elsewhere."""
    match = _REF.fullmatch(reference)
    if match is None:
        raise ValueError(reference)
    return match[1]
