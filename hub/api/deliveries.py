"""Deliveries: what is to leave the app, has left it, or did not, and why."""

from __future__ import annotations

from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import Field
from typing_extensions import TypedDict

from hub.api.context import Api
from hub.api.guard import credential_of
from hub.model.delivery import State
from hub.model.policy import CHANNELS
from hub.model.times import format_time
from hub.store import deliveries
from hub.web.pages import cursor_value, page_response
from hub.web.query import PAGE, Parameter, name_parameter, one_of
from hub.web.request import Request
from hub.web.response import Response
from hub.web.routing import Reply, Route
from hub.web.schema import Schema

STATES = tuple(state.value for state in State)


class DeliveryDocument(TypedDict):
    """One person, one line of the ladder: the step that it holds, and how it stands."""

    id: str
    notification_id: str
    user: str
    category: str
    channel: str
    kind: Annotated[Literal["step", "withdrawal"], Field(description="`withdrawal` closes a push that shows.")]
    state: str
    reason: str | None
    attempts: int
    dispatched_at: str
    due_at: str
    finished_at: str | None


class DeliveryPage(TypedDict):
    items: list[DeliveryDocument]
    next_cursor: str | None


def document(row: Any) -> dict[str, Any]:
    """A delivery as the API shows it."""
    return {
        "id": str(row["delivery_id"]),
        "notification_id": str(row["notification_id"]),
        "user": row["user_id"],
        "category": row["category"],
        "channel": row["channel"],
        "kind": row["kind"],
        "state": row["state"],
        "reason": row["reason"],
        "attempts": row["attempts"],
        "dispatched_at": format_time(row["dispatched_at"]),
        "due_at": format_time(row["due_at"]),
        "finished_at": None if row["finished_at"] is None else format_time(row["finished_at"]),
    }


FILTERS = (
    Parameter("channel", one_of(*CHANNELS), {"type": "string", "enum": list(CHANNELS)}, "Only on this channel."),
    name_parameter("category", "Only this category."),
    name_parameter("user", "Only to this user."),
    *PAGE,
)
_STATE = Parameter("state", one_of(*STATES), {"type": "string", "enum": list(STATES)}, "Only in this state.")


def filters_of(request: Request) -> dict[str, Any]:
    """What FILTERS ask for and the key may see, as the store's lists take it; one row more than the page holds."""
    query, key = request.query, credential_of(request)
    return {
        **{name: query[name] for name in ("channel", "category", "user")},
        "limit": query["limit"] + 1,
        "categories": None if key.categories is None else sorted(key.categories),
    }


class Deliveries:
    """Routes of `/v1/deliveries`."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._hub = api.hub

    def routes(self) -> list[Route]:
        return [
            Route(
                "GET",
                "/v1/deliveries",
                self.list_deliveries,
                "List deliveries",
                "deliveries",
                {200: Reply("Newest first.", Schema(DeliveryPage))},
                "What leaves the app, has left it, or did not. Each is told in full by its notification's timeline.",
                guard=self._api.guard,
                scopes=("notifications:read",),
                query=(_STATE, *FILTERS),
            )
        ]

    async def list_deliveries(self, request: Request) -> Response:
        query = request.query
        rows = await deliveries.list_deliveries(
            self._hub.db,
            credential_of(request).project_id,
            state=query["state"],
            before=cursor_value(query["cursor"], UUID),
            **filters_of(request),
        )
        return page_response(rows, query["limit"], document, lambda row: str(row["delivery_id"]))
