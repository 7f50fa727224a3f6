"""Delivered receipts: what clients hold, written to the store in batches.

An `ack` takes no revision and is only ever worth as much as the newest one, so a second's worth of them is one
statement. What could not be written is kept and merged; what is lost with a process is acked again after a reconnect.
"""

from __future__ import annotations

import structlog

from hub.store.database import GONE, Database
from hub.store.inbox import record_delivered

log = structlog.get_logger("hub.gateway")

BATCH_PEOPLE = 5_000  # per statement: tens of milliseconds


class Receipts:
    """Highest acked revision by person, since the last flush."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._revs: dict[int, int] = {}

    def note(self, person_id: int, rev: int) -> None:
        """This person holds everything up to `rev`."""
        if rev > self._revs.get(person_id, 0):
            self._revs[person_id] = rev

    async def flush(self) -> None:
        """Writes what was noted. Cancelling loses nothing that was not sent."""
        while self._revs:
            batch = dict(sorted(self._revs.items())[:BATCH_PEOPLE])
            for person_id in batch:
                del self._revs[person_id]
            try:
                await record_delivered(self._db, batch)
            except GONE as error:
                log.warning("receipts.kept", people=len(batch), error=repr(error))
                for person_id, rev in batch.items():
                    self.note(person_id, rev)
                return
