"""What a person says by a mail's link: no token names them but the link's, and that is enough for their preferences."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import NamedTuple
from uuid import UUID

from msgspec.structs import replace

from hub.api.choices import shown_categories
from hub.api.choosing import Moved, View, patch_for
from hub.api.preference_schema import PERSON, revise
from hub.exceptions import Gone
from hub.model.times import truncate
from hub.runtime import Hub
from hub.store import events, preferences
from hub.store.database import Connection
from hub.store.events import Event
from hub.store.ids import uuid7
from hub.store.preferences import Owner
from hub.store.rules import RulesKey, read_rules

EMAIL = "email"


class Visit(NamedTuple):
    """Whose page it is, and what stands on it.

    Attributes:
        descriptions: By category, where there is one; of a page of all.
    """

    project: str
    locale: str | None
    timezone: str
    view: View
    descriptions: dict[str, str]


async def visit(hub: Hub, project_id: int, person_id: int, category: str | None = None) -> Visit:
    """What a page shows: of one category, or of all that are stored or that the person spoke of.

    Raises:
        Gone: the person, or the whole project, was deleted.
    """
    async with hub.db.acquire() as conn:
        return (await _visit(conn, project_id, person_id, category))[0]


async def _visit(
    conn: Connection, project_id: int, person_id: int, category: str | None, *, hold: bool = False
) -> tuple[Visit, str]:
    row = await preferences.read_by_link(conn, project_id, person_id, hold=hold)
    if row is None:
        raise Gone("Whom this link was about is here no more.")
    person = row["person"] or {}
    if category is None:
        policies, descriptions = await shown_categories(conn, project_id, person)
    else:
        key = RulesKey(project_id, category)
        policies, descriptions = {category: (await read_rules(conn, [key]))[key].policy}, {}
    view = View(person, row["project"], policies)
    return Visit(row["project_name"], row["locale"], row["timezone"], view, descriptions), row["user_id"]


async def choose(
    hub: Hub,
    project_id: int,
    person_id: int,
    decide: Callable[[View], Moved],
    *,
    source: str,
    category: str | None = None,
    delivery_id: UUID | None = None,
) -> Visit:
    """Moves the switches that `decide` names; what holds then.

    Atomic: of two at once, the later one starts from what the earlier one has stored. Of a page with all categories,
    each switch that went off is an event `unsubscribed`; of one category's, the message tells that it came from.

    Args:
        source: Of consents that change.
        category: As in `visit`.
        delivery_id: The message by which somebody unsubscribes from the category.

    Raises:
        Gone: as for `visit`. Nobody comes back by an old link.
        Invalid: the preferences would grow over their bounds.
    """

    async def work(conn: Connection) -> Visit:
        found, user = await _visit(conn, project_id, person_id, category, hold=True)
        if delivery_id is not None and category is not None and not found.view.policies[category].required:
            await _tell(conn, project_id, person_id, delivery_id, category)
        before, patch = found.view.switches(), patch_for(found.view, decide(found.view))
        if not patch:
            return found
        document = revise(PERSON, found.view.person, patch, truncate(datetime.now(UTC)), source=source)
        await preferences.save(conn, Owner.person(project_id, user), document)
        after = found.view._replace(person=document)
        gone = [switch for switch, on in after.switches().items() if before[switch] and not on]
        if category is None:
            await events.insert(conn, [_unsubscribed(project_id, person_id, *switch) for switch in gone])
        return found._replace(view=after)

    return await hub.db.transaction(work)


def _unsubscribed(project_id: int, person_id: int, category: str, channel: str) -> Event:
    return Event(uuid7(), project_id, person_id, None, None, category, channel, "unsubscribed")


async def unsubscribe(hub: Hub, project_id: int, person_id: int, delivery_id: UUID, category: str) -> Visit:
    """Ends e-mails of a category; again, it changes nothing. A required category stays as it is."""
    moved = Moved(stopped=((category, EMAIL),))
    whose = project_id, person_id
    return await choose(hub, *whose, lambda _: moved, source="unsubscribe", category=category, delivery_id=delivery_id)


async def _tell(conn: Connection, project_id: int, person_id: int, delivery_id: UUID, category: str) -> None:
    """Once for each message; one that is kept no more is told without its notification."""
    row = (await events.sent_messages(conn, [(delivery_id, person_id)])).get(delivery_id)
    event = replace(_unsubscribed(project_id, person_id, category, EMAIL), delivery_id=delivery_id)
    if row is not None:
        event = replace(event, notification_id=row["notification_id"], provider=row["provider"])
    await events.insert(conn, [event])


async def subscribe_again(hub: Hub, project_id: int, person_id: int, category: str) -> Visit:
    """Takes an unsubscribing back."""
    moved = Moved({(category, EMAIL): True})
    return await choose(hub, project_id, person_id, lambda _: moved, source="subscribe", category=category)
