"""Signed links: what an e-mail's reader, who has no token, is let do. A link says one thing, for one purpose, for ever.

The signature is HMAC-SHA-256, cut to 128 bits, under a key of the purpose's own: a link to count a click is none to
unsubscribe. Links do not expire: an unsubscribe link must work for as long as the mail lies in a mailbox (RFC 8058).
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from functools import lru_cache
from typing import Any, Literal, TypeAlias

import msgspec

from hub.exceptions import NotFound

Purpose: TypeAlias = Literal["unsubscribe", "preferences", "open", "click", "push", "renewal"]
_SIGNATURE_BYTES = 16  # RFC 2104, section 5: not less than half of the hash, nor than 80 bits
MAX_LENGTH = 4_096  # of a token: a click's holds the URL, of 2,048 characters at most


def sign_link(secret: str, purpose: Purpose, said: list[Any]) -> str:
    """A token for `said`, plain JSON values; only letters, digits, `-` and `_`."""
    payload = msgspec.json.encode(said)
    return base64.urlsafe_b64encode(_signature(secret, purpose, payload) + payload).rstrip(b"=").decode("ascii")


def read_link(secret: str, purpose: Purpose, token: str) -> list[Any]:
    """What a token says.

    Raises:
        NotFound: it is none of ours for this purpose.
    """
    try:
        if len(token) > MAX_LENGTH:
            raise ValueError
        raw = base64.b64decode(token.encode("ascii") + b"=" * (-len(token) % 4), altchars=b"-_", validate=True)
        signature, payload = raw[:_SIGNATURE_BYTES], raw[_SIGNATURE_BYTES:]
        if not hmac.compare_digest(signature, _signature(secret, purpose, payload)):
            raise ValueError
        said: list[Any] = msgspec.json.decode(payload, type=list[Any])
    except (ValueError, binascii.Error, msgspec.DecodeError):
        raise NotFound("This link is not valid: it may have been cut off when it was copied.") from None
    return said


def _signature(secret: str, purpose: str, payload: bytes) -> bytes:
    return hmac.digest(_key(secret, purpose), payload, "sha256")[:_SIGNATURE_BYTES]


@lru_cache(maxsize=64)
def _key(secret: str, purpose: str) -> bytes:
    return hmac.digest(secret.encode("utf-8"), b"link:" + purpose.encode("ascii"), hashlib.sha256)
