"""What holds in the end for one category: all layers resolved, and who decided."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal, TypeAlias

from typing_extensions import TypedDict

from hub.api.category_schema import Channel
from hub.api.preference_schema import DigestMoment, QuietWindow
from hub.model.ladder import channels_of
from hub.model.policy import Policy
from hub.model.preferences import Layer, Layers, parse_preferences, resolve
from hub.model.times import format_time
from hub.store.preferences import StoredLayers
from hub.web.routing import Reply
from hub.web.schema import Schema

LayerName: TypeAlias = Literal["person", "tenant", "project"]


class EffectiveChannel(TypedDict):
    """Whether the category uses the channel; `reason` says why not."""

    channel: Channel
    enabled: bool
    layer: Literal["person", "tenant", "project", "category"]
    reason: Literal["category_off", "channel_off", "not_opted_in", "no_consent"] | None


class EffectiveQuietHours(TypedDict):
    """The hours that count, on the clock of `timezone`."""

    timezone: str
    weekly: list[QuietWindow]
    layer: LayerName


class EffectiveDigest(TypedDict):
    """The times that count for digests of the mode `schedule`."""

    schedule: list[DigestMoment]
    layer: LayerName


class EffectivePreferences(TypedDict):
    """One category. `channels` are those of its ladder, as they have their turn."""

    category: str
    channels: list[EffectiveChannel]
    paused_until: str | None
    paused_by: LayerName | None
    quiet_hours: EffectiveQuietHours | None
    digest: EffectiveDigest | None
    delegate: str | None
    channel_order: list[Channel]


EFFECTIVE = Reply("What holds, and which layer decided.", Schema(EffectivePreferences))


def effective(policy: Policy, stored: StoredLayers, now: datetime) -> dict[str, Any]:
    """The answer for one category. A pause does not stop what is required, nor quiet hours what ignores them."""
    layers = Layers(*map(parse_preferences, stored.documents.values()))
    paused_by, paused_until = (None, None) if policy.required else effective_pause(layers, now)
    return {
        "category": policy.category,
        "channels": [_channel(policy, layers, channel) for channel in channels_of(policy, layers.channel_order)],
        "paused_until": paused_until,
        "paused_by": paused_by,
        "quiet_hours": None if policy.quiet_hours == "ignore" else effective_quiet_hours(layers, stored),
        "digest": _digest(layers, stored),
        "delegate": layers.person.delegate,
        "channel_order": layers.channel_order,
    }


def _channel(policy: Policy, layers: Layers, channel: str) -> dict[str, Any]:
    verdict = resolve(policy, layers, channel)
    return {"channel": channel, "enabled": verdict.on, "layer": verdict.layer, "reason": verdict.reason}


def effective_pause(layers: Layers, now: datetime) -> tuple[Layer | None, str | None]:
    """Whose pause holds, and until when; nobody's: (None, None)."""
    paused_by = layers.paused_by(now)
    until = None if paused_by is None else dict(layers.from_top())[paused_by].paused_until
    return (None, None) if until is None else (paused_by, format_time(until))


def effective_quiet_hours(layers: Layers, stored: StoredLayers) -> dict[str, Any] | None:
    """The hours that count, where a layer has said any."""
    if layers.quiet_hours is None:
        return None
    layer, hours = layers.quiet_hours
    weekly = stored.documents[layer]["quiet_hours"]["weekly"]
    return {"timezone": hours.timezone or stored.timezone, "weekly": weekly, "layer": layer}


def _digest(layers: Layers, stored: StoredLayers) -> dict[str, Any] | None:
    if layers.digest is None:
        return None
    layer, _ = layers.digest
    return {"schedule": stored.documents[layer]["digest"]["schedule"], "layer": layer}
