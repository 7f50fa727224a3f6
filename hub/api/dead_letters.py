"""Dead letters: sent again, or given up for good, by id or by filter."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Annotated, Any, Literal, NotRequired, TypeAlias
from uuid import UUID

from pydantic import Field, with_config
from typing_extensions import TypedDict

from hub.api.context import Api
from hub.api.deliveries import REASONS
from hub.api.documents import STRICT
from hub.api.guard import credential_of
from hub.api.idempotent import answer, key_of, once_apart
from hub.exceptions import FieldError, Invalid
from hub.model.policy import OUTSIDE_CHANNELS
from hub.model.times import format_time
from hub.store.database import Connection
from hub.store.dead_letters import Choice, Verb, begin, settle_dead
from hub.store.idempotency import Answer
from hub.web.fields import Id, Moment, MomentText, Name
from hub.web.request import Request
from hub.web.response import Response
from hub.web.routing import Reply, Route
from hub.web.schema import Schema

MAX_IDS = 100  # contract: as of every list of ids
BATCH = 500  # rows a transaction: some 30 ms, during which they are held
SECONDS = 5.0  # for one call; the memory of its answer may stand idle for 10 s (hub.api.idempotent.once_apart)


@with_config(STRICT)
class DeadLetterChoice(TypedDict):
    """Which dead letters: `ids`, or a filter, of which `{"state": "dead"}` alone is all of them."""

    ids: NotRequired[Annotated[list[Id], Field(min_length=1, max_length=MAX_IDS)] | None]
    state: NotRequired[Literal["dead"] | None]
    channel: NotRequired[Literal[OUTSIDE_CHANNELS] | None]  # type: ignore[valid-type]
    category: NotRequired[Name | None]
    user: NotRequired[Name | None]
    reason: NotRequired[Literal[REASONS] | None]  # type: ignore[valid-type]
    provider: NotRequired[Name | None]
    since: NotRequired[Annotated[Moment, Field(description="Dispatched then or later.")] | None]
    until: NotRequired[Annotated[Moment, Field(description="Dispatched before.")] | None]
    died_before: NotRequired[
        Annotated[Moment, Field(description="Given up before; now when absent. Of the answer, to go on.")] | None
    ]


_More: TypeAlias = Annotated[bool, Field(description="Not all yet: repeat the call with this `died_before`.")]
_DiedBefore: TypeAlias = Annotated[MomentText, Field(description="What died later is left.")]


class Replayed(TypedDict):
    replayed: int
    more: _More
    died_before: _DiedBefore


class Purged(TypedDict):
    purged: int
    more: _More
    died_before: _DiedBefore


CHOICE: Schema[Any] = Schema(DeadLetterChoice)
_COUNTED: dict[Verb, str] = {"replay": "replayed", "purge": "purged"}


class DeadLetters:
    """Routes that end the wait of dead letters."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._hub = api.hub

    def routes(self) -> list[Route]:
        return [
            self._route(
                "replay",
                self.replay_deliveries,
                "Send dead letters again",
                Reply("How many are sent again.", Schema(Replayed)),
                "Each is decided on anew, with a new budget: what was seen or switched off meanwhile is skipped.",
            ),
            self._route(
                "purge",
                self.purge_deliveries,
                "Give dead letters up",
                Reply("How many were given up.", Schema(Purged)),
                "They become `cancelled`, with the reason `purged`.",
            ),
        ]

    def _route(
        self, verb: Verb, handler: Callable[[Request], Awaitable[Response]], summary: str, reply: Reply, more: str
    ) -> Route:
        return Route(
            "POST",
            f"/v1/deliveries/{verb}",
            handler,
            summary,
            "deliveries",
            {200: reply},
            f"{more} By a filter it goes on for {SECONDS:g} seconds at most; `more` says whether some are left. "
            "What dies from the first call on is left out if each repetition has the `died_before` of the answer.",
            guard=self._api.guard,
            scopes=("notifications:write",),
            body=CHOICE,
            idempotent=True,
        )

    async def replay_deliveries(self, request: Request) -> Response:
        response = await self._settle(request, "replay")
        await self._hub.wake_senders()
        return response

    async def purge_deliveries(self, request: Request) -> Response:
        return await self._settle(request, "purge")

    async def _settle(self, request: Request, verb: Verb) -> Response:
        choice, died_before = await _choice_of(request)
        done = _Progress()

        async def work() -> Answer:
            began = await begin(self._hub.db) if died_before is None else died_before
            more = await self._batches(verb, choice, began, done)
            return answer(200, {_COUNTED[verb]: done.count, "more": more, "died_before": format_time(began)})

        return await once_apart(self._hub, await key_of(request), self._api.remembering, work)

    async def _batches(self, verb: Verb, choice: Choice, died_before: datetime, done: _Progress) -> bool:
        """Batch after batch, each committed by itself; whether time was over before all were done.

        By ascending id, so that what dies again meanwhile is not taken twice.
        """
        loop = asyncio.get_running_loop()
        ends_at = loop.time() + SECONDS
        while True:

            async def work(conn: Connection) -> list[UUID]:
                return await settle_dead(conn, verb, choice, died_before, done.after, BATCH)

            ids = await self._hub.db.transaction(work)
            done.count += len(ids)
            if len(ids) < BATCH:
                return False
            done.after = ids[-1]
            if loop.time() >= ends_at:
                return True


class _Progress:
    """How far one call has come; it outlives a transaction that is run again."""

    def __init__(self) -> None:
        self.after: UUID | None = None
        self.count = 0


async def _choice_of(request: Request) -> tuple[Choice, datetime | None]:
    """What the body chooses, of what the key may touch; and its `died_before`.

    Raises:
        Invalid: neither ids nor a filter, or both.
    """
    key = credential_of(request)
    given = {name: value for name, value in (await request.read(CHOICE)).items() if value is not None}
    ids = given.pop("ids", None)
    if ids is None and not given:
        message = 'names no dead letters: give "ids" or a filter; {"state": "dead"} is all of them'
        raise Invalid(f"The body {message}.", errors=(FieldError("ids", "required", message),))
    if ids is not None and given:
        raise Invalid.field("ids", "not_allowed", f"cannot stand beside a filter ({', '.join(sorted(given))})")
    given.pop("state", None)
    died_before = given.pop("died_before", None)
    categories = None if key.categories is None else sorted(key.categories)
    return Choice(
        key.project_id, None if ids is None else [UUID(one) for one in ids], **given, categories=categories
    ), died_before
