"""Engagement: what was sent, and what people did with it, counted."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

from pydantic import Field
from typing_extensions import TypedDict

from hub.api.context import Api
from hub.api.guard import credential_of
from hub.exceptions import Invalid
from hub.model.policy import CHANNELS
from hub.model.times import truncate
from hub.store import events
from hub.web.query import Parameter, name_parameter, one_of, read_moment
from hub.web.request import Request
from hub.web.response import Response, json_response
from hub.web.routing import Reply, Route
from hub.web.schema import Schema

MAX_DAYS = events.KEEP_DAYS
DEFAULT_DAYS = 28
MAX_COUNTS = 10_000  # lines of an answer, some 1.5 MB
_MOMENT = {"type": "string", "format": "date-time"}
_BY = ("day", "total")


class EngagementCount(TypedDict):
    """How often one thing happened; a `null` day is the whole time, a `null` provider the app or a page."""

    day: Annotated[str | None, Field(description="In UTC.", json_schema_extra={"format": "date"})]
    category: str
    channel: str
    provider: str | None
    event: str
    automated: Annotated[bool, Field(description="By a scanner or a privacy proxy, as far as one can tell.")]
    count: int


class EngagementCounts(TypedDict):
    items: list[EngagementCount]


def document(row: Any) -> dict[str, Any]:
    """A count as the API shows it."""
    return {**row, "day": None if row["day"] is None else row["day"].isoformat()}


class Engagements:
    """Routes of `/v1/engagement`."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._hub = api.hub

    def routes(self) -> list[Route]:
        query = (
            Parameter("since", read_moment, _MOMENT, f"From then on; {DEFAULT_DAYS} days before `until` when absent."),
            Parameter("until", read_moment, _MOMENT, f"Until before then; now when absent. At most {MAX_DAYS} days."),
            name_parameter("category", "Only this category."),
            Parameter("channel", one_of(*CHANNELS), {"type": "string", "enum": list(CHANNELS)}, "Only this channel."),
            name_parameter("provider", "Only this provider."),
            Parameter("by", one_of(*_BY), {"type": "string", "enum": list(_BY)}, "`day` when absent.", "day"),
        )
        return [
            Route(
                "GET",
                "/v1/engagement",
                self.count_engagement,
                "Count what was sent and what came of it",
                "deliveries",
                {200: Reply("Counts, oldest day first.", Schema(EngagementCounts))},
                "By day, category, channel, provider, event, and whether a program did it. A message counts once for "
                "each event and link, an item once for each event.",
                guard=self._api.guard,
                scopes=("notifications:read",),
                query=query,
            )
        ]

    async def count_engagement(self, request: Request) -> Response:
        query, key = request.query, credential_of(request)
        until: datetime = query["until"] or truncate(datetime.now(UTC))
        since: datetime = query["since"] or until - timedelta(days=DEFAULT_DAYS)
        if not since < until:
            raise Invalid.field("query.since", "out_of_range", "must be before until")
        if until - since > timedelta(days=MAX_DAYS):
            raise Invalid.field("query.since", "out_of_range", f"must be within {MAX_DAYS} days of until")
        rows = await events.count_events(
            self._hub.db,
            key.project_id,
            since,
            until,
            category=query["category"],
            channel=query["channel"],
            provider=query["provider"],
            categories=None if key.categories is None else sorted(key.categories),
            by_day=query["by"] == "day",
            limit=MAX_COUNTS + 1,
        )
        if len(rows) > MAX_COUNTS:
            raise Invalid(
                f"These are more than {MAX_COUNTS} counts. Ask for a shorter time, one category, or by=total.",
                code="too_many",
            )
        return json_response({"items": [document(row) for row in rows]})
