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
from hub.twilio import read_account
from workers.channels.base import Channel
from workers.channels.smtp import Smtp
from workers.channels.twilio import Twilio
from workers.route import Fleet, Provider, Route


def routes_of(hub: Hub) -> dict[str, Route]:
    """A route for every channel outside the app; one without a provider has none, and nothing is claimed for it."""
    found: dict[str, list[Provider]] = {channel: [] for channel in OUTSIDE_CHANNELS}
    settings = hub.settings
    for provider in settings.providers:
        channel: Channel = _smtp(hub, provider) if provider.channel == "email" else Twilio(read_account(provider))
        found[provider.channel].append(
            Provider(provider.name, channel, provider.order, provider.weight, provider.per_second)
        )
    if settings.vapid_private_key is not None:
        from workers.channels.web_push import WebPush  # 0.2 s at every start otherwise

        found["web_push"].append(Provider("web_push", WebPush(settings, hub.db), shared=False))
    fleet = Fleet(hub.redis, hub.installation, settings.project_pace_per_second, settings.person_pace_per_minute)
    return {channel: Route(channel, providers, fleet) for channel, providers in found.items()}


def _smtp(hub: Hub, provider: ProviderSettings) -> Smtp:
    server, settings = read_server(provider), hub.settings
    assert settings.email_from is not None, "the settings ask for it"
    return Smtp(
        server,
        parse_mailbox(settings.email_from),
        on_bounce=partial(record_refusal, hub, provider.name),
        more=partial(delivery_header, server.host),
    )
