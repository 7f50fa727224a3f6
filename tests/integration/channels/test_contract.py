"""The contract over the sandbox, and over the smallest channel that speaks to a provider: the suite tests itself."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from datetime import timedelta
from uuid import uuid4

import aiohttp
import pytest

from hub.model.message import Message
from hub.model.outcome import Failed, Outcome, Rejected, Sent, Throttled
from hub.runtime import Hub
from hub.store.database import Database
from tests.integration.channels.contract import ChannelContract, Does, Rig
from tests.support.publishing import publish
from tests.support.relays import make_message
from tests.support.scripted_server import Answer, ScriptedServer, scripted_server
from tests.support.tcp_proxy import TcpProxy, tcp_proxy
from workers.channels.sandbox import Sandbox

ANSWER_SECONDS = 2.0  # many at once on a busy machine take a while


class SandboxRig:
    """The sandbox, whose provider is a Postgres behind a network that can be cut."""

    can = frozenset({Does.ACCEPT, Does.REFUSE_CONNECTIONS})
    hidden = ("ada.lovelace", "password")

    def __init__(self, hub: Hub, db: Database, proxy: TcpProxy, whose: tuple[int, int]) -> None:
        self.channel = Sandbox(db)
        self._hub = hub
        self._proxy = proxy
        self._project_id, self._person_id = whose

    async def does(self, what: Does) -> None:
        self._proxy.refusing = what is Does.REFUSE_CONNECTIONS
        self._proxy.cut()

    def message(self) -> Message:
        return make_message(project_id=self._project_id, person_id=self._person_id)

    async def ids(self) -> Sequence[str]:
        found = await self._hub.db.fetch("SELECT delivery_id, attempts FROM sandbox_messages")
        return [str(row["delivery_id"]) for row in found for _ in range(row["attempts"])]


class TestSandbox(ChannelContract):
    @pytest.fixture
    async def rig(self, hub: Hub, project_id: int, database_url: str) -> AsyncIterator[Rig]:
        await publish(hub, project_id, recipients=["ada"], title="t")
        person_id = (await hub.db.fetch("SELECT person_id FROM people"))[0]["person_id"]
        async with tcp_proxy(database_url) as (proxy, url):
            db = await Database.connect(url, size=2, application="contract")
            made = SandboxRig(hub, db, proxy, (project_id, person_id))
            yield made
            proxy.heal()
            await made.channel.close()
            await db.close()


class SmallChannel:
    """Posts the text to a URL; what a channel is at least."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._session: aiohttp.ClientSession | None = None

    async def send(self, message: Message) -> Outcome:
        if self._session is None:
            self._session = aiohttp.ClientSession()
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                return await self._post(self._session, message)
        except (aiohttp.ClientError, TimeoutError) as error:
            # Small enough for a socket that nobody reads: once it is connected, nobody knows.
            return Failed(type(error).__name__, handed_over=not isinstance(error, aiohttp.ClientConnectorError))

    async def _post(self, session: aiohttp.ClientSession, message: Message) -> Outcome:
        headers = {"Idempotency-Key": str(message.delivery_id)}
        async with session.post(self._url, json={"text": message.rendered["text"]}, headers=headers) as answer:
            await answer.read()
            wait = answer.headers.get("Retry-After")
            match answer.status:
                case 200:
                    return Sent(str(uuid4()))
                case 404:
                    return Rejected("404 no such recipient")
                case 429:
                    return Throttled(None if wait is None else timedelta(seconds=int(wait)))
                case status:
                    return Failed(f"{status}")

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()


ANSWERS = {
    Does.ACCEPT: Answer(),
    Does.REJECT: Answer(404),
    Does.FAIL: Answer(503),
    Does.THROTTLE: Answer(429, (("Retry-After", "7"),)),
    Does.RESET: Answer(how="reset"),
    Does.DRIP: Answer(how="drip"),
    Does.NOT_ANSWER: Answer(how="silent"),
}


class SmallRig:
    """The smallest channel before a scripted server."""

    can = frozenset(Does) - {Does.NOT_GREET}
    hidden = ("ada.lovelace", "14155550100", "s3cret")

    def __init__(self, server: ScriptedServer) -> None:
        self.server = server
        self.channel = SmallChannel(f"{server.url}/send?key=s3cret")

    async def does(self, what: Does) -> None:
        await self.server.stop()
        if what is not Does.REFUSE_CONNECTIONS:
            self.server.answer = ANSWERS[what]
            await self.server.start()

    def message(self) -> Message:
        return make_message()

    async def ids(self) -> Sequence[str]:
        return [request.headers["idempotency-key"] for request in self.server.requests]


class TestSmallChannel(ChannelContract):
    @pytest.fixture
    async def rig(self) -> AsyncIterator[Rig]:
        async with scripted_server() as server:
            made = SmallRig(server)
            yield made
            await made.channel.close()
