"""The stream over a real socket, store and Redis."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest

from hub.bus import announce
from hub.config import Settings
from hub.model import frames
from hub.model.cursor import Cursor, decode_cursor
from hub.runtime import Hub
from hub.store.inbox import open_inbox, read_heads
from tests.support.gateway import (
    RunningGateway,
    another_hub,
    client,
    events,
    eventually,
    issue,
    publish,
    running_gateway,
    token,
    work,
)


async def test_a_published_item_arrives_and_is_acked(hub: Hub, project_id: int, gateway: RunningGateway) -> None:
    async with client(gateway.ws_url) as ada:
        welcome = await ada.hello(await issue(hub, project_id))
        assert welcome["rev"] == 0
        assert welcome["items"] == []
        await publish(hub, project_id, title="hello")
        item = await ada.receive_type("item")
        assert (item["rev"], item["item"]["title"], item["counts"]["unseen"]) == (1, "hello", 1)
        await ada.send("ack", rev=1)
        person_id = (await open_inbox(hub.db, project_id, "ada")).person_id

        async def delivered() -> int:
            return (await read_heads(hub.db, [person_id]))[person_id].delivered_rev

        await eventually(delivered, 1)


async def test_a_mark_reaches_every_device_and_is_answered_on_the_one_that_made_it(
    hub: Hub, project_id: int, gateway: RunningGateway
) -> None:
    text = await issue(hub, project_id)
    async with client(gateway.ws_url) as phone, client(gateway.ws_url) as laptop:
        await phone.hello(text)
        await laptop.hello(text)
        await publish(hub, project_id)
        item = (await phone.receive_type("item"))["item"]
        await phone.send("mark", ref=5, action="read", ids=[item["id"]])
        answers = {frame["type"]: frame for frame in [await phone.receive(), await phone.receive()]}
        assert (answers["ok"]["ref"], answers["ok"]["rev"], answers["ok"]["changed"]) == (5, 2, 1)
        assert answers["update"]["set"].keys() == {"read_at", "seen_at"}
        update = await laptop.receive_type("update")
        assert update == answers["update"]
        await laptop.send("seen", rev=1)
        await laptop.send("mark", ref=6, action="read", ids=[item["id"]])
        ok = await laptop.receive_type("ok")
        assert (ok["ref"], ok["rev"], ok["changed"]) == (6, 2, 0)


async def test_marks_of_one_connection_are_carried_out_in_order(
    hub: Hub, project_id: int, gateway: RunningGateway
) -> None:
    await publish(hub, project_id)
    async with client(gateway.ws_url) as ada:
        item = (await ada.hello(await issue(hub, project_id)))["items"][0]
        for ref in range(20):
            await ada.send("mark", ref=ref, action="unread" if ref % 2 else "read", ids=[item["id"]])
        revs = [(await ada.receive_type("ok"))["rev"] for _ in range(20)]
        assert revs == sorted(revs)
        assert revs[-1] == 21


async def test_wrong_marks_are_answered_with_what_is_wrong(hub: Hub, project_id: int, gateway: RunningGateway) -> None:
    async with client(gateway.ws_url) as ada:
        await ada.hello(await issue(hub, project_id))
        wrong: list[tuple[dict[str, Any], str]] = [
            ({"action": "eat", "ids": ["x"]}, "action"),
            ({"action": "read"}, "ids"),
            ({"action": "read", "ids": ["x"]}, "ids.0"),
            ({"action": "read", "all": True, "extra": 1}, "extra"),
            ({"action": "snooze", "all": True}, "until"),
        ]
        for ref, (body, named) in enumerate(wrong):
            await ada.send("mark", ref=ref, **body)
            error = await ada.receive_type("error")
            assert (error["ref"], error["code"]) == (ref, "invalid_frame")
            assert named in error["detail"]


async def test_a_client_that_returns_gets_what_it_missed_on_another_gateway(
    settings: Settings, hub: Hub, project_id: int, gateway: RunningGateway
) -> None:
    text = await issue(hub, project_id)
    async with another_hub(settings) as other, running_gateway(other) as second:
        async with client(gateway.ws_url) as ada:
            await ada.hello(text)
            await publish(hub, project_id, title="one")
            cursor = (await ada.receive_type("item"))["cursor"]
        await publish(hub, project_id, title="two")
        await publish(hub, project_id, title="three")
        async with client(second.ws_url) as ada:
            welcome = await ada.hello(text, cursor=cursor)
            assert welcome.keys() == {"type", "connection", "heartbeat_seconds", "expires_at"}
            changes = await ada.receive()
            assert (changes["type"], changes["since"], changes["rev"], changes["more"]) == ("changes", 1, 3, False)
            assert [item["title"] for item in changes["items"]] == ["two", "three"]
            await publish(other, project_id, title="four")
            assert (await ada.receive_type("item"))["rev"] == 4


async def test_a_current_cursor_is_answered_with_empty_changes(
    hub: Hub, project_id: int, gateway: RunningGateway
) -> None:
    text = await issue(hub, project_id)
    async with client(gateway.ws_url) as ada:
        cursor = (await ada.hello(text))["cursor"]
        await ada.send("sync", cursor=cursor)
        changes = await ada.receive()
        assert (changes["type"], changes["items"], changes["updates"], changes["removed"], changes["more"]) == (
            "changes", [], [], [], False,
        )  # fmt: skip


@pytest.mark.parametrize(
    "spoil",
    [lambda c: c._replace(epoch=c.epoch ^ 1), lambda c: c._replace(rev=99), lambda c: c._replace(person_id=1 << 40)],
)
async def test_a_cursor_that_cannot_be_continued_resets_on_the_same_connection(
    hub: Hub, project_id: int, gateway: RunningGateway, spoil: Callable[[Cursor], Cursor]
) -> None:
    head = await open_inbox(hub.db, project_id, "ada")
    cursor = spoil(Cursor(head.person_id, head.epoch, head.rev)).encode()
    async with client(gateway.ws_url) as ada:
        await ada.hello(await issue(hub, project_id), cursor=cursor)
        assert await ada.receive() == {"type": "reset"}
        welcome = await ada.receive()
        assert (welcome["type"], welcome["rev"], welcome["items"]) == ("welcome", 0, [])
        await publish(hub, project_id)
        assert (await ada.receive_type("item"))["rev"] == 1


async def test_pages_are_sent_unasked_while_live_frames_wait(
    hub: Hub, project_id: int, gateway: RunningGateway
) -> None:
    text = await issue(hub, project_id)
    head = await open_inbox(hub.db, project_id, "ada")
    for _ in range(45):
        await asyncio.gather(*(publish(hub, project_id) for _ in range(10)))
    async with client(gateway.ws_url) as ada:
        await ada.hello(text, cursor=Cursor(head.person_id, head.epoch, 0).encode())
        ada.follow()
        await publish(hub, project_id)
        await eventually(lambda: _answer(ada.model.rev), 451)
        assert len(ada.model.items) == 451
        assert ada.model.gaps == 0


async def _answer(value: Any) -> Any:
    return value


async def test_frames_too_large_for_an_announcement_are_read_from_the_store(
    hub: Hub, project_id: int, gateway: RunningGateway
) -> None:
    async with client(gateway.ws_url) as ada:
        await ada.hello(await issue(hub, project_id))
        await publish(hub, project_id, body="x" * 4_000, data={"y": "z" * 12_000})
        changes = await ada.receive_type("changes")
        assert len(changes["items"][0]["data"]["y"]) == 12_000


async def test_a_lost_announcement_is_noticed_by_the_next_one(
    hub: Hub, project_id: int, gateway: RunningGateway
) -> None:
    async with client(gateway.ws_url) as ada:
        await ada.hello(await issue(hub, project_id))
        announce, hub.announcer.publish = hub.announcer.publish, _swallow  # type: ignore[method-assign]
        await publish(hub, project_id, title="lost")
        await hub.announcing.close()
        hub.announcer.publish = announce  # type: ignore[method-assign]
        hub.announcing._closing = False
        hub.announcing.start()
        await publish(hub, project_id, title="heard")
        changes = await ada.receive_type("changes")
        assert [item["title"] for item in changes["items"]] == ["lost", "heard"]


async def _swallow(messages: Any) -> list[int]:
    return []


async def test_everyone_who_is_connected_gets_a_broadcast(hub: Hub, project_id: int, gateway: RunningGateway) -> None:
    async with client(gateway.ws_url) as ada, client(gateway.ws_url) as bob:
        await ada.hello(await issue(hub, project_id))
        await bob.hello(await issue(hub, project_id, "bob"))
        await publish(hub, project_id, [{"all": True}], title="everyone")
        await work(hub)
        for who in (ada, bob):
            assert (await who.receive_type("item"))["item"]["title"] == "everyone"


async def test_who_connects_later_gets_the_broadcast_with_the_welcome(
    hub: Hub, project_id: int, gateway: RunningGateway
) -> None:
    await open_inbox(hub.db, project_id, "ada")
    await publish(hub, project_id, [{"all": True}], title="everyone")
    await work(hub)
    async with client(gateway.ws_url) as ada:
        assert [item["title"] for item in (await ada.hello(await issue(hub, project_id)))["items"]] == ["everyone"]


async def test_two_people_do_not_hear_each_other(hub: Hub, project_id: int, gateway: RunningGateway) -> None:
    async with client(gateway.ws_url) as ada, client(gateway.ws_url) as bob:
        await ada.hello(await issue(hub, project_id, "a/da:ü"))
        await bob.hello(await issue(hub, project_id, "a/da:u"))
        await publish(hub, project_id, ["a/da:u"])
        await publish(hub, project_id, ["a/da:ü"], title="mine")
        assert (await ada.receive_type("item"))["item"]["title"] == "mine"
        assert (await bob.receive_type("item"))["item"]["title"] == "t"


async def test_frames_sent_before_the_welcome_are_carried_out(
    hub: Hub, project_id: int, gateway: RunningGateway
) -> None:
    await publish(hub, project_id)
    async with client(gateway.ws_url) as ada:
        await ada.send("hello", token=await issue(hub, project_id))
        await ada.send("mark", ref=1, action="read", all=True)
        assert (await ada.receive())["type"] == "welcome"
        assert (await ada.receive_type("ok"))["changed"] == 1


async def test_a_fresh_token_takes_the_place_of_the_old_one(hub: Hub, project_id: int, gateway: RunningGateway) -> None:
    async with client(gateway.ws_url) as ada:
        await ada.hello(await issue(hub, project_id))
        await ada.send("token", ref=8, token=await issue(hub, project_id))
        assert await ada.receive_type("ok") == {"type": "ok", "ref": 8, "rev": 0, "changed": 0}
        await ada.send("token", ref=9, token="nonsense")
        error = await ada.receive_type("error")
        assert (error["ref"], error["code"]) == (9, "token_refused")
        await ada.send("ping")
        assert await ada.receive() == {"type": "pong"}


async def test_heartbeats_come_and_any_frame_is_life(settings: Settings, project_id: int) -> None:
    async with (
        another_hub(settings, heartbeat_seconds=0.5) as hub,
        running_gateway(hub) as gateway,
        client(gateway.ws_url) as ada,
    ):
        assert (await ada.hello(token(hub, project_id)))["heartbeat_seconds"] == 0.5
        for _ in range(3):
            assert await ada.receive() == {"type": "ping"}
            await ada.send("pong")


async def test_json_of_a_frame_begins_with_its_type(hub: Hub, project_id: int, gateway: RunningGateway) -> None:
    async with client(gateway.ws_url) as ada:
        await ada.send("hello", token=await issue(hub, project_id))
        assert next(iter(json.loads(await ada.socket.recv()))) == "type"


FORGED = b'{"type":"item","rev":2}'


@pytest.mark.parametrize(
    ("later", "body"),
    [(0, b""), (0, b"\x81"), (0, FORGED), (1, frames.websocket(FORGED))],
    ids=["no frame", "half a frame", "of another version", "of another epoch"],
)
async def test_what_cannot_be_sent_on_as_it_came_is_read(
    hub: Hub, project_id: int, gateway: RunningGateway, later: int, body: bytes
) -> None:
    text = await issue(hub, project_id)
    bob = await issue(hub, project_id, "bob")
    async with client(gateway.ws_url) as socket, events(gateway, bob) as stream:
        await socket.hello(text)
        await stream.receive()
        await publish(hub, project_id, ["ada", "bob"], title="one")
        first = {"ada": await socket.receive_type("item"), "bob": await stream.receive_type("item")}
        for user, item in first.items():
            place = decode_cursor(item["cursor"])
            assert place is not None
            said = (
                announce.pack(announce.SYNC, 2, place._replace(epoch=place.epoch + later, rev=2).encode(), b"") + body
            )
            await hub.publish_hint(announce.channel(hub.installation, project_id, user), said)
        await publish(hub, project_id, ["ada", "bob"], title="two")
        for one in (socket, stream):
            titles: list[str] = []
            while not titles:
                frame = await one.receive()
                document = frame[1] if isinstance(frame, tuple) else frame
                items = document.get("items", [document["item"]] if "item" in document else [])
                titles = [item["title"] for item in items]
            assert titles == ["two"]
