"""What a person can choose, as it holds for them: categories by channels, channels altogether, quiet hours, a pause.

For a panel in an app. The page behind a mail's links (gateway.pages) shows the same.
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any

from typing_extensions import TypedDict

from hub.api.category_schema import Channel
from hub.api.choosing import View
from hub.api.effective_preferences import EffectiveQuietHours, LayerName, effective_pause, effective_quiet_hours
from hub.model.ladder import channels_of
from hub.model.policy import Policy, parse_policy
from hub.model.preferences import Layer
from hub.runtime import Hub
from hub.store import categories, preferences
from hub.store.categories import GENERAL
from hub.store.database import Connection, Database
from hub.web.routing import Reply
from hub.web.schema import Schema

MAX_SHOWN = 200  # categories on a page


class ChannelChoice(TypedDict):
    """Whether messages come by the channel."""

    channel: Channel
    enabled: bool


class CategoryChoices(TypedDict):
    """One category. `channels` are those of its ladder, as they have their turn.

    `label` is its name for people, null for `general`, which the client names in its own words. `required`: nothing of
    it can be switched off. `consent`: outside the app it needs the person's. `enabled` is false where the person
    switched it off altogether.
    """

    category: str
    label: str | None
    description: str | None
    required: bool
    consent: bool
    enabled: bool
    channels: list[ChannelChoice]


class PreferenceChoices(TypedDict):
    """All that a person can choose. `timezone` is theirs, else the project's."""

    channels: list[ChannelChoice]
    categories: list[CategoryChoices]
    quiet_hours: EffectiveQuietHours | None
    paused_until: str | None
    paused_by: LayerName | None
    timezone: str


CHOICES = Reply("What holds, and can be chosen.", Schema(PreferenceChoices))


def label_of(category: str) -> str:
    """What people call a category: `orders.shipped` is `Orders shipped`."""
    words = re.sub(r"[\s._/:-]+", " ", category).strip() or category
    return words[:1].upper() + words[1:]


async def shown_categories(
    db: Database | Connection, project_id: int, person: dict[str, Any]
) -> tuple[dict[str, Policy], dict[str, str]]:
    """Policies in the order in which they are shown, `general` last, and descriptions where there are any.

    Of all that are stored and all that the person spoke of, the first MAX_SHOWN by name. `general`, which is shown
    under a name of the page's own, has no description here.
    """
    rows = await categories.list_first(db, project_id, limit=MAX_SHOWN)
    stored = {row["category"]: row["policy"] for row in rows}
    general = stored.pop(GENERAL)
    # A name that is not among the rows is not stored, or comes after them all and so is not shown.
    names = sorted({*stored, *(person.get("categories") or {})} - {GENERAL})[: MAX_SHOWN - 1]
    policies = {name: parse_policy(name, stored.get(name, general)) for name in [*names, GENERAL]}
    return policies, {name: policy["description"] for name, policy in stored.items() if policy.get("description")}


async def read_choices(hub: Hub, project_id: int, user: str, tenant: str | None, now: datetime) -> dict[str, Any]:
    """The answer for one person; whom nobody stored says nothing. Two queries.

    Args:
        tenant: Whose defaults count as well.
    """
    layers = await preferences.read_layers(hub.db, project_id, user=user, tenant=tenant)
    person, of_tenant, project = (dict(layers.documents[name]) for name in (Layer.PERSON, Layer.TENANT, Layer.PROJECT))
    policies, descriptions = await shown_categories(hub.db, project_id, person)
    view = View(person, project, policies, of_tenant)
    switches, resolved = view.switches(), view.layers()
    paused_by, paused_until = effective_pause(resolved, now)
    return {
        "channels": [{"channel": channel, "enabled": on} for channel, on in view.channels().items()],
        "categories": [
            {
                "category": name,
                "label": None if name == GENERAL else label_of(name),
                "description": descriptions.get(name),
                "required": policy.required,
                "consent": policy.marketing,
                "enabled": policy.required or not view.is_off(name),
                "channels": [{"channel": c, "enabled": switches[name, c]} for c in channels_of(policy)],
            }
            for name, policy in policies.items()
        ],
        "quiet_hours": effective_quiet_hours(resolved, layers),
        "paused_until": paused_until,
        "paused_by": paused_by,
        "timezone": layers.timezone,
    }
