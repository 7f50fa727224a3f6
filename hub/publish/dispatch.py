"""Dispatch: a notification's outside deliveries, planned in the transaction that writes the inbox.

Nothing is sent here, and nobody is asked where the person is: what could go at once is stored as due now, and a worker,
woken after the commit, asks presence and decides again. So a publish never waits for Redis, and an outside delivery
exists exactly when the item it is about does.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from hub.model.decide import Decision, ItemState, Reach, Situation, Skip, Wait
from hub.model.delivery import FINAL, State, move, skipped_as
from hub.model.ladder import Line, has_in_app, outside_lines
from hub.model.notification import LANES, Notification
from hub.model.policy import IN_APP, Step
from hub.model.reason import Reason
from hub.model.routing import (
    NOBODY,
    Addressee,
    Climbed,
    Order,
    Outlook,
    Rules,
    climb,
    in_app_skip,
    layers_of,
    outlook,
    reach,
    situation,
)
from hub.model.times import format_time
from hub.publish.rulebook import Rulebook
from hub.store.database import Connection
from hub.store.deliveries import NewDelivery, Note, Shared, encode_notes, encode_steps, note
from hub.store.heads import LockedHead
from hub.store.ids import uuid7
from hub.store.rules import RulesKey

FRESH = ItemState()
ACTOR = "dispatch"


class Plan(NamedTuple):
    """One row to be, without its person."""

    line: int
    step: int
    held: Step
    following: str
    state: str
    reason: Reason
    due_at: datetime
    history: str

    @property
    def finished(self) -> bool:
        return self.state in FINAL


class Dispatcher:
    """Plans the deliveries of one transaction: `prepare` reads what is configured, `rows` is the result."""

    def __init__(self, rulebook: Rulebook) -> None:
        self._rulebook = rulebook
        self._rules: dict[UUID, Rules | None] = {}
        self._plans: dict[tuple[UUID, bool, str | None, Outlook], list[Plan]] = {}
        self._rows: dict[tuple[UUID, Plan, bool], Shared] = {}
        self._stored: set[tuple[UUID, int]] = set()
        self._now: datetime | None = None
        self.rows: list[NewDelivery] = []
        self.due = False
        """Whether a worker has something to do at once."""

    async def prepare(self, conn: Connection, notifications: Sequence[Notification]) -> None:
        """Reads the rules of these notifications, one statement at most."""
        new = {n.notification_id: n for n in notifications if n.notification_id not in self._rules}
        if not new:
            return
        keys = {i: RulesKey(n.project_id, n.category, n.request.get("tenant")) for i, n in new.items()}
        configured = await self._rulebook.get(conn, keys.values())
        for i, n in new.items():
            found = configured.get(keys[i])
            self._rules[i] = (
                None
                if found is None
                else self._rulebook.rules(found, sandbox=bool(n.request.get("sandbox")), test=n.request.get("test"))
            )

    def skipped_for_all(self, notification: Notification) -> dict[str, str]:
        """What nobody gets of it, with why; for the notification's own row."""
        rules = self._rules[notification.notification_id]
        return {} if rules is None else skipped_for_all(rules, notification.request.get("channels"))

    def may_leave(self, notification: Notification) -> bool:
        """Whether anything of it can leave the app, for anybody."""
        rules = self._rules[notification.notification_id]
        return rules is not None and any(
            step.channel in rules.providers for line in lines_for(notification, rules, NOBODY) for step in line
        )

    def in_app(self, notification: Notification, head: LockedHead) -> bool:
        """Whether the item is stored; if not although the ladder has it, the timeline is told why."""
        # People who are alike share one addressee, and a head holds it for as long as this transaction.
        key = (notification.notification_id, id(head.addressee))
        if key in self._stored:
            return True
        rules = self._rules[notification.notification_id]
        if rules is None or not has_in_app(rules.policy, notification.request.get("channels")):
            return False
        skip = in_app_skip(rules, head.addressee)
        if skip is None:
            self._stored.add(key)
            return True
        now = self._clock(head)
        notes = [note(now, IN_APP, "skipped", skip.why, detail_of(skip), actor=ACTOR)]
        plan = Plan(-1, 0, Step(IN_APP), "[]", State.SKIPPED, skip.why, now, encode_notes(notes))
        self._add(notification, head, plan, stored=False)
        return False

    def plan(self, notification: Notification, head: LockedHead, *, stored: bool, delegate: str | None = None) -> None:
        """Plans the outside lines of one notification for one person. `stored`: with an item; its rev is the head's."""
        rules = self._rules[notification.notification_id]
        if rules is None or not rules.providers:
            return
        now = self._clock(head)
        # Decided once for everybody who has the same outlook.
        key = (notification.notification_id, stored, delegate, outlook(rules, head.addressee, now))
        plans = self._plans.get(key)
        if plans is None:
            plans = _plans(notification, rules, head.addressee, now, stored=stored, delegate=delegate)
            self._plans[key] = plans
        for plan in plans:
            self._add(notification, head, plan, stored=stored)

    def _clock(self, head: LockedHead) -> datetime:
        """One time of dispatch for everybody in this transaction."""
        if self._now is None:
            self._now = head.now
        return self._now

    def _add(self, notification: Notification, head: LockedHead, plan: Plan, *, stored: bool) -> None:
        now = self._clock(head)
        self.due = self.due or (not plan.finished and plan.due_at <= now)
        key = (notification.notification_id, plan, stored)
        shared = self._rows.get(key)
        if shared is None:
            shared = self._rows[key] = Shared(
                notification_id=notification.notification_id,
                project_id=notification.project_id,
                category=notification.category,
                lane=LANES[notification.priority],
                dispatched_at=now,
                dedupe_key=None if stored else notification.request.get("dedupe_key"),
                **fields_of(plan, now),
            )
        self.rows.append(NewDelivery(uuid7(), head.person.person_id, head.rev, shared))


def fields_of(plan: Plan, now: datetime) -> dict[str, Any]:
    """What a plan says of its row."""
    return {
        "kind": "step",
        "line": plan.line,
        "step": plan.step,
        "channel": plan.held.channel,
        "condition": plan.held.condition,
        "after_seconds": int(plan.held.after.total_seconds()),
        "following": plan.following,
        "state": plan.state,
        "reason": plan.reason,
        "due_at": plan.due_at,
        "finished_at": now if plan.finished else None,
        "history": plan.history,
    }


def order_of(notification: Notification, dispatched_at: datetime, *, delegated: bool = False) -> Order:
    """What a notification says about its deliveries."""
    return Order(dispatched_at, notification.priority == "critical", notification.expires_at, delegated=delegated)


def lines_for(notification: Notification, rules: Rules, person: Addressee) -> tuple[Line, ...]:
    """The outside lines of a notification for one person."""
    return outside_lines(rules.policy, notification.request.get("channels"), layers_of(rules, person).channel_order)


def skipped_for_all(rules: Rules, channels: Sequence[str] | None) -> dict[str, str]:
    """Channels of the ladder that nobody can get this notification by, with why: told once, not for each recipient."""
    found: dict[str, str] = {}
    for step in rules.policy.ladder:
        if channels is not None and step.channel not in channels:
            found[step.channel] = Reason.CHANNEL_NOT_REQUESTED
        elif step.channel != IN_APP and reach(rules, NOBODY, step.channel) is Reach.NO_PROVIDER:
            found[step.channel] = Reason.NO_PROVIDER
    for channel in channels or ():
        if all(step.channel != channel for step in rules.policy.ladder):
            found[channel] = Reason.NOT_IN_LADDER
    return found


def _plans(
    notification: Notification, rules: Rules, person: Addressee, now: datetime, *, stored: bool, delegate: str | None
) -> list[Plan]:
    order = order_of(notification, now, delegated=delegate is not None)
    item = FRESH if stored else None

    def look(step: Step, next_at: datetime | None) -> Situation:
        return situation(step, order, rules, person, now, item=item, next_at=next_at, quiet_hours=False)

    plans = []
    for number, line in enumerate(lines_for(notification, rules, person)):
        possible = tuple(step for step in line if step.channel in rules.providers)
        if possible:
            plans.append(plan_line(number, possible, climb(possible, look, now, now), now, ACTOR, delegate))
    return plans


def plan_line(
    number: int, line: Line, climbed: Climbed, now: datetime, actor: str, delegate: str | None = None
) -> Plan:
    """The row of a line that was climbed: it holds the step that was come to, or ends where all were passed."""
    notes = skip_notes(climbed, now, actor, delegate)
    if climbed.place is None or climbed.decision is None:
        step, skip = climbed.skipped[-1]
        state = move(State.WAITING, skipped_as(skip.why))
        return Plan(number, len(line) - 1, step, "[]", state, skip.why, now, encode_notes(notes))
    held, decision = line[climbed.place], climbed.decision
    due_at, why = _waits(decision, now)
    notes.append(waiting_note(now, held.channel, why, due_at, actor))
    following = encode_steps(line[climbed.place + 1 :])
    return Plan(number, climbed.place, held, following, State.WAITING, why, due_at, encode_notes(notes))


def skip_notes(climbed: Climbed, now: datetime, actor: str, delegate: str | None = None) -> list[Note]:
    """What a history says about the steps that a climb passed."""
    return [
        note(now, step.channel, skipped_as(skip.why).name.lower(), skip.why, detail_of(skip, delegate), actor=actor)
        for step, skip in climbed.skipped
    ]


def _waits(decision: Decision, now: datetime) -> tuple[datetime, Reason]:
    """Until when it is stored as waiting: what could go is decided by a worker right after the commit."""
    if isinstance(decision, Wait):
        return decision.until, decision.why
    return now, Reason.DISPATCHED


_LOOKS = frozenset(
    {Reason.DISPATCHED, Reason.ASKING, Reason.PRESENT, Reason.PRESENCE_UNKNOWN, Reason.CAP_UNKNOWN}
)  # that end when something happens: their time is only that of the next look


def waiting_note(now: datetime, channel: str, why: Reason, until: datetime, actor: str) -> Note:
    """What a history says about a step that waits."""
    detail = None if why in _LOOKS else f"until {format_time(until)}"
    return note(now, channel, "waiting", why, detail, actor=actor)


def detail_of(skip: Skip, delegate: str | None = None) -> str | None:
    if skip.why is Reason.DELEGATED and delegate is not None:
        return f"to {delegate}"
    return skip.detail or (f"by {skip.layer}" if skip.layer else None)
