"""Which URLs name this machine only, as the clients that get them read them.

`hub dev` works with a key that everybody knows, so it must not touch anything that others can reach.
"""

from __future__ import annotations

import os
from ipaddress import ip_address
from urllib.parse import parse_qs, urlsplit


def is_loopback(url: str) -> bool:
    """Whether the host of a URL is this machine; also when it names none."""
    host = urlsplit(url).hostname or "localhost"
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def is_local_database(url: str) -> bool:
    """Whether Postgres's driver would connect to this machine, whichever way the URL names the host."""
    parts = urlsplit(url)
    query = parse_qs(parts.query)
    if "service" in query:
        return False
    named = [urlsplit(f"//{host}").hostname or "" for host in parts.netloc.rpartition("@")[2].split(",")]
    for given in (*query.get("host", ()), *query.get("hostaddr", ())):
        named += given.split(",")
    hosts = [host for host in named if host] or [os.environ.get("PGHOST") or "localhost"]
    return all(host.startswith("/") or is_loopback(f"//{_bracketed(host)}") for host in hosts)


def is_local_redis(url: str) -> bool:
    """The same for Redis; its driver also takes the host from the query when there is none before it.

    A cluster is none: which servers it has, it says itself.
    """
    parts = urlsplit(url)
    if parts.scheme.endswith("+cluster"):
        return False
    return parts.scheme == "unix" or (is_loopback(url) and (parts.hostname is not None or not parts.query))


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host
