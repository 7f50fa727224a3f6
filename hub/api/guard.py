"""`Authorization: Bearer <API key>`: who calls, what they may, and how often."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

from hub.exceptions import Forbidden, RateLimited, Unauthenticated
from hub.security import ADMIN, Authority, allows
from hub.store.keys import KeyRow, hash_key
from hub.web.app import REFUSALS_PER_SECOND
from hub.web.limits import Allowance, RateLimiter
from hub.web.request import Request
from hub.web.routing import Route

MAX_PROVEN = 10_000  # keys; the oldest may have to wait with their address


class ApiKeyGuard:
    """Admits backends. The request's credential is their `KeyRow`."""

    name = "ApiKey"
    scheme: Mapping[str, Any] = {
        "type": "http",
        "scheme": "bearer",
        "description": "An API key, `hk_…`; `hub key create` makes one. Each call names its scopes, one of which is "
        f"enough; `{ADMIN}` implies all.",
    }

    def __init__(self, authority: Authority, *, per_second: int, refusals: RateLimiter) -> None:
        self._authority = authority
        self._per_second = per_second
        self._limiter = RateLimiter()
        self._refusals = refusals
        self._proven: OrderedDict[bytes, None] = OrderedDict()  # keys that were good once, by hash

    async def admit(self, request: Request, route: Route) -> None:
        """See `Guard.admit`."""
        key = bearer(request.header(b"authorization"))
        row = None if key is None else self._authority.known_key(key)
        if row is None:
            row = await self._look_up(request, key)
        request.credential = row
        try:
            request.allowance = self.take(row)
        except RateLimited:
            request.allowance = self._limiter.peek(row.key_id.hex, row.rate_per_second or self._per_second)
            raise
        if not allows(row.scopes, route.scopes):
            wanted = " or ".join(route.scopes)
            raise Forbidden(f"This API key lacks the scope {wanted}.", code="insufficient_scope")

    def take(self, key: KeyRow) -> Allowance:
        """Counts one request of a key; what is left of its rate. Raises RateLimited."""
        return self._limiter.take(key.key_id.hex, key.rate_per_second or self._per_second)

    async def _look_up(self, request: Request, key: str | None) -> KeyRow:
        """Asks the store; from an address that has failed too often of late, only for keys that were good before."""
        address = request.address
        digest = b"" if key is None else hash_key(key)
        if digest not in self._proven and self._refusals.peek(address, REFUSALS_PER_SECOND).remaining < 1:
            raise RateLimited("Too many failed authentications from this address.", retry_after=1)
        try:
            if key is None:
                raise Unauthenticated("The call needs Authorization: Bearer <API key>.")
            row = await self._authority.api_key(key)
        except Unauthenticated:
            self._proven.pop(digest, None)
            self._refusals.take(address, REFUSALS_PER_SECOND)
            raise
        self._proven[digest] = None
        if len(self._proven) > MAX_PROVEN:
            self._proven.popitem(last=False)
        return row


def bearer(header: str | None) -> str | None:
    """The credential in an Authorization header, or None (RFC 6750, section 2.1; the scheme's case does not matter)."""
    if header is None:
        return None
    scheme, _, credential = header.partition(" ")
    credential = credential.strip()
    return credential if scheme.lower() == "bearer" and credential else None


def credential_of(request: Request) -> KeyRow:
    """The key of an admitted request."""
    row = request.credential
    assert isinstance(row, KeyRow)
    return row
