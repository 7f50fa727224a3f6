"""The commands that are clients of a hub, against a real one."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from hub.cli import listen as module
from hub.cli.remote import open_remote
from hub.exceptions import HubError
from tests.support.hub_dev import HubDev, hub_command, hub_dev
from tests.support.ports import free_port
from tests.support.reports import dsn
from tests.support.system import ROOT, clean_environment


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HubDev]:
    """One `hub dev` for all tests of this file; each uses a person of its own."""
    with asyncio.Runner() as runner:
        context = hub_dev(tmp_path_factory.mktemp("hub"))
        yield runner.run(context.__aenter__())
        runner.run(context.__aexit__(None, None, None))


@pytest.fixture(autouse=True)
def _environment(running: HubDev, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HUB_URL", running.url)


def address(running: HubDev) -> str:
    return module.socket_address(running.url)


async def send(user: str, title: str) -> None:
    async with open_remote() as remote:
        await remote.call("POST", "/v1/notifications", {"recipients": [user], "title": title})


async def test_send_passes_every_option_on(running: HubDev) -> None:
    sent = await running.run(
        *("send", "project/42 ä", "Title", "--body", "Body", "--url", "https://example.com/x", "--data", '{"n": 1}'),
        *("--tag", "a", "--tag", "b", "--priority", "critical", "--thread-key", "t", "--json"),
    )
    assert sent.status == 0, sent.err
    async with open_remote() as remote:
        (item,) = (await remote.call("GET", "/v1/users/project%2F42%20%C3%A4/inbox"))["items"]
    assert item["notification_id"] == sent.json["id"]
    expected = {
        "title": "Title",
        "body": "Body",
        "action_url": "https://example.com/x",
        "data": {"n": 1},
        "tags": ["a", "b"],
        "priority": "critical",
        "thread_key": "t",
    }
    assert expected.items() <= item.items()


async def test_what_the_hub_refuses_is_said_with_the_field(running: HubDev) -> None:
    refused = await running.run("send", "u", "x" * 256, "--json")
    assert refused.status == 1
    error = json.loads(refused.err)["error"]
    assert error["code"] == "invalid"
    assert "title" in error["message"]
    stranger = await running.run("send", "u", "x", "--json", HUB_API_KEY="hk_nobody")
    assert (stranger.status, json.loads(stranger.err)["error"]["code"]) == (1, "unauthenticated")
    assert "hk_nobody" not in stranger.err


async def test_timeline_and_the_calls_of_later_hubs(running: HubDev) -> None:
    sent = (await running.run("send", "timely", "Hello", "--json")).json
    shown = await running.run("timeline", sent["id"], "--json")
    assert shown.status == 0, shown.err
    assert {entry["user"] for entry in shown.json["items"]} <= {"timely", None}
    unknown = await running.run("timeline", "01a1fc2f-dd47-7088-892d-9b1358c7485b")
    assert unknown.status == 1
    assert "older than this command" not in unknown.err
    for command in (["explain", "ada", "Hello"], ["dead", "list"], ["dead", "replay", "--all"]):
        outcome = await running.run(*command, "--json")
        code = json.loads(outcome.err)["error"]["code"] if outcome.status else None
        assert (outcome.status, code) in ((0, None), (1, "not_offered")), outcome.err


async def test_what_would_have_been_sent_is_shown(running: HubDev) -> None:
    sent = (
        await running.run("send", "absent", "Your order", "--body", "It ships.", "--category", "orders", "--json")
    ).json
    async with asyncio.timeout(30):
        while not (shown := await running.run("sandbox", "--user", "absent", "--json")).json["items"]:
            assert shown.status == 0, shown.err
            await asyncio.sleep(0.1)
    (message,) = shown.json["items"]
    assert (message["notification_id"], message["channel"]) == (sent["id"], "web_push")
    table = await running.run("sandbox", "--user", "absent", "--channel", "web_push")
    assert "Your order" in table.out
    whole = await running.run("sandbox", message["id"])
    assert "title:\nYour order" in whole.out
    assert "body:\nIt ships." in whole.out


async def test_listen_ends_after_the_count_and_without_a_reader(running: HubDev) -> None:
    process = await asyncio.create_subprocess_exec(
        *hub_command("listen", "counted", "--count", "2"),
        cwd=running.directory,
        env=clean_environment(PYTHONPATH=str(ROOT), HUB_URL=running.url),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    assert await process.stdout.readline() == b"connected at rev 0: 0 unread of 0\n"
    for title in ("One", "Two\x1b[31m"):
        await send("counted", title)
    out, err = await asyncio.wait_for(process.communicate(), 30)
    assert (process.returncode, err) == (0, b"")
    assert [line.split(b"  ")[1] for line in out.splitlines()] == [b"general: One", b"general: Two [31m"]

    piped = await asyncio.create_subprocess_shell(
        f"{' '.join(hub_command('listen', 'piped', '--json'))} | head -1; exit ${{PIPESTATUS[0]}}",
        cwd=running.directory,
        env=clean_environment(PYTHONPATH=str(ROOT), HUB_URL=running.url),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        executable="/bin/bash",
    )
    assert piped.stdout is not None
    assert json.loads(await piped.stdout.readline())["type"] == "welcome"
    await send("piped", "into nothing")
    _, err = await asyncio.wait_for(piped.communicate(), 30)
    assert (piped.returncode, err) == (0, b"")


class Screen:
    """Takes frames, and ends after so many items."""

    def __init__(self, count: int) -> None:
        self.frames: list[dict[str, Any]] = []
        self.connected = asyncio.Event()
        self._count = count

    @property
    def titles(self) -> list[str]:
        return [frame["item"]["title"] for frame in self.frames if frame["type"] == "item"]

    def show(self, frame: dict[str, Any]) -> bool:
        self.frames.append(frame)
        self.connected.set()
        return len(self.titles) == self._count


async def test_listen_renews_its_token_on_the_open_connection(running: HubDev, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_RENEW_BEFORE_SECONDS", 3600)  # as long as the hub's tokens live: renew at once
    issued: list[str] = []
    fetch = module._fetch_token

    async def counted(*arguments: Any) -> Any:
        token = await fetch(*arguments)
        issued.append(token.text)
        return token

    monkeypatch.setattr(module, "_fetch_token", counted)
    screen = Screen(1)
    async with open_remote() as remote:
        following = asyncio.create_task(module._follow(remote, "renewing", address(running), screen.show))
        async with asyncio.timeout(30):
            await screen.connected.wait()
            while len(issued) < 4:
                await asyncio.sleep(0.01)
        await send("renewing", "Still here")
        await asyncio.wait_for(following, 30)
    assert [frame["type"] for frame in screen.frames] == ["welcome", "item"]


async def test_listen_stops_when_the_hub_says_so(running: HubDev) -> None:
    screen = Screen(1)
    async with open_remote() as remote:
        following = asyncio.create_task(module._follow(remote, "revoked", address(running), screen.show))
        await asyncio.wait_for(screen.connected.wait(), 30)
        await remote.call("DELETE", "/v1/users/revoked/tokens")
        with pytest.raises(HubError, match="4506"):
            await asyncio.wait_for(following, 30)


async def test_listen_at_an_address_that_is_no_gateway(running: HubDev) -> None:
    nowhere = await running.run("listen", "ada", "--gateway", f"http://127.0.0.1:{free_port()}", "--json")
    assert (nowhere.status, json.loads(nowhere.err)["error"]["code"]) == (3, "unreachable")
    wrong = await running.run("listen", "ada", "--gateway", f"{running.url}/docs", "--json")
    assert wrong.status == 1, wrong.err
    usage = await running.run("listen", "ada", "--gateway", "ftp://x")
    assert usage.status == 2


async def test_inbound_hands_in_a_mail(running: HubDev, tmp_path: Path) -> None:
    mail = tmp_path / "mail.eml"
    mail.write_bytes(dsn("01900000-0000-7000-8000-000000000000", "ada@example.org"))
    read = await running.run("inbound", str(mail), "--json")
    assert read.status == 0, read.err
    assert read.json == {"kind": None, "delivery_id": None, "new": False, "suppressed": False}
    mail.write_bytes(b"x" * (1024 * 1024 + 1))
    assert (await running.run("inbound", str(mail))).status == 1
