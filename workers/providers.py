"""Which providers a worker has: from the settings to channels that can send."""

from __future__ import annotations

from hub.model.policy import OUTSIDE_CHANNELS
from hub.runtime import Hub
from workers.route import Provider, Route


def routes_of(hub: Hub) -> dict[str, Route]:
    """A route for every channel outside the app; one without a provider has none, and nothing is claimed for it."""
    found: dict[str, list[Provider]] = {channel: [] for channel in OUTSIDE_CHANNELS}
    if hub.settings.vapid_private_key is not None:
        from workers.channels.web_push import WebPush  # 0.2 s at every start otherwise

        found["web_push"].append(Provider("web_push", WebPush(hub.settings, hub.db)))
    return {channel: Route(channel, providers) for channel, providers in found.items()}
