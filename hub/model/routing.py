"""Routing: from what is configured and known to what becomes of each step of a ladder.

`situation` gathers what bears on one step into the question that `decide` answers; `climb` goes up a line with it, past
steps that are skipped, to the first that is not. Dispatch, workers and `explain` all come through here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from types import MappingProxyType
from typing import NamedTuple, TypeAlias

import msgspec

from hub.model.decide import (
    UNASKED,
    CapState,
    Decision,
    ItemState,
    Presence,
    Quiet,
    Reach,
    Situation,
    Skip,
    decide,
)
from hub.model.policy import IN_APP, Cap, Policy, Step
from hub.model.preferences import NOTHING, Layer, Layers, Preferences, Verdict, resolve


class Rules(msgspec.Struct, frozen=True):
    """What is configured for one category of one project, as one tenant has it.

    Attributes:
        zone: The project's time zone, for people without one.
        cap: The project's cap over all categories; the category's own is the policy's.
        providers: Channels that have a provider.
        everyone_reachable: Sandbox: nothing is sent outside, so that no address is needed.
    """

    policy: Policy
    tenant: Preferences = NOTHING
    project: Preferences = NOTHING
    zone: str = "UTC"
    cap: Cap | None = None
    providers: frozenset[str] = frozenset()
    everyone_reachable: bool = False


class Addressee(msgspec.Struct, frozen=True):
    """What is known about the person.

    Attributes:
        addresses: Channels on which they have one.
        suppressed: Channels whose address gets nothing any more, and for what.
    """

    preferences: Preferences = NOTHING
    timezone: str | None = None
    addresses: frozenset[str] = frozenset()
    suppressed: Mapping[str, str] = MappingProxyType({})


class Order(msgspec.Struct, frozen=True):
    """What the notification itself says about its deliveries to one person."""

    dispatched_at: datetime
    critical: bool = False
    expires_at: datetime | None = None
    cancelled: bool = False
    delegated: bool = False


NOBODY = Addressee()
_NOWHERE = frozenset[str]()


class Climbed(NamedTuple):
    """Where a climb ended.

    Attributes:
        skipped: The steps that were passed, with why; in order.
        place: The index of the step that was not skipped; None when all were.
        decision: What becomes of it; None when all were skipped.
    """

    skipped: list[tuple[Step, Skip]]
    place: int | None
    decision: Decision | None


Look: TypeAlias = Callable[[Step, datetime | None], Situation]
"""The situation of a step, given when the next one of its line has its turn."""


def layers_of(rules: Rules, person: Addressee) -> Layers:
    return Layers(person.preferences, rules.tenant, rules.project)


def quiet_of(rules: Rules, person: Addressee) -> Quiet | None:
    """The quiet hours that bear on this person; None: none do."""
    found = layers_of(rules, person).quiet_hours
    if found is None or not found[1].windows:
        return None
    layer, hours = found
    return Quiet(hours.windows, hours.timezone or person.timezone or rules.zone, layer)


def reach(rules: Rules, person: Addressee, channel: str) -> Reach:
    """Whether anything can be sent to this person on this channel."""
    if channel not in rules.providers:
        return Reach.NO_PROVIDER
    if channel in person.suppressed:
        return Reach.SUPPRESSED  # in the sandbox as well: it is about an address that is there
    return Reach.YES if rules.everyone_reachable or channel in person.addresses else Reach.NO_ADDRESS


def situation(
    step: Step,
    order: Order,
    rules: Rules,
    person: Addressee,
    now: datetime,
    *,
    item: ItemState | None,
    presence: Presence = UNASKED,
    next_at: datetime | None = None,
    cap: CapState | None = None,
    gather_until: datetime | None = None,
    quiet_hours: bool = True,
) -> Situation:
    """The question about one step, with everything that is configured and known.

    Args:
        quiet_hours: False at dispatch: whoever decides when a step could go asks for them.
    """
    policy = rules.policy
    layers = layers_of(rules, person)
    exempt = order.critical or policy.quiet_hours == "ignore" or not quiet_hours
    return Situation(
        step,
        order.dispatched_at,
        resolve(policy, layers, step.channel),
        presence,
        order.expires_at,
        order.cancelled,
        item,
        next_at,
        None if policy.required else layers.paused_by(now),
        order.delegated,
        reach(rules, person, step.channel),
        None if exempt else quiet_of(rules, person),
        cap,
        gather_until,
        person.suppressed.get(step.channel),
    )


class Outlook(NamedTuple):
    """What of a person bears on how a notification is dispatched to them: who has the same gets the same deliveries."""

    verdicts: tuple[Verdict, ...]
    paused: Layer | None
    channel_order: tuple[str, ...]
    addresses: frozenset[str]


def outlook(rules: Rules, person: Addressee, now: datetime) -> Outlook:
    """A person's outlook on notifications of one category."""
    policy, layers = rules.policy, layers_of(rules, person)
    return Outlook(
        tuple(resolve(policy, layers, step.channel) for step in policy.ladder if step.channel != IN_APP),
        layers.paused_by(now),
        layers.channel_order,
        _NOWHERE if rules.everyone_reachable else person.addresses,
    )


def in_app_skip(rules: Rules, person: Addressee) -> Skip | None:
    """Why the in-app step stores no item; None: it does. No pause, hours, cap or delegate bears on it."""
    verdict = resolve(rules.policy, layers_of(rules, person), IN_APP)
    return None if verdict.reason is None else Skip(verdict.reason, verdict.layer)


def climb(line: Sequence[Step], look: Look, dispatched_at: datetime, now: datetime) -> Climbed:
    """Goes up a line from its first step on, past what is skipped."""
    skipped: list[tuple[Step, Skip]] = []
    for place, step in enumerate(line):
        next_at = None
        if step.condition.asks_presence:
            next_at = _next_turn(line[place + 1 :], look, dispatched_at, now)
        decision = decide(look(step, next_at), now)
        if not isinstance(decision, Skip):
            return Climbed(skipped, place, decision)
        skipped.append((step, decision))
    return Climbed(skipped, None, None)


def _next_turn(later: Sequence[Step], look: Look, dispatched_at: datetime, now: datetime) -> datetime | None:
    """When the first of the later steps that can go out at all has its turn."""
    for step in later:
        if not isinstance(decide(look(step, None), now), Skip):
            return dispatched_at + step.after
    return None
