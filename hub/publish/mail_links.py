"""Links of an e-mail to the hub's own pages: what their tokens say, in one place for those who sign and who read.

| purpose       | says                                          | path on the gateway |
|---------------|-----------------------------------------------|---------------------|
| `unsubscribe` | project_id, person_id, delivery_id, category  | `/l/u/{token}`      |
| `preferences` | project_id, person_id                         | `/l/p/{token}`      |
| `open`        | project_id, person_id, delivery_id            | `/l/o/{token}.gif`  |
| `click`       | project_id, person_id, delivery_id, url,      | `/l/c/{token}`      |
|               | place among the mail's links                  |                     |
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

from hub.model.mime import MAX_UNSUBSCRIBE
from hub.security.links import MAX_LENGTH, sign_link

if TYPE_CHECKING:
    from hub.config import Settings


def unsubscribe_token(secret: str, project_id: int, person_id: int, delivery_id: UUID, category: str) -> str:
    """Lets its bearer take this person out of this category's e-mail."""
    return sign_link(secret, "unsubscribe", [project_id, person_id, str(delivery_id), category])


def preferences_token(secret: str, project_id: int, person_id: int) -> str:
    """Lets its bearer see and change what this person gets."""
    return sign_link(secret, "preferences", [project_id, person_id])


def unsubscribe_url(public_url: str, token: str) -> str:
    return f"{links_base(public_url)}u/{token}"


def unsubscribe_link(
    settings: Settings, project_id: int, person_id: int, delivery_id: UUID, category: str
) -> str | None:
    """Where this person leaves this category, in the texts and in the header of a mail alike.

    None: without HUB_PUBLIC_URL, and where the category's name makes it too long for its header.
    """
    if settings.public_url is None:
        return None
    token = unsubscribe_token(settings.secret.get_secret_value(), project_id, person_id, delivery_id, category)
    url = unsubscribe_url(settings.public_url, token)
    return url if len(url) <= MAX_UNSUBSCRIBE else None


def preferences_url(public_url: str, token: str) -> str:
    return f"{links_base(public_url)}p/{token}"


def links_base(public_url: str) -> str:
    """What all of these addresses begin with."""
    return f"{public_url.rstrip('/')}/l/"


def pixel_url(public_url: str, secret: str, project_id: int, person_id: int, delivery_id: UUID) -> str:
    """Counts an open when it is fetched."""
    token = sign_link(secret, "open", [project_id, person_id, str(delivery_id)])
    return f"{links_base(public_url)}o/{token}.gif"


def click_url(
    public_url: str, secret: str, project_id: int, person_id: int, delivery_id: UUID, url: str, place: int
) -> str | None:
    """Counts a click and leads to `url`; None where that is too long to be signed."""
    token = sign_link(secret, "click", [project_id, person_id, str(delivery_id), url, place])
    return f"{links_base(public_url)}c/{token}" if len(token) <= MAX_LENGTH else None
