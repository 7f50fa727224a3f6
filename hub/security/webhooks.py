"""Signatures of webhooks, as Standard Webhooks has them: HMAC-SHA-256 over `id.timestamp.body`."""

from __future__ import annotations

import base64
import hmac
import secrets
from collections.abc import Iterable

PREFIX = "whsec_"
_KEY_BYTES = 32  # the standard: from 24 to 64


def make_secret() -> str:
    """A new secret for an endpoint, as its owner gets it."""
    return PREFIX + base64.b64encode(secrets.token_bytes(_KEY_BYTES)).decode("ascii")


def sign(keys: Iterable[str], message_id: str, timestamp: int, body: bytes) -> dict[str, str]:
    """The headers of one attempt, with a signature by each secret: during a rotation both count.

    Args:
        timestamp: Unix seconds, of the attempt.
    """
    content = f"{message_id}.{timestamp}.".encode("ascii") + body
    signatures = [
        "v1," + base64.b64encode(hmac.digest(base64.b64decode(key.removeprefix(PREFIX)), content, "sha256")).decode()
        for key in keys
    ]
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": " ".join(signatures),
    }
