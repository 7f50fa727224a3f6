"""Admission: from a token to what its bearer may do."""

from __future__ import annotations

from gateway.codes import Code
from gateway.grant import Grant
from hub.runtime import Hub


class Denied(Exception):
    """This token opens nothing: the close code a WebSocket gets, and one sentence without the token."""

    def __init__(self, code: Code, detail: str) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail


class Admission:
    """Verifies client tokens."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub

    async def verify(self, token: str) -> Grant:
        """The grant of a token. Raises Denied."""
        raise Denied(Code.TOKEN_REFUSED, "not yet")

    def forget(self) -> None:
        """Something changed."""
