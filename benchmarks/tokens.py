"""Client tokens, signed as a backend would with the project's signing secret (HS256, contract.md)."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time

LIFETIME_SECONDS = 6 * 3600  # far longer than a run, below the 24 h that the hub allows


def _part(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def sign(secret: str, project: str, user: str) -> str:
    """A token of `user` in `project`, valid from now on."""
    now = int(time.time())
    head = _part(b'{"alg":"HS256","typ":"JWT"}')
    claims = _part(json.dumps({"sub": user, "aud": project, "iat": now, "exp": now + LIFETIME_SECONDS}).encode())
    signature = hmac.digest(secret.encode(), f"{head}.{claims}".encode(), hashlib.sha256)
    return f"{head}.{claims}.{_part(signature)}"
