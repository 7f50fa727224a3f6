"""What may have been missed: heads compared with the store, broadcasts pulled, revocations looked up.

The bus is only ever a hint. After every gap in the subscription, and every `reconcile_seconds` unasked, the head of
everybody here is compared with the store's, in batches; who stands elsewhere is brought to date. So losing all of Redis
costs seconds, never items.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from typing import TYPE_CHECKING

import structlog

from gateway.codes import Code
from hub.publish.broadcast import pull_broadcasts
from hub.store import inbox
from hub.store.database import GONE
from hub.store.people import tokens_revoked_at

if TYPE_CHECKING:
    from gateway.room import Room
    from gateway.switchboard import Switchboard

log = structlog.get_logger("hub.gateway")

COMPARE_PEOPLE = 1_000  # heads per statement: a few milliseconds
AWAY_SECONDS = 3.0  # between comparisons while Redis is away: then the store is all there is
RETRY_SECONDS = 1.0  # at most, after a comparison that the store did not answer


class Reconciler:
    """Owned by the switchboard, which runs `run()` for as long as it lives."""

    def __init__(self, board: Switchboard) -> None:
        self._board = board
        self._gap = asyncio.Event()
        self._missed: frozenset[bytes] | None = frozenset()
        self._pulling: dict[int, set[int]] = {}

    def gap(self, channels: frozenset[bytes] | None = None) -> None:
        """Messages of these channels, None: of any, may have been lost: compare now."""
        self._missed = None if channels is None or self._missed is None else self._missed | channels
        self._gap.set()

    async def run(self) -> None:
        await self._board.subscriber.wait_connected()  # nobody is joined before
        while True:
            await self._until_due()
            rooms = self._due()
            try:
                await self._compare(rooms)
            except GONE as error:
                log.warning("gateway.compare_failed", error=repr(error))
                self.gap()
                await asyncio.sleep(random.uniform(0, RETRY_SECONDS))
            except Exception:  # whatever it was, the next comparison is what heals
                log.exception("gateway.compare_broken")

    def _due(self) -> list[Room]:
        """The rooms to compare: of the channels that missed something, if nothing else; else all."""
        rooms, missed = self._board.rooms, self._missed
        self._missed = frozenset()
        if not self._gap.is_set() or missed is None or not missed <= rooms.keys():
            missed = frozenset(rooms)  # a project's own channel concerns everybody there
        self._gap.clear()
        return [rooms[name] for name in missed]

    async def _until_due(self) -> None:
        """Returns after a gap, after the pause, or, while Redis is away, after a short one."""
        board = self._board
        due = board.now() + board.hub.settings.reconcile_seconds * random.uniform(0.8, 1.2)
        while (left := due - board.now()) > 0:
            try:
                async with asyncio.timeout(min(left, AWAY_SECONDS)):
                    await self._gap.wait()
                return
            except TimeoutError:
                if not board.subscriber.connected:
                    return

    async def _compare(self, rooms: Sequence[Room]) -> None:
        for start in range(0, len(rooms), COMPARE_PEOPLE):
            batch = [room for room in rooms[start : start + COMPARE_PEOPLE] if room.person_id and room.connections]
            if not batch:
                continue
            self._board.count_read("heads")
            heads = await inbox.read_heads(self._board.hub.db, [room.person_id for room in batch])
            pending: dict[int, list[int]] = {}
            for room in batch:
                head = heads.get(room.person_id)
                if head is None:
                    await self.gone(room)
                    continue
                room.compare(head)
                if head.pending_broadcasts:
                    pending.setdefault(room.project_id, []).append(head.person_id)
            for project_id, person_ids in pending.items():
                self.pull(project_id, person_ids)

    async def check_tokens(self, room: Room) -> None:
        """Tokens of this person were revoked, or the person was deleted."""
        try:
            heads = await inbox.read_heads(self._board.hub.db, [room.person_id])
            head = heads.get(room.person_id)
            if head is None:
                await self.gone(room)
            else:
                room.compare(head)
        except GONE as error:
            self._board.warn("gateway.revocation_waits", error)
            self.gap()

    async def gone(self, room: Room) -> None:
        """Ends a room whose person is not stored any more. Raises GONE.

        Deleted: 4506. Restored from before it was made: its clients come back and get an inbox.
        """
        deleted_at = await tokens_revoked_at(self._board.hub.db, room.project_id, room.user)
        if deleted_at is None:
            room.end(Code.TRY_AGAIN_LATER, "this inbox is gone")
        else:
            room.end(Code.REVOKED, "this inbox was deleted")

    def pull(self, project_id: int, person_ids: Sequence[int]) -> None:
        """Gives pending broadcasts to these people; one batch at a time for each project."""
        waiting = self._pulling.get(project_id)
        if waiting is not None:
            waiting.update(person_ids)
        elif person_ids:
            self._pulling[project_id] = set(person_ids)
            self._board.spawn(self._pull(project_id))

    async def _pull(self, project_id: int) -> None:
        try:
            while person_ids := self._pulling[project_id]:
                self._pulling[project_id] = set()
                await pull_broadcasts(self._board.hub, sorted(person_ids))
        except GONE as error:  # heads say so again at the next comparison
            log.warning("gateway.pull_failed", project=project_id, error=repr(error))
            self.gap()
        finally:
            del self._pulling[project_id]
