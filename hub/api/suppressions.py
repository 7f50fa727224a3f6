"""The suppression list: addresses that nothing is sent to any more, and why."""

from __future__ import annotations

from typing import Annotated, Any, Literal, NotRequired

from pydantic import Field, TypeAdapter, ValidationError, with_config
from typing_extensions import TypedDict

from hub.api.context import Api
from hub.api.documents import STRICT
from hub.api.guard import credential_of
from hub.exceptions import Invalid, NotFound
from hub.model.times import format_time
from hub.store import suppressions
from hub.store.suppressions import CAUSES, CHANNELS, Cause
from hub.web.fields import Email, Phone
from hub.web.pages import decode_page_cursor, encode_page_cursor
from hub.web.query import PAGE, Parameter, name_parameter, one_of
from hub.web.request import Request
from hub.web.response import Response, json_response, no_content
from hub.web.routing import Reply, Route
from hub.web.schema import Schema


@with_config(STRICT)
class Suppression(TypedDict):
    """An address, and why nothing is sent to it."""

    channel: Literal["email", "sms"]
    address: Annotated[str, Field(description="An e-mail address or a phone number.", max_length=254)]
    reason: NotRequired[Annotated[Cause | None, Field(description="`manual` if absent.")]]


class SuppressionDocument(TypedDict):
    channel: str
    address: Annotated[str, Field(description="In lower case, the domain of an e-mail address in ASCII.")]
    reason: Cause
    detail: Annotated[str | None, Field(description="What the mail system said: `5.1.1`.")]
    created_at: str


class SuppressionPage(TypedDict):
    items: list[SuppressionDocument]
    next_cursor: str | None


SUPPRESSION: Schema[Any] = Schema(Suppression)
_ADDRESSES: dict[str, TypeAdapter[str]] = {"email": TypeAdapter(Email), "sms": TypeAdapter(Phone)}
_FILTERS = (
    Parameter("channel", one_of(*CHANNELS), {"type": "string", "enum": list(CHANNELS)}, "Only on this channel."),
    Parameter("reason", one_of(*CAUSES), {"type": "string", "enum": list(CAUSES)}, "Only for this reason."),
    name_parameter("address", "Only this address."),
    *PAGE,
)


def document(row: Any) -> dict[str, Any]:
    return {
        "channel": row["channel"],
        "address": row["address"],
        "reason": row["reason"],
        "detail": row["detail"],
        "created_at": format_time(row["created_at"]),
    }


class Suppressions:
    """Routes of `/v1/suppressions`."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._db = api.hub.db

    def routes(self) -> list[Route]:
        path, guard = "/v1/suppressions", self._api.guard
        return [
            Route(
                "GET",
                path,
                self.list_suppressions,
                "List suppressed addresses",
                "suppressions",
                {200: Reply("By channel and address.", Schema(SuppressionPage))},
                guard=guard,
                scopes=("users:read",),
                query=_FILTERS,
            ),
            Route(
                "PUT",
                path,
                self.put_suppression,
                "Suppress an address",
                "suppressions",
                {200: Reply("It is suppressed.", Schema(SuppressionDocument))},
                "From now on deliveries to it are skipped as `suppressed`. Takes the place of an earlier reason.",
                guard=guard,
                scopes=("users:write",),
                body=SUPPRESSION,
            ),
            Route(
                "DELETE",
                f"{path}/{{channel}}/{{address}}",
                self.remove_suppression,
                "Let an address be written to again",
                "suppressions",
                {204: Reply("It is not suppressed any more.")},
                guard=guard,
                scopes=("users:write",),
                errors=(404,),
            ),
        ]

    async def list_suppressions(self, request: Request) -> Response:
        query = request.query
        limit = query["limit"]
        rows = await suppressions.list_suppressions(
            self._db,
            credential_of(request).project_id,
            channel=query["channel"],
            cause=query["reason"],
            address=query["address"],
            after=decode_page_cursor(query["cursor"], str, str),
            limit=limit + 1,
        )
        page = rows[:limit]
        following = encode_page_cursor(page[-1]["channel"], page[-1]["address"]) if len(rows) > limit else None
        return json_response({"items": [document(row) for row in page], "next_cursor": following})

    async def put_suppression(self, request: Request) -> Response:
        body = await request.read(SUPPRESSION)
        channel, address = body["channel"], body["address"]
        try:
            _ADDRESSES[channel].validate_python(address, strict=True)
        except ValidationError as error:
            found = error.errors(include_url=False)[0]
            raise Invalid.field("address", found["type"], found["msg"]) from None
        project_id = credential_of(request).project_id
        row = await suppressions.put(self._db, project_id, channel, address, body.get("reason") or "manual")
        return json_response(document(row))

    async def remove_suppression(self, request: Request) -> Response:
        channel, address = request.params["channel"], request.params["address"]
        if not await suppressions.remove(self._db, credential_of(request).project_id, channel, address):
            raise NotFound(f"The address is not suppressed on {channel!r}.")
        return no_content()
