"""Receipts: what clients hold, and who was there, written to the store in batches.

An `ack` takes no revision and is only ever worth as much as the newest one, so a second's worth of them is one
statement; when somebody was last seen is no more urgent. What could not be written is kept and merged; what is lost
with a process is acked again after a reconnect.
"""

from __future__ import annotations

import time
from itertools import islice

import structlog

from hub.store.database import GONE, Database
from hub.store.inbox import record_delivered
from hub.store.people import record_seen

log = structlog.get_logger("hub.gateway")

BATCH_PEOPLE = 5_000  # per statement: tens of milliseconds


class Receipts:
    """Highest acked revision by person, and people seen, since the last flush."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._revs: dict[int, int] = {}
        self._seen: dict[int, float] = {}  # when, monotonic: the database may be away for long

    def note(self, person_id: int, rev: int) -> None:
        """This person holds everything up to `rev`."""
        if rev > self._revs.get(person_id, 0):
            self._revs[person_id] = rev

    def note_seen(self, person_id: int) -> None:
        """This person is there, or was until now."""
        self._seen[person_id] = time.monotonic()

    async def flush(self) -> None:
        """Writes what was noted; what could not be written stays noted."""
        try:
            while self._revs:
                await self._write_revs()
            while self._seen:
                await self._write_seen()
        except GONE as error:
            log.warning("receipts.kept", people=len(self._revs), error=repr(error))

    async def _write_revs(self) -> None:
        batch = dict(islice(self._revs.items(), BATCH_PEOPLE))
        for person_id in batch:
            del self._revs[person_id]
        try:
            await record_delivered(self._db, batch)
        except BaseException:
            for person_id, rev in batch.items():
                self.note(person_id, rev)
            raise

    async def _write_seen(self) -> None:
        batch = dict(islice(self._seen.items(), BATCH_PEOPLE))
        for person_id in batch:
            del self._seen[person_id]
        try:
            now = time.monotonic()
            await record_seen(self._db, {person_id: now - seen for person_id, seen in batch.items()})
        except BaseException:
            self._seen = batch | self._seen
            raise
