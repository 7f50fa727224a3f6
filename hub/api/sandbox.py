"""The sandbox: what would have been sent to the world, for who builds and tests on it."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from pydantic import Field
from typing_extensions import TypedDict

from hub.api.context import Api
from hub.api.deliveries import FILTERS, filters_of
from hub.api.guard import credential_of
from hub.exceptions import NotFound
from hub.model.times import format_time
from hub.store import sandbox
from hub.web.pages import cursor_value, page_response
from hub.web.request import Request
from hub.web.response import Response, json_response
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
    rendered: Annotated[
        dict[str, Any],
        Field(
            description="What the channel would have sent: of `email` `subject`, `text` and, of one message "
            "alone, `html`; of `web_push` `title`, `body` and `url`; of `sms` `text`."
        ),
    ]
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
        "rendered": row["message"].get("rendered") or {},
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
            ),
            Route(
                "GET",
                "/v1/sandbox/{id}",
                self.get_message,
                "Read what would have been sent",
                "deliveries",
                {200: Reply("The message, with the HTML of a mail.", Schema(SandboxMessageDocument))},
                guard=self._api.guard,
                scopes=("notifications:read",),
                ids=frozenset({"id"}),
                errors=(404,),
            ),
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

    async def get_message(self, request: Request) -> Response:
        key, text = credential_of(request), request.params["id"]
        categories = None if key.categories is None else sorted(key.categories)
        row = await sandbox.get_message(self._hub.db, key.project_id, UUID(text), categories=categories)
        if row is None:
            raise NotFound(f"There is no message {text} in the sandbox. They are kept for {sandbox.KEEP_DAYS} days.")
        return json_response(document(row))
