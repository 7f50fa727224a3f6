"""Idempotency keys: a retry never happens twice.

The first request takes an advisory lock on (scope, key) for its transaction and writes key and answer in the same
transaction as its effects. So a racing twin, on whatever process, finds the lock taken (409), a later one the row
(the first answer again), and one whose process died before COMMIT finds nothing and runs.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import NamedTuple

from hub.exceptions import Conflict, Invalid, Refused
from hub.store.database import Connection
from hub.store.sql import load
from hub.store.together import Write, write_together

_SQL = load("idempotency")
MAX_SCOPE = 200  # characters


class IdempotencyKey(NamedTuple):
    """`scope` names credential, method and path; `fingerprint` is the SHA-256 of the body."""

    scope: str
    key: str
    fingerprint: bytes

    @property
    def stored_scope(self) -> str:
        """The scope as a row has it: a path of any length within what an index takes (2,704 bytes a row)."""
        if len(self.scope) <= MAX_SCOPE:
            return self.scope
        return f"{self.scope[: MAX_SCOPE - 65]} {hashlib.sha256(self.scope.encode()).hexdigest()}"

    @property
    def lock(self) -> int:
        digest = hashlib.sha256(f"{self.scope}\x00{self.key}".encode()).digest()
        return int.from_bytes(digest[:8], "big", signed=True)


class Answer(NamedTuple):
    """A 2xx answer that may have to be given again; `replayed` when it was."""

    status: int
    body: bytes
    replayed: bool = False


async def begin_many(conn: Connection, keys: Sequence[IdempotencyKey]) -> list[Answer | Refused | None]:
    """For each key: None (go on), the answer of the first time, or why not. Never waits for another request."""
    outcomes: list[Answer | Refused | None] = []
    locks = await conn.fetch(_SQL["try_locks"], [key.lock for key in keys])
    rows = await conn.fetch(_SQL["find"], [key.stored_scope for key in keys], [key.key for key in keys])
    known = {(row["scope"], row["key"]): row for row in rows}
    taken: set[tuple[str, str]] = set()
    for key, lock in zip(keys, locks, strict=True):
        name = (key.stored_scope, key.key)
        row = known.get(name)
        if row is not None:
            if row["fingerprint"] != key.fingerprint:
                outcomes.append(
                    Invalid(
                        f"Idempotency-Key {key.key!r} was used with another body; take a new key for a new request.",
                        code="idempotency_key_reused",
                    )
                )
            else:
                outcomes.append(Answer(row["status"], row["body"], replayed=True))
        elif not lock["locked"] or name in taken:
            outcomes.append(
                Conflict(
                    f"A request with Idempotency-Key {key.key!r} is still under way; ask again in a second.",
                    code="idempotency_in_flight",
                    retry_after=1,
                )
            )
        else:
            taken.add(name)
            outcomes.append(None)
    return outcomes


async def begin(conn: Connection, key: IdempotencyKey) -> Answer | None:
    """None: go on and `remember` the answer in this transaction. Otherwise the answer of the first time.

    Raises:
        Invalid: `idempotency_key_reused`.
        Conflict: `idempotency_in_flight`.
    """
    (outcome,) = await begin_many(conn, [key])
    if isinstance(outcome, Refused):
        raise outcome
    return outcome


def remember_many(entries: Sequence[tuple[IdempotencyKey, Answer]]) -> Write:
    """Stores answers; only 2xx are ever passed here."""
    values = (
        [key.stored_scope for key, _ in entries],
        [key.key for key, _ in entries],
        [key.fingerprint for key, _ in entries],
        [answer.status for _, answer in entries],
        [answer.body for _, answer in entries],
    )
    return Write(_SQL["remember"], values)


async def remember(conn: Connection, key: IdempotencyKey, answer: Answer) -> None:
    """Stores one answer in this transaction."""
    await write_together(conn, [remember_many([(key, answer)])])


async def purge(conn: Connection, limit: int) -> int:
    """Deletes up to `limit` keys older than 24 h; how many."""
    return int((await conn.execute(_SQL["purge"], limit)).split()[-1])
