"""SMS by a server that answers as Twilio documents, and as networks do."""

from __future__ import annotations

import asyncio
from base64 import b64encode
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs

import pytest
from aiohttp import web
from pydantic import SecretStr
from uuid_utils.compat import uuid7

from hub.config import Settings, load_settings
from hub.model.message import Address, Message
from hub.model.outcome import Failed, Outcome, Rejected, Sent, Throttled
from hub.model.reason import Reason
from hub.providers import parse_providers
from hub.runtime import open_hub
from hub.store import categories
from hub.twilio import read_account
from tests.support.deliveries import put_category, states, steps
from tests.support.ports import free_port
from tests.support.publishing import publish
from tests.support.receiver import Receiver, receiver
from workers.channels import twilio
from workers.channels.twilio import Twilio

SID = "AC" + "0123456789abcdef" * 2
NUMBER = "+4915112345678"


def url_of(server: Receiver, more: str = "from=%2B15005550006") -> str:
    return f"twilio://{SID}:token@{server.url.removeprefix('http://').removesuffix('/hook')}?tls=false&{more}"


def channel_at(text: str) -> Twilio:
    (provider,) = parse_providers("sms", SecretStr(text), ("twilio",))
    return Twilio(read_account(provider))


@pytest.fixture
async def server() -> AsyncIterator[Receiver]:
    async with receiver() as found:
        found.always = lambda: web.json_response({"sid": "SM1", "status": "queued"}, status=201)
        yield found


@pytest.fixture
async def sms(server: Receiver) -> AsyncIterator[Twilio]:
    channel = channel_at(url_of(server))
    yield channel
    await channel.close()
    await channel.close()


def message(text: str = "Your parcel is here", phone: str | None = NUMBER) -> Message:
    to = Address("ada", phone=phone)
    return Message(uuid7(), uuid7(), 1, 1, "sms", "step", 1, "general", to, {}, {"text": text})


async def test_a_message_goes_out_as_documented(server: Receiver, sms: Twilio) -> None:
    assert await sms.send(message("Grüße & +1")) == Sent("SM1")
    (got,) = server.got
    assert got.path == f"/2010-04-01/Accounts/{SID}/Messages.json"
    assert got.headers["authorization"] == "Basic " + b64encode(f"{SID}:token".encode()).decode()
    assert got.headers["content-type"] == "application/x-www-form-urlencoded"
    assert parse_qs(got.body.decode()) == {"To": [NUMBER], "From": ["+15005550006"], "Body": ["Grüße & +1"]}


async def test_a_messaging_service_takes_the_place_of_the_sender(server: Receiver) -> None:
    sms = channel_at(url_of(server, "service=MG1"))
    assert await sms.send(message("x" * 2_000)) == Sent("SM1")
    form = parse_qs(server.got[0].body.decode())
    assert form == {"To": [NUMBER], "MessagingServiceSid": ["MG1"], "Body": ["x" * 1_599 + "…"]}
    await sms.close()


def error(status: int, code: int | None = None, retry_after: str | None = None) -> web.Response:
    said = {"code": code, "message": f"about {NUMBER}", "more_info": "https://…", "status": status}
    headers = None if retry_after is None else {"retry-after": retry_after}
    return web.json_response(said, status=status, headers=headers)


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        (error(400, 21211), Rejected("400, error 21211: the number is not valid")),
        (error(400, 21614), Rejected("400, error 21614: the number takes no SMS")),
        (error(400, 21610), Rejected("400, error 21610: the person has texted STOP", Reason.SUPPRESSED)),
        (error(400, 21617), Rejected("400, error 21617")),
        (error(400, 21408), Failed("400, error 21408: the account may not send to this region")),
        (error(401, 20003), Failed("401, error 20003: refuses the account or its credentials")),
        (error(404, 20404), Failed("404, error 20404: refuses the account or its credentials")),
        (error(429, 20429), Throttled(None, "429, error 20429")),
        (error(429, 20429, "7"), Throttled(timedelta(seconds=7), "429, error 20429")),
        (error(500, 20500), Failed("500, error 20500")),
        (error(503, retry_after="60"), Failed("503", timedelta(seconds=60))),
        (error(504), Failed("504", handed_over=True)),
        (web.Response(status=400, text="<html>"), Rejected("400")),
        (web.Response(status=302, headers={"location": "/elsewhere"}), Failed("302")),
        (web.Response(status=201, text="no JSON"), Sent()),
        (web.Response(status=201, text="[" * 100_000), Sent()),
    ],
)
async def test_what_answers_mean(server: Receiver, sms: Twilio, answer: web.Response, outcome: Outcome) -> None:
    server.answers.append(answer)
    found = await sms.send(message())
    assert found == outcome
    assert NUMBER not in repr(found)
    assert len(server.got) == 1


@pytest.mark.parametrize("phone", [None, "", "0151 1234567", "+0123", NUMBER + "\nX: y", "+1" + "2" * 15])
async def test_what_is_no_number_is_not_sent(server: Receiver, sms: Twilio, phone: str | None) -> None:
    found = await sms.send(message(phone=phone))
    assert isinstance(found, Rejected)
    assert found.reason is Reason.NO_ADDRESS
    assert await sms.send(message("  ")) == Rejected("there is no text to send")
    assert server.got == []


async def test_silence_after_the_message_went_out_is_no_reason_for_another_provider(
    server: Receiver, sms: Twilio, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(twilio, "SECONDS", 0.5)
    server.answers.append(None)
    assert await sms.send(message()) == Failed("no answer within 0.5 s", handed_over=True)


async def test_a_connection_that_breaks_may_have_carried_it() -> None:
    async def cut(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.close()

    listener = await asyncio.start_server(cut, "127.0.0.1", 0)
    port = listener.sockets[0].getsockname()[1]
    sms = channel_at(f"twilio://{SID}:token@127.0.0.1:{port}?tls=false&from=Acme")
    found = await sms.send(message())
    assert isinstance(found, Failed)
    assert found.handed_over
    listener.close()
    await listener.wait_closed()
    await sms.close()


async def test_without_a_connection_another_provider_may_be_asked() -> None:
    sms = channel_at(f"twilio://{SID}:token@127.0.0.1:{free_port()}?tls=false&from=Acme")
    assert await sms.send(message()) == Failed("cannot be reached")
    await sms.close()


async def test_a_ladder_with_sms_ends_at_the_provider(settings: Settings, server: Receiver) -> None:
    """From the setting to the wire, with what the person has typed as their number."""
    given: dict[str, Any] = {name: getattr(settings, name) for name in ("database_url", "redis_url", "secret")}
    with_sms = load_settings(**given, sms_url=url_of(server, "from=Acme&name=main"), pool_size=5)
    assert with_sms.channels == {"sms"}
    async with open_hub(with_sms, role="test") as hub, steps(hub) as worker:
        project = await hub.db.fetchrow("SELECT project_id FROM projects WHERE name = 'default'")
        assert project is not None
        await put_category(
            hub,
            project["project_id"],
            categories.GENERAL,
            ladder=[{"channel": "in_app"}, {"channel": "sms", "if": "always"}],
        )
        recipients = [{"id": "ada", "phone": NUMBER}, "bob"]
        await publish(hub, project["project_id"], recipients=recipients, title="Hello", body="World")
        await worker.run()
        assert sorted(await states(hub)) == [("sms", "sent", None), ("sms", "skipped", "no_address")]
        assert parse_qs(server.got[0].body.decode())["Body"] == ["Hello\n\nWorld"]
        row = await hub.db.fetchrow("SELECT provider, reference FROM deliveries WHERE state = 'sent'")
        assert row is not None
        assert (row["provider"], row["reference"]) == ("main", "SM1")
