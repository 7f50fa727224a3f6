"""Addresses of the pages behind a mail's links. The gateway serves them under `/l/` (gateway.links)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import UUID

from hub.security.links import Purpose, sign_link

if TYPE_CHECKING:
    from hub.config import Settings

PLACES: dict[Purpose, str] = {"unsubscribe": "u", "preferences": "p", "open": "o", "click": "c"}


def links_base(settings: Settings) -> str | None:
    """What every such address begins with; None where nobody knows how the hub is reached from outside."""
    return None if settings.public_url is None else f"{settings.public_url.rstrip('/')}/l/"


def unsubscribe_url(
    settings: Settings, project_id: int, person_id: int, delivery_id: UUID, category: str
) -> str | None:
    """For `List-Unsubscribe` and the foot of a mail: a GET asks, a POST unsubscribes (RFC 8058)."""
    return _url(settings, "unsubscribe", [project_id, person_id, str(delivery_id), category])


def preferences_url(settings: Settings, project_id: int, person_id: int) -> str | None:
    """A person's preference centre."""
    return _url(settings, "preferences", [project_id, person_id])


def _url(settings: Settings, purpose: Purpose, said: list[Any]) -> str | None:
    base = links_base(settings)
    return base and f"{base}{PLACES[purpose]}/{sign_link(settings.secret.get_secret_value(), purpose, said)}"
