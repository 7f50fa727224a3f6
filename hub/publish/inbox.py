"""What changes inboxes beside publishing: marks, expiry, the end of a snooze.

Each is one transaction under the person's head, takes one revision (or none, when nothing changes), and is announced
like any other change.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from hub.model import frames
from hub.model.counts import ZERO, Counts
from hub.model.item import Item, count, render
from hub.model.mark import RETURNING, SETS, Action, Mark
from hub.model.person import Person
from hub.model.times import format_time, truncate
from hub.publish.broadcast import lock_current
from hub.publish.withdraw import withdraw_shown
from hub.publish.writer import InboxWriter, change_inboxes
from hub.store import idempotency, items
from hub.store.heads import LockedHead
from hub.store.idempotency import Answer, IdempotencyKey

if TYPE_CHECKING:
    from hub.runtime import Hub


MAX_TOLD = 100  # items of one revision whose content is read to be told; 100 of the smallest are past a frame's limit


class Marked(NamedTuple):
    """What a mark did: the head's `rev`, how many items changed, and ids that are not in this inbox."""

    rev: int
    changed: int
    unknown: list[str]
    replayed: bool = False


async def mark(
    hub: Hub, person: Person, mark: Mark, *, key: IdempotencyKey | None = None, engaged: bool = True
) -> Marked:
    """Carries out a mark on one person's inbox.

    Durable when it returns. The same mark again changes nothing and takes no revision.

    Args:
        engaged: Whether it happened in the app: then what is seen, read or clicked for the first time is an event
            there. One by filter always is.

    Raises:
        Invalid, Conflict: of the idempotency key.
    """

    async def work(writer: InboxWriter) -> Marked:
        if key is not None:
            answer = await idempotency.begin(writer.conn, key)
            if answer is not None:
                return msgspec.convert([*msgspec.json.decode(answer.body), True], Marked)
        heads = await lock_current(writer, [person.person_id])
        result = (
            await _mark(writer, heads[0], mark, engaged) if heads else Marked(0, 0, [str(i) for i in mark.ids or ()])
        )
        if result.changed:
            await withdraw_shown(writer, [person.person_id])
        if key is not None:
            await idempotency.remember(writer.conn, key, Answer(200, msgspec.json.encode(result[:3])))
        return result

    return await change_inboxes(hub, work)


async def _mark(writer: InboxWriter, head: LockedHead, mark: Mark, engaged: bool) -> Marked:
    upto = head.rev if mark.upto is None else min(mark.upto, head.rev)
    if mark.ids is None and mark.action is not Action.DELETE and mark.action not in RETURNING:
        return await _mark_by_filter(writer, head, mark, upto)
    person_id = head.person.person_id
    if mark.ids is not None:
        held = await items.read_by_ids(writer.conn, person_id, mark.ids)
    else:
        held = await items.read_by_filter(writer.conn, person_id, mark, upto, MAX_TOLD)
    unknown = sorted({str(item_id) for item_id in mark.ids or ()} - {str(item.item_id) for item in held})
    changing = [item for item in held if mark.changes(item)]
    if changing:
        await _change(writer, head, mark, changing, engaged)
    return Marked(head.rev, len(changing), unknown)


async def _change(writer: InboxWriter, head: LockedHead, mark: Mark, changing: list[Item], engaged: bool) -> None:
    person_id = head.person.person_id
    rev, now = head.next_rev(), head.now
    before = _sum(changing)
    if mark.action is Action.DELETE:
        head.counts -= before
        await items.remove_items(writer.conn, [items.Removal(person_id, i.item_id, rev, now) for i in changing])
        writer.removed(head, [str(item.item_id) for item in changing])
        return
    for item in changing:
        mark.apply(item, now)
        item.rev = rev
    head.counts += _sum(changing) - before
    await items.save_items(writer.conn, person_id, rev, changing, engaged=engaged)
    if mark.action not in RETURNING:
        writer.update(head, {"ids": [str(item.item_id) for item in changing]}, _wire(mark.fields(now)))
    else:
        _tell_items(writer, head, changing)


def _tell_items(writer: InboxWriter, head: LockedHead, changed: list[Item], removed: Sequence[str] = ()) -> None:
    if len(changed) == 1:
        writer.item(head, render(changed[0]), removed)
    elif len(changed) > MAX_TOLD:
        writer.sync(head)
    else:
        writer.changes(head, changed, removed)


async def _mark_by_filter(writer: InboxWriter, head: LockedHead, mark: Mark, upto: int) -> Marked:
    person_id = head.person.person_id
    effect = await items.bulk_effect(writer.conn, person_id, mark, upto)
    if not effect.changed:
        return Marked(head.rev, 0, [])
    rev, now = head.next_rev(), head.now
    if mark.action in SETS and mark.action is not Action.ARCHIVE:
        read = mark.action is not Action.SEEN
        head.counts -= Counts(effect.unseen, effect.unread if read else 0, 0)
    elif mark.action is Action.UNREAD:
        head.counts += Counts(0, effect.live, 0)
    elif mark.action in (Action.ARCHIVE, Action.SNOOZE):
        head.counts -= Counts(effect.unseen, effect.unread, effect.live)
    scope, fields = mark.scope(upto), _wire(mark.fields(now))
    await items.apply_bulk(writer.conn, person_id, mark, upto, rev, now, frames.update_body(rev, scope, fields))
    writer.update(head, scope, fields)
    return Marked(rev, effect.changed, [])


def _wire(fields: dict[str, datetime | None]) -> dict[str, str | None]:
    return {name: None if moment is None else format_time(moment) for name, moment in fields.items()}


def _sum(changed: list[Item]) -> Counts:
    total = ZERO
    for item in changed:
        total += count(item)
    return total


async def settle_due(hub: Hub, limit: int = 200) -> int:
    """Gives expired items and ended snoozes their revisions, for up to `limit` people; for how many. 0: none is left.

    An expired item becomes a tombstone; a snoozed one comes back unread and unseen. Both at once is one revision.
    """
    async with hub.db.acquire() as conn:
        people = await items.due_people(conn, limit)
    if people:
        await change_inboxes(hub, lambda writer: _settle(writer, people))
    return len(people)


async def _settle(writer: InboxWriter, people: list[int]) -> None:
    heads = {head.person.person_id: head for head in await lock_current(writer, people)}
    if not heads:
        return
    now = truncate(max(head.now for head in heads.values()).astimezone(UTC))
    due: defaultdict[int, list[Item]] = defaultdict(list)
    for person_id, item in await items.due_items(writer.conn, heads, now, MAX_TOLD):
        due[person_id].append(item)
    removals: list[items.Removal] = []
    for person_id, changing in due.items():
        head = heads[person_id]
        rev = head.next_rev()
        gone: list[Item] = []
        waking: list[Item] = []
        for item in changing:
            (gone if item.expires_at is not None and item.expires_at <= now else waking).append(item)
        before = _sum(changing)
        for item in waking:
            item.snoozed_until = item.seen_at = item.read_at = None
            item.rev = rev
        head.counts += _sum(waking) - before
        removals += [items.Removal(person_id, item.item_id, rev, now) for item in gone]
        if waking:
            await items.save_items(writer.conn, person_id, rev, waking)
        removed = [str(item.item_id) for item in gone]
        if waking:
            _tell_items(writer, head, waking, removed)
        else:
            writer.removed(head, removed)
    await items.remove_items(writer.conn, removals)
