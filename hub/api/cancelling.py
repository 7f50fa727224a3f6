"""Cancelling: withdraws items and whatever has not left."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Annotated, Any, NotRequired
from uuid import UUID

from pydantic import Field, with_config
from typing_extensions import TypedDict

from hub.api.context import Api
from hub.api.documents import MAX_USERS, STRICT
from hub.api.guard import credential_of
from hub.api.idempotent import answer, key_of, once_apart
from hub.api.notifications import find_notification
from hub.exceptions import Forbidden
from hub.publish.cancel import cancel_by_key, cancel_notification
from hub.store import notifications
from hub.store.idempotency import Answer, IdempotencyKey
from hub.store.keys import KeyRow
from hub.web.fields import Name
from hub.web.request import Request
from hub.web.response import Response
from hub.web.routing import Reply, Route
from hub.web.schema import Schema


@with_config(STRICT)
class Nothing(TypedDict):
    """No fields."""


@with_config(STRICT)
class CancelByKey(TypedDict):
    """Everything published with that key, for everybody or for some."""

    cancellation_key: Name
    recipients: NotRequired[Annotated[list[Name], Field(min_length=1, max_length=MAX_USERS)] | None]


class Cancelled(TypedDict):
    cancelled: Annotated[int | None, Field(description="People it was withdrawn for; null while a job does it.")]


NOTHING = Schema(Nothing)
CANCEL_BY_KEY: Schema[Any] = Schema(CancelByKey)
_DONE = Reply("Withdrawn.", Schema(Cancelled))


class Cancelling:
    """Routes that cancel."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._hub = api.hub

    def routes(self) -> list[Route]:
        guard, write = self._api.guard, ("notifications:write",)
        return [
            Route(
                "POST",
                "/v1/notifications/{id}/cancel",
                self.cancel,
                "Cancel a notification",
                "notifications",
                {200: _DONE},
                "Cancelling again is harmless and answers 0.",
                guard=guard,
                scopes=write,
                ids=frozenset({"id"}),
                body=NOTHING,
                body_required=False,
                idempotent=True,
            ),
            Route(
                "POST",
                "/v1/notifications/cancel",
                self.cancel_by_key,
                "Cancel by key",
                "notifications",
                {200: _DONE},
                guard=guard,
                scopes=write,
                body=CANCEL_BY_KEY,
                idempotent=True,
            ),
        ]

    async def cancel(self, request: Request) -> Response:
        credential = credential_of(request)
        await request.read_optional(NOTHING)
        notification_id = UUID(request.params["id"])

        async def work() -> int | None:
            await find_notification(self._api, credential, request.params["id"])
            return await cancel_notification(self._hub, credential.project_id, notification_id)

        return await self._once(await key_of(request), work)

    async def cancel_by_key(self, request: Request) -> Response:
        credential = credential_of(request)
        body = await request.read(CANCEL_BY_KEY)

        async def work() -> int | None:
            cancellation_key = body["cancellation_key"]
            await self._check_categories(credential, cancellation_key)
            return await cancel_by_key(self._hub, credential.project_id, cancellation_key, body.get("recipients"))

        return await self._once(await key_of(request), work)

    async def _check_categories(self, credential: KeyRow, cancellation_key: str) -> None:
        if credential.categories is None:
            return
        async with self._hub.db.acquire() as conn:
            ids = await notifications.ids_of_cancellation_key(conn, credential.project_id, cancellation_key)
        for notification_id in ids:
            row = await notifications.get_notification(self._hub.db, credential.project_id, notification_id)
            if row is not None and row["category"] not in credential.categories:
                raise Forbidden(
                    "The key covers notifications of a category that this API key may not use.",
                    code="category_not_allowed",
                )

    async def _once(self, key: IdempotencyKey | None, work: Callable[[], Awaitable[int | None]]) -> Response:
        """Cancelling commits by itself, a chunk at a time."""

        async def run() -> Answer:
            return answer(200, {"cancelled": await work()})

        return await once_apart(self._hub, key, self._api.remembering, run)
