"""The connection pool: one per process, with time-outs on everything.

Timestamps come back aware; `jsonb` is Python objects; statements are prepared and cached per connection.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar
from urllib.parse import parse_qsl, urlsplit

import asyncpg
import msgspec

from hub.exceptions import Unreachable

if TYPE_CHECKING:
    Connection: TypeAlias = asyncpg.Connection[asyncpg.Record] | asyncpg.pool.PoolConnectionProxy[asyncpg.Record]
    Pool: TypeAlias = asyncpg.Pool[asyncpg.Record]
    _Session: TypeAlias = asyncpg.Connection[asyncpg.Record]
else:
    Connection = asyncpg.pool.PoolConnectionProxy
    _Session = asyncpg.Connection

T = TypeVar("T")

STATEMENT_TIMEOUT_MS = 15_000  # nothing on the hot path takes 100 ms; past this a statement is stuck, not slow
IDLE_IN_TRANSACTION_TIMEOUT_MS = 10_000  # a process that stalls with locks held must not stall the others for longer
COMMAND_TIMEOUT_SECONDS = 20.0  # the client's side of the same, for a server that no longer answers at all
ATTEMPTS = 4  # of a transaction that lost a deadlock or a serialization race

# What a healthy retry cures: the transaction was rolled back by the server and nothing of it stands. A foreign key is
# violated when a person was deleted between two statements; run again, it makes the person anew, or finds nobody.
# A migration that adds a column makes a statement prepared before it fail once within a transaction.
RETRIED = (
    asyncpg.DeadlockDetectedError,
    asyncpg.SerializationError,
    asyncpg.ForeignKeyViolationError,
    asyncpg.InvalidCachedStatementError,
    asyncpg.OutdatedSchemaCacheError,
)
GONE = (
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,  # a connection that was cut in the middle of an exchange, used once more
    asyncpg.OperatorInterventionError,  # shutting down, starting, crashed, statement_timeout
    asyncpg.InsufficientResourcesError,  # disk full, too many connections
    asyncpg.ReadOnlySQLTransactionError,  # a standby, during a failover
    asyncpg.IdleInTransactionSessionTimeoutError,
    ConnectionError,
    TimeoutError,
    OSError,
)
"""What a Postgres that is away, starting, full or stuck looks like from here; callers turn these into 503."""

# jsonb writes 1e22 as twenty-three digits. Read back it would be an integer, which neither JSON readers nor we take.
_WIDE_INTEGER = re.compile(rb"\d{19}")


class _PooledSession(_Session):
    """A session that goes back to the pool as it is: nothing that is run here outlives its transaction.

    asyncpg's own RESET ALL, UNLISTEN, CLOSE ALL and pg_advisory_unlock_all would be one more round trip for every use:
    a fifth of a handshake's CPU, an eighth of a publish's (November 2026).
    """

    def get_reset_query(self) -> str:
        return ""


async def _prepare(connection: asyncpg.Connection[asyncpg.Record]) -> None:
    await connection.set_type_codec(
        "jsonb",
        schema="pg_catalog",
        encoder=lambda value: b"\x01" + msgspec.json.encode(value),
        decoder=_decode_jsonb,
        format="binary",
    )


def _decode_jsonb(data: bytes) -> Any:
    raw = bytes(data)[1:]
    value = msgspec.json.decode(raw)
    return _narrow(value) if _WIDE_INTEGER.search(raw) else value


def _narrow(value: Any) -> Any:
    """`value` with integers beyond 64 bits as the floats that they were when they were stored."""
    if isinstance(value, dict):
        return {name: _narrow(entry) for name, entry in value.items()}
    if isinstance(value, list):
        return [_narrow(entry) for entry in value]
    return float(value) if isinstance(value, int) and not -(2**63) <= value < 2**63 else value


def describe(url: str) -> str:
    """`url` without its credentials, for messages."""
    try:
        parts = urlsplit(url)
        hosts = parts.netloc.rpartition("@")[2]
        if "," in hosts:
            return hosts
        host = parts.hostname or dict(parse_qsl(parts.query)).get("host", "localhost")
        return f"{host}:{parts.port or 5432}"
    except ValueError:  # its text would show what stands where the port should be: likely half of a password
        return "an address that cannot be read"


class Database:
    """A pool of connections to one Postgres.

    Owner: whoever called `connect`; `close()` may be called twice.
    """

    def __init__(self, pool: Pool) -> None:
        self.pool = pool

    @classmethod
    async def connect(cls, url: str, *, size: int = 10, application: str = "hub") -> Database:
        """Opens the pool and proves that it works.

        Raises:
            Unreachable: Postgres does not answer, or refuses these credentials or this database.
        """
        try:
            pool = await asyncpg.create_pool(
                url,
                min_size=1,
                max_size=size,
                init=_prepare,
                connection_class=_PooledSession,
                timeout=5,
                command_timeout=COMMAND_TIMEOUT_SECONDS,
                max_inactive_connection_lifetime=300,
                server_settings={
                    "application_name": application,
                    "timezone": "UTC",
                    "statement_timeout": str(STATEMENT_TIMEOUT_MS),
                    "idle_in_transaction_session_timeout": str(IDLE_IN_TRANSACTION_TIMEOUT_MS),
                    "jit": "off",
                    # What is asked for often is found by a key. A plan that is made while a table is empty would read
                    # all of it later, and is kept until statistics are taken: half a second for each who came, in a
                    # new installation's first minute. Where there is no index tables are read as before.
                    "enable_seqscan": "off",
                },
            )
        except (*GONE, asyncpg.PostgresError, ValueError) as error:
            reason = type(error).__name__ if isinstance(error, ValueError) else f"{type(error).__name__}: {error}"
            raise Unreachable(
                f"Postgres at {describe(url)} does not answer: {reason}. "
                "Check HUB_DATABASE_URL and that the server runs."
            ) from error
        return cls(pool)

    @asynccontextmanager
    async def acquire(self) -> AsyncIterator[Connection]:
        """A connection outside any transaction; waits at most 5 s for a free one.

        One that lost its place in the protocol (seen when Postgres is killed in the middle of an exchange) is ended:
        back in the pool it would fail whoever took it next.
        """
        async with self.pool.acquire(timeout=5) as connection:
            try:
                yield connection
            except asyncpg.InternalClientError:
                connection.terminate()
                raise

    async def transaction(self, work: Callable[[Connection], Awaitable[T]]) -> T:
        """Runs `work` in one READ COMMITTED transaction and commits.

        A transaction that lost a deadlock or a race is run again from the start, so `work` must not have
        effects outside the database. Cancelling rolls back, unless COMMIT was already sent.
        """
        for attempt in range(1, ATTEMPTS + 1):
            try:
                async with self.acquire() as connection, connection.transaction():
                    return await work(connection)
            except RETRIED:
                if attempt == ATTEMPTS:
                    raise
                await asyncio.sleep(0.002 * 2**attempt)
        raise AssertionError("unreachable")

    async def fetch(self, statement: str, *values: Any) -> list[asyncpg.Record]:
        """Rows of one statement on any free connection."""
        async with self.acquire() as connection:
            return await connection.fetch(statement, *values)

    async def fetchrow(self, statement: str, *values: Any) -> asyncpg.Record | None:
        """First row, or None."""
        async with self.acquire() as connection:
            return await connection.fetchrow(statement, *values)

    async def execute(self, statement: str, *values: Any) -> str:
        """Runs one statement in its own transaction; the server's status line."""
        async with self.acquire() as connection:
            return await connection.execute(statement, *values)

    async def ping(self) -> None:
        """Raises Unreachable unless Postgres answers within 2 s."""
        try:
            async with asyncio.timeout(2), self.acquire() as connection:
                await connection.fetchval("SELECT 1")
        except GONE as error:
            raise Unreachable(f"Postgres does not answer: {type(error).__name__}") from error

    async def close(self) -> None:
        """Closes the pool; in-flight statements get 5 s."""
        try:
            await asyncio.wait_for(self.pool.close(), 5)
        except TimeoutError:
            self.pool.terminate()
