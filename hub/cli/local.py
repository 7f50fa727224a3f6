"""What `hub dev` is configured with, for itself and for who looks at it from beside."""

from __future__ import annotations

from pathlib import Path

from hub.cli.access import read_environment
from hub.config import Settings, load_settings

HOME = Path(".hub")
"""Where its data are, of the directory that it is started in."""


def dev_settings(*, secret: str, vapid_key: str, address: str | None, **servers: str) -> Settings:
    """Settings of a `hub dev`; its key for web push, and its address for links, count where none is configured.

    Args:
        address: Where it runs, None while it does not.
        servers: `database_url` and `redis_url`, unless those are configured.

    Raises:
        ConfigError: As `load_settings`.
    """
    configured = read_environment()
    made = {"vapid_private_key": vapid_key, "public_url": address}
    own = {name: value for name, value in made.items() if value and f"HUB_{name.upper()}" not in configured}
    return load_settings(dev=True, secret=secret, **servers, **own)
