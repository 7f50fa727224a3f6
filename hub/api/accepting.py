"""From the body of a publish to a notification: shapes, template, policy, rules between fields."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any

from hub.api.context import Api
from hub.api.publish_schema import check_publish
from hub.exceptions import FieldError, Invalid
from hub.model.notification import Notification
from hub.model.policy import IN_APP
from hub.model.times import truncate
from hub.publish.accept import accept, check_rendering
from hub.publish.templatebook import Pinned
from hub.store.keys import KeyRow


async def accept_publish(api: Api, credential: KeyRow, value: Any) -> Notification:
    """Everything that can be refused is refused here; after it, only servers can fail.

    Raises:
        Invalid: wrong fields; a template that there is not, or that cannot be rendered with this.
        Forbidden: the key may not use the category.
    """
    body = check_publish(value)
    name = body.get("template")
    pinned = None if name is None else await published_template(api, credential.project_id, name)
    return await accept_body(api, credential, body, pinned)


async def published_template(api: Api, project_id: int, name: str) -> Pinned:
    """What is published under a name. Raises Invalid."""
    pinned = await api.hub.templates.published(api.hub.db, project_id, name)
    if pinned is None:
        raise Invalid(
            f"There is no published template {name!r}. PUT /v1/templates and POST …/publish make one.",
            code="unknown_template",
            errors=(FieldError("template", "unknown_template", "is no published template of this project"),),
        )
    return pinned


async def accept_body(api: Api, credential: KeyRow, body: dict[str, Any], pinned: Pinned | None) -> Notification:
    """The notification of a checked body, pinned to what its template is made of now."""
    if pinned is not None:
        body["template_versions"] = dict(pinned.pins)
        if pinned.category is not None:
            body.setdefault("category", pinned.category)
    policy = await api.policy(credential, body.setdefault("category", "general"))
    body.setdefault("priority", policy.get("priority", "normal"))
    notification = accept(credential.project_id, body, truncate(datetime.now(UTC)))
    if pinned is not None:
        notification.template = pinned.template
        # Beside the loop: in every language and with a hundred people's data it may take seconds of CPU.
        await asyncio.to_thread(check_rendering, notification, _outside(policy, body.get("channels")))
    return notification


def _outside(policy: dict[str, Any], chosen: list[str] | None) -> set[str]:
    """The channels outside the app on which a notification may go."""
    ladder = {step["channel"] for step in policy.get("ladder", ())} - {IN_APP}
    return ladder if chosen is None else ladder & set(chosen)
