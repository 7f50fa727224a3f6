"""Whether the servers that `hub dev --external` is given are of this machine, as their drivers read a URL."""

from __future__ import annotations

import os
from urllib.parse import parse_qs, urlsplit

from hub.config import is_loopback


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
    """The same for Redis; its driver also takes the host from the query when there is none before it."""
    parts = urlsplit(url)
    return parts.scheme == "unix" or (is_loopback(url) and (parts.hostname is not None or not parts.query))


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host
