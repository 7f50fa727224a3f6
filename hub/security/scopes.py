"""What a credential may allow."""

from __future__ import annotations

from collections.abc import Collection

ADMIN = "admin"
"""Implies every other scope of API keys."""

API_SCOPES = (
    "notifications:write",
    "notifications:read",
    "users:write",
    "users:read",
    "config:write",
    "config:read",
    ADMIN,
)
CLIENT_SCOPES = ("inbox:read", "inbox:write", "preferences:write")


def allows(held: Collection[str], wanted: Collection[str]) -> bool:
    """Whether `held` scopes of an API key are enough where any of `wanted` is asked for; nothing wanted: always."""
    return not wanted or ADMIN in held or any(scope in held for scope in wanted)
