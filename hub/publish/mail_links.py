"""Links of an e-mail to the hub's own pages: what their tokens say, in one place for those who sign and who read.

| purpose       | says                                          | path on the gateway |
|---------------|-----------------------------------------------|---------------------|
| `unsubscribe` | project_id, person_id, delivery_id, category  | `/l/u/{token}`      |
| `preferences` | project_id, person_id                         | `/l/p/{token}`      |
"""

from __future__ import annotations

from uuid import UUID

from hub.security.links import sign_link


def unsubscribe_token(secret: str, project_id: int, person_id: int, delivery_id: UUID, category: str) -> str:
    """Lets its bearer take this person out of this category's e-mail."""
    return sign_link(secret, "unsubscribe", [project_id, person_id, str(delivery_id), category])


def preferences_token(secret: str, project_id: int, person_id: int) -> str:
    """Lets its bearer see and change what this person gets."""
    return sign_link(secret, "preferences", [project_id, person_id])


def unsubscribe_url(public_url: str, token: str) -> str:
    return f"{public_url.rstrip('/')}/l/u/{token}"


def preferences_url(public_url: str, token: str) -> str:
    return f"{public_url.rstrip('/')}/l/p/{token}"
