"""Shapes of webhook endpoints and their messages."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any, Literal, NotRequired

from pydantic import AfterValidator, Field, with_config
from pydantic_core import PydanticCustomError
from typing_extensions import TypedDict

from hub.api.documents import STRICT
from hub.model.times import format_time
from hub.model.urls import MAX_URL
from hub.model.webhook import EVENTS
from hub.web.fields import Moment
from hub.web.schema import Schema

MAX_DESCRIPTION = 255  # characters, as of every name
STATES = ("due", "claimed", "sent", "failed")


def _distinct(events: list[str]) -> list[str]:
    if len(set(events)) < len(events):
        raise PydanticCustomError("repeated", "must name each event once")
    return events


@with_config(STRICT)
class WebhookEndpoint(TypedDict):
    """Where to post, and what."""

    url: Annotated[
        str,
        Field(
            min_length=1, max_length=MAX_URL, description="https, without credentials and fragment, to a public host."
        ),
    ]
    events: Annotated[
        list[Literal[EVENTS]],  # type: ignore[valid-type]
        Field(min_length=1, max_length=len(EVENTS)),
        AfterValidator(_distinct),
    ]
    description: NotRequired[Annotated[str, Field(max_length=MAX_DESCRIPTION)] | None]
    enabled: NotRequired[bool | None]


@with_config(STRICT)
class Rotation(TypedDict):
    """For how long the secret before signs too."""

    overlap_seconds: NotRequired[Annotated[int, Field(ge=0, le=7 * 86_400)] | None]


@with_config(STRICT)
class Since(TypedDict):
    """What happened then or later."""

    since: Moment


class EndpointDocument(TypedDict):
    id: str
    url: str
    events: list[str]
    description: str | None
    enabled: bool
    disabled_at: str | None
    disabled_reason: Annotated[
        Literal["gone", "failing"] | None,
        Field(description="Why the hub switched it off: it answered 410, or failed for five days. Null: you did."),
    ]
    failing_since: Annotated[str | None, Field(description="Nothing was taken since then.")]
    secret_rotates_until: Annotated[str | None, Field(description="Until then the secret before signs too.")]
    created_at: str
    updated_at: str


class EndpointSecret(EndpointDocument):
    secret: Annotated[str, Field(description="`whsec_…`; shown here only.")]


class EndpointList(TypedDict):
    items: list[EndpointDocument]
    next_cursor: None


class MessageAttempt(TypedDict):
    at: str
    status: Annotated[int | None, Field(description="Of the answer; null without one.")]
    detail: str | None
    milliseconds: int


class MessageDocument(TypedDict):
    """One message, with the attempts to post it."""

    id: Annotated[str, Field(description="The header `webhook-id`: the same for every attempt.")]
    type: str
    timestamp: str
    data: dict[str, Any]
    state: Annotated[Literal["due", "claimed", "sent", "failed"], Field(description="`claimed`: being posted.")]
    due_at: str
    finished_at: str | None
    attempts: Annotated[list[MessageAttempt], Field(description="The newest 20, oldest first.")]


class MessagePage(TypedDict):
    items: list[MessageDocument]
    next_cursor: str | None


class TestSent(TypedDict):
    id: Annotated[str, Field(description="Of the message; see the endpoint's attempts.")]


class ReplayAnswer(TypedDict):
    replayed: int


ENDPOINT: Schema[Any] = Schema(WebhookEndpoint)
ROTATION: Schema[Any] = Schema(Rotation)
SINCE: Schema[Any] = Schema(Since)


class EndpointPatch(TypedDict, total=False):
    """A merge patch of an endpoint."""

    url: str
    events: list[str]
    description: str | None
    enabled: bool


PATCH: Schema[Any] = Schema(EndpointPatch)


def endpoint_document(row: Any, *, secret: bool = False) -> dict[str, Any]:
    """An endpoint as the API shows it; with its secret only right after that was made."""
    until = row["previous_until"]
    rotating = until is not None and until > datetime.now(UTC)
    found = {
        "id": str(row["endpoint_id"]),
        **{name: row[name] for name in ("url", "events", "description", "enabled")},
        "disabled_at": _time(row["disabled_at"]),
        "disabled_reason": row["disabled_reason"],
        "failing_since": _time(row["failing_since"]),
        "secret_rotates_until": _time(until) if rotating else None,
        "created_at": format_time(row["created_at"]),
        "updated_at": format_time(row["updated_at"]),
    }
    return {**found, "secret": row["secret"]} if secret else found


def message_document(row: Any) -> dict[str, Any]:
    """A message as the API shows it."""
    return {
        "id": str(row["message_id"]),
        "type": row["type"],
        "timestamp": format_time(row["at"]),
        "data": row["data"],
        "state": row["state"],
        "due_at": format_time(row["due_at"]),
        "finished_at": _time(row["finished_at"]),
        "attempts": [
            {
                "at": format_time(datetime.fromtimestamp(at / 1000, UTC)),
                "status": status,
                "detail": detail,
                "milliseconds": took,
            }
            for at, status, detail, took in row["history"]
        ],
    }


def _time(moment: datetime | None) -> str | None:
    return None if moment is None else format_time(moment)
