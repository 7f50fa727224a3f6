"""Closing what shows: a push whose item was dealt with elsewhere, or cancelled, is withdrawn, by a delivery of its own.

Everything else that a person's reading makes pointless is found out when it is due; only what already shows must be
told at once. The withdrawal is a row in the same queue, critical, written in the transaction of the mark or of the
cancellation, or, where the push was under way just then, in the one that settles it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from hub.model.delivery import State
from hub.model.notification import LANES
from hub.model.policy import Condition
from hub.model.reason import Reason
from hub.publish.writer import InboxWriter
from hub.store import deliveries
from hub.store.database import Connection
from hub.store.deliveries import Change, NewDelivery, Shared, encode_notes, note
from hub.store.ids import uuid7

PUSH = "web_push"  # what shows, and can be closed


async def withdraw_shown(writer: InboxWriter, people: Iterable[int]) -> None:
    """Plans the closing of what shows to these people and is dealt with or cancelled; the heads are locked."""
    for row in await deliveries.hide_shown(writer.conn, people=people):
        writer.dispatcher.rows.append(_closing(row))
        writer.dispatcher.due = True


async def withdraw_settled(conn: Connection, changes: Sequence[Change]) -> None:
    """Plans the closing of those of these pushes, just settled, whose item was dealt with while they were under way.

    The mark did not see them as showing. One that commits within the milliseconds from here to this commit is not seen
    in turn: then the push is closed by the person's next mark.
    """
    ended = [change.delivery_id for change in changes if change.finished and change.attempts and change.channel == PUSH]
    if ended:
        await deliveries.insert(conn, [_closing(row) for row in await deliveries.hide_shown(conn, ids=ended)])


def _closing(row: Any) -> NewDelivery:
    actor = "backend" if row["why"] == Reason.CANCELLED else "person"
    notes = [note(row["now"], row["channel"], "withdrawing", row["why"], actor=actor)]
    shared = Shared(
        notification_id=row["notification_id"],
        project_id=row["project_id"],
        category=row["category"],
        kind="withdrawal",
        line=row["line"],
        step=row["step"],
        channel=row["channel"],
        condition=Condition.ALWAYS,
        after_seconds=0,
        following="[]",
        lane=LANES["critical"],
        state=State.WAITING,
        reason=row["why"],
        dispatched_at=row["now"],
        due_at=row["now"],
        finished_at=None,
        history=encode_notes(notes),
    )
    return NewDelivery(uuid7(), row["person_id"], row["position"], shared)
