"""Which providers a worker has: from the settings to channels that can send."""

from __future__ import annotations

from hub.model.policy import OUTSIDE_CHANNELS
from hub.runtime import Hub
from workers.route import Fleet, Provider, Route


def routes_of(hub: Hub) -> dict[str, Route]:
    """A route for every channel outside the app; one without a provider has none, and nothing is claimed for it."""
    found: dict[str, list[Provider]] = {channel: [] for channel in OUTSIDE_CHANNELS}
    settings = hub.settings
    fleet = Fleet(hub.redis, hub.installation, settings.project_pace_per_second, settings.person_pace_per_minute)
    return {channel: Route(channel, providers, fleet) for channel, providers in found.items()}
