"""Explain: what would become of a notification, without sending it."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field
from typing_extensions import TypedDict

from hub.api.accepting import accept_publish
from hub.api.context import Api
from hub.api.guard import credential_of
from hub.api.idempotent import answer, key_of, known_answer, once
from hub.api.publish_schema import PUBLISH
from hub.exceptions import Refused
from hub.model.times import format_time
from hub.publish.explain import MAX_PEOPLE, Explained, explain_notification
from hub.store.database import Connection
from hub.store.idempotency import Answer
from hub.web.request import Request
from hub.web.response import Response
from hub.web.routing import Reply, Route
from hub.web.schema import Schema

ExplainedDocument = TypedDict(
    "ExplainedDocument",
    {
        "user": str,
        "channel": str,
        "decision": Literal["send", "wait", "skip"],
        "at": Annotated[
            str | None,
            Field(
                description="When it goes, or is next decided on; what holds it then is told then. Null when skipped."
            ),
        ],
        "if": Annotated[str | None, Field(description="Null where the category's ladder leaves the channel out.")],
        "reason": str,
        "layer": Annotated[str | None, Field(description="Who decided: person, tenant, project, category …")],
        "detail": Annotated[
            str | None, Field(description="For people: `to bob`, the delegate; what is missing, and who decides.")
        ],
    },
)


class Explanation(TypedDict):
    items: list[ExplainedDocument]


def document(entry: Explained) -> dict[str, Any]:
    """An entry as the API shows it."""
    return {
        "user": entry.user,
        "channel": entry.channel,
        "decision": entry.decision,
        "at": None if entry.at is None else format_time(entry.at),
        "if": entry.condition,
        "reason": entry.reason,
        "layer": entry.layer,
        "detail": entry.detail,
    }


class Explanations:
    """Route of `/v1/notifications/explain`."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._hub = api.hub

    def routes(self) -> list[Route]:
        return [
            Route(
                "POST",
                "/v1/notifications/explain",
                self.explain,
                "Explain a notification",
                "notifications",
                {200: Reply("What would become of it, by person and channel.", Schema(Explanation))},
                "Takes the body of a publish and sends nothing. Decided by the same code on the same data, as things "
                f"are now. Of long lists, topics and everyone the first {MAX_PEOPLE} people are explained, and their "
                "delegates.",
                guard=self._api.guard,
                scopes=("notifications:read",),
                body=PUBLISH,
                idempotent=True,
            )
        ]

    async def explain(self, request: Request) -> Response:
        credential = credential_of(request)
        raw = await request.json()
        key = await key_of(request)
        try:
            notification = await accept_publish(self._api, credential, raw)
        except Refused:
            known = await known_answer(self._hub, key)
            if known is None:
                raise
            return known

        async def work(conn: Connection) -> Answer:
            entries = await explain_notification(self._hub, conn, notification)
            return answer(200, {"items": [document(entry) for entry in entries]})

        return await once(self._hub, key, work)
