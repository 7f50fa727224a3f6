"""The sandbox: what would have been sent to the world, for who builds and tests on it."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field
from typing_extensions import TypedDict

from hub.api.context import Api
from hub.api.deliveries import FILTERS, filters_of
from hub.api.guard import credential_of
from hub.model.times import format_time
from hub.store import sandbox
from hub.web.pages import cursor_value, page_response
from hub.web.request import Request
from hub.web.response import Response
from hub.web.routing import Reply, Route
from hub.web.schema import Schema


class SandboxMessageDocument(TypedDict):
    """One message, as the channel got it."""

    id: Annotated[str, Field(description="Of its delivery.")]
    notification_id: str
    user: str
    category: str
    channel: str
    kind: Annotated[str, Field(description="`step`, or `withdrawal`: it closes what an earlier message shows.")]
    content: Annotated[dict[str, Any], Field(description="The item's fields as the person reads them.")]
    gathered: Annotated[
        dict[str, Any] | None, Field(description="Of a digest: the exact `count`, and up to 100 `notifications`.")
    ]
    attempts: Annotated[int, Field(description="How often it was handed over. More than 1 after a crash.")]
    sent_at: str


class SandboxPage(TypedDict):
    items: list[SandboxMessageDocument]
    next_cursor: str | None


def document(row: Any) -> dict[str, Any]:
    return {
        "id": str(row["delivery_id"]),
        "notification_id": str(row["notification_id"]),
        "user": row["user_id"],
        "category": row["category"],
        "channel": row["channel"],
        "kind": row["kind"],
        "content": row["message"]["content"],
        "gathered": row["message"]["gathered"],
        "attempts": row["attempts"],
        "sent_at": format_time(row["created_at"]),
    }


class SandboxMessages:
    """Routes of `/v1/sandbox`."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._hub = api.hub

    def routes(self) -> list[Route]:
        return [
            Route(
                "GET",
                "/v1/sandbox",
                self.list_messages,
                "List what would have been sent",
                "deliveries",
                {200: Reply("Newest first.", Schema(SandboxPage))},
                "Messages of test projects, and of notifications with `sandbox`. Kept for 7 days.",
                guard=self._api.guard,
                scopes=("notifications:read",),
                query=FILTERS,
            )
        ]

    async def list_messages(self, request: Request) -> Response:
        query = request.query
        rows = await sandbox.list_messages(
            self._hub.db,
            credential_of(request).project_id,
            before=cursor_value(query["cursor"], int),
            **filters_of(request),
        )
        return page_response(rows, query["limit"], document, lambda row: row["position"])
