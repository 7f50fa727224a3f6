"""Connections to one mail server: opened when they are needed, kept while they are, never more than it allows."""

from __future__ import annotations

import asyncio
import ssl
from typing import cast

from hub.model.smtp_replies import Phase
from hub.smtp import SmtpServer, connect, tls_context
from workers.channels.smtp_session import Session

CONNECT_SECONDS = 15.0  # for TCP, TLS and login; a route gives a whole send 30
MESSAGES = 100  # over one connection, as nodemailer has it: providers count and close theirs, behind one there are many
IDLE_SECONDS = 30.0  # until an unused connection is closed; Amazon closes its own after some 10, Postfix after 300
DOUBT_SECONDS = 5.0  # idle for longer, it is asked whether it is still there


class Pool:
    """Owner: the channel. `close()` may be called twice."""

    def __init__(self, server: SmtpServer) -> None:
        self._server = server
        self._free = asyncio.Semaphore(server.connections)
        self._idle: list[Session] = []
        self._all: set[Session] = set()
        self._context: ssl.SSLContext | None = None
        self._ready = False
        self._sweeper: asyncio.TimerHandle | None = None

    async def take(self, *, fresh: bool = False) -> Session:
        """A connection for one transaction; waits for one to come free. Give it back.

        Args:
            fresh: One that nothing was sent over yet.

        Raises:
            SmtpFailure: none could be made.
        """
        await self._free.acquire()
        try:
            while self._idle and not fresh:
                session = self._idle.pop()
                if not session.is_open:
                    continue
                doubtful = asyncio.get_running_loop().time() - session.idle_since > DOUBT_SECONDS
                try:
                    if not doubtful or await session.alive():
                        return session
                except asyncio.CancelledError:
                    session.close()
                    raise
                session.close()
            return await self._open()
        except BaseException:
            self._free.release()
            raise

    async def _open(self) -> Session:
        if not self._ready:
            self._context, self._ready = tls_context(self._server), True
        client = await connect(self._server, self._context, CONNECT_SECONDS)
        transport = client.transport
        assert transport is not None, "it is connected"
        session = Session(cast(asyncio.Transport, transport), client.esmtp_extensions, self._all.discard)
        transport.set_protocol(session)
        client.transport = client.protocol = None  # it would close what is ours now
        self._all.add(session)
        session.phase = Phase.MAIL
        return session

    def give(self, session: Session) -> None:
        """Back after a transaction that came to its end."""
        self._free.release()
        if not session.is_open or session.used >= MESSAGES:
            self._end(session)
            return
        session.idle_since = asyncio.get_running_loop().time()
        self._idle.append(session)
        if self._sweeper is None:
            self._sweeper = asyncio.get_running_loop().call_later(IDLE_SECONDS, self._sweep)

    def drop(self, session: Session) -> None:
        """Back after one that did not: the connection is out of step."""
        self._free.release()
        session.abort()

    def _sweep(self) -> None:
        self._sweeper = None
        now = asyncio.get_running_loop().time()
        for session in [s for s in self._idle if not s.is_open or now - s.idle_since >= IDLE_SECONDS]:
            self._idle.remove(session)
            self._end(session)
        if self._idle:
            self._sweeper = asyncio.get_running_loop().call_later(IDLE_SECONDS / 2, self._sweep)

    def _end(self, session: Session) -> None:
        session.close()
        self._all.discard(session)

    async def close(self) -> None:
        if self._sweeper is not None:
            self._sweeper.cancel()
            self._sweeper = None
        for session in list(self._all):
            self._end(session)
        self._idle.clear()
