"""Deliveries without HTTP and without loops: sandbox projects, and each step of a worker by hand."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any
from uuid import UUID

from hub.bus.presence import State
from hub.bus.presence_writer import PresenceWriter
from hub.publish.gather import close_due
from hub.publish.schedule import decide_due
from hub.publish.settle import recover
from hub.runtime import Hub
from hub.store import categories, timeline
from workers.channels.base import Channel
from workers.channels.sandbox import Sandbox
from workers.providers import routes_of
from workers.route import Provider, Route
from workers.sender import Sender


async def make_sandbox(hub: Hub, project_id: int) -> None:
    """Every delivery of the project is tried, and goes to the sandbox."""
    await hub.db.execute("UPDATE projects SET sandbox = true WHERE project_id = $1", project_id)
    hub.rulebook.forget()


async def put_category(hub: Hub, project_id: int, category: str, **policy: Any) -> None:
    """Stores a policy; the default ladder unless it has one."""
    await categories.put_category(
        hub.db, project_id, category, {"priority": "normal", **categories.GENERAL_POLICY, **policy}
    )
    hub.rulebook.forget()


def sender(hub: Hub, channel: str, provider: Channel) -> Sender:
    """A sender with this one provider, for what is a trial and what is not. Nothing is learnt from what it answers."""
    route = Route(channel, [Provider("scripted", provider, shared=False)])
    return Sender(hub, channel, route, route, lambda: None)


class Steps:
    """A worker's steps, run until there is nothing to do; time passes only by `later`."""

    def __init__(self, hub: Hub) -> None:
        self.hub = hub
        self.sandbox = Sandbox(hub.db)
        self.routes = routes_of(hub)
        self.senders = [
            Sender(hub, channel, route, Route(channel, [Provider("sandbox", self.sandbox, shared=False)]), lambda: None)
            for channel, route in self.routes.items()
        ]

    async def run(self) -> None:
        """Decides, closes, sends and reports until nothing is due."""
        while await self.decide() + await self.close() + await self.send():
            pass

    async def decide(self) -> int:
        return await decide_due(self.hub)

    async def decide_some(self, limit: int) -> int:
        return await decide_due(self.hub, limit)

    async def close(self) -> int:
        return int(await close_due(self.hub))

    async def send(self) -> int:
        """Everything that is due now; returns when it is settled. On how many channels."""
        sent = 0
        for sender in self.senders:
            sent += await sender.step()
            await sender.settled()
        return sent

    async def recover(self) -> int:
        return await recover(self.hub)

    async def later(self, **time: float) -> None:
        """As if so much time had passed for all deliveries and digests."""
        passed = timedelta(**time)
        columns = ("dispatched_at", "due_at", "ready_at", "counted_at", "lease_until")
        moved = ", ".join(f"{column} = {column} - $1::interval" for column in columns)
        await self.hub.db.execute(f"UPDATE deliveries SET {moved}", passed)
        await self.hub.db.execute(
            "UPDATE digests SET opened_at = opened_at - $1::interval, closes_at = closes_at - $1::interval", passed
        )


@asynccontextmanager
async def here(hub: Hub, project_id: int, user: str, state: State = "active") -> AsyncIterator[Person]:
    """Somebody with one connection on a gateway of their own; leaving the context leaves the app."""
    incarnation = secrets.token_hex(6)
    writer = PresenceWriter(hub.redis, hub.installation, incarnation, grace_seconds=hub.settings.presence_grace_seconds)
    writer.start()
    person = Person(writer, project_id, user, f"{incarnation}1")
    await person.turn(state)
    try:
        yield person
    finally:
        await writer.close()


class Person:
    """A connected person."""

    def __init__(self, writer: PresenceWriter, project_id: int, user: str, connection: str) -> None:
        self._writer = writer
        self._who = (project_id, user, connection)

    async def turn(self, state: State) -> None:
        """To the page, or away from it; returns when Redis has it."""
        await self._writer.set(*self._who, state)


@asynccontextmanager
async def steps(hub: Hub) -> AsyncIterator[Steps]:
    running = Steps(hub)
    try:
        yield running
    finally:
        for sender in running.senders:
            await sender.close()
        for route in running.routes.values():
            await route.close()
        await running.sandbox.close()


async def rows(hub: Hub, notification_id: UUID | None = None) -> list[Any]:
    """Deliveries in the order of their lines and steps."""
    return await hub.db.fetch(
        "SELECT d.*, p.user_id FROM deliveries d JOIN people p USING (person_id) "
        "WHERE $1::uuid IS NULL OR notification_id = $1 ORDER BY position, p.user_id, line, step, kind",
        notification_id,
    )


async def states(hub: Hub, notification_id: UUID | None = None) -> list[tuple[str, str, str | None]]:
    """(channel, state, reason) of each delivery."""
    return [(row["channel"], row["state"], row["reason"]) for row in await rows(hub, notification_id)]


async def sent(hub: Hub) -> list[tuple[str, str, str]]:
    """What arrived in the sandbox, in order: (user, channel, title)."""
    found = await hub.db.fetch("SELECT message FROM sandbox_messages ORDER BY position")
    return [(m["message"]["user"], m["message"]["channel"], m["message"]["content"].get("title")) for m in found]


async def told(hub: Hub, project_id: int, notification_id: UUID) -> list[tuple[str, str, str | None]]:
    """The timeline: (channel, event, reason)."""
    events = await timeline.read_timeline(hub.db, project_id, notification_id, after=None, limit=1_000)
    return [(event.channel, event.event, event.reason) for event in events]
