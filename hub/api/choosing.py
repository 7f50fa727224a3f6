"""Switches: what a person turns on and off on a page that shows what holds, written as a change of their preferences.

A page shows what is on, whoever decided that; so a switch that is moved says only what must be said to make it so:

| moved | becomes                                                                                              |
|-------|------------------------------------------------------------------------------------------------------|
| off   | `categories[x].channels[c]` false; of marketing, the consent does not cover the channel any more      |
| on    | what was said against it is taken back; if it is not on by that, `categories[x].channels[c]` is true; |
|       | of marketing, a consent covers the channel                                                            |

A category that was off altogether comes back only on the channels that are switched on. Moving the switch of a channel
for everything says `channels[c]`, and takes back what categories said in its favour when it is moved off.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple, TypeAlias

from hub.api.merge_patch import merge_patch
from hub.model.ladder import channels_of
from hub.model.policy import IN_APP, OUTSIDE_CHANNELS, Policy
from hub.model.preferences import Layers, Preferences, consented, parse_preferences, resolve

Switch: TypeAlias = tuple[str, str]
"""A category and a channel of its ladder."""
Document: TypeAlias = Mapping[str, Any]


class Moved(NamedTuple):
    """Where switches stand now; those that are not named stay.

    Attributes:
        stopped: Said to be off, also where it is off for another reason, or not on the ladder just now.
        paused_until: () leaves the pause as it is.
    """

    switches: Mapping[Switch, bool] = {}
    stopped: tuple[Switch, ...] = ()
    channels: Mapping[str, bool] = {}
    paused_until: str | tuple[()] | None = ()


class View(NamedTuple):
    """What a person's page is about.

    Attributes:
        policies: By category, in the order in which they are shown.
    """

    person: Document
    project: Document
    policies: Mapping[str, Policy]
    tenant: Mapping[str, Any] = {}

    def layers(self, person: Document | None = None) -> Layers:
        own = self.person if person is None else person
        return Layers(*map(parse_preferences, (own, self.tenant, self.project)))

    def is_off(self, category: str, person: Document | None = None) -> bool:
        """Whether the person switched the category off altogether."""
        own = self.person if person is None else person
        return ((own.get("categories") or {}).get(category) or {}).get("enabled") is False

    def switches(self) -> dict[Switch, bool]:
        """Every switch that a page can show, and whether it is on."""
        layers = self.layers()
        return {
            (category, channel): resolve(policy, layers, channel).on
            for category, policy in self.policies.items()
            for channel in channels_of(policy)
        }

    def channels(self) -> dict[str, bool]:
        """Every channel that any category uses, and whether it is on altogether."""
        used = {channel for policy in self.policies.values() for channel in channels_of(policy)}
        return {c: _said(self.layers(), c) for c in (IN_APP, *OUTSIDE_CHANNELS) if c in used}

    def paused_until(self, now: datetime) -> datetime | None:
        """The end of the person's own pause."""
        until = self.layers().person.paused_until
        return until if until is not None and until > now else None


def _said(layers: Layers, channel: str) -> bool:
    said = (layer.channels[channel] for _, layer in layers.from_top() if channel in layer.channels)
    return next(said, True)


def patch_for(view: View, moved: Moved) -> dict[str, Any]:
    """The merge patch that moves these switches; empty when all stand there already.

    A switch of a required category, or one that the page cannot have shown, is left out.
    """
    patch: dict[str, Any] = {}
    if moved.paused_until != ():
        patch["paused_until"] = moved.paused_until
    standing = view.channels()
    for channel, on in moved.channels.items():
        if standing.get(channel) in (on, None):
            continue
        patch = _merged(patch, {"channels": {channel: False}} if not on else _everywhere(view, channel))
        if not on:
            for category, choice in (view.person.get("categories") or {}).items():
                if (choice.get("channels") or {}).get(channel):
                    patch = _merged(patch, {"categories": {category: {"channels": {channel: None}}}})
    for category, channel in moved.stopped:
        policy = view.policies[category]
        if not policy.required:
            consent = _consent(policy, view.layers().person, {channel: False})
            patch = _merged(patch, {"categories": {category: {"channels": {channel: False}}}})
            patch = patch if consent is None else _merged(patch, {"consents": {category: consent}})
    before = view.switches()
    changed = [s for s, on in moved.switches.items() if before.get(s, on) != on and not view.policies[s[0]].required]
    for category in dict.fromkeys(category for category, _ in changed):
        wanted = {channel: on for (c, channel), on in {**before, **moved.switches}.items() if c == category}
        patch = _merged(patch, _of_category(view, patch, category, wanted, [ch for c, ch in changed if c == category]))
    return patch


def _everywhere(view: View, channel: str) -> dict[str, Any]:
    silent = merge_patch(view.person, {"channels": {channel: None}})
    return {"channels": {channel: None if _said(view.layers(silent), channel) else True}}


def _of_category(
    view: View, patch: Mapping[str, Any], category: str, wanted: Mapping[str, bool], changed: Sequence[str]
) -> dict[str, Any]:
    policy = view.policies[category]
    person: Document = merge_patch(view.person, patch)
    was_off = view.is_off(category, person)
    channels: dict[str, bool | None] = {c: None if on else False for c, on in wanted.items() if was_off or c in changed}
    choice: dict[str, Any] = {"channels": channels}
    if was_off:
        choice["enabled"] = None
    consent = _consent(policy, parse_preferences(person), {c: wanted[c] for c in changed})
    said: dict[str, Any] = {"categories": {category: choice}}
    if consent is not None:
        said["consents"] = {category: consent}
    layers = view.layers(merge_patch(person, said))
    for channel, off in channels.items():
        if off is None and not resolve(policy, layers, channel).on:
            channels[channel] = True
    return said


def _consent(policy: Policy, person: Preferences, changed: Mapping[str, bool]) -> dict[str, Any] | None:
    """The consent that these switches come to, where it is another than it was."""
    if not policy.marketing:
        return None
    covered = [c for c in OUTSIDE_CHANNELS if consented(policy, person, c)]
    wanted = [c for c in OUTSIDE_CHANNELS if changed.get(c, c in covered)]
    if wanted == covered:
        return None
    consent: dict[str, Any] = {"granted": bool(wanted), "channels": wanted or None}
    if wanted and set(wanted) < set(covered):  # what is left of it was given when it was given, and by whom
        given = person.consents.get(policy.category) or person.consents.get("marketing") or {}
        consent |= {name: given[name] for name in ("at", "source") if given.get(name)}
    return consent


def _merged(patch: dict[str, Any], more: Mapping[str, Any]) -> dict[str, Any]:
    """Two patches as one, the later one winning; unlike a merge patch, null stays."""
    merged = dict(patch)
    for name, value in more.items():
        old = merged.get(name)
        merged[name] = _merged(old, value) if isinstance(old, dict) and isinstance(value, dict) else value
    return merged
