"""Web push, as browsers see it: the key to subscribe with, one's subscriptions, and what service workers report.

A service worker has no client token, least of all while no page is open. What it may say is in links that the hub
signed: one in each push, to report about that push; and one for each subscription, to renew that subscription. Its
requests are simple ones (Fetch, "CORS-safelisted"), so that they need no preflight, and carry no credentials: any
origin may send them.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import Field, with_config
from typing_extensions import TypedDict

from gateway.guard import ClientTokenGuard, token_of
from gateway.rest import WRITE, client_key, person_of
from gateway.switchboard import Switchboard
from hub.api import push_subscriptions as api
from hub.api.documents import GONE, STRICT
from hub.exceptions import NotFound, RateLimited
from hub.publish.push_reports import report
from hub.security.links import MAX_LENGTH, Purpose, read_link
from hub.security.vapid import read_key
from hub.store import push_subscriptions
from hub.store.database import Connection
from hub.web.app import REFUSALS_PER_SECOND
from hub.web.asgi import Headers
from hub.web.request import Request
from hub.web.response import Response, json_response
from hub.web.routing import Reply, Route
from hub.web.schema import Schema
from hub.web.strict_json import parse_json

_LIMIT_BYTES = 8 * 1024  # a subscription and a link
_OPEN: Headers = [(b"access-control-allow-origin", b"*"), (b"cache-control", b"no-store")]

Link = Annotated[str, Field(min_length=1, max_length=MAX_LENGTH)]


@with_config(STRICT)
class PushReport(TypedDict):
    """What became of one push."""

    token: Annotated[Link, Field(description="The push's `delivery`.")]
    event: Literal["shown", "clicked"]


@with_config(STRICT)
class PushRenewal(TypedDict):
    """A subscription that takes the place of another."""

    token: Annotated[Link, Field(description="The `renewal` of the one before.")]
    subscription: api.PushSubscriptionBody


class PushKey(TypedDict):
    public_key: Annotated[str, Field(description="`applicationServerKey`: a point on P-256 in base64url.")]


REPORT, RENEWAL = Schema(PushReport), Schema(PushRenewal)


class PushRoutes:
    """Routes of web push under `/v1/inbox`, and those of links under `/l/push`."""

    def __init__(self, board: Switchboard, guard: ClientTokenGuard) -> None:
        self._board = board
        self._hub = board.hub
        self._guard = guard
        key = board.hub.settings.vapid_private_key
        self._public_key = None if key is None else read_key(key.get_secret_value()).public_text

    def routes(self) -> list[Route]:
        guard, base, tag = self._guard, "/v1/inbox", "inbox"
        simple = "JSON with any Content-Type, so that a service worker of another origin needs no preflight."
        return [
            Route(
                "GET", f"{base}/push-key", self.get_push_key, "The key to subscribe with", tag,
                {200: Reply("The hub's public key (RFC 8292).", Schema(PushKey))},
                guard=guard, errors=(404,),
            ),
            Route(
                "POST", f"{base}/push-subscriptions", self.add_inbox_push_subscription, "Push to this browser", tag,
                {201: api.STORED}, api.ABOUT, guard=guard, scopes=WRITE, body=api.SUBSCRIPTION, idempotent=True,
            ),
            Route(
                "DELETE", f"{base}/push-subscriptions", self.remove_inbox_push_subscription, "Push to it no more", tag,
                {204: GONE}, api.ABOUT_REMOVING,
                guard=guard, scopes=WRITE, body=api.NAMED, body_required=False, query=(api.WHICH,), errors=(404,),
            ),
            Route(
                "POST", "/l/push", self.take_push_report, "Report about a push", "links",
                {202: Reply("Not everything could be noted yet; report again."), 204: Reply("Noted.")},
                simple, body=REPORT, body_limit=_LIMIT_BYTES, errors=(404, 429, 503),
            ),
            Route(
                "POST", "/l/push/renew", self.renew_push_subscription, "Renew a push subscription", "links",
                {200: Reply("It takes the place of the one before.", api.STORED.schema)},
                simple, body=RENEWAL, body_limit=_LIMIT_BYTES, errors=(404, 429, 503),
            ),
        ]  # fmt: skip

    async def get_push_key(self, _request: Request) -> Response:
        if self._public_key is None:
            raise NotFound("This hub pushes nothing: HUB_VAPID_PRIVATE_KEY is not set.", code="no_push_key")
        return json_response({"public_key": self._public_key})

    async def add_inbox_push_subscription(self, request: Request) -> Response:
        token, hub = token_of(request), self._hub
        key = await client_key(request, token)
        browser = api.read_subscription(await request.json(), allow_private=hub.settings.allow_private_push)
        api.check_pushes(hub.settings)
        person = await person_of(hub, token)
        agent = request.header(b"user-agent")
        return await api.store(hub, person.project_id, person.person_id, browser, agent=agent, key=key)

    async def remove_inbox_push_subscription(self, request: Request) -> Response:
        person = await person_of(self._hub, token_of(request))
        return await api.remove(self._hub, request, person.project_id, person.person_id)

    # Of service workers

    async def take_push_report(self, request: Request) -> Response:
        body = REPORT.validate(parse_json(await request.body(_LIMIT_BYTES)))
        project_id, person_id, delivery = self._read(request, "push", body["token"], 3)
        noted = await report(self._hub, project_id, person_id, UUID(delivery), body["event"])
        return Response(204 if noted else 202, headers=_OPEN)

    async def renew_push_subscription(self, request: Request) -> Response:
        hub = self._hub
        body: Any = RENEWAL.validate(parse_json(await request.body(_LIMIT_BYTES)))
        project_id, person_id, subscription, fingerprint = self._read(request, "renewal", body["token"], 4)
        browser = api.read_subscription(body["subscription"], allow_private=hub.settings.allow_private_push)

        async def work(conn: Connection) -> Any:
            old = await push_subscriptions.lock(conn, project_id, person_id, UUID(subscription), browser.endpoint)
            if old is None:
                return None
            if api.fingerprint(old) != fingerprint and (old["endpoint"], old["auth"]) != browser[:3:2]:
                return None  # renewed already, and not to what this one says
            return await push_subscriptions.replace(conn, project_id, person_id, old, browser)

        row = await hub.db.transaction(work)
        if row is None:
            raise NotFound("This subscription is no more: removed, renewed otherwise, or somebody else's by now.")
        return json_response(api.stored_document(hub, project_id, person_id, row), headers=list(_OPEN))

    def _read(self, request: Request, purpose: Purpose, token: str, length: int) -> list[Any]:
        """What a link says. As with client tokens, failures are charged to the address, what is good to the person."""
        try:
            said = read_link(self._hub.settings.secret.get_secret_value(), purpose, token)
        except NotFound:
            try:
                self._board.refusals.take(request.address, REFUSALS_PER_SECOND)
            except RateLimited as limited:
                raise RateLimited(
                    "Too many links from this address that are none.", retry_after=limited.retry_after
                ) from None
            raise
        assert len(said) == length, "signed by us, for this purpose"
        self._board.limits.take(f"push:{said[0]}:{said[1]}", self._hub.settings.client_rate_limit_per_second)
        return said
