"""Close codes: what a client does next is said by the range (contract, "Close codes").

4000–4499 and 1001, 1011–1013: reconnect with backoff. 4500–4999: stop. 1002, 1007: RFC 6455 section 7.4.1, the peer
does not speak WebSocket. The reason is either a sentence for people or, where a wait is known, the contract's JSON.
"""

from __future__ import annotations

from enum import IntEnum
from typing import NamedTuple

RECONNECT_LIMIT = 4500  # first code that says: stop


class Code(IntEnum):
    """Every code the hub closes with."""

    GOING_AWAY = 1001
    PROTOCOL_ERROR = 1002
    INVALID_TEXT = 1007
    INTERNAL_ERROR = 1011
    TRY_AGAIN_LATER = 1013
    DRAINING = 4000
    TOO_SLOW = 4001
    NO_HEARTBEAT = 4002
    TOO_OLD = 4003
    TOO_MANY_MESSAGES = 4004
    TOO_MANY_CONNECTIONS = 4005
    HELLO_LATE = 4006
    TOKEN_EXPIRED = 4100
    TOKEN_REFUSED = 4500
    ORIGIN_REFUSED = 4501
    PROTOCOL_VIOLATED = 4503
    MESSAGE_TOO_LARGE = 4504
    REVOKED = 4506


class Close(NamedTuple):
    """Why a connection ends: a code, and at most 123 bytes of reason (RFC 6455 section 5.5)."""

    code: Code
    reason: str = ""
    retry_after_seconds: int | None = None

    @property
    def text(self) -> str:
        """What the close frame carries: the wait as JSON when there is one, else the sentence."""
        if self.retry_after_seconds is not None:
            return f'{{"retry_after_seconds":{self.retry_after_seconds}}}'
        text = self.reason.encode("utf-8")[:123]
        return text.decode("utf-8", "ignore")
