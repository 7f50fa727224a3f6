"""Claiming and settling: what a worker takes, and what it reports.

    claim() ──> decided once more, right before sending ──> the channel ──> settle()

A claim counts the attempt and gives a lease. A worker that dies leaves its lease to run out; then the delivery is due
again, with its attempt counted, and may reach the person twice: at least once is what a provider without idempotent
sends can have. A report that comes after the lease was lost changes nothing.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple
from uuid import UUID

import msgspec
import structlog
from prometheus_client import Counter

from hub.model.decide import Send, Skip, Wait
from hub.model.delivery import Event, State, move, skipped_as
from hub.model.outcome import Attempt, Failed, Held, Outcome, Sent, Verdict, settle
from hub.model.reason import Reason
from hub.publish import capping
from hub.publish.dispatch import detail_of, waiting_note
from hub.publish.facts import Known, read_readable
from hub.publish.withdraw import withdraw_settled
from hub.store import deliveries, events
from hub.store.database import Connection
from hub.store.deliveries import Change, OrderKey, change_of, key_of, note, printable

if TYPE_CHECKING:
    from hub.runtime import Hub

log = structlog.get_logger("hub.settle")

DEAD_LETTERS = Counter("hub_dead_letters_total", "Deliveries given up, by channel and reason", ["channel", "reason"])
SETTLED = Counter("hub_deliveries_settled_total", "Attempts settled, by channel and result", ["channel", "result"])
PER_PROJECT = 500  # deliveries of one project under way at once, over all workers: the others' share of the slots
ACTOR = "worker"


class Claimed(NamedTuple):
    """How many were taken, and which of them are to be sent: the others are settled already."""

    taken: int
    going: list[Known]


async def claim(hub: Hub, channel: str, free: int) -> Claimed:
    """Takes up to `free` due deliveries of a channel. Cancelling or dying leaves them to their lease."""
    lease = hub.settings.delivery_lease_seconds
    claimed = await deliveries.claim(hub.db, channel, free, lease_seconds=lease, per_project=PER_PROJECT)
    if not claimed:
        return Claimed(0, [])
    async with hub.db.acquire() as conn:
        known = await read_readable(hub, conn, list(claimed))
    going: list[Known] = []
    changes: list[Change] = []
    held: list[Known] = []
    for k in known:
        if k.row["state"] != State.CLAIMED or k.row["attempts"] != claimed[k.row["delivery_id"]]:
            continue  # not ours any more: the lease was shorter than the read took, or this process stood still
        climbed = k.climb()
        decision = climbed.skipped[-1][1] if climbed.decision is None else climbed.decision
        if isinstance(decision, Send):
            going.append(k)
        else:
            held.append(k)
            changes.append(_held(k, decision))
    if changes:
        await _write(hub, changes, [key_of(k.row) for k in held])
        await capping.release(hub, [k for k in held if not k.exempt])
    return Claimed(len(claimed), going)


def _held(known: Known, decision: Any) -> Change:
    """Decided otherwise at the last moment: no attempt was made."""
    row, now = known.row, known.now
    attempts = row["attempts"] - 1
    if isinstance(decision, Skip):
        event = skipped_as(decision.why)
        notes = [note(now, row["channel"], event.name.lower(), decision.why, detail_of(decision), actor=ACTOR)]
        return change_of(row, move(State.CLAIMED, event), decision.why, notes, attempts=attempts)
    assert isinstance(decision, Wait), "nothing is gathered after it was claimed"
    notes = [waiting_note(now, row["channel"], decision.why, decision.until, ACTOR)]
    state = move(State.CLAIMED, Event.HELD)
    # Out of the digest that it stands for: that one is closed, and nobody would look for it there.
    return change_of(row, state, decision.why, notes, attempts=attempts, due_at=decision.until, digest_id=None)


async def report(hub: Hub, attempts: Sequence[tuple[Known, Attempt]]) -> None:
    """Settles attempts, one transaction; durable when it returns."""
    results: list[str] = []
    changes: list[Change] = []

    async def work(conn: Connection) -> None:
        now = await deliveries.clock(conn)
        changes.clear()
        results.clear()
        for known, attempt in attempts:
            if isinstance(attempt.outcome, Held):
                event, change = _put_back(known, attempt.outcome, now)
                changes.append(change)
                results.append(event.name.lower())
            else:
                verdict = _verdict(known, attempt.outcome, now)
                changes.append(_settled(known, attempt, verdict, now))
                results.append(verdict.event.name.lower())
        applied = await _apply(conn, changes)
        taken = (change.delivery_id for change in changes if change.state == State.SENT)
        await events.record_sent(conn, applied.intersection(taken))
        # One that was to go whatever its person had done in the app is not taken back for that.
        under_way = [c for c, (known, _) in zip(changes, attempts, strict=True) if not known.row["dealt_with"]]
        await withdraw_settled(conn, under_way)
        await deliveries.promote(conn, [key_of(known.row) for known, _ in attempts if known.row["attempts"] == 1])

    await hub.db.transaction(work)
    for (known, _), result in zip(attempts, results, strict=True):
        SETTLED.labels(known.row["channel"], result).inc()
    _count_dead(changes)


def _count_dead(changes: Sequence[Change]) -> None:
    for change in changes:
        if change.state == State.DEAD:
            DEAD_LETTERS.labels(change.channel, change.reason).inc()


def _put_back(known: Known, held: Held, now: datetime) -> tuple[Event, Change]:
    """No provider could be asked: it stays where it is in its order, and the claim counts as no attempt.

    Not for ever: when the budget's age is over it is a dead letter, and when it expires it is claimed and ends so.
    """
    row, attempts = known.row, known.row["attempts"] - 1
    ends_at = _ready_at(row) + known.rules.policy.retry.max_age
    if ends_at <= now:
        notes = [note(now, row["channel"], "dead", Reason.ATTEMPTS_SPENT, held.why.sentence, actor=ACTOR)]
        state = move(State.CLAIMED, Event.GIVEN_UP)
        return Event.GIVEN_UP, change_of(row, state, Reason.ATTEMPTS_SPENT, notes, attempts=attempts)
    until = min(now + held.wait, ends_at, row["expires_at"] or ends_at)
    # Told once: while an outage lasts the same is found out again and again.
    notes = [waiting_note(now, row["channel"], held.why, until, ACTOR)] if row["reason"] != held.why else []
    state = move(State.CLAIMED, Event.PUT_BACK)
    return Event.PUT_BACK, change_of(row, state, held.why, notes, attempts=attempts, due_at=until)


def _ready_at(row: Any) -> datetime:
    """What the budget's age counts from."""
    ready_at: datetime = row["ready_at"] or row["dispatched_at"]
    return ready_at


def _verdict(known: Known, outcome: Outcome, now: datetime) -> Verdict:
    row = known.row
    attempts = row["attempts"] - row["attempts_before"]
    return settle(outcome, known.rules.policy.retry, attempts, _ready_at(row), now, random.random())


def _settled(known: Known, attempt: Attempt, verdict: Verdict, now: datetime) -> Change:
    row, outcome = known.row, attempt.outcome
    state = move(State.CLAIMED, verdict.event)
    event = "retry" if verdict.event is Event.FAILED else state.value
    last = " ".join(part for part in (attempt.provider, verdict.detail) if part)
    detail = "; ".join(part for part in (*attempt.before, last) if part) or None
    notes = [note(now, row["channel"], event, verdict.reason, detail, actor=ACTOR)]
    reached = sorted(outcome.reached) if isinstance(outcome, Failed) and outcome.reached else None
    return change_of(
        row,
        state,
        verdict.reason,
        notes,
        due_at=verdict.due_at,
        provider=attempt.provider,
        reference=printable(outcome.reference) if isinstance(outcome, Sent) and outcome.reference else None,
        reached=None if reached is None else msgspec.json.encode(reached).decode("utf-8"),
    )


async def _apply(conn: Connection, changes: Sequence[Change]) -> set[UUID]:
    applied = await deliveries.change(conn, changes)
    if len(applied) < len(changes):
        lost = [str(change.delivery_id) for change in changes if change.delivery_id not in applied]
        log.info("delivery.lease_lost", deliveries=lost)
    return applied


async def _write(hub: Hub, changes: Sequence[Change], keys: Sequence[OrderKey]) -> None:
    async def work(conn: Connection) -> None:
        await _apply(conn, changes)
        await withdraw_settled(conn, changes)
        await deliveries.promote(conn, keys)

    await hub.db.transaction(work)


async def recover(hub: Hub, limit: int = 500) -> int:
    """Makes due again what workers that went away had claimed; how many."""

    changes: list[Change] = []

    async def work(conn: Connection) -> int:
        ids = [row["delivery_id"] for row in await deliveries.lost_leases(conn, limit)]
        known = await read_readable(hub, conn, ids)
        changes.clear()
        for k in known:
            spent = k.row["attempts"] - k.row["attempts_before"] >= k.rules.policy.retry.max_attempts
            event, why = (Event.GIVEN_UP, Reason.ATTEMPTS_SPENT) if spent else (Event.LOST, Reason.LEASE_LOST)
            state = move(State.CLAIMED, event)
            notes = [note(k.now, k.row["channel"], state.value, Reason.LEASE_LOST, actor=ACTOR)]
            changes.append(change_of(k.row, state, why, notes, due_at=k.now))
            SETTLED.labels(k.row["channel"], event.name.lower()).inc()
        await deliveries.change(conn, changes)
        await withdraw_settled(conn, changes)
        await deliveries.promote(conn, [key_of(k.row) for k in known])
        await deliveries.put_off_leases(conn, set(ids) - {k.row["delivery_id"] for k in known})
        return len(ids)

    lost = await hub.db.transaction(work)
    _count_dead(changes)
    return lost
