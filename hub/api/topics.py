"""Topics: who subscribes to what."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from typing_extensions import TypedDict

from hub.api.context import Api
from hub.api.documents import CHANGED, USER_LIST
from hub.api.guard import credential_of
from hub.api.idempotent import answer, key_of, once
from hub.exceptions import NotFound
from hub.model.times import format_time
from hub.store import people, topics
from hub.store.database import Connection
from hub.store.idempotency import Answer
from hub.web.pages import cursor_value, page_response
from hub.web.query import PAGE
from hub.web.request import Request
from hub.web.response import Response
from hub.web.routing import Reply, Route
from hub.web.schema import Schema

Change = Callable[[Connection, int, str, Sequence[str]], Awaitable[int]]


class Topic(TypedDict):
    topic: str
    created_at: str


class TopicPage(TypedDict):
    items: list[Topic]
    next_cursor: str | None


class Subscriber(TypedDict):
    id: str
    subscribed_at: str


class SubscriberPage(TypedDict):
    items: list[Subscriber]
    next_cursor: str | None


class Subscription(TypedDict):
    topic: str
    subscribed_at: str


class SubscriptionPage(TypedDict):
    items: list[Subscription]
    next_cursor: str | None


_TOPICS = Reply("Topics by name.", Schema(TopicPage))
_SUBSCRIBERS = Reply("Subscribers, in the order they were first stored.", Schema(SubscriberPage))
_SUBSCRIPTIONS = Reply("The person's topics by name.", Schema(SubscriptionPage))


class Topics:
    """Routes of `/v1/topics` and of a person's topics."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._hub = api.hub

    def routes(self) -> list[Route]:
        guard, read, write = self._api.guard, ("users:read",), ("users:write",)
        path = "/v1/topics/{topic}/subscribers"
        return [
            Route(
                "GET",
                "/v1/topics",
                self.list_topics,
                "List topics",
                "topics",
                {200: _TOPICS},
                guard=guard,
                scopes=read,
                query=PAGE,
            ),
            Route(
                "PUT",
                path,
                self.add_subscribers,
                "Subscribe people",
                "topics",
                {200: CHANGED},
                "Makes the topic and the people where missing.",
                guard=guard,
                scopes=write,
                body=USER_LIST,
            ),
            Route(
                "POST",
                f"{path}/remove",
                self.remove_subscribers,
                "Unsubscribe people",
                "topics",
                {200: CHANGED},
                guard=guard,
                scopes=write,
                body=USER_LIST,
                idempotent=True,
            ),
            Route(
                "GET",
                path,
                self.list_subscribers,
                "List subscribers",
                "topics",
                {200: _SUBSCRIBERS},
                guard=guard,
                scopes=read,
                query=PAGE,
                errors=(404,),
            ),
            Route(
                "GET",
                "/v1/users/{user}/topics",
                self.list_topics_of_user,
                "List a person's topics",
                "users",
                {200: _SUBSCRIPTIONS},
                guard=guard,
                scopes=read,
                query=PAGE,
                errors=(404,),
            ),
        ]

    async def list_topics(self, request: Request) -> Response:
        limit, after = request.query["limit"], cursor_value(request.query["cursor"], str)
        rows = await topics.list_topics(self._hub.db, credential_of(request).project_id, after=after, limit=limit + 1)
        return page_response(
            rows,
            limit,
            lambda row: {"topic": row["topic"], "created_at": format_time(row["created_at"])},
            lambda row: row["topic"],
        )

    async def add_subscribers(self, request: Request) -> Response:
        return await self._change(request, topics.add_subscribers, keyed=False)

    async def remove_subscribers(self, request: Request) -> Response:
        return await self._change(request, topics.remove_subscribers, keyed=True)

    async def _change(self, request: Request, change: Change, *, keyed: bool) -> Response:
        project_id, topic = credential_of(request).project_id, request.params["topic"]
        users = (await request.read(USER_LIST))["users"]

        async def work(conn: Connection) -> Answer:
            return answer(200, {"changed": await change(conn, project_id, topic, users)})

        return await once(self._hub, await key_of(request) if keyed else None, work)

    async def list_subscribers(self, request: Request) -> Response:
        limit, after = request.query["limit"], cursor_value(request.query["cursor"], int)
        topic = request.params["topic"]
        topic_id = await topics.find_topic(self._hub.db, credential_of(request).project_id, topic)
        if topic_id is None:
            raise NotFound(f"There is no topic {topic!r}: nobody ever subscribed.")
        rows = await topics.list_subscribers(self._hub.db, topic_id, after=after or 0, limit=limit + 1)
        return page_response(
            rows,
            limit,
            lambda row: {"id": row["user_id"], "subscribed_at": format_time(row["created_at"])},
            lambda row: row["person_id"],
        )

    async def list_topics_of_user(self, request: Request) -> Response:
        limit, after = request.query["limit"], cursor_value(request.query["cursor"], str)
        project_id, user = credential_of(request).project_id, request.params["user"]
        if await people.get_person(self._hub.db, project_id, user) is None:
            raise NotFound(f"There is no user {user!r}.")
        rows = await topics.list_topics_of(self._hub.db, project_id, user, after=after, limit=limit + 1)
        return page_response(
            rows,
            limit,
            lambda row: {"topic": row["topic"], "subscribed_at": format_time(row["created_at"])},
            lambda row: row["topic"],
        )
