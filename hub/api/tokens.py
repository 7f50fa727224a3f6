"""Client tokens: issued to a person's client, revoked all at once."""

from __future__ import annotations

from typing import Annotated, Literal, NotRequired

from pydantic import Field, with_config
from typing_extensions import TypedDict

from hub.api.context import Api
from hub.api.documents import STRICT
from hub.api.guard import credential_of
from hub.bus.announce import channel, pack_revoked
from hub.model.times import format_time
from hub.security.tokens import MAX_LIFETIME_SECONDS
from hub.store import people
from hub.web.fields import Name
from hub.web.request import Request
from hub.web.response import Response, json_response, no_content
from hub.web.routing import Reply, Route
from hub.web.schema import Schema

DEFAULT_SECONDS = 3600  # contract


@with_config(STRICT)
class TokenRequest(TypedDict):
    """What the token is good for. All of it may be left out."""

    expires_in_seconds: NotRequired[Annotated[int, Field(ge=1, le=MAX_LIFETIME_SECONDS)]]
    scopes: NotRequired[
        Annotated[list[Literal["inbox:read", "inbox:write", "preferences:write"]], Field(min_length=1, max_length=3)]
    ]
    tenant: NotRequired[Name | None]


class IssuedToken(TypedDict):
    token: str
    expires_at: str


TOKEN_REQUEST = Schema(TokenRequest)


class Tokens:
    """Routes of `/v1/users/{user}/tokens`."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._hub = api.hub

    def routes(self) -> list[Route]:
        path, guard, scopes = "/v1/users/{user}/tokens", self._api.guard, ("users:write",)
        issued = Reply("A client token, shown this once.", Schema(IssuedToken))
        revoked = Reply("All tokens issued before now are void; connections that use them close with 4506.")
        return [
            Route(
                "POST",
                path,
                self.issue_token,
                "Issue a client token",
                "users",
                {201: issued},
                "For anybody: the user need not be stored. At most 24 hours, one hour by default.",
                guard=guard,
                scopes=scopes,
                body=TOKEN_REQUEST,
                body_required=False,
            ),
            Route(
                "DELETE",
                path,
                self.revoke_tokens,
                "Revoke client tokens",
                "users",
                {204: revoked},
                guard=guard,
                scopes=scopes,
            ),
        ]

    async def issue_token(self, request: Request) -> Response:
        key = credential_of(request)
        body = await request.read_optional(TOKEN_REQUEST)
        token, expires_at = await self._api.authority.issue_client_token(
            key.project_id,
            key.project_name,
            request.params["user"],
            expires_in_seconds=body.get("expires_in_seconds", DEFAULT_SECONDS),
            scopes=body.get("scopes"),
            tenant=body.get("tenant"),
        )
        return json_response({"token": token, "expires_at": format_time(expires_at)}, 201)

    async def revoke_tokens(self, request: Request) -> Response:
        project_id, user = credential_of(request).project_id, request.params["user"]
        await people.revoke_tokens(self._hub.db, project_id, user)
        await self._hub.publish_hint(channel(self._hub.installation, project_id, user), pack_revoked())
        return no_content()
