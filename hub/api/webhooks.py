"""Webhooks: endpoints that hear what happens, their secrets, and what was posted to them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID

from hub.api.cancelling import NOTHING
from hub.api.context import Api
from hub.api.documents import GONE
from hub.api.guard import credential_of
from hub.api.idempotent import answer, key_of, once
from hub.api.merge_patch import merge_patch
from hub.api.webhook_schema import (
    ENDPOINT,
    PATCH,
    ROTATION,
    SINCE,
    STATES,
    EndpointDocument,
    EndpointList,
    EndpointSecret,
    MessagePage,
    ReplayAnswer,
    TestSent,
    endpoint_document,
    message_document,
)
from hub.exceptions import Conflict, Forbidden, Invalid, NotFound
from hub.model.webhook import TEST_EVENT
from hub.security.outbound import check_url
from hub.security.webhooks import make_secret
from hub.store import webhooks
from hub.store.database import Connection
from hub.store.idempotency import Answer
from hub.store.keys import KeyRow
from hub.web.pages import cursor_value, page_response
from hub.web.query import PAGE, Parameter, one_of
from hub.web.request import Request
from hub.web.response import Response, json_response, no_content
from hub.web.routing import Reply, Route
from hub.web.schema import Schema

OVERLAP_SECONDS = 86_400.0  # a day to bring a new secret out
_SHOWN = Reply("The endpoint.", Schema(EndpointDocument))
_MADE = Reply("The endpoint, with its secret.", Schema(EndpointSecret))
_STATE = Parameter("state", one_of(*STATES), {"type": "string", "enum": list(STATES)}, "Only in this state.")
_BASE = "/v1/webhooks"
_ONE = "/v1/webhooks/{id}"

Work = Callable[[Connection, Any], Awaitable[Answer]]


class Webhooks:
    """Routes of `/v1/webhooks`."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._hub = api.hub

    def routes(self) -> list[Route]:
        common: dict[str, Any] = {"guard": self._api.guard}
        read: dict[str, Any] = {**common, "scopes": ("config:read",)}
        write: dict[str, Any] = {**common, "scopes": ("config:write",)}
        one: dict[str, Any] = {"ids": frozenset({"id"}), "errors": (404,)}
        return [
            Route(
                "POST",
                _BASE,
                self.create_webhook,
                "Add a webhook",
                "webhooks",
                {201: _MADE},
                f"At most {webhooks.MAX_ENDPOINTS} a project. The secret is shown here only.",
                body=ENDPOINT,
                idempotent=True,
                errors=(409,),
                **write,
            ),
            Route(
                "GET",
                _BASE,
                self.list_webhooks,
                "List webhooks",
                "webhooks",
                {200: Reply("Oldest first; all of them.", Schema(EndpointList))},
                **read,
            ),
            Route("GET", _ONE, self.get_webhook, "Read a webhook", "webhooks", {200: _SHOWN}, **read, **one),
            Route(
                "PATCH",
                _ONE,
                self.patch_webhook,
                "Change a webhook",
                "webhooks",
                {200: _SHOWN},
                "A merge patch (RFC 7396). Switched on, or with another URL, it starts without a past of failures.",
                body=PATCH,
                **write,
                **one,
            ),
            Route(
                "DELETE",
                _ONE,
                self.delete_webhook,
                "Delete a webhook",
                "webhooks",
                {204: GONE},
                "Nothing more is posted there.",
                **write,
                **one,
            ),
            Route(
                "POST",
                f"{_ONE}/rotate-secret",
                self.rotate_webhook_secret,
                "Rotate a webhook's secret",
                "webhooks",
                {200: _MADE},
                f"The secret before signs too, for `overlap_seconds` ({OVERLAP_SECONDS:g}).",
                body=ROTATION,
                body_required=False,
                idempotent=True,
                **write,
                **one,
            ),
            Route(
                "POST",
                f"{_ONE}/test",
                self.test_webhook,
                "Test a webhook",
                "webhooks",
                {202: Reply("On its way.", Schema(TestSent))},
                f"Posts a `{TEST_EVENT}`, whatever the endpoint asks for.",
                body=NOTHING,
                body_required=False,
                idempotent=True,
                **write,
                ids=one["ids"],
                errors=(404, 409),
            ),
            Route(
                "POST",
                f"{_ONE}/replay",
                self.replay_webhook,
                "Post to a webhook again",
                "webhooks",
                {202: Reply("How many messages are posted again.", Schema(ReplayAnswer))},
                f"What happened since then, with the same ids; of {webhooks.KEEP_DAYS} days.",
                body=SINCE,
                idempotent=True,
                **write,
                ids=one["ids"],
                errors=(404, 409),
            ),
            Route(
                "GET",
                f"{_ONE}/attempts",
                self.list_webhook_attempts,
                "List a webhook's messages",
                "webhooks",
                {200: Reply("Newest first, each with the attempts to post it.", Schema(MessagePage))},
                query=(_STATE, *PAGE),
                **read,
                **one,
            ),
        ]

    async def create_webhook(self, request: Request) -> Response:
        key = _unrestricted(request)
        body = await request.read(ENDPOINT)
        self._check(body["url"])

        async def work(conn: Connection) -> Answer:
            row = await webhooks.create(
                conn,
                key.project_id,
                url=body["url"],
                events=body["events"],
                description=body.get("description"),
                secret=make_secret(),
                enabled=body.get("enabled") is not False,
            )
            if row is None:
                raise Conflict(
                    f"The project has {webhooks.MAX_ENDPOINTS} webhooks, which is the most. Delete one first.",
                    code="too_many_webhooks",
                )
            return answer(201, endpoint_document(row, secret=True))

        return await once(self._hub, await key_of(request), work)

    async def list_webhooks(self, request: Request) -> Response:
        rows = await webhooks.list_endpoints(self._hub.db, _unrestricted(request).project_id)
        return json_response({"items": [endpoint_document(row) for row in rows], "next_cursor": None})

    async def get_webhook(self, request: Request) -> Response:
        return json_response(endpoint_document(await self._find(request)))

    async def patch_webhook(self, request: Request) -> Response:
        key, text = _unrestricted(request), request.params["id"]
        patch = await request.json()
        if not isinstance(patch, dict):
            raise Invalid.field("", "invalid_type", "must be an object")

        async def work(conn: Connection) -> Any:
            row = await webhooks.lock_endpoint(conn, key.project_id, UUID(text))
            if row is None:
                raise _unknown(text)
            held = {name: row[name] for name in ("url", "events", "description", "enabled")}
            body = ENDPOINT.validate(merge_patch(held, patch))
            self._check(body["url"])
            enabled = body.get("enabled") is not False
            return await webhooks.update(
                conn,
                row["endpoint_id"],
                url=body["url"],
                events=body["events"],
                description=body.get("description"),
                enabled=enabled,
                mended=body["url"] != row["url"] or (enabled and not row["enabled"]),
            )

        return json_response(endpoint_document(await self._hub.db.transaction(work)))

    async def delete_webhook(self, request: Request) -> Response:
        key, text = _unrestricted(request), request.params["id"]
        if not await webhooks.delete(self._hub.db, key.project_id, UUID(text)):
            raise _unknown(text)
        return no_content()

    async def rotate_webhook_secret(self, request: Request) -> Response:
        key, text = _unrestricted(request), request.params["id"]
        given = ((await request.read_optional(ROTATION)) or {}).get("overlap_seconds")
        overlap = OVERLAP_SECONDS if given is None else float(given)

        async def work(conn: Connection) -> Answer:
            row = await webhooks.rotate(conn, key.project_id, UUID(text), make_secret(), overlap)
            if row is None:
                raise _unknown(text)
            return answer(200, endpoint_document(row, secret=True))

        return await once(self._hub, await key_of(request), work)

    async def test_webhook(self, request: Request) -> Response:
        await request.read_optional(NOTHING)

        async def work(conn: Connection, row: Any) -> Answer:
            data = {"message": "This is a test. Nothing has happened."}
            return answer(202, {"id": str(await webhooks.insert_message(conn, row["endpoint_id"], TEST_EVENT, data))})

        return await self._on_enabled(request, work)

    async def replay_webhook(self, request: Request) -> Response:
        since = (await request.read(SINCE))["since"]

        async def work(conn: Connection, row: Any) -> Answer:
            if row["replay_since"] is not None:
                raise Conflict(
                    "A replay to this webhook is still under way; ask again in a few seconds.",
                    code="replay_in_progress",
                    retry_after=5,
                )
            return answer(202, {"replayed": await webhooks.start_replay(conn, row["endpoint_id"], since)})

        return await self._on_enabled(request, work)

    async def _on_enabled(self, request: Request, work: Work) -> Response:
        """Runs `work` on a held endpoint that is switched on."""
        key, text = _unrestricted(request), request.params["id"]

        async def run(conn: Connection) -> Answer:
            row = await webhooks.lock_endpoint(conn, key.project_id, UUID(text))
            if row is None:
                raise _unknown(text)
            if not row["enabled"]:
                raise Conflict(
                    'This webhook is switched off. Switch it on first: PATCH {"enabled": true}.',
                    code="webhook_disabled",
                )
            return await work(conn, row)

        return await once(self._hub, await key_of(request), run)

    async def list_webhook_attempts(self, request: Request) -> Response:
        row, query = await self._find(request), request.query
        rows = await webhooks.list_messages(
            self._hub.db,
            row["endpoint_id"],
            state=query["state"],
            before=cursor_value(query["cursor"], int),
            limit=query["limit"] + 1,
        )
        return page_response(rows, query["limit"], message_document, lambda found: found["position"])

    async def _find(self, request: Request) -> Any:
        text = request.params["id"]
        row = await webhooks.get_endpoint(self._hub.db, _unrestricted(request).project_id, UUID(text))
        if row is None:
            raise _unknown(text)
        return row

    def _check(self, url: str) -> None:
        try:
            check_url(url, allow_private=self._hub.settings.allow_private_push)
        except ValueError as error:
            raise Invalid.field("url", "invalid_url", str(error)) from None


def _unrestricted(request: Request) -> KeyRow:
    """The key of the request, which may hear of every category: an endpoint does.

    Raises:
        Forbidden: it may not.
    """
    key = credential_of(request)
    if key.categories is not None:
        raise Forbidden(
            "Webhooks tell of all categories, and this API key is restricted to some.", code="category_not_allowed"
        )
    return key


def _unknown(text: str) -> NotFound:
    return NotFound(f"There is no webhook {text}.")
