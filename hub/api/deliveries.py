"""Deliveries: what is to leave the app, has left it, or did not, and why."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import Field
from typing_extensions import TypedDict

from hub.api.context import Api
from hub.api.guard import credential_of
from hub.exceptions import NotFound
from hub.model.delivery import State
from hub.model.policy import CHANNELS
from hub.model.reason import Reason
from hub.model.times import format_time
from hub.store import deliveries
from hub.web.pages import cursor_value, page_response
from hub.web.query import PAGE, Parameter, name_parameter, one_of, read_moment
from hub.web.request import Request
from hub.web.response import Response, json_response
from hub.web.routing import Reply, Route
from hub.web.schema import Schema

STATES = tuple(state.value for state in State)
REASONS = tuple(reason.value for reason in Reason)


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
    provider: Annotated[str | None, Field(description="That had the last attempt.")]
    detail: Annotated[str | None, Field(description="What the newest change of state says, without addresses.")]
    dispatched_at: str
    due_at: str
    finished_at: str | None


class DeliveryEvent(TypedDict):
    """One change of a delivery's state."""

    at: str
    channel: str
    event: str
    reason: str | None
    detail: str | None
    actor: str


class WholeDelivery(DeliveryDocument):
    """A delivery with everything that happened to it."""

    reference: Annotated[str | None, Field(description="The provider's id for it, if it gave one.")]
    gathered: Annotated[
        dict[str, Any] | None, Field(description="Of a digest: the exact `count`, and up to 100 `notifications`.")
    ]
    history: Annotated[list[DeliveryEvent], Field(description="Oldest first.")]


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
        "provider": row["provider"],
        "detail": row["detail"],
        "dispatched_at": format_time(row["dispatched_at"]),
        "due_at": format_time(row["due_at"]),
        "finished_at": None if row["finished_at"] is None else format_time(row["finished_at"]),
    }


def whole_document(row: Any) -> dict[str, Any]:
    """A delivery as it is read by itself."""
    names = ("channel", "event", "reason", "detail", "actor")
    return {
        **document(row),
        "reference": row["reference"],
        "gathered": row["gathered"],
        "history": [
            {"at": format_time(datetime.fromtimestamp(at / 1000, UTC)), **dict(zip(names, rest, strict=True))}
            for at, *rest in row["history"]
        ],
    }


FILTERS = (
    Parameter("channel", one_of(*CHANNELS), {"type": "string", "enum": list(CHANNELS)}, "Only on this channel."),
    name_parameter("category", "Only this category."),
    name_parameter("user", "Only to this user."),
    *PAGE,
)
_TIME = {"type": "string", "format": "date-time"}
_FATE = (
    Parameter("state", one_of(*STATES), {"type": "string", "enum": list(STATES)}, "Only in this state."),
    Parameter("reason", one_of(*REASONS), {"type": "string", "enum": list(REASONS)}, "Only with this reason."),
    name_parameter("provider", "Only where this provider had the last attempt."),
    Parameter("since", read_moment, _TIME, "Only those dispatched then or later."),
    Parameter("until", read_moment, _TIME, "Only those dispatched before."),
)


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
                query=(*_FATE, *FILTERS),
            ),
            Route(
                "GET",
                "/v1/deliveries/{id}",
                self.get_delivery,
                "Read a delivery",
                "deliveries",
                {200: Reply("The delivery, with its history.", Schema(WholeDelivery))},
                guard=self._api.guard,
                scopes=("notifications:read",),
                ids=frozenset({"id"}),
                errors=(404,),
            ),
        ]

    async def list_deliveries(self, request: Request) -> Response:
        query = request.query
        rows = await deliveries.list_deliveries(
            self._hub.db,
            credential_of(request).project_id,
            **{parameter.name: query[parameter.name] for parameter in _FATE},
            before=cursor_value(query["cursor"], UUID),
            **filters_of(request),
        )
        return page_response(rows, query["limit"], document, lambda row: str(row["delivery_id"]))

    async def get_delivery(self, request: Request) -> Response:
        key, text = credential_of(request), request.params["id"]
        row = await deliveries.get_delivery(self._hub.db, key.project_id, UUID(text))
        if row is None or (key.categories is not None and row["category"] not in key.categories):
            raise NotFound(f"There is no delivery {text}. They are kept for {deliveries.KEEP_DAYS} days.")
        return json_response(whole_document(row))
