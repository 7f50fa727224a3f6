"""What a verified token lets a connection do."""

from __future__ import annotations

import msgspec

READ, WRITE = "inbox:read", "inbox:write"


class Grant(msgspec.Struct, frozen=True, gc=False):
    """A person's leave to be connected.

    Attributes:
        expires_at: As the client is told it, RFC 3339.
        seconds_left: From now until the connection closes with 4100.
        issued_at: Unix time; tokens issued before the person's `tokens_revoked_at` are void.
    """

    project_id: int
    user: str
    scopes: frozenset[str]
    expires_at: str
    seconds_left: float
    issued_at: float
