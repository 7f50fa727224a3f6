"""Notifications: publish, batch, read, cancel."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any, Literal, NotRequired
from uuid import UUID

import msgspec
from pydantic import Field, with_config
from typing_extensions import TypedDict

from hub.api.accepting import accept_publish
from hub.api.context import Api
from hub.api.documents import STRICT
from hub.api.guard import credential_of
from hub.api.idempotent import answer, key_of, known_answer, respond
from hub.api.publish_schema import PUBLISH
from hub.exceptions import Forbidden, NotFound, Refused
from hub.model.notification import Notification
from hub.model.times import format_time
from hub.publish import accept
from hub.publish.publisher import PublishUnit
from hub.store import notifications
from hub.store.idempotency import Answer
from hub.store.keys import KeyRow
from hub.web.pages import cursor_value, page_response
from hub.web.problems import problem_document
from hub.web.query import PAGE, Parameter, name_parameter, read_moment
from hub.web.request import Request
from hub.web.response import Response, json_response
from hub.web.routing import Reply, Route
from hub.web.schema import Schema

MAX_BATCH = 100  # contract
BATCH_LIMIT_BYTES = 4 * 1024 * 1024  # contract


@with_config(STRICT)
class Batch(TypedDict):
    """Up to 100 notifications, each the body of a publish; each is answered by its index."""

    notifications: Annotated[list[Any], Field(min_length=1, max_length=MAX_BATCH)]


class Accepted(TypedDict):
    id: str
    status: Literal["accepted"]
    recipients: Annotated[int | None, Field(description="Distinct people; null while a job counts them.")]


class BatchResult(TypedDict):
    status: int
    id: NotRequired[str]
    recipients: NotRequired[int | None]
    error: NotRequired[dict[str, Any]]


class BatchAnswer(TypedDict):
    results: list[BatchResult]


class NotificationDocument(TypedDict):
    """What was asked for."""

    id: str
    status: Literal["accepted", "scheduled", "cancelled", "expired"]
    recipients: int | None
    created_at: str
    cancelled_at: str | None
    request: dict[str, Any]


class NotificationPage(TypedDict):
    items: list[NotificationDocument]
    next_cursor: str | None


BATCH: Schema[Any] = Schema(Batch)
_SINCE = Parameter(
    "since", read_moment, {"type": "string", "format": "date-time"}, "Only what was accepted then or later."
)
_FILTERS = (
    name_parameter("category", "Only this category."),
    name_parameter("user", "Only what this user was asked for by name, or holds."),
    _SINCE,
    *PAGE,
)


def document(row: Mapping[str, Any] | Any, now: datetime) -> dict[str, Any]:
    """A notification as the API shows it."""
    if row["cancelled_at"] is not None:
        status = "cancelled"
    elif row["expires_at"] is not None and row["expires_at"] <= now:
        status = "expired"
    elif row["send_at"] is not None and row["send_at"] > now:
        status = "scheduled"
    elif row["send_local"] is not None and row["recipients"] is None:
        status = "scheduled"  # until the last time zone had its turn
    else:
        status = "accepted"
    return {
        "id": str(row["notification_id"]),
        "status": status,
        "recipients": row["recipients"],
        "created_at": format_time(row["created_at"]),
        "cancelled_at": None if row["cancelled_at"] is None else format_time(row["cancelled_at"]),
        "request": row["request"],
    }


async def find_notification(api: Api, key: KeyRow, text: str) -> Any:
    """The row of an id in a path.

    Raises:
        NotFound: not there, of another project, or of a category that is not this key's.
    """
    row = await notifications.get_notification(api.hub.db, key.project_id, UUID(text))
    if row is None or (key.categories is not None and row["category"] not in key.categories):
        raise NotFound(f"There is no notification {text}.")
    return row


ACCEPTED = Reply(
    "Durably accepted: it will reach every recipient's inbox exactly once.",
    Schema(Accepted),
    links={operation: {"id": "$response.body#/id"} for operation in ("get_notification", "read_timeline", "cancel")},
)


class Notifications:
    """Routes of `/v1/notifications`, but the timeline's and those that cancel."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._hub = api.hub

    def routes(self) -> list[Route]:
        guard, read, write = self._api.guard, ("notifications:read",), ("notifications:write",)
        return [
            Route(
                "POST",
                "/v1/notifications",
                self.publish,
                "Publish",
                "notifications",
                {202: ACCEPTED},
                guard=guard,
                scopes=write,
                body=PUBLISH,
                idempotent=True,
            ),
            Route(
                "POST",
                "/v1/notifications/batch",
                self.publish_batch,
                "Publish many",
                "notifications",
                {200: Reply("One result for each, by index.", Schema(BatchAnswer))},
                "What is valid is accepted, in one transaction; what is not has its error in its place.",
                guard=guard,
                scopes=write,
                body=BATCH,
                body_limit=BATCH_LIMIT_BYTES,
                idempotent=True,
            ),
            Route(
                "GET",
                "/v1/notifications",
                self.list_notifications,
                "List notifications",
                "notifications",
                {200: Reply("Newest first.", Schema(NotificationPage))},
                "A key that is restricted to categories names one of them.",
                guard=guard,
                scopes=read,
                query=_FILTERS,
            ),
            Route(
                "GET",
                "/v1/notifications/{id}",
                self.get_notification,
                "Read a notification",
                "notifications",
                {200: Reply("What was asked for.", Schema(NotificationDocument))},
                guard=guard,
                scopes=read,
                ids=frozenset({"id"}),
            ),
        ]

    async def publish(self, request: Request) -> Response:
        credential = credential_of(request)
        raw = await request.json()
        key = await key_of(request)
        try:
            notification = await accept_publish(self._api, credential, raw)
        except Refused:
            # A repetition may have become invalid since the first time: its `expires_at` has passed, a category went.
            known = await known_answer(self._hub, key)
            if known is None:
                raise
            return known
        unit = PublishUnit([notification], answer(202, accept.answer(notification)), key)
        return respond(await self._hub.publisher.publish(unit))

    async def publish_batch(self, request: Request) -> Response:
        credential = credential_of(request)
        entries = (await request.read(BATCH, BATCH_LIMIT_BYTES))["notifications"]
        key = await key_of(request)
        accepted: list[Notification] = []
        results: list[dict[str, Any]] = []
        for index, entry in enumerate(entries):
            try:
                notification = await accept_publish(self._api, credential, entry)
            except Refused as refused:
                results.append({"status": refused.status, "error": _error(refused, f"{request.id}.{index}")})
                continue
            accepted.append(notification)
            told = accept.answer(notification)
            results.append({"status": 202, "id": told["id"], "recipients": told["recipients"]})
        done = Answer(200, msgspec.json.encode({"results": results}))
        if not accepted and key is None:
            return respond(done)
        return respond(await self._hub.publisher.publish(PublishUnit(accepted, done, key)))

    async def list_notifications(self, request: Request) -> Response:
        query, key = request.query, credential_of(request)
        if key.categories is not None and query["category"] not in key.categories:
            raise Forbidden(
                "This API key is restricted to categories: name one of them with ?category=.",
                code="category_not_allowed",
            )
        limit, now = query["limit"], datetime.now(UTC)
        rows = await notifications.list_notifications(
            self._hub.db,
            key.project_id,
            category=query["category"],
            user=query["user"],
            since=query["since"],
            before=cursor_value(query["cursor"], UUID),
            limit=limit + 1,
        )
        return page_response(rows, limit, lambda row: document(row, now), lambda row: str(row["notification_id"]))

    async def get_notification(self, request: Request) -> Response:
        row = await find_notification(self._api, credential_of(request), request.params["id"])
        return json_response(document(row, datetime.now(UTC)))


def _error(refused: Refused, request_id: str) -> dict[str, Any]:
    return problem_document(
        refused.status, refused.title, refused.code, refused.detail, request_id, refused.errors[:10]
    )
