"""Digests at work: who joins one, and how one closes.

Joining and closing lock the digest's row, so that whoever joins is in it, or in the next one. A digest closes in one
transaction: the oldest of those that still have something to say becomes the delivery that stands for all of them, and
the others end with its id. A worker that dies in it has closed nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING
from uuid import UUID

import msgspec
import structlog

from hub.model.decide import UNKNOWN_SECONDS, Decision, Gather, Send, Skip, Wait
from hub.model.delivery import Event, State, move, skipped_as
from hub.model.digest import MAX_ITEMS, MAX_MEMBERS, closes_at
from hub.model.digest_key import render_key
from hub.model.policy import Digest
from hub.model.reason import Reason
from hub.model.routing import Climbed, layers_of
from hub.publish import capping
from hub.publish.dispatch import detail_of, waiting_note
from hub.publish.facts import Known, read_known
from hub.store import deliveries, digests, notifications
from hub.store.database import GONE, Connection
from hub.store.deliveries import Change, change_of, key_of, note
from hub.store.digests import DigestKey, NewDigest, OpenDigest
from hub.store.ids import uuid7

if TYPE_CHECKING:
    from hub.model.notification import Notification
    from hub.runtime import Hub

log = structlog.get_logger("hub.digests")

OVERFLOW = "\x1foverflow"  # the key of what a cap folds; no rule's key begins with a control character
ACTOR = "worker"
INTERRUPTED_SECONDS = 15.0  # until a digest is tried again whose transaction was cut: the others have their turn


class Wish(msgspec.Struct):
    """One delivery that is to join a digest: by its category's rule, or because a cap is full until `free_at`."""

    known: Known
    channel: str
    key: str
    rule: Digest | None = None
    free_at: datetime | None = None

    @property
    def digest_key(self) -> DigestKey:
        row = self.known.row
        return DigestKey(row["person_id"], self.channel, row["category"], self.key)

    def closing(self, opened_at: datetime) -> datetime:
        """When a digest that opened then closes, with this one in it."""
        known = self.known
        if self.rule is None:
            return self.free_at or known.now
        zone = known.person.timezone or known.rules.zone
        return closes_at(self.rule, opened_at, known.now, layers_of(known.rules, known.person).digest_schedule, zone)


async def wishes_of(conn: Connection, known: Sequence[tuple[Known, str]]) -> list[Wish | None]:
    """For each delivery and the channel it would go by: the digest that its category has it join; None without one."""
    ruled = {k.row["notification_id"] for k, _ in known if k.rules.policy.digest is not None}
    if not ruled:
        return [None] * len(known)
    asked = await notifications.read_many(conn, ruled)
    wishes: list[Wish | None] = []
    for k, channel in known:
        rule, notification = k.rules.policy.digest, asked.get(k.row["notification_id"])
        if rule is None or notification is None:
            wishes.append(None)
        else:
            wishes.append(Wish(k, channel, digest_key(rule, notification, k.row["user_id"]), rule))
    return wishes


def digest_key(rule: Digest, notification: Notification, user: str) -> str:
    """The key of a rule for one notification to one user; everything of the category together without one."""
    if rule.key is None:
        return ""
    request = notification.request
    fields = {name: request.get(name) for name in ("category", "actor", "tenant", "tags", "thread_key")}
    return render_key(rule.key, {**fields, "data": notification.data_for(user)})


async def join(conn: Connection, wishes: Sequence[Wish]) -> list[OpenDigest | None]:
    """Joins digests, opening them where needed; for each wish its digest, or None: the first, which goes at once."""
    if not wishes:
        return []
    found, opened = await _open(conn, wishes)
    answers: list[OpenDigest | None] = []
    for wish in wishes:
        key = wish.digest_key
        digest = found[key]
        if key in opened and wish.rule is not None and wish.rule.first == "now":
            opened.remove(key)
            answers.append(None)
            continue
        digest.members += 1
        if digest.members == MAX_MEMBERS:
            digest.closes_at = wish.known.now
        elif digest.members < MAX_MEMBERS and wish.rule is not None:
            closing = wish.closing(digest.opened_at)
            if closing > wish.known.now:  # else it was put off: all of it would be read again for each that joins
                digest.closes_at = closing
        answers.append(digest)
    await digests.join(conn, list(found.values()))
    return answers


async def _open(conn: Connection, wishes: Sequence[Wish]) -> tuple[dict[DigestKey, OpenDigest], set[DigestKey]]:
    """The open digests of these wishes, held, and which of them were opened for them."""
    first: dict[DigestKey, Wish] = {}
    for wish in wishes:
        first.setdefault(wish.digest_key, wish)
    found: dict[DigestKey, OpenDigest] = {}
    opened: set[DigestKey] = set()
    while missing := [key for key in first if key not in found]:
        found.update(await digests.lock_open(conn, missing))
        new = {
            key: NewDigest(uuid7(), key, wish.known.row["project_id"], wish.known.now, wish.closing(wish.known.now))
            for key in missing
            if key not in found
            for wish in (first[key],)
        }
        if new:
            made = await digests.open_digests(conn, list(new.values()))
            for key, digest in new.items():
                if digest.digest_id in made:  # otherwise somebody else opened it meanwhile: look again
                    found[key] = OpenDigest(digest.digest_id, digest.opened_at, digest.closes_at, 0)
                    opened.add(key)
    return found, opened


async def close_due(hub: Hub) -> bool:
    """Closes one digest whose time has come, or puts it off; whether there was one.

    One that fails is put off as well: it would be the first again, and none would ever close behind it.
    """
    held: list[UUID] = []

    async def work(conn: Connection) -> bool:
        digest = await digests.lock_closing(conn)
        held[:] = () if digest is None else (digest["digest_id"],)
        for digest_id in held:
            await _close(hub, conn, digest_id)
        return bool(held)

    async def put_off(seconds: float) -> bool:
        async def later(conn: Connection) -> None:
            await digests.put_off(conn, held[0], await deliveries.clock(conn) + timedelta(seconds=seconds))

        await hub.db.transaction(later)
        return True

    try:
        return await hub.db.transaction(work)
    except GONE as error:
        if not held:
            raise
        # Postgres went away, and then this fails as well; or it ended a transaction that took too long.
        log.warning("digest.interrupted", digest=str(held[0]), error=repr(error))
        return await put_off(INTERRUPTED_SECONDS)
    except Exception:
        if not held:
            raise
        log.exception("digest.failed", digest=str(held[0]))
        return await put_off(deliveries.PUT_OFF_SECONDS)


async def _close(hub: Hub, conn: Connection, digest_id: UUID) -> None:
    members = await read_known(hub, conn, await digests.lock_members(conn, digest_id))
    decisions = [_decision(member.climb()) for member in members]
    later = [decision.until for decision in decisions if isinstance(decision, Wait | Gather)]
    speaking = [m for m, decision in zip(members, decisions, strict=True) if isinstance(decision, Send)]
    if later and not speaking:  # quiet hours, presence: it waits as a whole
        await digests.put_off(conn, digest_id, max(later))
        return
    changes = [_skipped(m, d) for m, d in zip(members, decisions, strict=True) if isinstance(d, Skip)]
    if later:  # what waits for something of its own is decided on its own
        changes += [_alone(m, d) for m, d in zip(members, decisions, strict=True) if isinstance(d, Wait | Gather)]
    carrier = speaking[0] if speaking else None
    if carrier is not None:
        capped = bool(capping.bounds_of(carrier.rules)) and not carrier.exempt
        found = await capping.reserve(hub, conn, [carrier]) if capped else [None]
        if found is None:
            await digests.put_off(conn, digest_id, carrier.now + timedelta(seconds=UNKNOWN_SECONDS))
            return
        full = found[0]
        if full is not None and full.overflow == "digest":
            await digests.put_off(conn, digest_id, full.free_at)
            return
        if full is not None:
            changes += [_skipped(m, Skip(Reason.CAPPED, full.layer)) for m in speaking]
            carrier = None
        else:
            changes += [_carrier(carrier, speaking), *(_replaced(m, carrier, len(speaking)) for m in speaking[1:])]
    await deliveries.change(conn, changes)
    await digests.close(conn, digest_id)
    if carrier is not None:
        await deliveries.promote(conn, [key_of(carrier.row)])
    log.debug("digest.closed", digest=str(digest_id), members=len(members), count=len(speaking))


def _decision(climbed: Climbed) -> Decision:
    """What becomes of a member, which holds one step."""
    return climbed.skipped[-1][1] if climbed.decision is None else climbed.decision


def _skipped(member: Known, skip: Skip) -> Change:
    event = skipped_as(skip.why)
    notes = [note(member.now, member.row["channel"], event.name.lower(), skip.why, detail_of(skip), actor=ACTOR)]
    return change_of(member.row, move(State.WAITING, event), skip.why, notes)


def _alone(member: Known, wait: Wait | Gather) -> Change:
    notes = [waiting_note(member.now, member.row["channel"], wait.why, wait.until, ACTOR)]
    state = move(State.WAITING, Event.HELD)
    return change_of(member.row, state, wait.why, notes, due_at=wait.until, digest_id=None)


def _carrier(carrier: Known, speaking: Sequence[Known]) -> Change:
    """The oldest stands for all: it names the newest MAX_ITEMS of them, and counts all."""
    names = [str(member.row["notification_id"]) for member in reversed(speaking)][:MAX_ITEMS]
    gathered = {"count": len(speaking), "notifications": names}
    detail = f"a digest of {len(speaking)}"
    notes = [note(carrier.now, carrier.row["channel"], "queued", Reason.READY, detail, actor=ACTOR)]
    return change_of(
        carrier.row,
        move(State.WAITING, Event.READY),
        Reason.READY,
        notes,
        gathered=msgspec.json.encode(gathered).decode("utf-8"),
        ready=True,
        counted=bool(capping.bounds_of(carrier.rules)),
    )


def _replaced(member: Known, carrier: Known, count: int) -> Change:
    detail = f"one of {count} in delivery {carrier.row['delivery_id']}"
    notes = [note(member.now, member.row["channel"], "skipped", Reason.REPLACED, detail, actor=ACTOR)]
    return change_of(member.row, move(State.WAITING, Event.SKIPPED), Reason.REPLACED, notes)
