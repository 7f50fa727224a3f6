"""The timeline of one notification, as a list or live."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
from sse_starlette import EventSourceResponse, ServerSentEvent
from typing_extensions import TypedDict

from hub.api.context import Api
from hub.api.guard import credential_of
from hub.api.notifications import find_notification
from hub.model.times import format_time
from hub.store.timeline import Event, read_timeline
from hub.web.pages import decode_page_cursor, encode_page_cursor
from hub.web.query import PAGE
from hub.web.request import Request
from hub.web.response import json_response
from hub.web.routing import Answer, Reply, Route
from hub.web.schema import Schema

POLL_SECONDS = 0.5  # for people who watch; one indexed query
OVERLAP = timedelta(seconds=10)  # a transaction that commits late wrote earlier times; longer ones are cut off
PAGE_ROWS = 500
STREAM_SECONDS = 600.0  # then the browser comes back by itself
PING_SECONDS = 15.0  # proxies cut what is silent for 30 to 60 s
SEND_SECONDS = 30.0  # a reader that takes nothing for so long is gone
RETRY_MS = 2_000


class TimelineEvent(TypedDict):
    at: str
    user: str | None
    channel: str | None
    event: str
    reason: str | None
    detail: str | None
    actor: str | None


class TimelinePage(TypedDict):
    items: list[TimelineEvent]
    next_cursor: str | None


def document(event: Event) -> dict[str, Any]:
    """An entry as the API shows it."""
    return {
        "at": format_time(event.at),
        "user": event.user or None,
        "channel": event.channel or None,
        "event": event.event,
        "reason": event.reason,
        "detail": event.detail,
        "actor": event.actor,
    }


def _position(event: Event) -> str:
    return encode_page_cursor(*event.position)


class Timelines:
    """Route of `/v1/notifications/{id}/timeline`."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._hub = api.hub

    def routes(self) -> list[Route]:
        return [
            Route(
                "GET",
                "/v1/notifications/{id}/timeline",
                self.read_timeline,
                "Follow a notification",
                "notifications",
                {200: Reply("What happened, oldest first.", Schema(TimelinePage), also=("text/event-stream",))},
                "With `Accept: text/event-stream` what happened and what happens, each as an event `timeline`. "
                f"The stream ends after {STREAM_SECONDS:g} seconds; `Last-Event-ID` goes on where it was.",
                guard=self._api.guard,
                scopes=("notifications:read",),
                query=PAGE,
                ids=frozenset({"id"}),
                stream=True,
            )
        ]

    async def read_timeline(self, request: Request) -> Answer:
        key, limit = credential_of(request), request.query["limit"]
        row = await find_notification(self._api, key, request.params["id"])
        live = "text/event-stream" in (request.header(b"accept") or "").lower()
        cursor = (request.header(b"last-event-id") if live else None) or request.query["cursor"]
        after = decode_page_cursor(cursor, datetime, str, str, int, str)
        if live:
            return self._stream(key.project_id, row["notification_id"], after)
        events = await read_timeline(self._hub.db, key.project_id, row["notification_id"], after=after, limit=limit + 1)
        page = events[:limit]
        following = _position(page[-1]) if len(events) > limit else None
        return json_response({"items": [document(event) for event in page], "next_cursor": following})

    def _stream(self, project_id: int, notification_id: UUID, after: Any) -> EventSourceResponse:
        return EventSourceResponse(
            self._events(project_id, notification_id, after),
            ping=PING_SECONDS * random.uniform(0.8, 1.2),
            send_timeout=SEND_SECONDS,
            sep="\n",
        )

    async def _events(self, project_id: int, notification_id: UUID, after: Any) -> AsyncIterator[ServerSentEvent]:
        yield ServerSentEvent(retry=int(RETRY_MS * random.uniform(1, 2)), comment="timeline")
        loop = asyncio.get_running_loop()
        ends_at = loop.time() + STREAM_SECONDS
        told: dict[Event, None] = {}
        while not self._api.draining.is_set() and loop.time() < ends_at:
            async for event in self._read_on(project_id, notification_id, after, told):
                yield ServerSentEvent(
                    data=msgspec.json.encode(document(event)).decode("utf-8"), event="timeline", id=_position(event)
                )
            with suppress(TimeoutError):
                await asyncio.wait_for(self._api.draining.wait(), POLL_SECONDS)
        yield ServerSentEvent(data='{"code":4000}', event="close")

    async def _read_on(
        self, project_id: int, notification_id: UUID, after: Any, told: dict[Event, None]
    ) -> AsyncIterator[Event]:
        """What was not told yet. Looks back by OVERLAP, because commits do not come in the order of their times."""
        newest = next(reversed(told), None)
        position = after if newest is None else (newest.at - OVERLAP, "", "", 0, "")
        while True:
            events = await read_timeline(self._hub.db, project_id, notification_id, after=position, limit=PAGE_ROWS)
            for event in events:
                if event not in told:
                    told[event] = None
                    yield event
            if len(events) < PAGE_ROWS:
                break
            position = events[-1].position
        latest = max((event.at for event in told), default=None)
        for event in [event for event in told if latest is not None and event.at < latest - 2 * OVERLAP]:
            del told[event]
