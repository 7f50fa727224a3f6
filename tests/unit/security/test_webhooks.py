"""Signatures of webhooks, verified by the independent library."""

from __future__ import annotations

import re
import time
from typing import Any

import pytest
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from hub.model.webhook import EVENTS, TEST_EVENT
from hub.security.webhooks import make_secret, sign
from tests.support.system import ROOT

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


def test_the_how_to_verifies_by_hand_what_the_hub_signs() -> None:
    page = (ROOT / "docs/howto/webhooks.md").read_text("utf-8")
    (source,) = [block for block in re.findall(r"```python\n(.*?)```", page, re.DOTALL) if "def verify" in block]
    scope: dict[str, Any] = {}
    exec(source, scope)
    secret, now = make_secret(), int(time.time())
    assert scope["verify"](secret, sign([make_secret(), secret], "1", now, BODY), BODY)
    assert not scope["verify"](secret, sign([make_secret()], "1", now, BODY), BODY)
    assert not scope["verify"](secret, sign([secret], "1", now, BODY), BODY + b" ")
    assert not scope["verify"](secret, sign([secret], "1", now - 3_600, BODY), BODY)


def test_the_how_to_names_every_event() -> None:
    page = (ROOT / "docs/howto/webhooks.md").read_text("utf-8")
    assert set(EVENTS) == set(re.findall(r"`([a-z_]+\.[a-z]+|unsubscribed)`", page)) - {TEST_EVENT}
