"""SMS by Twilio keeps what every channel promises."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from urllib.parse import parse_qs

import pytest
from pydantic import SecretStr
from uuid_utils.compat import uuid7

from hub.model.message import Address, Message
from hub.providers import parse_providers
from hub.twilio import read_account
from tests.integration.channels.contract import ChannelContract, Does
from tests.support.ports import free_port
from workers.channels import twilio
from workers.channels.twilio import Twilio

SID = "AC" + "0123456789abcdef" * 2
NUMBER = "+4915112345678"
ANSWERS = {
    Does.ACCEPT: (201, b'{"sid": "SM1"}'),
    Does.REJECT: (400, f'{{"code": 21614, "message": "{NUMBER} is no mobile"}}'.encode()),
    Does.FAIL: (503, b""),
    Does.THROTTLE: (429, b""),
}


class TwilioRig:
    """A server on a socket that speaks as much HTTP as it takes to break it."""

    can = frozenset({*ANSWERS, Does.REFUSE_CONNECTIONS, Does.RESET, Does.DRIP, Does.NOT_ANSWER})
    hidden = (NUMBER, NUMBER[1:], SID, "hush")

    def __init__(self) -> None:
        self.port = free_port()
        url = f"twilio://{SID}:hush@127.0.0.1:{self.port}?tls=false&from=Acme"
        (provider,) = parse_providers("sms", SecretStr(url), ("twilio",))
        self.channel = Twilio(read_account(provider))
        self._does = Does.ACCEPT
        self._sent = 0
        self._texts: list[str] = []
        self._server: asyncio.Server | None = None
        self._connections: set[asyncio.StreamWriter] = set()

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)

    async def stop(self) -> None:
        if self._server is not None:
            server, self._server = self._server, None
            server.close()
            for writer in self._connections:
                writer.transport.abort()
            await server.wait_closed()

    async def does(self, what: Does) -> None:
        self._does = what
        await self.stop()
        if what is not Does.REFUSE_CONNECTIONS:
            await self.start()

    def message(self) -> Message:
        self._sent += 1
        to = Address("ada", phone=NUMBER)
        return Message(uuid7(), uuid7(), 1, 1, "sms", "step", 1, "general", to, {}, {"text": f"text {self._sent}"})

    async def ids(self) -> Sequence[str]:
        """Twilio recognises nothing; whoever gets two of one text does."""
        return self._texts

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._connections.add(writer)
        try:
            with suppress(asyncio.IncompleteReadError, ConnectionError):
                while True:
                    await self._answer(reader, writer)
        finally:
            self._connections.discard(writer)
            writer.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        length = int(head.partition(b"content-length:")[2].split()[0])
        form = parse_qs((await reader.readexactly(length)).decode())
        if self._does in ANSWERS:
            status, body = ANSWERS[self._does]
            if status == 201:
                self._texts += form["Body"]
            writer.write(b"HTTP/1.1 %d x\r\ncontent-length: %d\r\n\r\n" % (status, len(body)) + body)
            await writer.drain()
            return
        if self._does is Does.NOT_ANSWER:
            await reader.read()
            raise ConnectionError
        writer.write(b"HTTP/1.1 201 x\r\ncontent-length: 1000\r\n\r\n")
        while self._does is Does.DRIP:
            writer.write(b" ")
            await writer.drain()
            await asyncio.sleep(0.05)
        writer.transport.abort()
        raise ConnectionError


class TestTwilio(ChannelContract):
    @pytest.fixture
    async def rig(self, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[TwilioRig]:
        monkeypatch.setattr(twilio, "SECONDS", 1.5)
        rig = TwilioRig()
        await rig.start()
        yield rig
        await rig.channel.close()
        await rig.stop()
