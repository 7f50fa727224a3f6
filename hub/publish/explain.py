"""Explaining: what would become of a notification, person by person and channel by channel, without sending it.

The same functions decide on the same data as dispatch and workers: rules, preferences, presence, caps and digests as
they are now. Nothing is stored, counted or opened.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from hub.model.decide import (
    CapState,
    Decision,
    Gather,
    Presence,
    Send,
    Situation,
    Skip,
    Wait,
)
from hub.model.digest import closes_at
from hub.model.ladder import has_in_app
from hub.model.notification import Notification, local_instant
from hub.model.policy import IN_APP, Step, free_at
from hub.model.preferences import Layer
from hub.model.reason import Reason
from hub.model.routing import Addressee, Order, Rules, climb, in_app_skip, layers_of, situation
from hub.publish.capping import cap_state, caps_of
from hub.publish.dispatch import FRESH, lines_for, order_of, skipped_for_all
from hub.publish.gather import digest_key
from hub.store import digests, explain, jobs, suppressions
from hub.store.caps import counted
from hub.store.database import Connection
from hub.store.deliveries import clock
from hub.store.digests import DigestKey
from hub.store.items import find_duplicates
from hub.store.people import addressee_of
from hub.store.rules import RulesKey, read_rules

if TYPE_CHECKING:
    from hub.runtime import Hub

MAX_PEOPLE = 100  # that one call explains: of a list, a topic or everyone the first ones, beside their delegates
LAST_PERSON = 2**63 - 1
_LAYERS = {
    Reason.NO_PROVIDER: Layer.HUB.value,
    Reason.CHANNEL_NOT_REQUESTED: Layer.NOTIFICATION.value,
    Reason.NOT_IN_LADDER: Layer.CATEGORY.value,
}


class Explained(NamedTuple):
    """What becomes of one channel for one person; `at` is None for what is skipped, `condition` outside the ladder."""

    user: str
    channel: str
    decision: str
    at: datetime | None
    condition: str | None
    reason: str
    layer: str | None
    detail: str | None = None


_NOBODY = {"preferences": None, "timezone": None, "email": None, "phone": None, "push": False}
"""Whoever is not stored."""


class _Person(msgspec.Struct):
    """One person, with what bears on them alone."""

    user: str
    person_id: int | None
    known: Addressee
    presence: Presence
    starts: datetime
    duplicate: bool
    delegate: str | None
    counted: dict[str, list[datetime]] = msgspec.field(default_factory=dict)  # by a cap's scope
    gathers: dict[str, datetime] = msgspec.field(default_factory=dict)  # by channel: when its digest leaves


async def explain_notification(hub: Hub, conn: Connection, notification: Notification) -> list[Explained]:
    """What would become of a notification, for its first MAX_PEOPLE people; a checked one, as a publish makes it."""
    key = RulesKey(notification.project_id, notification.category, notification.request.get("tenant"))
    configured = (await read_rules(conn, [key]))[key]
    rules = hub.rulebook.rules(configured, sandbox=bool(notification.request.get("sandbox")))
    now = await clock(conn)
    people = await _people(hub, conn, notification, rules, now)
    await _limits(conn, notification, rules, people, now)
    return [entry for person in people for entry in _explain(notification, rules, person, now)]


async def _audience(conn: Connection, notification: Notification) -> list[str]:
    actor = notification.actor.id if notification.actor else None
    users = dict.fromkeys(notification.users)
    for topic in notification.topics:
        found = await explain.first_of_topic(conn, notification.project_id, topic, MAX_PEOPLE + 1)
        users.update(dict.fromkeys(user for user in found if user != actor))
    if notification.everyone:
        rows = await jobs.everyone(conn, notification.project_id, LAST_PERSON, 0, MAX_PEOPLE)
        users.update(dict.fromkeys(row["user_id"] for row in rows))
    return list(users)[:MAX_PEOPLE]


async def _people(hub: Hub, conn: Connection, notification: Notification, rules: Rules, now: datetime) -> list[_Person]:
    """Its people, and behind them the colleagues whom they named; a colleague's own colleague is not asked."""
    people = await _read(hub, conn, notification, rules, await _audience(conn, notification), now)
    asked = {person.user for person in people}
    starts: dict[str, datetime] = {}
    for person in people:
        if person.delegate is not None and person.delegate not in asked:
            starts.setdefault(person.delegate, person.starts)
    colleagues = await _read(hub, conn, notification, rules, list(starts), now) if starts else []
    for colleague in colleagues:
        colleague.starts, colleague.delegate = starts[colleague.user], None
    return [*people, *colleagues]


async def _read(
    hub: Hub, conn: Connection, notification: Notification, rules: Rules, users: Sequence[str], now: datetime
) -> list[_Person]:
    rows = await explain.read_people(conn, notification.project_id, users)
    presences = await hub.presences([(notification.project_id, user) for user in users])
    dedupe_key = notification.request.get("dedupe_key")
    keys = {(row["person_id"], dedupe_key) for row in rows.values()} if dedupe_key else set()
    duplicates = await find_duplicates(conn, keys) if keys else set()
    stored = []
    for user in users:
        told = notification.users.get(user, {})
        changed = {name: told[name] for name in ("timezone", "email", "phone") if told.get(name)}
        stored.append({"project_id": notification.project_id, **rows.get(user, _NOBODY), **changed})
    suppressed = await suppressions.of_people(conn, stored)
    people = []
    for user, presence, found, causes in zip(users, presences, stored, suppressed, strict=True):
        row = rows.get(user)
        known = addressee_of(found, causes)
        person_id = None if row is None else int(row["person_id"])
        delegate = known.preferences.delegate
        people.append(
            _Person(
                user,
                person_id,
                known,
                Presence(presence.state, presence.grace_until),
                _starts(notification, known.timezone or rules.zone, now),
                (person_id, dedupe_key) in duplicates,
                None if notification.everyone or delegate in (None, user) else delegate,
            )
        )
    return people


def _starts(notification: Notification, zone: str, now: datetime) -> datetime:
    """When it is dispatched to somebody in this zone."""
    if notification.send_local is not None:
        return max(now, local_instant(notification.send_local, zone))
    return max(now, notification.send_at or now)


async def _count(conn: Connection, rules: Rules, people: Sequence[_Person]) -> None:
    wanted = [
        (person.person_id, scope, cap.per)
        for person in people
        if person.person_id is not None
        for scope, cap in caps_of(rules).items()
    ]
    found = await counted(conn, wanted) if wanted else {}
    for person in people:
        for scope in caps_of(rules):
            person.counted[scope] = [at for _, at in found.get((person.person_id or 0, scope), ())]


async def _limits(
    conn: Connection, notification: Notification, rules: Rules, people: Sequence[_Person], now: datetime
) -> None:
    """Looks at caps and open digests, without counting or opening."""
    exempt = notification.priority == "critical" or rules.policy.required
    if not exempt:
        await _count(conn, rules, people)
    rule = rules.policy.digest
    if rule is None or exempt:
        return
    channels = {step.channel for step in rules.policy.ladder if step.channel != IN_APP}
    keys = {
        (person.user, channel): DigestKey(
            person.person_id or 0, channel, notification.category, digest_key(rule, notification, person.user)
        )
        for person in people
        for channel in channels
    }
    opened = await digests.peek_open(conn, keys.values())
    for person in people:
        zone = person.known.timezone or rules.zone
        schedule = layers_of(rules, person.known).digest_schedule
        for channel in channels:
            closing = opened.get(keys[person.user, channel])
            if closing is None and rule.first == "hold":
                closing = closes_at(rule, now, now, schedule, zone)
            if closing is not None:
                person.gathers[channel] = closing


def _explain(notification: Notification, rules: Rules, person: _Person, now: datetime) -> list[Explained]:
    entries: list[Explained] = []

    def tell(step: Step, decision: Decision) -> None:
        entries.append(_entry(person, step, decision, now))

    channels = notification.request.get("channels")
    for channel, reason in skipped_for_all(rules, channels).items():
        layer = _LAYERS[Reason(reason)]
        entries.append(Explained(person.user, channel, "skip", None, _condition(rules, channel), reason, layer))
    stored = False
    if has_in_app(rules.policy, channels):
        decision = _in_app(rules, person)
        stored = not isinstance(decision, Skip)
        entries.insert(0, _entry(person, Step(IN_APP), decision, now))
    if person.duplicate:
        return entries[:1] if stored or entries else entries
    order = order_of(notification, person.starts, delegated=person.delegate is not None)
    for line in lines_for(notification, rules, person.known):
        rest = tuple(step for step in line if step.channel in rules.providers)
        while rest:
            climbed = climb(rest, _looking(order, rules, person, stored=stored), person.starts, person.starts)
            for step, skip in climbed.skipped:
                tell(step, skip)
            if climbed.place is None or climbed.decision is None:
                break
            tell(rest[climbed.place], _limited(rest[climbed.place], climbed.decision, order, rules, person))
            rest = rest[climbed.place + 1 :]
    return entries


def _condition(rules: Rules, channel: str) -> str | None:
    return next((step.condition.value for step in rules.policy.ladder if step.channel == channel), None)


def _in_app(rules: Rules, person: _Person) -> Decision:
    if person.duplicate:
        return Skip(Reason.DUPLICATE, Layer.NOTIFICATION)
    skip = in_app_skip(rules, person.known)
    if skip is not None:
        return skip
    return Send()


def _looking(order: Order, rules: Rules, person: _Person, *, stored: bool) -> Any:
    def look(step: Step, next_at: datetime | None) -> Situation:
        return situation(
            step,
            order,
            rules,
            person.known,
            person.starts,
            item=FRESH if stored else None,
            presence=person.presence,
            next_at=next_at,
        )

    return look


def _limited(step: Step, decision: Decision, order: Order, rules: Rules, person: _Person) -> Decision:
    """What digests and caps make of a step that would go, as the schedule asks them: in that order."""
    if not isinstance(decision, Send) or order.critical or rules.policy.required:
        return decision
    closing = person.gathers.get(step.channel)
    if closing is not None:
        return Gather(closing, Reason.DIGEST, Layer.CATEGORY)
    full = _full(rules, person)
    if full is None:
        for times in person.counted.values():
            times.append(person.starts)  # what goes takes its place before what is decided after it
        return decision
    if full.overflow == "digest":
        return Gather(full.free_at, Reason.CAPPED, full.layer)
    return Skip(Reason.CAPPED, full.layer)


def _full(rules: Rules, person: _Person) -> CapState | None:
    """The first cap without room."""
    for scope, cap in caps_of(rules).items():
        free = free_at(cap, person.counted.get(scope, ()), person.starts)
        if free is not None:
            return cap_state(rules, scope, free)
    return None


def _entry(person: _Person, step: Step, decision: Decision, now: datetime) -> Explained:
    if isinstance(decision, Send) and person.starts > now:
        decision = Wait(person.starts, Reason.SCHEDULED, Layer.NOTIFICATION)
    word, at, detail = "wait", None, None
    match decision:
        case Send():
            word, at = "send", person.starts
        case Skip(Reason.DELEGATED):
            word, detail = "skip", f"to {person.delegate}"
        case Skip():
            word, detail = "skip", decision.detail
        case Wait(until) | Gather(until):
            at = until
    layer = None if decision.layer is None else decision.layer.value
    return Explained(person.user, step.channel, word, at, step.condition.value, decision.why.value, layer, detail)
