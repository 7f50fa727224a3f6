"""What mails' pixels and links tell: held for a moment, judged, stored in batches.

A gateway answers a click at once, whatever becomes of the record: a person who follows a link never waits for the
database. What it noted is stored HOLD_SECONDS later, when it is known whether other links of the same mail were
followed in the same second. A gateway that is killed loses what it holds; one that ends stores it.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import urlsplit
from uuid import UUID

import msgspec
import structlog
from prometheus_client import Counter

from hub.bus.tasks import end
from hub.exceptions import Refused
from hub.model.automation import BURST_SECONDS, Evidence, automated
from hub.model.mark import Action, Mark
from hub.model.person import Person
from hub.publish.inbox import mark
from hub.store import events
from hub.store.database import GONE, Connection
from hub.store.deliveries import printable
from hub.store.events import Event

if TYPE_CHECKING:
    from hub.runtime import Hub

log = structlog.get_logger("hub.engagement")

NOTED = Counter("hub_engagement_total", "Opens and clicks of mails, by what became of them", ["event", "result"])
HOLD_SECONDS = 1.5  # more than BURST_SECONDS, so that a link is judged with those that were followed right after it
MAX_HELD = 10_000  # some 5 MB; past it opens and clicks are answered and not counted
MAX_OF_ONE = 100  # of one mail at once: a program that shows another face each time
BATCH = 500
AGAIN_SECONDS = 1.0  # while the database is away


class Seen(msgspec.Struct):
    """One fetch of a pixel or a link, whose token was ours."""

    event: Literal["opened", "clicked"]
    project_id: int
    person_id: int
    delivery_id: UUID
    link: int | None = None
    url: str | None = None
    user_agent: str = ""
    accept_language: str = ""
    purpose: str = ""
    at: float = 0.0  # of the loop's clock; filled in when it is noted
    links: int = 1

    @property
    def key(self) -> tuple[Any, ...]:
        """What looks like this one again tells nothing new."""
        return (self.event, self.link, self.user_agent, self.accept_language == "", self.purpose)


class Engagement:
    """One per gateway. Owner: the gateway; `close()` stores what is held, and may be called twice."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._held: defaultdict[UUID, dict[tuple[Any, ...], Seen]] = defaultdict(dict)
        self._count = 0
        self._some = asyncio.Event()  # there is something to store: nobody wakes for nothing
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        if self._task is None:
            self._task = asyncio.create_task(self._run(), name="engagement")

    async def close(self) -> None:
        if self._task is not None:
            task, self._task = self._task, None
            await end(task)
            try:
                await self.flush(hold_seconds=0.0)
            except GONE as error:
                log.warning("engagement.lost", events=self._count, error=repr(error))

    def note(self, seen: Seen) -> None:
        """Takes one up; never waits, never raises. Past the bounds it is counted as dropped."""
        of_one = self._held[seen.delivery_id]
        if seen.key in of_one:
            return
        if self._count >= MAX_HELD or len(of_one) >= MAX_OF_ONE:
            NOTED.labels(seen.event, "dropped").inc()
            if not of_one:
                del self._held[seen.delivery_id]
            return
        seen.at = asyncio.get_running_loop().time()
        for other in of_one.values():
            if seen.event == other.event and seen.link != other.link and seen.at - other.at <= BURST_SECONDS:
                other.links += 1
                seen.links += 1
        of_one[seen.key] = seen
        self._count += 1
        self._some.set()

    async def _run(self) -> None:
        while True:
            if not self._count:
                self._some.clear()
                await self._some.wait()
            await asyncio.sleep(HOLD_SECONDS / 3)
            try:
                await self.flush()
            except GONE as error:
                log.warning("engagement.will_retry", events=self._count, error=repr(error))
                await asyncio.sleep(AGAIN_SECONDS)
            except Exception:
                log.exception("engagement.failed")
                await asyncio.sleep(AGAIN_SECONDS)

    async def flush(self, *, hold_seconds: float = HOLD_SECONDS) -> None:
        """Stores what was held for so long.

        Raises:
            GONE: the database is away; all of it is still held.
        """
        before = asyncio.get_running_loop().time() - hold_seconds
        due = [seen for of_one in self._held.values() for seen in of_one.values() if seen.at <= before]
        due.sort(
            key=lambda seen: (seen.delivery_id, seen.event, seen.link or 0)
        )  # gateways wait for each other in no circle
        for start in range(0, len(due), BATCH):
            batch = due[start : start + BATCH]
            clicked = await self._store(batch)
            for seen in batch:
                of_one = self._held[seen.delivery_id]
                del of_one[seen.key]
                self._count -= 1
                if not of_one:
                    del self._held[seen.delivery_id]
            for person, item_id in clicked.items():
                await self._mark(person, item_id)

    async def _store(self, batch: list[Seen]) -> dict[Person, UUID]:
        """Judges and stores; whose item is to be marked as clicked."""
        now = asyncio.get_running_loop().time()

        async def work(conn: Connection) -> tuple[list[tuple[Seen, str]], dict[Person, UUID]]:
            found = await events.sent_messages(conn, sorted({(seen.delivery_id, seen.person_id) for seen in batch}))
            told: list[Event] = []
            results: list[tuple[Seen, str]] = []
            clicked: dict[Person, UUID] = {}
            for seen in batch:
                row = found.get(seen.delivery_id)
                if row is None or row["project_id"] != seen.project_id:
                    results.append((seen, "unknown"))  # the person is gone, or the mail older than its delivery is kept
                    continue
                event = _event(seen, row, now - seen.at)
                told.append(event)
                results.append((seen, "automated" if event.automated else "person"))
                if event.event == "clicked" and not event.automated and row["item_id"] is not None:
                    clicked[Person(row["person_id"], row["project_id"], row["user_id"])] = row["item_id"]
            await events.insert(conn, told)
            return results, clicked

        results, clicked = await self._hub.db.transaction(work)
        for seen, result in results:
            NOTED.labels(seen.event, result).inc()
        return clicked

    async def _mark(self, person: Person, item_id: UUID) -> None:
        """Whoever follows a mail's link has dealt with it in the app as well; no event of the app comes of that."""
        try:
            await mark(self._hub, person, Mark(Action.CLICK, (item_id,)), engaged=False)
        except (*GONE, Refused) as error:
            log.warning("engagement.not_marked", item=str(item_id), error=repr(error))


def _event(seen: Seen, row: Any, age_seconds: float) -> Event:
    after = (row["now"] - row["sent_at"]).total_seconds() - age_seconds
    why = automated(Evidence(seen.event, seen.user_agent, seen.accept_language, seen.purpose, after, seen.links))
    detail = {"reason": why and why.value, "url": None if seen.url is None else _shown(seen.url)}
    return Event.about(
        row,
        seen.event,
        automated=why is not None,
        detail={name: value for name, value in detail.items() if value is not None} or None,
        at=row["now"] - timedelta(seconds=age_seconds),
        link=seen.link,
    )


def _shown(url: str) -> str:
    """A URL without what may be a secret in it: tokens stand in the query or the fragment, names before the host."""
    parts = urlsplit(url)
    return printable(f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}")
