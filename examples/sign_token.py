"""Sign a client token in your own backend: letting a client in then costs no call to the hub. Needs `pyjwt`.

    HUB_SIGNING_SECRET=… python examples/sign_token.py ada

`hub project show default --secrets` prints the secret. HUB_PROJECT names another project than `default`.
"""

from __future__ import annotations

import os
import sys
import time

import jwt

LIFETIME_SECONDS = 3600  # at most 24 h; the widget asks for the next one in time


def sign_token(user: str, project: str, secret: str) -> str:
    """A token that lets its bearer at the inbox of `user`, and at nothing else."""
    now = int(time.time())
    claims = {"sub": user, "aud": project, "iat": now, "exp": now + LIFETIME_SECONDS}
    return jwt.encode(claims, secret, algorithm="HS256")


if __name__ == "__main__":
    if len(sys.argv) != 2 or "HUB_SIGNING_SECRET" not in os.environ:
        raise SystemExit(__doc__)
    print(sign_token(sys.argv[1], os.environ.get("HUB_PROJECT", "default"), os.environ["HUB_SIGNING_SECRET"]))
