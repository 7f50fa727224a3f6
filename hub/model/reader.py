"""Whom a text is rendered for."""

from __future__ import annotations

from typing import Any

import msgspec


class Reader(msgspec.Struct, frozen=True):
    """One person, as templates see them: `recipient`. What is not known is None. `timezone` is the project's for people
    without one of their own.
    """

    id: str
    name: str | None = None
    email: str | None = None
    locale: str | None = None
    timezone: str | None = None
    avatar_url: str | None = None
    properties: dict[str, Any] | None = None

    def fields(self) -> dict[str, Any]:
        """`recipient`, as a plain object."""
        return {
            "id": self.id,
            "name": self.name,
            "email": self.email,
            "locale": self.locale,
            "timezone": self.timezone,
            "avatar_url": self.avatar_url,
            "properties": self.properties or {},
        }
