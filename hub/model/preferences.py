"""Preferences: what a person, their tenant and their project want, and who of them decides.

Three layers, the upper one wins where it says something: person, tenant, project; below them the category's `default`.
For one channel of one category, a layer after the other is asked from the top:

| asked, in this order, in each layer           | answer                                       |
|-----------------------------------------------|----------------------------------------------|
| the category is `required`                    | on, before any layer                         |
| it is marketing, outside, without consent     | off (`no_consent`), before any layer         |
| `categories[x].enabled` is false              | off (`category_off`), unless an upper layer  |
|                                               | switched the category on                     |
| `categories[x].channels[c]` is given          | that (`channel_off`); true switches the      |
|                                               | category on for this channel                 |
| `channels[c]` is given                        | false: off (`channel_off`); true settles the |
|                                               | channel, not the category                    |
| `categories[x].enabled` is true               | the category is on; the channel is still     |
|                                               | asked further down                           |
| no layer decided: the category is `opted_out` | off (`not_opted_in`)                         |
| otherwise                                     | on                                           |

A pause, quiet hours, a digest's schedule and the channel order come from the uppermost layer that has them; a delegate
and consents only from the person.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, time
from enum import StrEnum
from typing import Any, NamedTuple

import msgspec

from hub.model.policy import IN_APP, Policy
from hub.model.reason import Reason
from hub.model.weekly import Appointment, Window


class Layer(StrEnum):
    """Who decided."""

    PERSON = "person"
    TENANT = "tenant"
    PROJECT = "project"
    CATEGORY = "category"
    NOTIFICATION = "notification"
    HUB = "hub"


class CategoryChoice(msgspec.Struct, frozen=True):
    """What a layer says about one category."""

    enabled: bool | None = None
    channels: Mapping[str, bool] = {}


class QuietHours(msgspec.Struct, frozen=True):
    """Weekly hours in which nothing outside the app is sent. `timezone` None: the person's, else the project's."""

    windows: tuple[Window, ...]
    timezone: str | None = None


class Preferences(msgspec.Struct, frozen=True):
    """One layer. Everything may be left out; `quiet_hours` without windows says: none."""

    paused_until: datetime | None = None
    channels: Mapping[str, bool] = {}
    channel_order: tuple[str, ...] = ()
    categories: Mapping[str, CategoryChoice] = {}
    quiet_hours: QuietHours | None = None
    digest_schedule: tuple[Appointment, ...] = ()
    delegate: str | None = None
    consents: Mapping[str, Mapping[str, Any]] = {}


NOTHING = Preferences()


class Layers(NamedTuple):
    """The three layers that bear on one notification to one person."""

    person: Preferences = NOTHING
    tenant: Preferences = NOTHING
    project: Preferences = NOTHING

    def from_top(self) -> Iterator[tuple[Layer, Preferences]]:
        yield Layer.PERSON, self.person
        yield Layer.TENANT, self.tenant
        yield Layer.PROJECT, self.project

    @property
    def channel_order(self) -> tuple[str, ...]:
        return next((layer.channel_order for _, layer in self.from_top() if layer.channel_order), ())

    @property
    def digest(self) -> tuple[Layer, tuple[Appointment, ...]] | None:
        """The schedule of digests that counts, and whose it is."""
        found = ((name, layer.digest_schedule) for name, layer in self.from_top() if layer.digest_schedule)
        return next(found, None)

    @property
    def digest_schedule(self) -> tuple[Appointment, ...]:
        return self.digest[1] if self.digest else ()

    @property
    def quiet_hours(self) -> tuple[Layer, QuietHours] | None:
        found = ((name, layer.quiet_hours) for name, layer in self.from_top() if layer.quiet_hours is not None)
        return next(found, None)

    def paused_by(self, now: datetime) -> Layer | None:
        """The layer whose pause holds at `now`."""
        for name, layer in self.from_top():
            if layer.paused_until is not None:
                return name if layer.paused_until > now else None
        return None


class Verdict(NamedTuple):
    """Whether a channel is on for a category: who decided, and why it is off (None: it is on)."""

    layer: Layer
    reason: Reason | None = None

    @property
    def on(self) -> bool:
        return self.reason is None


def resolve(policy: Policy, layers: Layers, channel: str) -> Verdict:
    """The table above."""
    if policy.required:
        return Verdict(Layer.CATEGORY)
    if policy.marketing and channel != IN_APP and not consented(policy, layers.person, channel):
        return Verdict(Layer.PERSON, Reason.NO_CONSENT)
    category_by: Layer | None = None
    channel_by: Layer | None = None
    for name, layer in layers.from_top():
        choice = layer.categories.get(policy.category)
        if category_by is None and choice is not None and choice.enabled is False:
            return Verdict(name, Reason.CATEGORY_OFF)
        specific = None if choice is None else choice.channels.get(channel)
        if channel_by is None:
            wanted = layer.channels.get(channel) if specific is None else specific
            if wanted is False:
                return Verdict(name, Reason.CHANNEL_OFF)
            if wanted:
                channel_by = name
        if category_by is None and (specific or (choice is not None and choice.enabled)):
            category_by = name
    if category_by is None and policy.default == "opted_out":
        return Verdict(Layer.CATEGORY, Reason.NOT_OPTED_IN)
    return Verdict(channel_by or category_by or Layer.CATEGORY)


def consented(policy: Policy, person: Preferences, channel: str) -> bool:
    """Whether a consent of the person covers marketing of this category on this channel.

    `consents` holds one record a category, or one named `marketing` for all of them: `{"granted", "at", "source",
    "channels"?}`. The category's own record wins.
    """
    record = person.consents.get(policy.category) or person.consents.get("marketing")
    if record is None or not record.get("granted"):
        return False
    channels = record.get("channels")
    return channels is None or channel in channels


def parse_preferences(document: Mapping[str, Any] | None) -> Preferences:
    """The layer in a stored document; the API has checked it."""
    if not document:
        return NOTHING
    paused, quiet = document.get("paused_until"), document.get("quiet_hours")
    schedule = (document.get("digest") or {}).get("schedule") or ()
    return Preferences(
        None if paused is None else datetime.fromisoformat(paused),
        document.get("channels") or {},
        tuple(document.get("channel_order") or ()),
        {
            name: CategoryChoice(choice.get("enabled"), choice.get("channels") or {})
            for name, choice in (document.get("categories") or {}).items()
        },
        None if quiet is None else _quiet_hours(quiet),
        tuple(Appointment(tuple(entry["days"]), time.fromisoformat(entry["at"])) for entry in schedule),
        document.get("delegate"),
        document.get("consents") or {},
    )


def _quiet_hours(document: Mapping[str, Any]) -> QuietHours:
    windows = tuple(
        Window(tuple(entry["days"]), time.fromisoformat(entry["from"]), time.fromisoformat(entry["to"]))
        for entry in document.get("weekly") or ()
    )
    return QuietHours(windows, document.get("timezone"))
