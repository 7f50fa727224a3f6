"""benchmarks.tokens: what it signs is a JWT as others read it."""

from __future__ import annotations

import time

import jwt

from benchmarks.tokens import sign


def test_a_token_is_what_the_contract_asks_for() -> None:
    secret = "s" * 48
    claims = jwt.decode(sign(secret, "default", "üser/1"), secret, algorithms=["HS256"], audience="default")
    assert claims["sub"] == "üser/1"
    assert 0 < claims["exp"] - time.time() < 24 * 3600
