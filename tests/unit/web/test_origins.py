"""Origins: one rule for CORS, WebSocket and SSE."""

from __future__ import annotations

import pytest

from hub.web.origins import Origins, origin_of


@pytest.mark.parametrize(
    "origin, host, allowed",
    [
        (None, None, True),
        ("http://127.0.0.1:8000", "127.0.0.1:8000", True),
        ("https://hub.example.com", "hub.example.com", True),
        ("https://hub.example.com", "hub.example.com:443", True),
        ("https://hub.example.com:444", "hub.example.com", False),
        ("https://evil.example.com", "hub.example.com", False),
        ("https://hub.example.com.evil.com", "hub.example.com", False),
        ("null", "hub.example.com", False),
        ("null", None, False),
        ("", "", False),
        ("http://[::1]:8000", "[::1]:8000", True),
        ("https://hub.example.com/", "hub.example.com", False),
    ],
)
def test_without_a_list_only_the_same_origin(origin: str | None, host: str | None, allowed: bool) -> None:
    assert Origins().allows(origin, host) is allowed


def test_a_list_adds_to_the_same_origin() -> None:
    origins = Origins(["https://app.example.com", "http://localhost:3000"], "https://hub.example.com/base")
    assert origins.allows("https://app.example.com", "api:8000")
    assert origins.allows("http://localhost:3000", "api:8000")
    assert origins.allows("https://hub.example.com", "api:8000")
    assert origins.allows("http://api:8000", "api:8000")
    assert not origins.allows("http://app.example.com", "api:8000")
    assert not origins.allows("https://localhost:3000", "api:8000")


def test_a_star_allows_every_page() -> None:
    assert Origins(["*"]).allows("https://anything", "api")


def test_an_odd_host_header_is_nobody() -> None:
    for host in ("[", "a:b:c", "a:99999", "\x00"):
        assert not Origins().allows("https://a", host)


def test_default_ports_are_left_out_as_browsers_do() -> None:
    assert origin_of("https://a.b:443/x") == "https://a.b"
    assert origin_of("http://a.b:443") == "http://a.b:443"
    assert origin_of("ftp://a.b") is None


def test_only_allowed_pages_may_read_answers() -> None:
    origins = Origins(["https://app.example.com"])
    names = [name for name, _ in origins.cors_headers("https://app.example.com", "api")]
    assert b"access-control-allow-origin" in names
    assert origins.cors_headers("https://evil.com", "api") == [(b"vary", b"origin")]
    assert origins.cors_headers(None, "api") == []


@pytest.mark.parametrize(
    "origin", ["http://localhost:5471", "https://xn--bcher-kva.example", "http://[::1]:80", "app://x"]
)
def test_a_refusal_names_the_origin(origin: str) -> None:
    assert Origins.refusal(origin) == f"{origin} is not among HUB_ALLOWED_ORIGINS."


@pytest.mark.parametrize(
    "origin", [None, "", "null", "http://a b", "http://a\n", 'http://"', "http://ü", "Log in at x://"]
)
def test_a_refusal_echoes_no_text_of_somebodys_own(origin: str | None) -> None:
    assert Origins.refusal(origin) == "This origin is not among HUB_ALLOWED_ORIGINS."


@pytest.mark.parametrize("length", range(80, 95))
def test_a_refusal_fits_into_a_close_reason(length: int) -> None:
    text = Origins.refusal("https://".ljust(length, "a"))
    assert len(text.encode()) <= 123
    assert text.endswith(
        "a is not among HUB_ALLOWED_ORIGINS." if length <= 86 else "a… is not among HUB_ALLOWED_ORIGINS."
    )
