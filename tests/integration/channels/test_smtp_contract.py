"""The e-mail channel keeps the contract of channels, over a server that does what it is told."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest
from aiosmtpd.smtp import SMTP, Envelope
from pydantic import SecretStr

from hub.model.mail_address import parse_mailbox
from hub.model.message import Message
from hub.providers import parse_providers
from hub.smtp import read_server
from tests.integration.channels.contract import ChannelContract, Does, Rig
from tests.support.mail_sink import Sink
from tests.support.mails import mail
from tests.support.ports import free_port
from workers.channels import smtp, smtp_pool
from workers.channels.smtp import Smtp

SHORT_SECONDS = 0.5
ANSWERS = {
    Does.REJECT: {"RCPT": "550 5.1.1 <secret@example.org>: unknown"},
    Does.FAIL: {"DATA": "451 4.3.0 secret@example.org later"},
    Does.THROTTLE: {"MAIL": "452 4.5.3 too many for secret@example.org"},
}


class Server(Sink):
    """A sink that may also be away, mute, or break off."""

    def __init__(self, port: int) -> None:
        super().__init__(port)
        self.what = Does.ACCEPT
        self._server: asyncio.Server | None = None
        self._transports: set[asyncio.BaseTransport] = set()

    async def handle_DATA(self, server: Any, session: Any, envelope: Envelope) -> str:  # noqa: N802
        answer = await super().handle_DATA(server, session, envelope)
        if self.what is Does.RESET:
            server.transport.write(b"250 2.")
            server.transport.abort()
        if self.what is Does.DRIP:
            while not server.transport.is_closing():
                server.transport.write(b"2")
                await asyncio.sleep(0.05)
        if self.what in (Does.NOT_ANSWER, Does.RESET, Does.DRIP):
            await asyncio.Event().wait()
        return answer

    async def become(self, what: Does) -> None:
        self.what, self.script = what, ANSWERS.get(what, {})
        if what in (Does.REFUSE_CONNECTIONS, Does.NOT_GREET, Does.ACCEPT):
            await self.stop()
        if what is not Does.REFUSE_CONNECTIONS and self._server is None:
            factory = _Mute if what is Does.NOT_GREET else self._protocol
            self._server = await asyncio.get_running_loop().create_server(factory, "127.0.0.1", self.port)

    def _protocol(self) -> SMTP:
        sink = self

        class Tracked(SMTP):
            def connection_made(self, transport: asyncio.BaseTransport) -> None:
                sink._transports.add(transport)
                super().connection_made(transport)

        return Tracked(self, loop=asyncio.get_running_loop(), hostname="sink.test")

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None
        for transport in self._transports:
            if isinstance(transport, asyncio.Transport):
                transport.abort()
        self._transports.clear()


class _Mute(asyncio.Protocol):
    """Takes a connection and says nothing."""


class SmtpRig:
    """A channel and its server, on time-outs that are short only where something is to go wrong."""

    can = frozenset(Does)
    hidden: Sequence[str] = ("secret", "ada@", "example.org", "pass")

    def __init__(self, server: Server, channel: Smtp, monkeypatch: pytest.MonkeyPatch) -> None:
        self.server = server
        self.channel = channel
        self._patch = monkeypatch
        self._normal = (smtp.SEND_SECONDS, smtp_pool.CONNECT_SECONDS)

    async def does(self, what: Does) -> None:
        waits = what in (Does.DRIP, Does.NOT_GREET, Does.NOT_ANSWER)
        send, connect = (SHORT_SECONDS, SHORT_SECONDS) if waits else self._normal
        self._patch.setattr(smtp, "SEND_SECONDS", send)
        self._patch.setattr(smtp_pool, "CONNECT_SECONDS", connect)
        await self.server.become(what)

    def message(self) -> Message:
        return mail()

    async def ids(self) -> Sequence[str]:
        return [str(received.message["Message-ID"]) for received in self.server.mails]


class TestSmtp(ChannelContract):
    @pytest.fixture
    async def rig(self, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Rig]:
        server = Server(free_port())
        await server.become(Does.ACCEPT)
        (provider,) = parse_providers("email", SecretStr(server.url), ("smtp",))

        async def on_bounce(_message: Message, _detail: str) -> None:
            pass

        channel = Smtp(
            read_server(provider),
            parse_mailbox("Acme <news@example.com>"),
            on_bounce=on_bounce,
        )
        try:
            yield SmtpRig(server, channel, monkeypatch)
        finally:
            await channel.close()
            await server.stop()
