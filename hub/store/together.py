"""Statements that only write, sent as one: each is a round trip less, and a turn of a loop that may be busy.

    WITH w1 AS (INSERT …), w2 AS (UPDATE …) INSERT …

All of them see the database as it was before any (PostgreSQL, "Data-Modifying Statements in WITH"), so none may need
what another writes, nor change a row that another changes. Foreign keys are checked when all have run.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache
from typing import Any, NamedTuple

from hub.store.database import Connection

_PARAMETER = re.compile(r"\$(\d+)")


class Write(NamedTuple):
    """An INSERT, UPDATE or DELETE without WITH, and its values."""

    statement: str
    values: tuple[Any, ...]


async def write_together(conn: Connection, writes: Sequence[Write]) -> None:
    """Carries out all of them, or none."""
    if writes:
        values = [value for write in writes for value in write.values]
        await conn.execute(_joined(tuple((write.statement, len(write.values)) for write in writes)), *values)


@cache
def _joined(statements: tuple[tuple[str, int], ...]) -> str:
    """One statement of several with so many parameters each; few kinds of groups occur."""
    parts: list[str] = []
    before = 0
    for statement, parameters in statements:
        parts.append(_PARAMETER.sub(lambda found, before=before: f"${int(found[1]) + before}", statement))  # type: ignore[misc]
        before += parameters
    *first, last = parts
    named = ",\n".join(f"w{number} AS (\n{part}\n)" for number, part in enumerate(first, 1))
    return f"WITH {named}\n{last}" if named else last
