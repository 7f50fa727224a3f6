"""Which hub the client commands call, and with which key."""

from __future__ import annotations

import os
from urllib.parse import urlsplit

from dotenv import dotenv_values

from hub.exceptions import ConfigError
from hub.loopback import is_loopback

DEFAULT_URL = "http://127.0.0.1:8000"
"""Where `hub dev` is unless it was told another port."""

DEV_KEY = "hk_dev"
"""The key of `hub dev`; refused everywhere else."""


def read_environment() -> dict[str, str]:
    """What is set in the environment and in `.env`; what is empty is not, as for the settings.

    Raises:
        ConfigError: `.env` cannot be read.
    """
    try:
        values = {**dotenv_values(".env"), **os.environ}
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f".env cannot be read: {error}") from None
    return {name: value for name, value in values.items() if value}


def read_access() -> tuple[str, str]:
    """Base URL and API key from HUB_URL and HUB_API_KEY, also in `.env`; those of `hub dev` when not set.

    Raises:
        ConfigError: The URL is none, or there is no key for a hub on another machine.
    """
    values = read_environment()
    url = (values.get("HUB_URL") or DEFAULT_URL).rstrip("/")
    try:
        parts = urlsplit(url)
        valid = parts.scheme in ("http", "https") and bool(parts.hostname) and not parts.query and parts.port != 0
    except ValueError:
        valid = False
    if not valid:
        scheme = "" if "://" in url else "http:// or https:// is missing in it. "
        raise ConfigError(
            f"HUB_URL={url.rpartition('@')[2]!r} is no address. {scheme}Example: HUB_URL=https://hub.example.com"
        )
    key = values.get("HUB_API_KEY")
    if not key:
        if not is_loopback(url):
            raise ConfigError("HUB_API_KEY is not set. Example: HUB_API_KEY=hk_… (`hub key create` prints one)")
        key = DEV_KEY
    if not key.isascii() or not key.isprintable():
        raise ConfigError("HUB_API_KEY has characters that no key has. Example: HUB_API_KEY=hk_…")
    return url, key
