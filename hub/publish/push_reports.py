"""What browsers report about pushes: shown, clicked. Told once each; from any browser of the person."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal, TypeAlias
from uuid import UUID

from hub.model import delivery
from hub.model.delivery import FINAL, State
from hub.model.mark import Action, Mark
from hub.model.person import Person
from hub.publish.inbox import mark
from hub.store import events
from hub.store.database import Connection
from hub.store.deliveries import note
from hub.store.events import Event
from hub.store.sql import load

if TYPE_CHECKING:
    from hub.runtime import Hub

_SQL = load("push_reports")
Report: TypeAlias = Literal["shown", "clicked"]


async def report(hub: Hub, project_id: int, person_id: int, delivery_id: UUID, event: Report) -> bool:
    """Takes a report; a click marks the item as the person would. Durable when it returns; again, it changes nothing.

    False: the push came back sooner than its worker could say that it was sent; what is reported then is kept, but the
    delivery is not `delivered` yet: report again. Reports about what is not there any more are taken and forgotten.
    """

    async def work(conn: Connection) -> Any:
        row = await conn.fetchrow(_SQL["lock"], project_id, person_id, delivery_id)
        if row is None:
            return None
        if row["state"] == State.SENT:
            state = delivery.move(State.SENT, delivery.Event.REPORTED)
            notes = [note(datetime.now(UTC), row["channel"], state.value, actor="person")]
            await conn.execute(_SQL["delivered"], delivery_id, state.value, notes)
        await events.insert(conn, [Event.about(row, event)])  # once: a repetition finds it there
        return row

    row = await hub.db.transaction(work)
    if row is None:
        return True
    if event == "clicked" and row["item_id"] is not None:
        person = Person(person_id, project_id, row["user_id"])
        await mark(hub, person, Mark(Action.CLICK, ids=(row["item_id"],)), engaged=False)
    return row["state"] in FINAL
