"""Which pages may call from a browser: one rule for CORS, WebSocket and SSE (contract, "Origins")."""

from __future__ import annotations

import re
from collections.abc import Iterable
from urllib.parse import urlsplit

from hub.web.asgi import Headers

_ALLOWED_HEADERS = b"authorization, content-type, idempotency-key, last-event-id, x-request-id"
_EXPOSED_HEADERS = (
    b"idempotency-replayed, ratelimit-limit, ratelimit-remaining, ratelimit-reset, retry-after, x-request-id"
)
_SHOWN_BYTES = 86  # of a refused origin: with the sentence around it, it fits into a close reason of 123 bytes
_SANE = re.compile(r"[a-z][a-z0-9+.-]*://[a-z0-9._:\[\]-]+", re.IGNORECASE)
_PREFLIGHT_SECONDS = b"600"  # Chromium caps at 2 h, Firefox at 24 h; ten minutes lets a changed list take effect soon


def origin_of(url: str) -> str | None:
    """`scheme://host[:port]` of a URL, as browsers write an Origin (default ports left out), or None."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        return None
    if not host or parts.scheme not in ("http", "https"):
        return None
    shown = f"[{host}]" if ":" in host else host
    default = {"http": 80, "https": 443}[parts.scheme]
    return f"{parts.scheme}://{shown}" + ("" if port in (None, default) else f":{port}")


class Origins:
    """The allowed origins; empty means: only the one the request itself was sent to.

    Same origin is judged by host and port, because TLS ends at the proxy in front of us and the scheme is not known.
    """

    def __init__(self, allowed: Iterable[str] = (), public_url: str | None = None) -> None:
        listed = list(allowed)
        self.any = "*" in listed
        self.allowed = {origin for text in listed if (origin := origin_of(text)) is not None}
        own = origin_of(public_url) if public_url else None
        self._own = {own} if own else set()

    def allows(self, origin: str | None, host: str | None) -> bool:
        """Whether a request with these `Origin` and `Host` may be answered; without Origin it is no browser's."""
        if origin is None:
            return True
        return self.any or origin in self.allowed or origin in self._own or _same_host(origin, host)

    @staticmethod
    def refusal(origin: str | None) -> str:
        """Why `origin` is refused, for who builds the page. It is from outside: one of another form is not echoed."""
        if origin is None or _SANE.fullmatch(origin) is None:
            return "This origin is not among HUB_ALLOWED_ORIGINS."
        shown = origin if len(origin) <= _SHOWN_BYTES else origin[:_SHOWN_BYTES] + "…"
        return f"{shown} is not among HUB_ALLOWED_ORIGINS."

    def cors_headers(self, origin: str | None, host: str | None) -> Headers:
        """What lets a page of another origin read the answer; nothing for a foreign one."""
        if origin is None:
            return []
        vary = [(b"vary", b"origin")]
        if not self.allows(origin, host):
            return vary
        return [
            (b"access-control-allow-origin", origin.encode("latin-1")),
            (b"access-control-expose-headers", _EXPOSED_HEADERS),
            *vary,
        ]

    def preflight_headers(self, methods: Iterable[str]) -> Headers:
        """What a preflight of an allowed origin is told beside `cors_headers`."""
        return [
            (b"access-control-allow-methods", ", ".join(methods).encode("ascii")),
            (b"access-control-allow-headers", _ALLOWED_HEADERS),
            (b"access-control-max-age", _PREFLIGHT_SECONDS),
        ]


def _same_host(origin: str, host: str | None) -> bool:
    return bool(host) and any(origin == origin_of(f"{scheme}://{host}") for scheme in ("http", "https"))
