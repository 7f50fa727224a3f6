"""The sandbox: the channel of test projects. Every decision is taken for real, and the message ends in a table.

Messages that come together share a statement, as with every other provider that takes batches.
"""

from __future__ import annotations

import asyncio

import msgspec
import structlog

from hub.bus.tasks import end
from hub.model.message import Message
from hub.model.outcome import Failed, Outcome, Sent
from hub.store import sandbox
from hub.store.database import GONE, Database

log = structlog.get_logger("hub.sandbox")


class Sandbox:
    """Writes messages to `sandbox_messages`; one that comes again is counted and written once."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._waiting: list[tuple[Message, asyncio.Future[Outcome]]] = []
        self._writing: asyncio.Task[None] | None = None

    async def send(self, message: Message) -> Outcome:
        future: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        self._waiting.append((message, future))
        if self._writing is None or self._writing.done():
            self._writing = asyncio.create_task(self._write(), name="sandbox")
        return await future

    async def _write(self) -> None:
        while self._waiting:
            batch, self._waiting = self._waiting, []
            outcome: Outcome = Sent()
            try:
                await sandbox.write(
                    self._db,
                    [
                        sandbox.SandboxMessage(
                            message.delivery_id,
                            message.project_id,
                            message.person_id,
                            message.channel,
                            {"user": message.user, **msgspec.to_builtins(message)},
                        )
                        for message, _ in batch
                    ],
                )
            except GONE as error:
                outcome = Failed(f"the database is away: {type(error).__name__}")
            except Exception:
                log.exception("sandbox.broken")
                outcome = Failed("the sandbox failed")
            for _, future in batch:
                if not future.done():
                    future.set_result(outcome)

    async def close(self) -> None:
        if self._writing is not None:
            await end(self._writing)
