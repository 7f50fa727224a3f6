"""Every close code, as a client sees it."""

from __future__ import annotations

import asyncio
import json
import time
from functools import partial

import pytest

from hub.bus.announce import channel, pack_revoked
from hub.config import Settings
from hub.runtime import Hub
from hub.store import people
from hub.store.database import Database
from hub.store.inbox import HeadState, open_inbox
from tests.support.gateway import (
    Client,
    RawSocket,
    RunningGateway,
    another_hub,
    client,
    issue,
    publish,
    rest,
    running_gateway,
    token,
    until,
)


async def test_a_late_hello(settings: Settings) -> None:
    async with (
        another_hub(settings, hello_seconds=0.3) as hub,
        running_gateway(hub) as gateway,
        client(gateway.ws_url) as ada,
    ):
        assert (await ada.closed())[0] == 4006


async def test_hello_twice(hub: Hub, project_id: int, gateway: RunningGateway) -> None:
    text = await issue(hub, project_id)
    async with client(gateway.ws_url) as ada:
        await ada.hello(text)
        await ada.send("hello", token=text)
        assert await ada.closed() == (4503, "hello twice")


@pytest.mark.parametrize(
    "first", ["", "x", "[]", '{"type":"ping"}', '{"type":"hello"}', '{"type":"hello","token":"t","more":1}']
)
async def test_a_first_frame_that_is_no_hello(gateway: RunningGateway, first: str) -> None:
    async with client(gateway.ws_url) as ada:
        await ada.socket.send(first)
        assert (await ada.closed())[0] == 4503


async def test_binary_and_fragments(gateway: RunningGateway) -> None:
    async with client(gateway.ws_url) as ada:
        await ada.socket.send(b"binary")
        assert (await ada.closed())[0] == 4503
    async with client(gateway.ws_url) as ada:
        await ada.socket.send(["a", "b"])
        assert (await ada.closed())[0] == 4503
    raw = await RawSocket.connect(gateway.port)
    for _ in range(1000):
        raw.send(b"", 0, first=0)  # the flood that gets round a limit on whole messages
    assert (await raw.closed())[0] == 4503


async def test_frames_larger_than_16_kib(hub: Hub, project_id: int, gateway: RunningGateway) -> None:
    async with client(gateway.ws_url) as ada:
        await ada.hello(await issue(hub, project_id))
        frame = json.dumps({"type": "sync", "cursor": ""})
        await ada.socket.send(frame.replace('""', f'"{"x" * (16 * 1024 - len(frame))}"'))
        assert (await ada.receive())["type"] == "reset"
        await ada.socket.send("x" * (16 * 1024 + 1))
        assert (await ada.closed())[0] == 4504
    raw = await RawSocket.connect(gateway.port)
    raw.send(b"x" * 10_000_000)
    assert (await raw.closed())[0] == 4504


async def test_too_many_frames(hub: Hub, project_id: int, gateway: RunningGateway) -> None:
    async with client(gateway.ws_url) as ada:
        await ada.hello(await issue(hub, project_id))
        for _ in range(60):
            await ada.send("pong")
        assert (await ada.closed())[0] == 4004
    raw = await RawSocket.connect(gateway.port)
    for _ in range(60):
        raw.send(b"", 9)
    assert (await raw.closed())[0] == 4004


async def test_a_token_that_expires(hub: Hub, project_id: int, gateway: RunningGateway) -> None:
    async with client(gateway.ws_url) as ada:
        await ada.hello(token(hub, project_id, expires_at=time.time() + 1))
        assert (await ada.closed())[0] == 4100
    async with client(gateway.ws_url) as ada:
        await ada.send("hello", token=token(hub, project_id, expires_at=time.time() - 61))
        assert (await ada.closed())[0] == 4100
    async with client(gateway.ws_url) as ada:  # within what clocks may differ
        await ada.hello(token(hub, project_id, expires_at=time.time() - 30))


@pytest.mark.parametrize("case", ["nonsense", "", "other project", "no scope", "too long", "forged"])
async def test_a_token_that_is_refused(hub: Hub, project_id: int, gateway: RunningGateway, case: str) -> None:
    texts = {
        "nonsense": "nonsense",
        "": "",
        "other project": token(hub, project_id, project="other"),
        "no scope": token(hub, project_id, scopes=["inbox:write"]),
        "too long": token(hub, project_id, expires_at=time.time() + 25 * 3600),
        "forged": token(hub, project_id + 1),
    }
    async with client(gateway.ws_url) as ada:
        await ada.send("hello", token=texts[case])
        code, reason = await ada.closed()
        assert code == 4500
        assert texts[case] not in reason or not texts[case]


async def test_another_person_in_a_second_token(hub: Hub, project_id: int, gateway: RunningGateway) -> None:
    async with client(gateway.ws_url) as ada:
        await ada.hello(await issue(hub, project_id))
        await ada.send("token", ref=1, token=await issue(hub, project_id, "bob"))
        assert (await ada.closed())[0] == 4500


async def test_a_revoked_token(hub: Hub, project_id: int, gateway: RunningGateway) -> None:
    old = await issue(hub, project_id)
    async with client(gateway.ws_url) as ada, client(gateway.ws_url) as bob:
        await ada.hello(old)
        await bob.hello(await issue(hub, project_id, "bob"))
        await people.revoke_tokens(hub.db, project_id, "ada")
        await hub.publish_hint(channel(hub.installation, project_id, "ada"), pack_revoked())
        assert (await ada.closed())[0] == 4506
        await bob.send("ping")
        assert (await bob.receive())["type"] == "pong"
    async with client(gateway.ws_url) as ada:
        await ada.send("hello", token=old)
        assert (await ada.closed())[0] == 4506
    async with client(gateway.ws_url) as ada:
        await ada.hello(await issue(hub, project_id))
        await ada.send("token", ref=1, token=old)
        assert (await ada.receive_type("error"))["code"] == "token_refused"


async def test_a_revocation_that_was_not_announced_is_found_by_comparison(settings: Settings, project_id: int) -> None:
    async with (
        another_hub(settings, reconcile_seconds=0.2) as hub,
        running_gateway(hub) as gateway,
        client(gateway.ws_url) as ada,
    ):
        await ada.hello(await issue(hub, project_id))
        await people.revoke_tokens(hub.db, project_id, "ada")
        assert (await ada.closed())[0] == 4506


async def test_a_deleted_person(hub: Hub, project_id: int, gateway: RunningGateway) -> None:
    async with client(gateway.ws_url) as ada:
        await ada.hello(await issue(hub, project_id))
        await hub.db.transaction(lambda conn: people.delete_person(conn, project_id, "ada"))
        await hub.publish_hint(channel(hub.installation, project_id, "ada"), pack_revoked())
        assert (await ada.closed())[0] == 4506


async def test_a_deletion_that_was_not_announced_is_found_by_comparison(settings: Settings, project_id: int) -> None:
    async with (
        another_hub(settings, reconcile_seconds=0.2) as hub,
        running_gateway(hub) as gateway,
        client(gateway.ws_url) as ada,
    ):
        await ada.hello(await issue(hub, project_id))
        await hub.db.transaction(lambda conn: people.delete_person(conn, project_id, "ada"))
        assert (await ada.closed())[0] == 4506


@pytest.mark.parametrize("made_again", [False, True])
async def test_a_token_of_before_a_deletion_opens_no_new_inbox(
    hub: Hub, project_id: int, gateway: RunningGateway, *, made_again: bool
) -> None:
    old = await issue(hub, project_id)
    async with client(gateway.ws_url) as ada:
        await ada.hello(old)
    await hub.db.transaction(lambda conn: people.delete_person(conn, project_id, "ada"))
    if made_again:
        await publish(hub, project_id)
    async with client(gateway.ws_url) as ada:
        await ada.send("hello", token=old)
        assert (await ada.closed())[0] == 4506
    async with rest(gateway, old) as calls:
        assert (await calls.call("GET", "/v1/inbox"))[1]["code"] == "token_revoked"
    assert (await people.get_person(hub.db, project_id, "ada") is not None) == made_again
    async with client(gateway.ws_url) as ada:
        welcome = await ada.hello(await issue(hub, project_id))
        assert len(welcome["items"]) == made_again


async def test_silence(settings: Settings, project_id: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.session.GRACE_SECONDS", 0.3)
    async with (
        another_hub(settings, heartbeat_seconds=0.3) as hub,
        running_gateway(hub) as gateway,
        client(gateway.ws_url) as ada,
    ):
        await ada.hello(token(hub, project_id))
        assert (await ada.closed())[0] == 4002


async def test_a_connection_that_is_too_old(settings: Settings, project_id: int) -> None:
    async with (
        another_hub(settings, connection_max_seconds=0.5) as hub,
        running_gateway(hub) as gateway,
        client(gateway.ws_url) as ada,
    ):
        await ada.hello(token(hub, project_id))
        assert (await ada.closed())[0] == 4003


async def test_too_many_connections_of_a_person_close_the_oldest(settings: Settings, project_id: int) -> None:
    async with another_hub(settings, connections_per_user=2) as hub, running_gateway(hub) as gateway:
        text = token(hub, project_id)
        async with client(gateway.ws_url) as first, client(gateway.ws_url) as second, client(gateway.ws_url) as third:
            await first.hello(text)
            await second.hello(text)
            await third.hello(text)
            assert (await first.closed())[0] == 4005
            for open_one in (second, third):
                await open_one.send("ping")
                assert (await open_one.receive())["type"] == "pong"


async def test_too_many_connections_from_an_address(settings: Settings, project_id: int) -> None:
    async with another_hub(settings, connections_per_address=1) as hub, running_gateway(hub) as gateway:
        one, two = {"X-Forwarded-For": "192.0.2.1, 127.0.0.1"}, {"X-Forwarded-For": "192.0.2.2"}
        async with (
            client(gateway.ws_url, additional_headers=one) as first,
            client(gateway.ws_url, additional_headers=one) as second,
            client(gateway.ws_url, additional_headers=two) as third,
        ):
            assert (await second.closed())[0] == 1013
            for open_one in (first, third):
                await open_one.hello(token(hub, project_id))
        async with client(gateway.ws_url, additional_headers=one) as again:
            await again.hello(token(hub, project_id))


async def test_a_full_gateway(settings: Settings) -> None:
    async with (
        another_hub(settings, connections=1) as hub,
        running_gateway(hub) as gateway,
        client(gateway.ws_url),
        client(gateway.ws_url) as second,
    ):
        assert (await second.closed())[0] == 1013


async def test_origins(settings: Settings, hub: Hub, project_id: int, gateway: RunningGateway) -> None:
    text = await issue(hub, project_id)
    for origin in ("https://evil.test", "null", "http://127.0.0.1"):
        async with client(gateway.ws_url, origin=origin) as ada:
            assert (await ada.closed())[0] == 4501
    async with client(gateway.ws_url, origin=gateway.url) as ada:
        await ada.hello(text)
    async with another_hub(settings, allowed_origins=("https://app.test",)) as other, running_gateway(other) as second:
        async with client(second.ws_url, origin="https://app.test") as ada:
            await ada.hello(text)
        async with client(second.ws_url, origin="https://other.test") as ada:
            assert await ada.closed() == (4501, "https://other.test is not among HUB_ALLOWED_ORIGINS.")


async def test_a_slow_reader_is_closed_and_nobody_else_waits_for_it(settings: Settings, project_id: int) -> None:
    async with another_hub(settings, write_buffer_bytes=64 * 1024) as hub, running_gateway(hub) as gateway:
        text = token(hub, project_id)
        async with client(gateway.ws_url) as quick:
            await quick.hello(text)
            quick.follow()
            slow = await RawSocket.connect(gateway.port)
            slow.send(json.dumps({"type": "hello", "token": text}).encode())
            assert json.loads((await slow.read_frame())[1])["type"] == "welcome"
            await until(lambda: len(gateway.board.connections) == 2)
            stuck = list(gateway.board.connections.values())[1]
            published = 0
            while not stuck.session.closed:
                await asyncio.gather(*(publish(hub, project_id, body="x" * 3_500) for _ in range(20)))
                published += 20
                await until(partial(_is_at, quick, published))
                assert published < 5_000
            assert len(quick.model.items) == published
            revs = []
            while (frame := await slow.read_frame())[0] == 1:
                if (body := json.loads(frame[1]))["type"] == "item":  # not a ping, on a slow day
                    revs.append(body["rev"])
            assert (await slow.finish(frame[1]))[0] == 4001
            assert revs == list(range(1, len(revs) + 1))
            assert len(revs) < published


def _is_at(connected: Client, rev: int) -> bool:
    return connected.model.rev == rev


async def test_a_page_larger_than_the_write_buffer_is_no_reason_to_close(settings: Settings, project_id: int) -> None:
    async with another_hub(settings, write_buffer_bytes=16 * 1024) as hub, running_gateway(hub) as gateway:
        for _ in range(5):
            await asyncio.gather(*(publish(hub, project_id, data={"x": "y" * 14_000}) for _ in range(10)))
        async with client(gateway.ws_url, max_size=None) as ada:
            welcome = await ada.hello(token(hub, project_id))
            assert len(welcome["items"]) == 50
            await publish(hub, project_id)
            assert (await ada.receive_type("item"))["rev"] == 51


async def test_a_drain_sends_everybody_away_and_takes_nobody_new(settings: Settings, project_id: int) -> None:
    async with another_hub(settings, drain_seconds=1) as hub, running_gateway(hub) as gateway:
        text = token(hub, project_id)
        async with client(gateway.ws_url) as ada, client(gateway.ws_url) as unknown:
            await ada.hello(text)
            await ada.send("ack", rev=0)
            draining = asyncio.create_task(gateway.app.drain())
            for connected in (ada, unknown):
                code, reason = await connected.closed()
                assert code == 4000
                assert json.loads(reason)["retry_after_seconds"] >= 1
            async with client(gateway.ws_url) as late:
                assert (await late.closed())[0] == 4000
            await draining


async def test_the_end_of_a_gateway_without_a_drain(hub: Hub, project_id: int, gateway: RunningGateway) -> None:
    async with client(gateway.ws_url) as ada:
        await ada.hello(await issue(hub, project_id))
        await gateway.app.close()
        assert (await ada.closed())[0] == 1001


async def test_a_client_that_says_goodbye_hears_its_own_code(
    hub: Hub, project_id: int, gateway: RunningGateway
) -> None:
    async with client(gateway.ws_url) as ada:
        await ada.hello(await issue(hub, project_id))
        await ada.socket.close(4321, "enough")
        assert ada.socket.close_code == 4321
    await until(lambda: not gateway.board.connections)


async def test_a_revocation_that_comes_while_its_person_joins_is_not_forgotten(
    hub: Hub, project_id: int, gateway: RunningGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The head was read before the revocation committed; the announcement found nobody to look up yet."""

    async def open_then_revoke(db: Database, project: int, user: str, **options: float) -> HeadState:
        head = await open_inbox(db, project, user, **options)
        await people.revoke_tokens(db, project, user)
        await hub.publish_hint(channel(hub.installation, project, user), pack_revoked())
        await until(lambda: all(room._unchecked for room in gateway.board.rooms.values()))
        return head

    old = await issue(hub, project_id)
    monkeypatch.setattr("gateway.switchboard.inbox.open_inbox", open_then_revoke)
    async with client(gateway.ws_url) as ada:
        await ada.send("hello", token=old)
        assert (await ada.closed())[0] == 4506
