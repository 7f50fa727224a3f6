"""Providers: which services carry a channel out of the app, in which order, read from the settings.

A provider is a URL. Several are separated by commas and asked in that order; those with the same `order` share what
goes by their `weight`. Parameters of every provider:

    ?name=relay-1       what metrics, timelines and logs call it; its host otherwise
    ?order=0            lower ones are asked first; by default its place in the list
    ?weight=3           of those with the same order, its share
    ?per_second=50      messages that it takes a second, over all workers
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import NamedTuple
from urllib.parse import SplitResult, parse_qsl, urlsplit

from pydantic import SecretStr

MAX_PROVIDERS = 10  # of one channel
MAX_WEIGHT = 1_000
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}", re.ASCII)
_COMMON = ("name", "order", "weight", "per_second")


class ProviderSettings(NamedTuple):
    """One provider of a channel. `url` holds its credentials; `parameters` are those of its own kind."""

    channel: str
    name: str
    url: SecretStr
    order: int = 0
    weight: int = 1
    per_second: float | None = None
    parameters: Mapping[str, str] = {}

    @property
    def parts(self) -> SplitResult:
        return urlsplit(self.url.get_secret_value())

    def refuse_others(self, known: tuple[str, ...]) -> None:
        """Raises ValueError for a parameter that is not among those `known` of its kind."""
        others = sorted(self.parameters.keys() - set(known))
        if others:
            raise ValueError(f"has a parameter {others[0][:40]!r}; known are {', '.join((*known, *_COMMON))}")


def parse_providers(channel: str, urls: SecretStr | None, schemes: tuple[str, ...]) -> tuple[ProviderSettings, ...]:
    """The providers in a setting.

    Raises:
        ValueError: the message says which one is wrong by its place, and shows nothing of it.
    """
    if urls is None:
        return ()
    texts = [text.strip() for text in urls.get_secret_value().split(",") if text.strip()]
    if len(texts) > MAX_PROVIDERS:
        raise ValueError(f"names {len(texts)} providers; at most {MAX_PROVIDERS} are taken")
    found: dict[str, ProviderSettings] = {}
    for place, text in enumerate(texts):
        provider = _parse(channel, text, place, schemes)
        if provider.name in found:
            provider = provider._replace(name=f"{provider.name}-{place + 1}")
        found[provider.name] = provider
    return tuple(found.values())


def _parse(channel: str, text: str, place: int, schemes: tuple[str, ...]) -> ProviderSettings:
    which = "" if place == 0 else f", the {place + 1}. of them,"
    try:
        parts = urlsplit(text)
        host, _ = parts.hostname, parts.port
    except ValueError:
        raise ValueError(
            f"{which} is no URL; percent-encode special characters of a password (, as %2C)".lstrip(", ")
        ) from None
    if parts.scheme not in schemes:
        raise ValueError(f"{which} must start with {' or '.join(f'{s}://' for s in schemes)}".lstrip(", "))
    if not host:
        raise ValueError(f"{which} names no host".lstrip(", "))
    given = dict(parse_qsl(parts.query, keep_blank_values=True))
    name = given.get("name", host)
    if not _NAME.fullmatch(name):
        raise ValueError(f"{which} has a name that is no word of letters, digits, . _ and -".lstrip(", "))
    return ProviderSettings(
        channel,
        name,
        SecretStr(text),
        int(_number(given, "order", place, 0, MAX_PROVIDERS, which)),
        int(_number(given, "weight", 1, 1, MAX_WEIGHT, which)),
        _number(given, "per_second", 0, 0, 1_000_000, which) or None,
        {key: value for key, value in given.items() if key not in _COMMON},
    )


def _number(given: Mapping[str, str], key: str, default: float, least: float, most: float, which: str) -> float:
    text = given.get(key)
    if text is None:
        return default
    try:
        value = float(text)
        if not math.isfinite(value) or not least <= value <= most:
            raise ValueError
    except ValueError:
        raise ValueError(f"{which} has a {key} that is no number from {least:g} to {most:g}".lstrip(", ")) from None
    return value
