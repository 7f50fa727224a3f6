"""Push subscriptions: which browsers a person is pushed to. A backend's calls; the client's own share what is here."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from typing import Annotated, Any, NotRequired
from uuid import UUID

from pydantic import Field, with_config
from typing_extensions import TypedDict

from hub.api.context import Api
from hub.api.documents import GONE, STRICT
from hub.api.guard import credential_of
from hub.api.idempotent import answer, key_of, once
from hub.config import Settings
from hub.exceptions import Conflict, Invalid, NotFound
from hub.model.times import format_time
from hub.runtime import Hub
from hub.security.links import sign_link
from hub.security.outbound import check_url
from hub.security.vapid import AUTH_BYTES, decode, is_point
from hub.store import people, push_subscriptions
from hub.store.database import Connection
from hub.store.idempotency import Answer, IdempotencyKey
from hub.store.inbox import open_inbox
from hub.store.push_subscriptions import Subscription
from hub.web.query import Parameter, read_id
from hub.web.request import Request
from hub.web.response import Response, json_response, no_content
from hub.web.routing import Reply, Route
from hub.web.schema import Schema

MAX_ENDPOINT = 2_000  # characters; push services' have some 200, and an index entry of Postgres 2,700 bytes
_MAX_AGENT = 255
_LATEST = 253_402_300_799_000  # ms: the year 9999

Endpoint = Annotated[str, Field(min_length=1, max_length=MAX_ENDPOINT)]


@with_config(STRICT)
class SubscriptionKeys(TypedDict):
    """In base64url."""

    p256dh: Annotated[str, Field(max_length=100)]
    auth: Annotated[str, Field(max_length=32)]


@with_config(STRICT)
class PushSubscriptionBody(TypedDict):
    """A browser's `PushSubscription.toJSON()`."""

    endpoint: Endpoint
    expirationTime: NotRequired[Annotated[float | None, Field(ge=0, le=_LATEST, description="Unix time in ms.")]]
    keys: SubscriptionKeys


@with_config(STRICT)
class PushSubscriptionName(TypedDict):
    """Which one: its `endpoint` is enough, the whole `toJSON()` is taken too."""

    endpoint: NotRequired[Endpoint]
    expirationTime: NotRequired[float | None]
    keys: NotRequired[dict[str, str]]


class PushSubscriptionDocument(TypedDict):
    """A browser that is pushed to; its keys are not shown."""

    id: str
    endpoint: str
    user_agent: str | None
    created_at: str
    confirmed_at: Annotated[str, Field(description="When the browser last told of it.")]
    expires_at: str | None


class StoredPushSubscription(PushSubscriptionDocument):
    renewal: Annotated[
        str, Field(description="What the browser's service worker renews this one with, without a token; for it alone.")
    ]


class PushSubscriptionList(TypedDict):
    items: list[PushSubscriptionDocument]


SUBSCRIPTION = Schema(PushSubscriptionBody)
NAMED = Schema(PushSubscriptionName)
STORED = Reply("The browser is pushed to.", Schema(StoredPushSubscription))
WHICH = Parameter("id", read_id, {"type": "string", "format": "uuid"}, "Which one, in place of a body.")
ABOUT = (
    f"The body is the browser's `PushSubscription.toJSON()`. At most {push_subscriptions.MAX_BROWSERS} browsers of a "
    "person; past that, the one goes that was not heard of for the longest time. A browser in which somebody else of "
    "the project signs in becomes theirs: whoever told of it last has it. 409 `no_push_key` where the hub has no key."
)
ABOUT_REMOVING = "Names one by `?id=`, or by a body with its `endpoint`."


def check_pushes(settings: Settings) -> None:
    """Refuses to take browsers to a hub that could not push to them.

    Raises:
        Conflict: it has no key.
    """
    if settings.vapid_private_key is None:
        detail = "This hub pushes nothing: set HUB_VAPID_PRIVATE_KEY in every process; hub doctor --fix makes a key."
        raise Conflict(detail, code="no_push_key")


def read_subscription(body: Any, *, allow_private: bool) -> Subscription:
    """What a browser says of itself, checked.

    Raises:
        Invalid: with the wrong field.
    """
    given = SUBSCRIPTION.validate(body)
    try:
        check_url(given["endpoint"], allow_private=allow_private)
    except ValueError as error:
        raise Invalid.field("endpoint", "invalid_url", str(error)) from None
    p256dh, auth = (given["keys"][name].rstrip("=") for name in ("p256dh", "auth"))
    if not is_point(p256dh):
        raise Invalid.field("keys.p256dh", "invalid_key", "must be a point on P-256: 65 bytes in base64url")
    if not _is_auth(auth):
        raise Invalid.field("keys.auth", "invalid_key", f"must be {AUTH_BYTES} bytes in base64url")
    expires = given.get("expirationTime")
    return Subscription(
        given["endpoint"], p256dh, auth, None if expires is None else datetime.fromtimestamp(expires / 1000, UTC)
    )


def _is_auth(text: str) -> bool:
    try:
        return len(decode(text)) == AUTH_BYTES
    except ValueError:
        return False


def document(row: Any) -> dict[str, Any]:
    """A subscription as the API shows it."""
    return {
        "id": str(row["subscription_id"]),
        "endpoint": row["endpoint"],
        "user_agent": row["user_agent"],
        "created_at": format_time(row["created_at"]),
        "confirmed_at": format_time(row["confirmed_at"]),
        "expires_at": None if row["expires_at"] is None else format_time(row["expires_at"]),
    }


def stored_document(hub: Hub, project_id: int, person_id: int, row: Any) -> dict[str, Any]:
    said = [project_id, person_id, row["subscription_id"].hex, fingerprint(row)]
    return {**document(row), "renewal": sign_link(hub.settings.secret.get_secret_value(), "renewal", said)}


def fingerprint(row: Any) -> str:
    """What a renewal is bound to: once a browser has told of another endpoint or keys, an older one is void."""
    return hashlib.sha256(f"{row['endpoint']} {row['auth']}".encode()).hexdigest()[:16]


async def store(
    hub: Hub,
    project_id: int,
    person_id: int,
    browser: Subscription,
    *,
    agent: str | None = None,
    key: IdempotencyKey | None,
) -> Response:
    """Stores a browser as this person's. `agent` is what it calls itself, where it calls itself."""
    shown = agent[:_MAX_AGENT] if agent else None

    async def work(conn: Connection) -> Answer:
        row = await push_subscriptions.put(conn, project_id, person_id, browser, shown)
        if row is None:
            raise NotFound("This person was deleted.")
        return answer(201, stored_document(hub, project_id, person_id, row))

    return await once(hub, key, work)


async def remove(hub: Hub, request: Request, project_id: int, person_id: int) -> Response:
    """Removes the one that the request names."""
    wanted: UUID | None = request.query["id"]
    endpoint = (await request.read_optional(NAMED)).get("endpoint")
    if (wanted is None) == (endpoint is None):
        raise Invalid.field("endpoint", "required", "is required, unless ?id= says which one; not both")

    async def work(conn: Connection) -> bool:
        return await push_subscriptions.remove(conn, project_id, person_id, subscription_id=wanted, endpoint=endpoint)

    if not await hub.db.transaction(work):
        raise NotFound("This person has no such push subscription.")
    return no_content()


class PushSubscriptions:
    """Routes of `/v1/users/{user}/push-subscriptions`."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._hub = api.hub

    def routes(self) -> list[Route]:
        path, guard, write = "/v1/users/{user}/push-subscriptions", self._api.guard, ("users:write",)
        return [
            Route(
                "GET", path, self.list_push_subscriptions, "List a person's browsers", "users",
                {200: Reply("Those that are pushed to, oldest first.", Schema(PushSubscriptionList))},
                guard=guard, scopes=("users:read",), errors=(404,),
            ),
            Route(
                "POST", path, self.add_push_subscription, "Add a browser", "users", {201: STORED}, ABOUT,
                guard=guard, scopes=write, body=SUBSCRIPTION, idempotent=True, errors=(404,),
            ),
            Route(
                "DELETE", path, self.remove_push_subscription, "Remove a browser", "users", {204: GONE}, ABOUT_REMOVING,
                guard=guard, scopes=write, body=NAMED, body_required=False, query=(WHICH,), errors=(404,),
            ),
        ]  # fmt: skip

    async def list_push_subscriptions(self, request: Request) -> Response:
        project_id = credential_of(request).project_id
        rows = await push_subscriptions.list_browsers(self._hub.db, project_id, await self._person_id(request))
        return json_response({"items": [document(row) for row in rows]})

    async def add_push_subscription(self, request: Request) -> Response:
        project_id, user = credential_of(request).project_id, request.params["user"]
        key = await key_of(request)
        browser = read_subscription(await request.json(), allow_private=self._hub.settings.allow_private_push)
        check_pushes(self._hub.settings)
        head = await open_inbox(self._hub.db, project_id, user)
        return await store(self._hub, project_id, head.person_id, browser, key=key)

    async def remove_push_subscription(self, request: Request) -> Response:
        project_id = credential_of(request).project_id
        return await remove(self._hub, request, project_id, await self._person_id(request))

    async def _person_id(self, request: Request) -> int:
        user = request.params["user"]
        row = await people.get_person(self._hub.db, credential_of(request).project_id, user)
        if row is None:
            raise NotFound(f"There is no user {user!r}.")
        return int(row["person_id"])
