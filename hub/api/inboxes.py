"""A person's inbox, marks and presence, as their backend sees them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any, Literal, NotRequired

import msgspec
from pydantic import Field, with_config
from typing_extensions import TypedDict

from hub.api.context import Api
from hub.api.documents import STRICT
from hub.api.guard import credential_of
from hub.api.idempotent import REPLAYED, key_of
from hub.exceptions import NotFound, Refused
from hub.model.frames import counts_json
from hub.model.mark import MAX_IDS, parse_mark
from hub.model.person import Person
from hub.model.times import format_time
from hub.publish.broadcast import pull_broadcasts
from hub.publish.inbox import Marked, mark
from hub.runtime import Hub
from hub.store import idempotency, people
from hub.store.idempotency import IdempotencyKey
from hub.store.inbox import STATUSES, HeadState, InboxPage, InboxQuery, open_inbox, read_page
from hub.web.fields import AlwaysTrue, Moment, Name
from hub.web.query import PAGE, Parameter, name_parameter, one_of
from hub.web.request import Request
from hub.web.response import Response, json_response
from hub.web.routing import Reply, Route
from hub.web.schema import Schema


class Actor(TypedDict):
    id: str
    name: str | None
    avatar_url: str | None


class Item(TypedDict):
    """What one person holds of one notification. Times are null while it is not so."""

    id: str
    notification_id: str
    seq: int
    rev: int
    category: str
    title: str | None
    body: str | None
    action_url: str | None
    actions: list[dict[str, Any]]
    image_url: str | None
    data: dict[str, Any]
    tags: list[str]
    actor: Actor | None
    tenant: str | None
    thread_key: str | None
    priority: Literal["critical", "normal", "bulk"]
    created_at: str
    seen_at: str | None
    read_at: str | None
    clicked_at: str | None
    archived_at: str | None
    pinned_at: str | None
    snoozed_until: str | None
    expires_at: str | None


class InboxCounts(TypedDict):
    """Over items not archived, snoozed, expired or removed."""

    unseen: int
    unread: int
    total: int


class InboxDocument(TypedDict):
    """A page of an inbox."""

    items: list[Item]
    next_cursor: str | None
    counts: InboxCounts
    rev: int
    sync: Annotated[str, Field(description="A cursor for the stream; of several pages, the first's counts.")]


@with_config(STRICT)
class MarkRequest(TypedDict):
    """Either `ids`, or `all` with its filters."""

    action: Literal[
        "seen", "read", "unread", "archive", "unarchive", "snooze", "unsnooze", "pin", "unpin", "click", "delete"
    ]
    ids: NotRequired[Annotated[list[str], Field(min_length=1, max_length=MAX_IDS)] | None]
    all: NotRequired[AlwaysTrue | None]
    upto: NotRequired[Annotated[int, Field(ge=0)] | None]
    category: NotRequired[Name | None]
    tag: NotRequired[Name | None]
    until: NotRequired[Annotated[Moment | None, Field(description="With the action snooze.")]]


class MarkAnswer(TypedDict):
    rev: int
    changed: int
    unknown: list[str]


class ConnectionDocument(TypedDict):
    id: str
    gateway: str
    state: Literal["active", "idle"]


class PresenceDocument(TypedDict):
    state: Literal["active", "idle", "offline", "unknown"]
    last_seen_at: str | None
    connections: list[ConnectionDocument]


MARK: Schema[Any] = Schema(MarkRequest)
INBOX_REPLY = Reply("Newest first, pinned before.", Schema(InboxDocument))
MARK_REPLY = Reply("What changed.", Schema(MarkAnswer))
INBOX_QUERY: tuple[Parameter, ...] = (
    Parameter(
        "status",
        one_of(*STATUSES),
        {"type": "string", "enum": list(STATUSES), "default": "all"},
        "`all`: neither archived nor snoozed.",
        "all",
    ),
    name_parameter("category", "Only this category."),
    name_parameter("tag", "Only items with this tag."),
    name_parameter("tenant", "Only this tenant."),
    *PAGE,
)


def inbox_query(query: dict[str, Any]) -> InboxQuery:
    """The query of a request that declares INBOX_QUERY."""
    return InboxQuery(
        query["status"], query["category"], query["tag"], query["tenant"], query["limit"], query["cursor"]
    )


def inbox_response(page: InboxPage) -> Response:
    """A page with counts and the cursor they belong to; items are spliced, not parsed."""
    following = b"null" if page.next_cursor is None else b'"%b"' % page.next_cursor.encode("ascii")
    body = b'{"items":[%b],"next_cursor":%b,"counts":%b,"rev":%d,"sync":"%b"}' % (
        b",".join(page.items),
        following,
        counts_json(page.head.counts),
        page.head.rev,
        page.head.cursor.encode("ascii"),
    )
    return Response(200, body)


def mark_response(done: Marked) -> Response:
    """What a mark did."""
    body = {"rev": done.rev, "changed": done.changed, "unknown": done.unknown}
    return json_response(body, headers=[REPLAYED] if done.replayed else None)


async def known_mark(hub: Hub, key: IdempotencyKey | None) -> Marked | None:
    """What a mark with this key did the first time, or None. Raises Invalid, Conflict: of the key."""
    if key is None:
        return None
    known = await hub.db.transaction(lambda conn: idempotency.begin(conn, key))
    if known is None:
        return None
    rev, changed, unknown = msgspec.json.decode(known.body)
    return Marked(rev, changed, unknown, replayed=True)


class Inboxes:
    """Routes below `/v1/users/{user}` that are about the inbox."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._hub = api.hub

    def routes(self) -> list[Route]:
        guard, read, write = self._api.guard, ("users:read",), ("users:write",)
        return [
            Route(
                "GET",
                "/v1/users/{user}/inbox",
                self.read_user_inbox,
                "Read a person's inbox",
                "users",
                {200: INBOX_REPLY},
                guard=guard,
                scopes=read,
                query=INBOX_QUERY,
                errors=(404,),
            ),
            Route(
                "POST",
                "/v1/users/{user}/inbox/mark",
                self.mark_user_inbox,
                "Mark items for a person",
                "users",
                {200: MARK_REPLY},
                guard=guard,
                scopes=write,
                body=MARK,
                idempotent=True,
                errors=(404,),
            ),
            Route(
                "GET",
                "/v1/users/{user}/presence",
                self.read_user_presence,
                "Read a person's presence",
                "users",
                {200: Reply("Where the person is.", Schema(PresenceDocument))},
                "`unknown` while Redis, or a gateway, was away too lately to tell.",
                guard=guard,
                scopes=read,
            ),
        ]

    async def read_user_inbox(self, request: Request) -> Response:
        head = await self._open(request)
        page = await read_page(self._hub.db, head.person_id, inbox_query(request.query))
        if page is None:  # deleted this moment
            raise NotFound(f"There is no user {request.params['user']!r}.")
        return inbox_response(page)

    async def mark_user_inbox(self, request: Request) -> Response:
        body = await request.json()
        key = await key_of(request)
        try:
            wanted = parse_mark(body, datetime.now(UTC))
        except Refused:
            done = await known_mark(self._hub, key)  # its `until` may have passed since the first time
            if done is None:
                raise
            return mark_response(done)
        head = await self._open(request)
        person = Person(head.person_id, credential_of(request).project_id, request.params["user"])
        return mark_response(await mark(self._hub, person, wanted, key=key))

    async def read_user_presence(self, request: Request) -> Response:
        project_id, user = credential_of(request).project_id, request.params["user"]
        row = await people.get_person(self._hub.db, project_id, user)
        last_seen_at = None if row is None or row["last_seen_at"] is None else format_time(row["last_seen_at"])
        (presence,) = await self._hub.presences([(project_id, user)])
        connections = [
            {"id": entry.connection, "gateway": entry.gateway, "state": entry.state} for entry in presence.connections
        ]
        return json_response({"state": presence.state, "last_seen_at": last_seen_at, "connections": connections})

    async def _open(self, request: Request) -> HeadState:
        """The head of a stored person, with what is pending for everybody pulled in."""
        project_id, user = credential_of(request).project_id, request.params["user"]
        if await people.get_person(self._hub.db, project_id, user) is None:
            raise NotFound(f"There is no user {user!r}: never stored, notified or connected.")
        head = await open_inbox(self._hub.db, project_id, user)
        if head.pending_broadcasts:
            await pull_broadcasts(self._hub, [head.person_id])
        return head
