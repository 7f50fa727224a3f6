"""Publish a notification, as a backend does: Python's standard library and nothing else.

    python examples/publish.py ada "Your order has shipped" "It arrives on Thursday."

HUB_URL and HUB_API_KEY say where and as whom; without them it is a running `hub dev`.
"""

from __future__ import annotations

import json
import os
import sys
import time
import urllib.error
import urllib.request
import uuid
from typing import Any

HUB_URL = os.environ.get("HUB_URL", "http://127.0.0.1:8000")
HUB_API_KEY = os.environ.get("HUB_API_KEY", "hk_dev")
TRY_AGAIN = {409, 429, 502, 503, 504}  # still under way, too many, or a server is away for a moment
ATTEMPTS = 6


def publish(notification: dict[str, Any]) -> dict[str, Any]:
    """The hub's answer. Tries again where that helps; the key makes sure that nobody is notified twice."""
    request = urllib.request.Request(
        f"{HUB_URL}/v1/notifications",
        data=json.dumps(notification).encode(),
        headers={
            "Authorization": f"Bearer {HUB_API_KEY}",
            "Content-Type": "application/json",
            "Idempotency-Key": str(uuid.uuid4()),  # one for all attempts
        },
    )
    for attempt in range(ATTEMPTS):
        wait = 0.5 * 2**attempt
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                return dict(json.load(answer))
        except urllib.error.HTTPError as refused:
            if refused.code not in TRY_AGAIN or attempt == ATTEMPTS - 1:
                raise SystemExit(f"{refused.code}: {refused.read().decode()}") from None
            wait = float(refused.headers.get("Retry-After", wait))
        except OSError as error:  # nobody answered; whether it was carried out is not known, and need not be
            if attempt == ATTEMPTS - 1:
                raise SystemExit(f"{HUB_URL} does not answer: {error}") from None
        time.sleep(wait)
    raise AssertionError("unreachable")


if __name__ == "__main__":
    if len(sys.argv) not in (3, 4):
        raise SystemExit(__doc__)
    user, title, *body = sys.argv[1:]
    print(json.dumps(publish({"recipients": [user], "title": title, **({"body": body[0]} if body else {})})))
