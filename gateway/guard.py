"""`Authorization: Bearer <client token>`: whose inbox a request is about."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gateway.switchboard import Switchboard
from hub.api.guard import bearer
from hub.exceptions import Forbidden, RateLimited, Unauthenticated
from hub.security import ClientToken
from hub.web.app import REFUSALS_PER_SECOND
from hub.web.limits import RateLimiter
from hub.web.query import query_value
from hub.web.request import Request
from hub.web.routing import Route

TOKEN_PARAMETER = "token"  # noqa: S105 - the parameter's name; every log redacts its value


class ClientTokenGuard:
    """Admits people's clients. The request's credential is their `ClientToken`."""

    name = "ClientToken"
    scheme: Mapping[str, Any] = {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "JWT",
        "description": "A client token: from `POST /v1/users/{user}/tokens`, or signed by the backend itself.",
    }

    def __init__(self, board: Switchboard, refusals: RateLimiter) -> None:
        self._board = board
        self._refusals = refusals

    async def admit(self, request: Request, route: Route) -> None:
        """See `Guard.admit`. The token may stand in the query where the route ignores that parameter.

        Only failures are charged to the address, and only they are refused for it: behind one address there may be a
        whole office, and one client there that repeats an old token must not lock out the others.
        """
        try:
            token = await self._verify(request, route)
        except Unauthenticated:
            try:
                self._refusals.take(request.address, REFUSALS_PER_SECOND)
            except RateLimited as limited:
                raise RateLimited(
                    "Too many failed authentications from this address.", retry_after=limited.retry_after
                ) from None
            raise
        request.credential = token
        bucket, rate = f"{token.project_id}:{token.user}", self._board.hub.settings.client_rate_limit_per_second
        try:
            request.allowance = self._board.limits.take(bucket, rate)
        except RateLimited:
            request.allowance = self._board.limits.peek(bucket, rate)
            raise
        if route.scopes and not token.scopes.intersection(route.scopes):
            raise Forbidden(f"This token has no scope {' or '.join(route.scopes)}.", code="insufficient_scope")

    async def _verify(self, request: Request, route: Route) -> ClientToken:
        text = bearer(request.header(b"authorization"))
        if text is None and TOKEN_PARAMETER in route.ignored_query:
            text = query_value(request.scope.get("query_string", b""), TOKEN_PARAMETER)
        if not text:
            raise Unauthenticated("The call needs Authorization: Bearer <client token>.")
        return await self._board.admission.authority.verify_client_token(text)


def token_of(request: Request) -> ClientToken:
    """The token of an admitted request."""
    token = request.credential
    assert isinstance(token, ClientToken)
    return token
