"""Connections to URLs that somebody else chose: public addresses only (SSRF).

The address is checked where the socket is made, after the name was resolved, so that neither a name that points inside
nor one that changes its answer between check and use gets through.
"""

from __future__ import annotations

import re
import socket
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

if TYPE_CHECKING:
    import ssl

    import aiohttp

_VISIBLE = re.compile(r"[\x21-\x7e]+")
_NAT64 = ip_network("64:ff9b::/96")  # RFC 6052: holds an IPv4 address in its last 32 bits
_GLOBAL_UNICAST = ip_network("2000::/3")
"""All of IPv6 that IANA gives out. What lies outside is not public, though Python says so of some: site-local ones, and
IPv4 behind `::`, `::ffff:0:` (RFC 2765) or the NAT64 prefix of a site (RFC 8215)."""

WAY_OUT = "HUB_ALLOW_PRIVATE_PUSH=true allows it, for tests and closed networks"
"""Of endpoints of web push and webhooks, which `check_url` and whoever posts to them ask about."""

DNS_SECONDS = 30  # for which an answer is used again, so that names nobody answers for do not delay the others'


class ForbiddenAddressError(OSError):
    """The host resolves to an address that is not public."""


def is_public(text: str) -> bool:
    """Whether an address is one of the public internet, also behind the ways to write IPv4 inside IPv6."""
    try:
        address: IPv4Address | IPv6Address = ip_address(text.partition("%")[0])
    except ValueError:
        return False
    if isinstance(address, IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour or (address.teredo[1] if address.teredo else None)
        if inner is None and address in _NAT64:
            inner = IPv4Address(int(address) & 0xFFFFFFFF)
        if inner is not None:
            return is_public(str(inner))
        if address not in _GLOBAL_UNICAST:
            return False
    return address.is_global and not address.is_multicast


def check_url(url: str, *, allow_private: bool) -> None:
    """Refuses a URL that is not to be called, as far as it shows by itself; the rest is found at the socket.

    Args:
        allow_private: Also `http`, and any address.

    Raises:
        ValueError: with the reason.
    """
    if _VISIBLE.fullmatch(url) is None:
        raise ValueError("must be a URL of visible ASCII characters")
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        raise ValueError("must be a URL") from None
    schemes = ("https", "http") if allow_private else ("https",)
    if parts.scheme not in schemes or not host or "[" in parts.netloc:
        way_out = f"; {WAY_OUT}" if parts.scheme == "http" and not allow_private else ""
        raise ValueError(f"must be a URL of {' or '.join(schemes)} that names a host{way_out}")
    if "@" in parts.netloc or parts.fragment:
        raise ValueError("must have neither credentials nor a fragment")
    address = _literal(host)
    if address is not None and not allow_private and not is_public(address):
        raise ValueError(f"must not name a private address: {host[:80]!r} is one; {WAY_OUT}")


def _literal(host: str) -> str | None:
    """The IPv4 address that a host is by itself, in any spelling that resolvers take: 127.1, 0x7f000001, 2130706433."""
    try:
        return socket.inet_ntoa(socket.inet_aton(host))
    except OSError:
        return None


def _public_socket(info: tuple[int, int, int, str, Any]) -> socket.socket:
    family, kind, protocol, _, address = info
    if not is_public(str(address[0])):
        raise ForbiddenAddressError(f"{address[0]} is not a public address")
    return socket.socket(family, kind, protocol)


def create_session(
    *, allow_private: bool, timeout_seconds: float, connections: int = 20, context: ssl.SSLContext | None = None
) -> aiohttp.ClientSession:
    """A session for foreign URLs: no proxy from the environment, no cookies, nothing unpacked (60 KB on the wire may be
    60 MB). Redirects are the caller's to refuse.

    Args:
        allow_private: Lets it connect anywhere; for tests and closed networks.
        timeout_seconds: For a whole exchange.
        connections: At once, to all hosts together.
        context: What certificates are checked with; the machine's authorities by default.
    """
    import aiohttp  # a tenth of a second at every start, for a feature that few projects use

    from hub.security.resolver import ThreadResolver

    connector = aiohttp.TCPConnector(
        limit=connections,
        resolver=ThreadResolver(),
        ttl_dns_cache=DNS_SECONDS,  # what it answered is checked at each socket all the same
        socket_factory=None if allow_private else _public_socket,
        ssl=True if context is None else context,
    )
    return aiohttp.ClientSession(
        connector=connector,
        timeout=aiohttp.ClientTimeout(total=timeout_seconds),
        cookie_jar=aiohttp.DummyCookieJar(),
        headers={"accept-encoding": "identity"},
        auto_decompress=False,
        trust_env=False,
    )
