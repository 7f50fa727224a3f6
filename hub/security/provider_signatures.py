"""Whether a webhook is the provider's: the signatures that SendGrid and Mailgun document.

Both sign a time of theirs. SendGrid repeats a post for 24 hours and Mailgun for 8, and neither says whether it signs
anew, so a post is taken for a day; what is told twice is recorded once (hub.publish.bounces).
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
from functools import lru_cache
from typing import Any

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, EllipticCurvePublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_der_public_key

MAX_AGE_SECONDS = 25 * 3600.0
MAX_AHEAD_SECONDS = 300.0
_FRAME = re.compile(r"-----(?:BEGIN|END) PUBLIC KEY-----")


@lru_cache(maxsize=4)
def read_sendgrid_key(text: str) -> EllipticCurvePublicKey:
    """The verification key as SendGrid shows it: base64 of DER; PEM is taken too.

    Raises:
        ValueError: it is none.
    """
    body = "".join(_FRAME.sub("", text).split())
    try:
        key = load_der_public_key(base64.b64decode(body, validate=True))
    except (ValueError, binascii.Error, UnsupportedAlgorithm):
        raise ValueError("is no public key of SendGrid's (base64 of DER)") from None
    if not isinstance(key, EllipticCurvePublicKey):
        raise ValueError("is no elliptic-curve key, as SendGrid's are")
    return key


def is_sendgrid(key: str, signature: str | None, timestamp: str | None, body: bytes, now: float) -> bool:
    """ECDSA with SHA-256 over the timestamp and the body as it came."""
    if signature is None or timestamp is None or not _is_recent(timestamp, now):
        return False
    try:
        raw = base64.b64decode(signature, validate=True)
        read_sendgrid_key(key).verify(raw, timestamp.encode("ascii") + body, ECDSA(SHA256()))
    except (ValueError, binascii.Error, InvalidSignature):
        return False
    return True


def is_mailgun(key: str, signature: Any, now: float) -> bool:
    """HMAC with SHA-256 over timestamp and token, in the body's `signature`."""
    if not isinstance(signature, dict):
        return False
    timestamp, token, given = (signature.get(name) for name in ("timestamp", "token", "signature"))
    if not (isinstance(timestamp, str) and isinstance(token, str) and isinstance(given, str)):
        return False
    if not _is_recent(timestamp, now):
        return False
    expected = hmac.new(key.encode("utf-8"), (timestamp + token).encode("utf-8"), hashlib.sha256).hexdigest()
    return hmac.compare_digest(expected.encode("ascii"), given.encode("utf-8"))


def _is_recent(timestamp: str, now: float) -> bool:
    if not (timestamp.isascii() and timestamp.isdigit() and len(timestamp) <= 12):
        return False
    return -MAX_AHEAD_SECONDS <= now - int(timestamp) <= MAX_AGE_SECONDS
