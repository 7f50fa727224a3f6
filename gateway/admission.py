"""Admission: from a token to what its bearer may do."""

from __future__ import annotations

import time
from datetime import UTC, datetime

from gateway.codes import Code
from gateway.grant import Grant
from hub.exceptions import Unauthenticated
from hub.model.times import format_time
from hub.runtime import Hub
from hub.security import Authority, ClientToken
from hub.security.tokens import LEEWAY_SECONDS

_CODES = {"token_expired": Code.TOKEN_EXPIRED, "token_revoked": Code.REVOKED}


class Denied(Exception):
    """This token opens nothing: the close code a WebSocket gets, and one sentence without the token."""

    def __init__(self, code: Code, detail: str) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail


class Admission:
    """Verifies client tokens. `close()` may be called twice."""

    def __init__(self, hub: Hub) -> None:
        self.authority = Authority(hub.db, hub.settings)

    async def verify(self, token: str, *, check_revocation: bool = True) -> Grant:
        """The grant of a token.

        Args:
            check_revocation: False where the person's head is read right after, and `Session.revoked` asked.

        Raises:
            Denied: not now, and not later either.
            Unavailable, hub.store.database.GONE: a server that is asked does not answer.
        """
        try:
            return grant(await self.authority.verify_client_token(token, check_revocation=check_revocation))
        except Unauthenticated as refused:
            raise Denied(_CODES.get(refused.code, Code.TOKEN_REFUSED), refused.detail) from None

    def forget(self, project_id: int) -> None:
        """The project's keys or secrets were changed."""
        self.authority.forget(project_id)

    async def close(self) -> None:
        await self.authority.close()


def grant(token: ClientToken) -> Grant:
    """What a verified token lets a connection do, and for how long.

    The connection ends when the token says so. Only one that is already over, and accepted because clocks differ, lives
    on for as much as they may.
    """
    left = token.expires_at - time.time()
    if left <= 0:
        left += LEEWAY_SECONDS
    expires_at = format_time(datetime.fromtimestamp(token.expires_at, UTC))
    return Grant(token.project_id, token.user, token.scopes, expires_at, max(left, 0.0), token.counts_from)
