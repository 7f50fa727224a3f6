"""Opens and clicks of a mail, where its category wants them counted. Pure but for the key that signs."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

from hub.model import tracking
from hub.model.policy import Policy
from hub.publish.mail_links import click_url, links_base, pixel_url

if TYPE_CHECKING:
    from hub.config import Settings


def track(settings: Settings, policy: Policy, html: str, project_id: int, person_id: int, delivery_id: UUID) -> str:
    """A mail's HTML with its links and a pixel as the category's `tracking` says; the same for every attempt.

    Links to the hub's own pages stay: who unsubscribes is counted by doing it. Without HUB_PUBLIC_URL nothing changes.
    """
    wanted, public_url = policy.tracking, settings.public_url
    if public_url is None or not (wanted.opens or wanted.clicks):
        return html
    secret, base, whose = (
        settings.secret.get_secret_value(),
        links_base(public_url),
        (project_id, person_id, delivery_id),
    )

    def link(url: str, place: int) -> str | None:
        return None if url.startswith(base) else click_url(public_url, secret, *whose, url, place)

    pixel = pixel_url(public_url, secret, *whose) if wanted.opens else None
    return tracking.track(html, link=link if wanted.clicks else None, pixel=pixel)
