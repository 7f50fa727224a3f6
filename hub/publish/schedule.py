"""The schedule: deliveries whose time has come are decided on, and go, wait on, join a digest, or end.

One transaction decides a batch: it holds the rows, reads everything that bears on them, and writes what became of each.
Dying in it leaves them as they were; what was counted against a cap in Redis is counted under the delivery's own id, so
that deciding again counts it once.

    waiting, due ──decide──┬─ Send ──> queued, and due when it is the first of its person, channel and lane
                           ├─ Wait ──> waiting until then
                           ├─ Gather ─> waiting in a digest
                           └─ Skip ──> the line's next step, or the end

When a step leaves its line (Send, Gather), the rest of the line goes on as a delivery of its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

import msgspec
import structlog
from prometheus_client import Counter

from hub.model.decide import UNKNOWN_SECONDS, Gather, Send, Wait
from hub.model.delivery import Event, State, move, skipped_as
from hub.model.policy import Step
from hub.model.reason import Reason
from hub.model.routing import Climbed
from hub.publish import capping
from hub.publish.dispatch import fields_of, plan_line, skip_notes, waiting_note
from hub.publish.facts import Known, read_known
from hub.publish.gather import OVERFLOW, Wish, join, wishes_of
from hub.publish.withdraw import withdraw_settled
from hub.store import deliveries
from hub.store.database import GONE, Connection
from hub.store.deliveries import Change, NewDelivery, OrderKey, Shared, change_of, encode_steps, key_of, note
from hub.store.digests import OpenDigest
from hub.store.ids import uuid7

if TYPE_CHECKING:
    from hub.runtime import Hub

log = structlog.get_logger("hub.schedule")

DECIDED = Counter("hub_deliveries_decided_total", "Deliveries decided on, by channel and reason", ["channel", "reason"])
BATCH = 300  # deliveries a transaction: some 30 ms, during which their rows are held
ACTOR = "worker"


async def decide_due(hub: Hub, limit: int = BATCH, *, critical: bool = False) -> int:
    """Decides on up to `limit` deliveries whose time has come; how many.

    Args:
        critical: Only on critical ones: a loop of their own, which waits for no batch of others.
    """

    held: list[UUID] = []

    async def work(conn: Connection) -> int:
        held[:] = await deliveries.lock_waiting(conn, limit, lanes=1 if critical else deliveries.LANES)
        if held:
            await _decide(hub, conn, held)
        return len(held)

    try:
        return await hub.db.transaction(work)
    except GONE:
        raise
    except Exception:
        if not held:
            raise
        log.exception("schedule.batch_failed", deliveries=len(held))
        return await _decide_alone(hub, held)


async def _decide_alone(hub: Hub, ids: Sequence[UUID]) -> int:
    """Decides one by one, because one of them fails; that one is put off, so that it holds up no other."""
    for delivery_id in ids:

        async def work(conn: Connection, one: UUID = delivery_id) -> None:
            if await deliveries.lock_one(conn, one):
                await _decide(hub, conn, [one])

        try:
            await hub.db.transaction(work)
        except GONE:
            raise
        except Exception:
            log.exception("schedule.delivery_failed", delivery=str(delivery_id))
            await deliveries.put_off(hub.db, delivery_id)
    return len(ids)


class _Case(msgspec.Struct):
    """One delivery on its way through the decisions."""

    known: Known
    climbed: Climbed
    digest_id: UUID | None = None

    @property
    def held(self) -> Step:
        """The step that the climb came to; the last one, when it passed all of them."""
        line = self.known.line
        return line[-1 if self.climbed.place is None else self.climbed.place]

    @property
    def keys(self) -> set[OrderKey]:
        """Whose order it bears on: of the channel it came by, and of the one it came to."""
        key = key_of(self.known.row)
        return {key, key._replace(channel=self.held.channel)}

    @property
    def goes(self) -> bool:
        return isinstance(self.climbed.decision, Send)

    def gather(self, digest: OpenDigest | None, why: Reason) -> None:
        """It joins this digest; None: it goes at once."""
        if digest is not None:
            self.digest_id = digest.digest_id
            self.climbed = self.climbed._replace(decision=Gather(digest.closes_at, why))


async def _decide(hub: Hub, conn: Connection, ids: Sequence[UUID]) -> None:
    cases = [_Case(known, known.climb()) for known in await read_known(hub, conn, ids)]
    await _digest(conn, [case for case in cases if case.goes and not case.known.exempt and not case.known.gathered])
    await _cap(hub, conn, [case for case in cases if case.goes and not case.known.exempt])
    changes = [_change(case) for case in cases]
    await deliveries.change(conn, changes)
    await withdraw_settled(conn, changes)
    await deliveries.insert(conn, [rest for case in cases if (rest := _rest(case)) is not None])
    # Also where nothing goes: what another worker has queued behind one of these may be the first now.
    await deliveries.promote(conn, {key for case in cases for key in case.keys})
    for change in changes:
        DECIDED.labels(change.channel, change.reason).inc()


async def _digest(conn: Connection, cases: Sequence[_Case]) -> None:
    wishes = await wishes_of(conn, [(case.known, case.held.channel) for case in cases])
    joining = [(case, wish) for case, wish in zip(cases, wishes, strict=True) if wish is not None]
    for (case, _), digest in zip(joining, await join(conn, [wish for _, wish in joining]), strict=True):
        case.gather(digest, Reason.DIGEST)


async def _cap(hub: Hub, conn: Connection, cases: Sequence[_Case]) -> None:
    """Counts what goes; what finds a cap full is decided again, knowing that."""
    capped = [case for case in cases if capping.bounds_of(case.known.rules)]
    if not capped:
        return
    over: list[tuple[_Case, Wish]] = []
    found = await capping.reserve(hub, conn, [case.known for case in capped])
    if found is None:
        for case in capped:
            until = case.known.now + timedelta(seconds=UNKNOWN_SECONDS)
            case.climbed = case.climbed._replace(decision=Wait(until, Reason.CAP_UNKNOWN))
        return
    for case, full in zip(capped, found, strict=True):
        if full is not None:
            case.climbed = case.known.climb(cap=full)
            decision = case.climbed.decision
            if isinstance(decision, Gather) and case.known.gathered:  # it stands for many, and cannot be one of others
                case.climbed = case.climbed._replace(decision=Wait(*decision))
            elif isinstance(decision, Gather):
                over.append((case, Wish(case.known, case.held.channel, OVERFLOW, free_at=decision.until)))
    for (case, _), digest in zip(over, await join(conn, [wish for _, wish in over]), strict=True):
        case.gather(digest, Reason.CAPPED)


def _change(case: _Case) -> Change:
    """What the row becomes: it holds the step that the climb came to."""
    known, climbed, held = case.known, case.climbed, case.held
    row, now = known.row, known.now
    notes = skip_notes(climbed, now, ACTOR)
    if climbed.decision is None:
        skip = climbed.skipped[-1][1]
        return change_of(row, move(State.WAITING, skipped_as(skip.why)), skip.why, notes, following="[]", **_step(case))
    match climbed.decision:
        case Send():
            notes.append(note(now, held.channel, "queued", Reason.READY, actor=ACTOR))
            counted = bool(capping.bounds_of(known.rules)) and not known.exempt
            state = move(State.WAITING, Event.READY)
            return change_of(
                row, state, Reason.READY, notes, following="[]", ready=True, counted=counted, **_step(case)
            )
        case Gather(until, why):
            notes.append(waiting_note(now, held.channel, why, until, ACTOR))
            state = move(State.WAITING, Event.HELD)
            return change_of(
                row, state, why, notes, due_at=until, following="[]", digest_id=case.digest_id, **_step(case)
            )
        case Wait(until, why):
            if climbed.place or why != row["reason"]:  # looking again is no event
                notes.append(waiting_note(now, held.channel, why, until, ACTOR))
            following = encode_steps(known.line[(climbed.place or 0) + 1 :]) if climbed.place else None
            return change_of(
                row, move(State.WAITING, Event.HELD), why, notes, due_at=until, following=following, **_step(case)
            )
    raise AssertionError("a climb ends at no skipped step")


def _step(case: _Case) -> dict[str, Any]:
    held, place = case.held, case.climbed.place
    return {
        "step": case.known.row["step"] + (len(case.known.line) - 1 if place is None else place),
        "channel": held.channel,
        "condition": held.condition,
        "after_seconds": int(held.after.total_seconds()),
    }


def _rest(case: _Case) -> NewDelivery | None:
    """The rest of a line whose step has left it: a delivery of its own."""
    known, row, climbed = case.known, case.known.row, case.climbed
    if climbed.place is None or not isinstance(climbed.decision, Send | Gather):
        return None
    rest = known.line[climbed.place + 1 :]
    if not rest:
        return None
    plan = plan_line(row["line"], rest, known.climb(rest), known.now, ACTOR)
    plan = plan._replace(step=row["step"] + climbed.place + 1 + plan.step)
    shared = Shared(
        notification_id=row["notification_id"],
        project_id=row["project_id"],
        category=row["category"],
        lane=row["lane"],
        dispatched_at=row["dispatched_at"],
        **fields_of(plan, known.now),
    )
    return NewDelivery(uuid7(), row["person_id"], row["position"], shared)
