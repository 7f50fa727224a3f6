"""The runtime of a process: what every role shares, opened and closed in one order.

open:  database → installation → Redis client → announcements → publisher
close: publisher (queued requests get their answers) → announcements (told) → Redis → database
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import asyncpg
import structlog

from hub.bus.announce import DELIVERIES, JOBS, Announcer, fleet_channel
from hub.bus.client import AWAY, Bus
from hub.bus.cluster import create_bus
from hub.bus.presence import Presence, read_presences
from hub.config import Settings
from hub.exceptions import HubError, Unreachable
from hub.publish.announcing import AnnounceQueue
from hub.publish.publisher import Publisher
from hub.publish.rulebook import Rulebook
from hub.publish.templatebook import Templatebook
from hub.store.database import Database
from hub.store.migrate import pending

log = structlog.get_logger("hub")


class Hub:
    """What a role works with. One per process; made by `open_hub`."""

    def __init__(self, settings: Settings, db: Database, redis: Bus, installation: str) -> None:
        self.settings = settings
        self.db = db
        self.redis = redis
        self.installation = installation
        self.announcer = Announcer(redis, installation)
        self.announcing = AnnounceQueue(self.announcer, db)
        self.publisher = Publisher(self)
        self.rulebook = Rulebook(settings.channels)
        self.dev_project_id: int | None = None
        """Of `hub dev`: a sandbox, but for channels that are set up, and people who have an address there."""
        self.templates = Templatebook()

    async def publish_hint(self, channel: str, payload: bytes) -> None:
        """Tells other processes something they would find out by themselves; lost when Redis is away."""
        try:
            if await self.announcer.publish([(channel, payload)]):
                log.warning("bus.hint_lost", channel=channel)
        except AWAY as error:
            log.warning("bus.hint_lost", channel=channel, error=repr(error))

    async def presences(self, people: Sequence[tuple[int, str]], *, timeout_seconds: float = 1.0) -> list[Presence]:
        """Where these (project, user) are right now, in their order. Never raises for Redis: then nobody knows."""
        return await read_presences(
            self.redis,
            self.installation,
            people,
            grace_seconds=self.settings.presence_grace_seconds,
            settle_seconds=self.settings.presence_settle_seconds,
            timeout_seconds=timeout_seconds,
        )

    async def wake_workers(self) -> None:
        """Says that a job is due; workers poll as well."""
        await self.publish_hint(fleet_channel(self.installation), JOBS)

    async def wake_senders(self) -> None:
        """Says that deliveries are to be decided on; workers poll as well."""
        await self.publish_hint(fleet_channel(self.installation), DELIVERIES)


@asynccontextmanager
async def open_hub(settings: Settings, *, role: str) -> AsyncIterator[Hub]:
    """Opens what every role shares.

    Raises:
        Unreachable: Postgres does not answer (Redis may be away: the hub heals when it comes).
        HubError: the database has no schema yet, or an older one than this release needs.
    """
    db = await Database.connect(
        settings.database_url.get_secret_value(), size=settings.pool_size, application=f"hub-{role}"
    )
    try:
        installation = await _installation(db)
        redis = create_bus(settings.redis_url.get_secret_value())
        hub = Hub(settings, db, redis, installation)
        hub.announcing.start()
        try:
            yield hub
        finally:
            await hub.publisher.close()
            await hub.announcing.close()
            await redis.aclose()
    finally:
        await db.close()


async def _installation(db: Database) -> str:
    try:
        row = await db.fetchrow("SELECT name FROM installation")
        async with db.acquire() as conn:
            missing = await pending(conn)
    except asyncpg.UndefinedTableError:
        row = None
    except (asyncpg.PostgresError, OSError) as error:
        raise Unreachable(f"Postgres does not answer: {error}") from error
    if row is None:
        raise HubError("The database has no schema. Run: hub migrate")
    if missing:
        raise HubError(
            f"The database's schema is older than this release (it lacks {', '.join(missing)}). Run: hub migrate"
        )
    return str(row["name"])
