"""The one Redis server of a test's hub, for what only its own commands tell."""

from __future__ import annotations

from hub.bus.client import Server
from hub.runtime import Hub


def redis_of(hub: Hub) -> Server:
    """The client, as more than a Bus. Tests run on one server, but for those about clusters."""
    assert isinstance(hub.redis, Server)
    return hub.redis
