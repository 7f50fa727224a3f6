"""Which providers a worker has: from the settings to channels that can send."""

from __future__ import annotations

from functools import partial

from hub.model.mail_address import parse_mailbox
from hub.model.policy import OUTSIDE_CHANNELS
from hub.model.provider_events import delivery_header
from hub.providers import ProviderSettings
from hub.publish.bounces import record_refusal
from hub.runtime import Hub
from hub.smtp import read_server
from workers.channels.smtp import Smtp
from workers.route import Provider, Route


def routes_of(hub: Hub) -> dict[str, Route]:
    """A route for every channel outside the app; one without a provider has none, and nothing is claimed for it."""
    found: dict[str, list[Provider]] = {channel: [] for channel in OUTSIDE_CHANNELS}
    for settings in hub.settings.providers:
        if settings.channel == "email":
            channel = _smtp(hub, settings)
            found["email"].append(
                Provider(settings.name, channel, settings.order, settings.weight, settings.per_second)
            )
    return {channel: Route(channel, providers) for channel, providers in found.items()}


def _smtp(hub: Hub, provider: ProviderSettings) -> Smtp:
    server, settings = read_server(provider), hub.settings
    assert settings.email_from is not None, "the settings ask for it"
    return Smtp(
        server,
        parse_mailbox(settings.email_from),
        secret=settings.secret.get_secret_value(),
        public_url=settings.public_url,
        on_bounce=partial(record_refusal, hub),
        more=partial(delivery_header, server.host),
    )
