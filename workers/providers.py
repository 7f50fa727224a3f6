"""Which providers a worker has: from the settings to channels that can send."""

from __future__ import annotations

from hub.model.policy import OUTSIDE_CHANNELS
from hub.runtime import Hub
from hub.twilio import read_account
from workers.channels.twilio import Twilio
from workers.route import Provider, Route


def routes_of(hub: Hub) -> dict[str, Route]:
    """A route for every channel outside the app; one without a provider has none, and nothing is claimed for it."""
    found: dict[str, list[Provider]] = {channel: [] for channel in OUTSIDE_CHANNELS}
    for provider in hub.settings.providers:
        if provider.channel == "sms":
            channel = Twilio(read_account(provider))
            found["sms"].append(Provider(provider.name, channel, provider.order, provider.weight, provider.per_second))
    return {channel: Route(channel, providers) for channel, providers in found.items()}
