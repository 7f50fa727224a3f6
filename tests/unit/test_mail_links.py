"""Tokens of a mail's links: what is signed is what is read."""

from __future__ import annotations

from uuid import UUID

from hub.publish.mail_links import preferences_token, preferences_url, unsubscribe_token, unsubscribe_url
from hub.security.links import read_link

SECRET = "s" * 40
DELIVERY = UUID("01900000-0000-7000-8000-000000000001")


def test_tokens_say_what_their_readers_expect() -> None:
    token = unsubscribe_token(SECRET, 1, 7, DELIVERY, "news")
    assert read_link(SECRET, "unsubscribe", token) == [1, 7, str(DELIVERY), "news"]
    assert read_link(SECRET, "preferences", preferences_token(SECRET, 1, 7)) == [1, 7]
    assert unsubscribe_url("https://hub.example.com/", "t") == "https://hub.example.com/l/u/t"
    assert preferences_url("https://hub.example.com/x", "t") == "https://hub.example.com/x/l/p/t"
