"""The client's REST calls: a person's own inbox, beside the stream."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import partial
from uuid import UUID

from gateway import sse
from gateway.admission import grant
from gateway.documents import COUNTS_AT, ITEM, RECEIPT, STREAM_QUERY
from gateway.guard import TOKEN_PARAMETER, ClientTokenGuard, token_of
from gateway.session import Ack
from gateway.switchboard import Switchboard
from gateway.ws import PATH as WEBSOCKET_PATH
from hub.api.choices import CHOICES, read_choices
from hub.api.idempotent import known_answer, once
from hub.api.inboxes import (
    INBOX_QUERY,
    INBOX_REPLY,
    MARK,
    MARK_REPLY,
    inbox_query,
    inbox_response,
    known_mark,
    mark_response,
)
from hub.api.preference_schema import PERSON
from hub.api.preferences import change as change_preferences
from hub.bus.presence import holds
from hub.exceptions import Forbidden, NotFound, Refused
from hub.model.mark import parse_mark, seen_upto
from hub.model.person import Person
from hub.publish import inbox as publish_inbox
from hub.publish.broadcast import pull_broadcasts
from hub.runtime import Hub
from hub.security import ClientToken
from hub.store import inbox, preferences
from hub.store.database import Connection
from hub.store.idempotency import Answer, IdempotencyKey
from hub.store.inbox import HeadState
from hub.store.preferences import Owner
from hub.web.app import json_problem
from hub.web.request import Request
from hub.web.response import Response, json_response
from hub.web.routing import Answer as WebAnswer
from hub.web.routing import Reply, Route

READ, WRITE, WRITE_PREFERENCES = ("inbox:read",), ("inbox:write",), ("preferences:write",)

SOURCE = "person"  # of consents that somebody gives by their own client


class InboxRoutes:
    """Routes under `/v1/inbox`."""

    def __init__(self, board: Switchboard, guard: ClientTokenGuard) -> None:
        self._board = board
        self._hub = board.hub
        self._guard = guard

    def routes(self) -> list[Route]:
        guard, base, tag = self._guard, "/v1/inbox", "inbox"
        stream = Reply(
            "The frames of the protocol: `event` their type, `id` the cursor, `data` the same JSON as on a WebSocket.",
            media_type="text/event-stream",
        )
        own = Reply("What the person said.", PERSON.whole)
        return [
            Route(
                "GET", base, self.list_inbox, "List one's inbox", tag, {200: INBOX_REPLY},
                guard=guard, scopes=READ, query=INBOX_QUERY,
            ),
            Route(
                "GET", f"{base}/counts", self.count_inbox, "Count one's inbox", tag,
                {200: Reply("The counts.", COUNTS_AT)}, guard=guard, scopes=READ,
            ),
            Route(
                "GET", f"{base}/{{id}}", self.get_item, "Get one item", tag, {200: Reply("The item.", ITEM)},
                guard=guard, scopes=READ, ids=frozenset({"id"}),
            ),
            Route(
                "POST", f"{base}/mark", self.mark_inbox, "Mark items", tag, {200: MARK_REPLY},
                guard=guard, scopes=WRITE, body=MARK, idempotent=True,
            ),
            Route(
                "POST", f"{base}/receipts", self.take_receipt, "Give receipts for a stream without a way up", tag,
                {204: Reply("Taken.")},
                "The connection may be on another gateway. `seen` needs the scope `inbox:write` as well.",
                guard=guard, scopes=READ, body=RECEIPT, idempotent=True, errors=(404,),
            ),
            Route(
                "GET", f"{base}/preferences", self.get_inbox_preferences, "Read one's preferences", tag,
                {200: own}, "What the person said, without the defaults of tenant and project.",
                guard=guard, scopes=READ,
            ),
            Route(
                "GET", f"{base}/preferences/choices", self.get_preference_choices, "List what one can choose", tag,
                {200: CHOICES}, "Categories by channels as they hold, with the defaults of tenant and project.",
                guard=guard, scopes=READ,
            ),
            Route(
                "PATCH", f"{base}/preferences", self.patch_inbox_preferences, "Change one's preferences", tag,
                {200: own}, "A merge patch (RFC 7396): null removes.",
                guard=guard, scopes=WRITE_PREFERENCES, body=PERSON.patch,
            ),
            Route(
                "GET", f"{base}/events", self.stream_inbox, "Stream as server-sent events", tag, {200: stream},
                "For `EventSource`, which cannot set headers, the token may be given as `?token=`; no log shows it. "
                "Before the stream ends comes `event: close` with a close code of the protocol.",
                guard=guard, scopes=READ, query=STREAM_QUERY, stream=True, ignored_query=frozenset({TOKEN_PARAMETER}),
            ),
            Route(
                "GET", WEBSOCKET_PATH, self.upgrade_inbox, "Stream over a WebSocket", tag,
                {101: Reply("Subprotocol `hub.v1`; see /asyncapi.json."), 426: Reply("Asked without an upgrade.")},
            ),
        ]  # fmt: skip

    # Reading

    async def list_inbox(self, request: Request) -> Response:
        query = inbox_query(request.query)
        head = await self._current(token_of(request))
        page = await inbox.read_page(self._hub.db, head.person_id, query)
        if page is None:
            raise _deleted()
        return inbox_response(page)

    async def count_inbox(self, request: Request) -> Response:
        head = await self._current(token_of(request))
        return json_response({**head.counts._asdict(), "rev": head.rev})

    async def get_item(self, request: Request) -> Response:
        head = await self._current(token_of(request))
        item = await inbox.read_item(self._hub.db, head.person_id, UUID(request.params["id"]))
        if item is None:
            raise NotFound(f"There is no item {request.params['id']} in this inbox.")
        return Response(200, item)

    async def _current(self, token: ClientToken) -> HeadState:
        """The person's head, with everything in it that is for everyone."""
        head = await inbox.open_inbox(self._hub.db, token.project_id, token.user, token_issued_at=token.counts_from)
        if not head.pending_broadcasts:
            return head
        await pull_broadcasts(self._hub, [head.person_id])
        heads = await inbox.read_heads(self._hub.db, [head.person_id])
        if head.person_id not in heads:
            raise _deleted()
        return heads[head.person_id]

    # Marks and receipts

    async def mark_inbox(self, request: Request) -> Response:
        token = token_of(request)
        body = await request.json()
        key = await client_key(request, token)
        try:
            mark = parse_mark(body, datetime.now(UTC))
        except Refused:
            done = await known_mark(self._hub, key)  # its `until` may have passed since the first time
            if done is None:
                raise
            return mark_response(done)
        return mark_response(await publish_inbox.mark(self._hub, await person_of(self._hub, token), mark, key=key))

    async def take_receipt(self, request: Request) -> Response:
        token = token_of(request)
        receipt = await request.read(RECEIPT)
        seen: int | None = receipt.get("seen")
        if seen is not None and WRITE[0] not in token.scopes:
            raise Forbidden("`seen` needs a token with the scope inbox:write.", code="insufficient_scope")
        key = await client_key(request, token)
        known = await known_answer(self._hub, key)
        if known is not None:
            return known
        await self._pass_on(token, receipt["connection"], receipt.get("ack"), receipt.get("state"))
        if seen is not None:
            await publish_inbox.mark(self._hub, await person_of(self._hub, token), seen_upto(seen))
        return await once(self._hub, key, _taken)  # all of it may happen again without harm; the key wants its answer

    async def _pass_on(self, token: ClientToken, connection: str, ack: int | None, state: str | None) -> None:
        board, hub = self._board, self._hub
        here = board.connections.get(connection)
        if here is not None:
            session = here.session
            if session.grant is None or (session.grant.project_id, session.grant.user) != (
                token.project_id,
                token.user,
            ):
                raise _no_connection(connection)
            if ack is not None:
                here.perform((Ack(session.clamp(ack)),))
            if state is not None:
                here.perform(session.change_state("active" if state == "active" else "idle"))
            return
        if not await holds(hub.redis, hub.installation, token.project_id, token.user, connection):
            raise _no_connection(connection)
        if ack is not None:
            board.receipts.note((await person_of(self._hub, token)).person_id, ack)  # the store clamps it to the head
        if state is not None:
            await board.tell_state(connection, state)

    # Preferences

    async def get_inbox_preferences(self, request: Request) -> Response:
        return json_response(await preferences.read(self._hub.db, _owner(token_of(request))))

    async def get_preference_choices(self, request: Request) -> Response:
        token, now = token_of(request), datetime.now(UTC)
        return json_response(await read_choices(self._hub, token.project_id, token.user, token.tenant, now))

    async def patch_inbox_preferences(self, request: Request) -> Response:
        token, body = token_of(request), await request.json()
        document = await change_preferences(self._hub, _owner(token), body, replace=False, source=SOURCE, token=token)
        return json_response(document)

    # Streams

    async def stream_inbox(self, request: Request) -> WebAnswer:
        origin, origins = request.header(b"origin"), self._board.origins
        if not origins.allows(origin, request.header(b"host")):
            raise Forbidden(origins.refusal(origin), code="origin_refused")
        cursor = request.header(b"last-event-id") or request.query["since"]
        granted = grant(token_of(request))
        return partial(sse.serve, self._board, granted, cursor or None, request.query["state"])

    async def upgrade_inbox(self, request: Request) -> Response:
        detail = "This is a WebSocket. Connect with one, subprotocol hub.v1; or read /v1/inbox/events."
        headers = [(b"upgrade", b"websocket"), (b"connection", b"upgrade")]
        return json_problem(426, "Upgrade required", "upgrade_required", detail, request.id, headers)


def _owner(token: ClientToken) -> Owner:
    return Owner.person(token.project_id, token.user)


async def _taken(_conn: Connection) -> Answer:
    return Answer(204, b"")


async def person_of(hub: Hub, token: ClientToken) -> Person:
    """Whose token it is; an inbox exists from the first call on."""
    head = await inbox.open_inbox(hub.db, token.project_id, token.user, token_issued_at=token.counts_from)
    return Person(head.person_id, token.project_id, token.user)


async def client_key(request: Request, token: ClientToken) -> IdempotencyKey | None:
    """Bound to the person, not to the token: tokens are renewed between a request and its repetition."""
    key = await request.key(f"client {token.project_id} {token.user}")
    return None if key is None else IdempotencyKey(*key)


def _no_connection(connection: str) -> NotFound:
    return NotFound(f"There is no connection {connection[:100]!r} of this person.")


def _deleted() -> NotFound:
    return NotFound("This inbox was deleted.")
