"""Signatures of webhooks, verified by the independent library."""

from __future__ import annotations

import time

import pytest
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from hub.security.webhooks import make_secret, sign

BODY = '{"type":"item.seen","timestamp":"2026-11-20T12:00:00.000Z","data":{"user":"ü"}}'.encode()


def test_each_secret_of_a_rotation_verifies_and_no_other() -> None:
    new, old = make_secret(), make_secret()
    assert new != old
    headers = sign([new, old], "0193-1", int(time.time()), BODY)
    for secret in (new, old):
        assert Webhook(secret).verify(BODY, headers)["type"] == "item.seen"
    with pytest.raises(WebhookVerificationError):
        Webhook(make_secret()).verify(BODY, headers)
    for changed in (
        {**headers, "webhook-id": "0193-2"},
        {**headers, "webhook-timestamp": str(int(time.time()) - 1)},
    ):
        with pytest.raises(WebhookVerificationError):
            Webhook(new).verify(BODY, changed)
    with pytest.raises(WebhookVerificationError):
        Webhook(new).verify(BODY.replace(b"seen", b"read"), headers)


def test_an_old_attempt_is_refused() -> None:
    secret = make_secret()
    with pytest.raises(WebhookVerificationError):
        Webhook(secret).verify(BODY, sign([secret], "1", int(time.time()) - 3_600, BODY))
