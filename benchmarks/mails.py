"""Mails of one worker process, into a server that takes everything. Text and HTML, 3 KB, other for each person."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import uuid4

from pydantic import SecretStr

from benchmarks.sending import Figures, channel_alone, running, sink, whole_worker
from hub.model.mail_address import parse_mailbox
from hub.model.message import Address, Message
from hub.providers import parse_providers
from hub.smtp import read_server
from workers.channels.smtp import Smtp

HTML = "<html><body><table>" + "<tr><td style='padding:8px'>Grüße, your order is on its way.</td></tr>" * 35
SENDER = "Acme <news@example.com>"
PUBLIC_URL = "https://hub.example.com"


class _Server(asyncio.Protocol):
    """As little of an SMTP server as a client can talk to."""

    def connection_made(self, transport: Any) -> None:
        self._transport = transport
        self._in_data = False
        self._rest = b""
        transport.write(b"220 sink ESMTP\r\n")

    def data_received(self, data: bytes) -> None:
        self._rest += data
        while True:
            if self._in_data:
                _content, end, rest = self._rest.partition(b"\r\n.\r\n")
                if not end:
                    return
                self._in_data, self._rest = False, rest
                self._transport.write(b"250 2.0.0 Ok: queued as 4F1A2B3C4D\r\n")
                continue
            line, end, rest = self._rest.partition(b"\r\n")
            if not end:
                return
            self._rest = rest
            verb = line[:4].upper()
            if verb == b"DATA":
                self._in_data = True
                self._transport.write(b"354 go on\r\n")
            elif verb == b"EHLO":
                self._transport.write(b"250-sink\r\n250-PIPELINING\r\n250-SIZE 10240000\r\n250 SMTPUTF8\r\n")
            elif verb == b"QUIT":
                self._transport.close()
                return
            else:
                self._transport.write(b"250 2.1.0 Ok\r\n")


def messages(count: int) -> list[Message]:
    """Mails to as many people."""
    return [
        Message(
            uuid4(), uuid4(), 1, number, "email", "step", 1, "orders.shipped",
            Address(f"u{number}", "Ada Löve", f"u{number}@example.org"), {},
            {"subject": "Grüße: it is on its way", "text": f"Hällo {number}, it is on its way.\n" * 5,
             "html": f"{HTML}<p>{number}</p></table></body></html>"},
            thread_key="order", unsubscribe_url=f"{PUBLIC_URL}/l/u/{number:0120}",
        )
        for number in range(count)
    ]  # fmt: skip


def _channel(url: str) -> Smtp:
    (provider,) = parse_providers("email", SecretStr(url), ("smtp",))
    sender = parse_mailbox(SENDER)
    return Smtp(read_server(provider), sender, on_bounce=_nothing)


async def _nothing(_message: Message, _detail: str) -> None:
    raise AssertionError("nothing bounces here")


async def measure(count: int) -> dict[str, Figures]:
    """The channel alone, and a worker's whole way."""
    with sink(_Server) as port:
        url = f"smtp://127.0.0.1:{port}"
        alone = await channel_alone(_channel(url), messages(count))
        async with running(smtp_url=url, email_from=SENDER, public_url=PUBLIC_URL) as hub:
            people = [{"id": f"u{n}", "name": "Ada Löve", "email": f"u{n}@example.org"} for n in range(count)]
            whole = await whole_worker(hub, "email", people, title="Grüße: it is on its way", body="Hällo. " * 200)
    return {"mails_channel": alone, "mails": whole}
