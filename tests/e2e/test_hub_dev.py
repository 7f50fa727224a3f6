"""`hub dev` as a person meets it: real processes, as root and as a user.

A start costs a second or two, so a test tells a story of several steps.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import signal
import socket
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import asyncpg
import pytest
from websockets import Subprotocol
from websockets.asyncio.client import connect

from hub.local.process import children_of
from hub.local.servers import Servers
from tests.support.hub_dev import HubDev, hub_command, hub_dev, run_hub
from tests.support.ports import free_port
from tests.support.system import ROOT, SCRATCH, alive, as_other_user, clean_environment, until

BACKEND = {"Authorization": "Bearer hk_dev"}


@pytest.fixture
def place() -> Iterator[Path]:
    """A directory that others may pass through, unlike pytest's."""
    path = Path(tempfile.mkdtemp(prefix="hub-test-", dir=SCRATCH))
    path.chmod(0o755)
    yield path
    shutil.rmtree(path)


@pytest.fixture(params=["as we are", "as another user"])
def project(request: pytest.FixtureRequest, place: Path) -> tuple[Path, tuple[str, ...]]:
    """A directory, and what makes its owner run a command."""
    path = place / "project"
    path.mkdir()
    if request.param == "as we are":
        return path, ()
    prefix, user = as_other_user()
    if user is not None:
        os.chown(path, user, -1)
    return path, prefix


def family(pid: int) -> list[int]:
    """A process and all that it started."""
    return [pid, *(member for child in children_of(pid) for member in family(child))]


async def publish(hub: HubDev, title: str) -> int:
    """The status of publishing it to ada."""
    body = {"recipients": ["ada"], "title": title}
    async with (
        aiohttp.ClientSession(headers=BACKEND) as session,
        session.post(f"{hub.url}/v1/notifications", json=body) as answer,
    ):
        return answer.status


async def token_for(hub: HubDev, user: str) -> str:
    async with (
        aiohttp.ClientSession(headers=BACKEND) as session,
        session.post(f"{hub.url}/v1/users/{user}/tokens", json={}) as answer,
    ):
        assert answer.status == 201, await answer.text()
        return str((await answer.json())["token"])


async def titles(hub: HubDev) -> list[str]:
    """What is in ada's inbox, newest first."""
    headers = {"Authorization": f"Bearer {await token_for(hub, 'ada')}"}
    async with aiohttp.ClientSession(headers=headers) as session, session.get(f"{hub.url}/v1/inbox") as answer:
        return [item["title"] for item in (await answer.json())["items"]]


@asynccontextmanager
async def listening(hub: HubDev) -> AsyncIterator[tuple[asyncio.subprocess.Process, list[dict[str, Any]]]]:
    """`hub listen ada`, connected; and the frames it prints, as they come."""
    process = await asyncio.create_subprocess_exec(
        *hub_command("listen", "ada", "--json"),
        cwd=hub.directory,
        env=clean_environment(PYTHONPATH=str(ROOT), HUB_URL=hub.url),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    assert process.stdout is not None
    frames = [json.loads(await asyncio.wait_for(process.stdout.readline(), 60))]

    async def read() -> None:
        assert process.stdout is not None
        while line := await process.stdout.readline():
            frames.append(json.loads(line))

    reading = asyncio.create_task(read())
    try:
        yield process, frames
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()
        await reading


def received(frames: list[dict[str, Any]]) -> list[str]:
    """Titles of new items, in the order in which they came."""
    items = [item for frame in frames for item in (frame.get("items") or [frame.get("item")]) if item is not None]
    return [item["title"] for item in items]


async def test_send_reaches_listen_which_goes_on_over_a_restart(project: tuple[Path, tuple[str, ...]]) -> None:
    directory, prefix = project
    port = free_port()
    async with hub_dev(directory, prefix=prefix, port=port) as hub, listening(hub) as (listener, frames):
        assert frames[0]["type"] == "welcome"
        sent = await hub.run("send", "ada", "One", "--body", "Text", "--data", '{"a": 1}', "--json")
        assert (sent.status, sent.json["recipients"]) == (0, 1), sent.err
        await until(lambda: received(frames) == ["One"], "the first one arrives")
        assert frames[1]["item"]["notification_id"] == sent.json["id"]
        assert frames[1]["item"]["data"] == {"a": 1}

        everyone = family(hub.pid)
        hub.process.send_signal(signal.SIGTERM)
        assert await hub.process.wait() == 0
        assert not any(map(alive, everyone))

        async with hub_dev(directory, prefix=prefix, port=port) as again:
            assert await titles(again) == ["One"]
            assert await publish(again, "Two") == 202
            await until(lambda: received(frames) == ["One", "Two"], "the second one arrives, once", seconds=45)
            listener.send_signal(signal.SIGINT)
            assert await listener.wait() == 0
            again.process.send_signal(signal.SIGINT)
            assert await again.process.wait() == 0


async def test_kill_9_leaves_nothing_behind_and_loses_nothing(project: tuple[Path, tuple[str, ...]]) -> None:
    directory, prefix = project
    async with hub_dev(directory, prefix=prefix) as hub:
        assert await publish(hub, "Kept") == 202
        everyone = family(hub.pid)
        assert len(everyone) > 3
        os.kill(hub.pid, signal.SIGKILL)
        await until(lambda: not any(map(alive, everyone)), f"{everyone} end")
    async with hub_dev(directory, prefix=prefix) as hub:
        assert await titles(hub) == ["Kept"]


async def test_what_it_prints_is_ready_to_paste_and_ctrl_c_stops_in_order(tmp_path: Path) -> None:
    port = free_port()
    process = await asyncio.create_subprocess_exec(
        *hub_command("dev", "--port", str(port)),
        cwd=tmp_path,
        env=clean_environment(PYTHONPATH=str(ROOT)),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        process_group=0,
    )
    assert process.stdout is not None
    try:
        text = ""
        while "curl" not in text:
            line = await asyncio.wait_for(process.stdout.readline(), 60)
            assert line
            text += line.decode()
        assert re.search(rf"Demo +http://127\.0\.0\.1:{port}/\n", text)
        assert re.search(r"API key +hk_dev\n", text)
        (command,) = [line for line in text.splitlines() if line.lstrip().startswith("curl")]
        pasted = await asyncio.create_subprocess_shell(
            f"{command} -sS -w '%{{http_code}}'", stdout=asyncio.subprocess.PIPE
        )
        answer = (await pasted.communicate())[0].decode()
        assert answer.endswith("202"), answer
        assert json.loads(answer[:-3])["recipients"] == 1
        async with aiohttp.ClientSession(f"http://127.0.0.1:{port}") as session:
            for path in (
                "/",
                "/demo/demo.js",
                "/widget/hub-client.js",
                "/docs",
                "/asyncapi.json",
                "/readyz",
                "/metrics",
            ):
                async with session.get(path) as page:
                    assert page.status == 200, path
            async with session.get("/openapi.json") as page:
                assert {"/v1/notifications", "/v1/inbox"} <= set((await page.json())["paths"])
            for path in ("/demo/", "/demo/../index.html", "/demo/%2e%2e/package.json", "/nothing"):
                async with session.get(path) as page:
                    assert page.status == 404, path
        everyone = family(process.pid)
    finally:
        # What a terminal does on Ctrl-C: everyone in the foreground. The servers must outlive the hub's own end.
        os.killpg(process.pid, signal.SIGINT)
        _, err = await asyncio.wait_for(process.communicate(), 30)
    assert process.returncode == 0, err.decode()
    assert b"[warning" not in err
    assert not any(map(alive, everyone))
    assert b"fast shutdown" in (tmp_path / ".hub" / "postgres.log").read_bytes()


async def test_two_run_side_by_side_but_not_in_one_directory_or_on_one_port(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    async with hub_dev(tmp_path / "a") as first, hub_dev(tmp_path / "b") as second:
        await publish(first, "For a")
        await publish(second, "For b")
        assert await titles(first) == ["For a"]
        assert await titles(second) == ["For b"]
        third = await run_hub("dev", "--port", "0", directory=tmp_path / "a")
        assert third.status == 1
        assert third.err == (
            f"hub: {tmp_path}/a/.hub is in use by another hub (process {first.pid}): stop it, "
            "or start this one in another directory and on another port.\n"
        )
        taken = await run_hub("dev", "--port", first.url.rpartition(":")[2], directory=tmp_path)
        assert taken.status == 1
        assert taken.err.count("\n") == 1
        assert "is taken" in taken.err
        assert not (tmp_path / ".hub").exists()


async def test_a_read_only_directory_is_one_sentence(place: Path) -> None:
    place.chmod(0o555)
    outcome = await run_hub("dev", "--port", "0", directory=place, prefix=as_other_user()[0])
    assert outcome.status == 1
    assert outcome.err == (
        f"hub: Cannot write to {place}/.hub (Permission denied): the data are kept there. "
        "Start it in one of your own.\n"
    )


async def test_servers_of_the_environment_are_ignored_and_damaged_data_named(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("HUB_REDIS_URL=redis://cache.example.com/0\n")
    async with hub_dev(tmp_path, HUB_DATABASE_URL="postgresql://db.example.com/production", HUB_PUBLIK="1") as hub:
        assert await publish(hub, "Hello") == 202
        assert "HUB_DATABASE_URL is ignored" in hub.said()
        assert "HUB_REDIS_URL is ignored" in hub.said()
        assert "name=HUB_PUBLIK" in hub.said()
    (tmp_path / ".hub" / "postgres" / "global" / "pg_control").write_bytes(b"nonsense")
    outcome = await run_hub("dev", "--port", "0", directory=tmp_path)
    assert outcome.status == 1
    (line,) = [line for line in outcome.err.splitlines() if "ignored" not in line]
    assert f"To start afresh delete {tmp_path}/.hub" in line


async def test_external_servers_have_to_be_of_this_machine(tmp_path: Path, servers: Servers) -> None:
    local = {"HUB_DATABASE_URL": servers.database_url, "HUB_REDIS_URL": servers.redis_url}
    for name, url in (
        ("HUB_DATABASE_URL", "postgresql://u:hunter2@db.example.com/x"),
        ("HUB_REDIS_URL", "redis://10.0.0.1"),
    ):
        outcome = await run_hub("dev", "--port", "0", "--external", directory=tmp_path, **{**local, name: url})
        assert outcome.status == 1
        assert outcome.err.startswith(f"hub: {name} does not name this machine")
        assert "hunter2" not in outcome.err
    outcome = await run_hub("dev", "--port", "0", "--external", directory=tmp_path)
    assert outcome.status == 1
    assert "HUB_DATABASE_URL is not set" in outcome.err


async def test_hk_dev_works_nowhere_else(tmp_path: Path, servers: Servers, database_url: str) -> None:
    external: dict[str, Any] = {"HUB_DATABASE_URL": database_url, "HUB_REDIS_URL": servers.redis_url}
    async with hub_dev(tmp_path, "--external", **external) as hub:
        assert await publish(hub, "Hello") == 202
        token = await token_for(hub, "ada")
    secret = json.loads((tmp_path / ".hub" / "secrets.json").read_text())["hub_secret"]
    process = await asyncio.create_subprocess_exec(
        *hub_command("serve", "--port", "0", "--json"),
        cwd=tmp_path,
        env=clean_environment(PYTHONPATH=str(ROOT), HUB_SECRET=secret, **external),
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    try:
        url = json.loads(await asyncio.wait_for(process.stdout.readline(), 60))["url"]
        outcome = await run_hub("send", "ada", "Hello", "--json", directory=tmp_path, HUB_URL=url)
        assert outcome.status == 1
        assert json.loads(outcome.err)["error"]["code"] == "unauthenticated"
        headers = {"Authorization": f"Bearer {token}"}
        async with aiohttp.ClientSession(headers=headers) as session, session.get(f"{url}/v1/inbox") as answer:
            assert answer.status == 401
    finally:
        process.terminate()
        assert await process.wait() == 0


async def test_a_server_that_is_killed_is_started_again(tmp_path: Path) -> None:
    async with hub_dev(tmp_path) as hub:
        assert await publish(hub, "Before") == 202
        servers = children_of(hub.pid)
        for pid in servers:
            os.kill(pid, signal.SIGKILL)
        await until(lambda: len(set(children_of(hub.pid)) - set(servers)) == 2, "both servers run again")
        async with asyncio.timeout(30):
            while (status := await publish(hub, "After")) != 202:
                assert status == 503
        assert await titles(hub) == ["After", "Before"]


async def test_a_stop_sends_clients_away_and_a_second_one_does_not_wait(tmp_path: Path) -> None:
    async with hub_dev(tmp_path, HUB_DRAIN_SECONDS="600") as hub:
        token = await token_for(hub, "ada")
        address = hub.url.replace("http", "ws") + "/v1/inbox/ws"
        async with connect(address, subprotocols=[Subprotocol("hub.v1")], compression=None) as client:
            await client.send(json.dumps({"type": "hello", "token": token}))
            assert json.loads(await client.recv())["type"] == "welcome"
            hub.process.terminate()
            await until(lambda: "gateway.draining" in hub.said(), "it drains")
            assert hub.process.returncode is None
            with pytest.raises(OSError):
                socket.create_connection(("127.0.0.1", int(hub.url.rpartition(":")[2])), 1)
            hub.process.terminate()
            await asyncio.wait_for(client.wait_closed(), 30)
            assert client.close_code is not None
            assert 4000 <= client.close_code < 4500 or client.close_code in (1001, 1006, 1011, 1012, 1013)
        assert await hub.process.wait() == 0


async def test_doctor_examines_the_hub_dev_of_its_directory(tmp_path: Path) -> None:
    async def doctor(*options: str, **variables: str) -> tuple[int, dict[str, dict[str, str]]]:
        ended = await run_hub("doctor", *options, "--json", directory=tmp_path, **variables)
        assert ended.out, ended.err
        checks = {check["check"]: check for check in ended.json["checks"]}
        assert checks["counts"]["state"] != "unreachable"
        return ended.status, checks

    async with hub_dev(tmp_path) as hub:
        assert await publish(hub, "Hello") == 202
        status, checks = await doctor()
        assert status == 0, checks
        said = f"The `hub dev` of {tmp_path / '.hub'}, at {hub.url} (process {hub.pid})."
        assert checks["installation"] == {"check": "installation", "state": "ok", "detail": said, "mend": None}
        assert checks["public_url"]["detail"] == f"{hub.url} is ready."
        kept = tmp_path / ".hub" / "running.json"
        assert kept.stat().st_mode & 0o077 == 0
        connection = await asyncpg.connect(json.loads(kept.read_text())["database_url"])
        await connection.execute("UPDATE inbox_heads SET unread = unread + 1")
        await connection.close()
        status, checks = await doctor()
        assert (status, checks["counts"]["state"]) == (1, "fail")
        status, checks = await doctor("--fix", HUB_SECRET="x" * 32)
        assert (status, checks["counts"]["state"]) == (0, "ok")
        assert "1 set right" in checks["counts"]["detail"]
        assert checks["installation"]["state"] == "warn"
        assert "HUB_DATABASE_URL and HUB_REDIS_URL" in checks["installation"]["mend"]

    assert not kept.exists()
    status, checks = await doctor()
    assert status == 0, checks
    assert "does not run" in checks["installation"]["detail"]
    assert checks["counts"]["detail"] == "1 inboxes recounted, all right."


async def test_doctor_says_which_servers_it_wants(tmp_path: Path, servers: Servers, database_url: str) -> None:
    lost = await run_hub("doctor", directory=tmp_path)
    assert lost.status == 1
    assert lost.err.startswith("hub: HUB_DATABASE_URL is not set. Example: ")
    assert "where `hub dev` was started" in lost.err
    urls = {"HUB_DATABASE_URL": database_url, "HUB_REDIS_URL": servers.redis_url}
    async with hub_dev(tmp_path, "--external", port=0, **urls) as hub:
        found = await run_hub("doctor", directory=tmp_path)
        assert f"The `hub dev --external` of {tmp_path / '.hub'}, at {hub.url}" in found.out
        named = await run_hub("doctor", directory=tmp_path, HUB_SECRET=servers.secret, **urls)
        assert "The configured servers: the database " in named.out
        assert f"Not the `hub dev` of {tmp_path / '.hub'}" in named.out
        assert servers.secret not in found.out + named.out


def _heed_interrupts() -> None:
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_a_signal_while_it_starts_leaves_nothing(tmp_path: Path, number: signal.Signals) -> None:
    process = await asyncio.create_subprocess_exec(
        *hub_command("dev", "--port", "0"),
        cwd=tmp_path,
        env=clean_environment(PYTHONPATH=str(ROOT)),
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
        # A shell starts its background jobs, and so perhaps these tests, with SIGINT ignored, which is inherited.
        preexec_fn=_heed_interrupts,
    )
    await until(lambda: bool(children_of(process.pid)), "a server starts")
    everyone = family(process.pid)
    process.send_signal(number)
    await asyncio.wait_for(process.communicate(), 30)
    await until(lambda: not any(map(alive, everyone)), f"{everyone} end")
    async with hub_dev(tmp_path) as hub:
        assert await publish(hub, "Hello") == 202
