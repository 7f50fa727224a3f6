"""A project's brand: what its mails wear."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

DEFAULT_COLOR = "#3b5bdb"
_BRIGHT = 0.36  # relative luminance from which dark text reads better than light (WCAG 2.2 contrast, both about 4.6:1)


class Brand(msgspec.Struct, frozen=True):
    """What a project says of itself; None where nothing.

    Attributes:
        url: Of the app: completes addresses that are paths.
        address: Postal; marketing needs one (CAN-SPAM, section 5; EU directive 2000/31, article 5).
        footer: A line below every mail.
    """

    name: str | None = None
    url: str | None = None
    logo_url: str | None = None
    color: str | None = None
    address: str | None = None
    footer: str | None = None

    @property
    def accent(self) -> str:
        return self.color or DEFAULT_COLOR

    @property
    def on_accent(self) -> str:
        """The colour of text on the accent."""
        return "#1b1e24" if luminance(self.accent) > _BRIGHT else "#fdfdfd"

    @property
    def accent_on_dark(self) -> str:
        """The accent as a link on a dark ground: the same, lightened until it reads."""
        red, green, blue = _channels(self.accent)
        while luminance(f"#{red:02x}{green:02x}{blue:02x}") < 0.3:
            red, green, blue = (min(255, value + (255 - value) // 8 + 1) for value in (red, green, blue))
        return f"#{red:02x}{green:02x}{blue:02x}"

    def fields(self) -> dict[str, Any]:
        """`brand`, as templates see it."""
        return {**{name: getattr(self, name) for name in self.__struct_fields__}, "color": self.accent}


def parse_brand(document: Mapping[str, Any] | None) -> Brand:
    """A stored brand."""
    return Brand(**document) if document else Brand()


def luminance(color: str) -> float:
    """The relative luminance of `#rrggbb` (WCAG 2.2)."""
    linear = [
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4
        for part in (value / 255 for value in _channels(color))
    ]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def _channels(color: str) -> tuple[int, int, int]:
    return int(color[1:3], 16), int(color[3:5], 16), int(color[5:7], 16)
