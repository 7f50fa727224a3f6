"""Migrations on a real Postgres: all or nothing, in turns, never twice."""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import sys
from base64 import urlsafe_b64decode
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import pytest

from hub.exceptions import MigrationError, Unreachable
from hub.local.servers import Servers
from hub.store import migrate as module
from hub.store.migrate import Migration, load_migrations, migrate, pending
from tests.support.ports import free_port


@pytest.fixture
async def empty_url(servers: Servers) -> AsyncIterator[str]:
    """A database without anything in it."""
    name = f"empty_{secrets.token_hex(8)}"
    admin = await asyncpg.connect(servers.database_url)
    await admin.execute(f"CREATE DATABASE {name}")
    try:
        yield urlunsplit(urlsplit(servers.database_url)._replace(path=f"/{name}"))
    finally:
        await admin.execute(f"DROP DATABASE {name} WITH (FORCE)")
        await admin.close()


@pytest.fixture
async def connection(empty_url: str) -> AsyncIterator[asyncpg.Connection[asyncpg.Record]]:
    conn = await asyncpg.connect(empty_url)
    yield conn
    await conn.close()


def step(version: int, sql: str) -> Migration:
    return Migration(version, f"step_{version}", sql, f"{hash(sql):x}")


async def test_an_empty_database_gets_every_file_and_the_project_default(
    empty_url: str, connection: asyncpg.Connection[asyncpg.Record]
) -> None:
    names = [str(migration) for migration in load_migrations()]
    assert await pending(connection) == names
    assert await migrate(empty_url) == names
    assert await pending(connection) == []
    project = await connection.fetchrow("SELECT name, signing_secret FROM projects")
    assert project is not None
    assert project["name"] == "default"
    assert len(urlsafe_b64decode(project["signing_secret"] + "=")) == 32


async def test_a_second_run_changes_nothing(empty_url: str, connection: asyncpg.Connection[asyncpg.Record]) -> None:
    await migrate(empty_url)
    before = await connection.fetch("SELECT * FROM schema_migrations")
    await connection.execute("DELETE FROM projects")
    assert await migrate(empty_url) == []
    assert await connection.fetch("SELECT * FROM schema_migrations") == before
    assert await connection.fetchval("SELECT count(*) FROM projects") == 0


async def test_five_processes_at_once_apply_each_file_once(
    empty_url: str, connection: asyncpg.Connection[asyncpg.Record], tmp_path: Path
) -> None:
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("HUB_")},
        "HUB_DATABASE_URL": empty_url,
    }

    async def run() -> tuple[int | None, list[str]]:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "hub.cli", "migrate", "--json"),
            env=environment,
            cwd=tmp_path,
            stdout=asyncio.subprocess.PIPE,
        )
        output, _ = await process.communicate()
        applied: list[str] = json.loads(output)["applied"]
        return process.returncode, applied

    outcomes = await asyncio.gather(*(run() for _ in range(5)))
    assert [status for status, _ in outcomes] == [0] * 5
    assert sorted(name for _, applied in outcomes for name in applied) == [str(m) for m in load_migrations()]
    assert await connection.fetchval("SELECT count(*) FROM projects") == 1


async def test_twenty_runs_at_once_take_turns(empty_url: str) -> None:
    steps = [step(version, f"CREATE TABLE t{version} (x int); SELECT pg_sleep(0.01)") for version in range(1, 6)]
    applied = await asyncio.gather(*(migrate(empty_url, steps) for _ in range(20)))
    assert sorted(name for names in applied for name in names) == [str(migration) for migration in steps]


async def test_a_failing_file_leaves_nothing_and_keeps_those_before_it(
    empty_url: str, connection: asyncpg.Connection[asyncpg.Record]
) -> None:
    steps = [step(1, "CREATE TABLE a (x int)"), step(2, "CREATE TABLE b (x int); SELECT 1/0"), step(3, "SELECT 1")]
    with pytest.raises(MigrationError, match=r"0002_step_2 failed and was rolled back: division by zero"):
        await migrate(empty_url, steps)
    assert await connection.fetchval("SELECT to_regclass('a') IS NOT NULL AND to_regclass('b') IS NULL")
    assert await pending(connection, steps) == ["0002_step_2", "0003_step_3"]
    mended = [steps[0], step(2, "CREATE TABLE b (x int)"), steps[2]]
    assert await migrate(empty_url, mended) == ["0002_step_2", "0003_step_3"]


async def test_an_applied_file_that_changed_stops_everything_by_name(
    empty_url: str, connection: asyncpg.Connection[asyncpg.Record]
) -> None:
    await migrate(empty_url, [step(1, "CREATE TABLE a (x int)")])
    changed = [step(1, "CREATE TABLE a (x bigint)"), step(2, "CREATE TABLE b (x int)")]
    with pytest.raises(MigrationError, match="0001_step_1"):
        await migrate(empty_url, changed)
    with pytest.raises(MigrationError, match="An applied file never changes"):
        await pending(connection, changed)
    assert await connection.fetchval("SELECT to_regclass('b') IS NULL")


async def test_versions_of_a_newer_release_are_left_alone(empty_url: str) -> None:
    both = [step(1, "CREATE TABLE a (x int)"), step(2, "CREATE TABLE b (x int)")]
    await migrate(empty_url, both)
    assert await migrate(empty_url, both[:1]) == []


async def test_a_file_that_waits_too_long_for_a_table_gives_up(
    empty_url: str, connection: asyncpg.Connection[asyncpg.Record], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_LOCK_TIMEOUT_SECONDS", 0.05)
    steps = [step(1, "CREATE TABLE a (x int)"), step(2, "ALTER TABLE a ADD y int")]
    await migrate(empty_url, steps[:1])
    async with connection.transaction():
        await connection.execute("LOCK TABLE a")
        with pytest.raises(MigrationError, match="Run `hub migrate` again"):
            await migrate(empty_url, steps)
    assert await migrate(empty_url, steps) == ["0002_step_2"]


async def test_a_cancelled_run_leaves_nothing_and_no_lock(empty_url: str) -> None:
    slow = step(1, "CREATE TABLE a (x int); SELECT pg_sleep(30)")
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(migrate(empty_url, [slow]), 0.2)
    assert await asyncio.wait_for(migrate(empty_url, [step(1, "CREATE TABLE a (x int)")]), 10) == ["0001_step_1"]


async def test_a_database_that_does_not_answer_is_named_without_its_password() -> None:
    port = free_port()
    with pytest.raises(Unreachable, match=f"127.0.0.1:{port}") as caught:
        await migrate(f"postgresql://hub:hunter2@127.0.0.1:{port}/hub")
    assert "hunter2" not in str(caught.value)
