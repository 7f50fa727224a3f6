"""Connections to URLs that somebody else chose: public addresses only (SSRF).

The address is checked where the socket is made, after the name was resolved, so that neither a name that points inside
nor one that changes its answer between check and use gets through.
"""

from __future__ import annotations

import socket
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import aiohttp

_NAT64 = ip_network("64:ff9b::/96")  # RFC 6052: holds an IPv4 address in its last 32 bits


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
    return address.is_global and not address.is_multicast


def _public_socket(info: tuple[int, int, int, str, Any]) -> socket.socket:
    family, kind, protocol, _, address = info
    if not is_public(str(address[0])):
        raise ForbiddenAddressError(f"{address[0]} is not a public address")
    return socket.socket(family, kind, protocol)


def create_session(*, allow_private: bool, timeout_seconds: float) -> aiohttp.ClientSession:
    """A session for foreign URLs: no proxy from the environment, no cookies. Redirects are the caller's to refuse.

    Args:
        allow_private: Lets it connect anywhere; for tests and closed networks.
        timeout_seconds: For a whole exchange.
    """
    import aiohttp  # a tenth of a second at every start, for a feature that few projects use

    connector = aiohttp.TCPConnector(
        limit=20, use_dns_cache=False, socket_factory=None if allow_private else _public_socket
    )
    return aiohttp.ClientSession(
        connector=connector,
        timeout=aiohttp.ClientTimeout(total=timeout_seconds),
        cookie_jar=aiohttp.DummyCookieJar(),
        trust_env=False,
    )
