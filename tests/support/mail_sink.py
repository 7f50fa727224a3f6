"""Mail servers for tests: one of aiosmtpd that keeps what it gets and answers as scripted, and a raw one that does what
no server should.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from email.message import EmailMessage
from email.parser import BytesParser
from email.policy import default
from typing import Any, NamedTuple

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword

from tests.support.ports import free_port


class Received(NamedTuple):
    """One mail as it came."""

    sender: str
    recipients: list[str]
    content: bytes

    @property
    def message(self) -> EmailMessage:
        message = BytesParser(policy=default).parsebytes(self.content)
        assert isinstance(message, EmailMessage)
        return message


class Sink:
    """Keeps mails. `script` answers a step (`MAIL`, `RCPT`, `DATA`) in place of taking it, as long as it is set."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.mails: list[Received] = []
        self.script: dict[str, str] = {}
        self.connections = 0
        self.hold: asyncio.Event | None = None
        """While it is set and not yet done, mails are taken and not answered."""

    @property
    def url(self) -> str:
        return f"smtp://127.0.0.1:{self.port}"

    async def handle_MAIL(  # noqa: N802
        self, _server: Any, _session: Any, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if (answer := self.script.get("MAIL")) is not None:
            return answer
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return "250 2.1.0 OK"

    async def handle_RCPT(  # noqa: N802
        self, _server: Any, _session: Any, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if (answer := self.script.get("RCPT")) is not None:
            return answer
        envelope.rcpt_tos.append(address)
        envelope.rcpt_options.extend(options)
        return "250 2.1.5 OK"

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Envelope) -> str:  # noqa: N802
        if (answer := self.script.get("DATA")) is not None:
            return answer
        content = envelope.content
        assert isinstance(content, bytes)
        self.mails.append(Received(envelope.mail_from or "", list(envelope.rcpt_tos), content))
        if self.hold is not None:
            await self.hold.wait()
        return f"250 2.0.0 OK: queued as Q{len(self.mails)}"


@asynccontextmanager
async def mail_sink(
    *,
    certificate: ssl.SSLContext | None = None,
    implicit: bool = False,
    users: Mapping[str, str] | None = None,
    port: int | None = None,
    **options: Any,
) -> AsyncIterator[Sink]:
    """A server on loopback.

    Args:
        certificate: Offers STARTTLS with it, or speaks TLS from the start (`implicit`).
        users: Passwords by name; who does not log in is refused.
        options: aiosmtpd's.
    """
    sink = Sink(port or free_port())
    loop = asyncio.get_running_loop()

    def authenticate(_server: Any, _session: Any, _envelope: Any, mechanism: str, data: Any) -> AuthResult:
        assert users is not None
        known = isinstance(data, LoginPassword) and users.get(data.login.decode()) == data.password.decode()
        return AuthResult(success=known, handled=False)

    def protocol() -> SMTP:
        sink.connections += 1
        more: dict[str, Any] = {"enable_SMTPUTF8": True, "hostname": "sink.test", **options}
        if users is not None:
            more |= {"authenticator": authenticate, "auth_required": True, "auth_require_tls": certificate is not None}
        if certificate is not None and not implicit:
            more["tls_context"] = certificate
        return SMTP(sink, loop=loop, **more)

    server = await loop.create_server(protocol, "127.0.0.1", sink.port, ssl=certificate if implicit else None)
    try:
        yield sink
    finally:
        server.close()
        await server.wait_closed()


Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def raw_server(talk: Talk) -> AsyncIterator[int]:
    """A server that says what `talk` writes, on a port of loopback; what is under way at the end is cut."""
    running: set[asyncio.Task[None]] = set()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        running.add(task)
        try:
            with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
                await talk(reader, writer)
        finally:
            running.discard(task)
            writer.close()

    port = free_port()
    server = await asyncio.start_server(connected, "127.0.0.1", port)
    try:
        yield port
    finally:
        server.close()
        for task in list(running):
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
        await server.wait_closed()
