"""Opens and clicks of a mail, where its category wants them counted. Pure but for the key that signs."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

from hub.model import tracking
from hub.model.policy import Policy
from hub.publish.mail_links import PLACES, links_base
from hub.security.links import MAX_LENGTH, sign_link

if TYPE_CHECKING:
    from hub.config import Settings


def track(settings: Settings, policy: Policy, html: str, project_id: int, person_id: int, delivery_id: UUID) -> str:
    """A mail's HTML with its links and a pixel as the category's `tracking` says; the same for every attempt.

    Links to the hub's own pages stay: who unsubscribes is counted by doing it. Without HUB_PUBLIC_URL nothing changes.
    """
    wanted, base = policy.tracking, links_base(settings)
    if base is None or not (wanted.opens or wanted.clicks):
        return html
    secret = settings.secret.get_secret_value()
    whose = [project_id, person_id, str(delivery_id)]

    def link(url: str, place: int) -> str | None:
        if url.startswith(base):
            return None
        token = sign_link(secret, "click", [*whose, url, place])
        return f"{base}{PLACES['click']}/{token}" if len(token) <= MAX_LENGTH else None

    pixel = f"{base}{PLACES['open']}/{sign_link(secret, 'open', whose)}.gif" if wanted.opens else None
    return tracking.track(html, link=link if wanted.clicks else None, pixel=pixel)
