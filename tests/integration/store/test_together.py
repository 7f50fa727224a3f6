"""Writes that are sent as one statement."""

from __future__ import annotations

import asyncpg
import pytest

from hub.runtime import Hub
from hub.store.arrays import array, names
from hub.store.together import Write, write_together

PEOPLE = "INSERT INTO people (project_id, user_id) SELECT $1, unnest(string_to_array($2::text, E'\\x1f'))"
PERSON = "INSERT INTO people (person_id, project_id, user_id) OVERRIDING SYSTEM VALUE VALUES ($1, $2, $3)"
HEAD = "INSERT INTO inbox_heads (person_id, rev) VALUES ($1, $2)"


async def users(hub: Hub, project_id: int) -> list[str]:
    rows = await hub.db.fetch("SELECT user_id FROM people WHERE project_id = $1 ORDER BY user_id", project_id)
    return [row["user_id"] for row in rows]


async def test_all_are_carried_out_each_with_its_own_values(hub: Hub, project_id: int) -> None:
    async with hub.db.acquire() as conn:
        await write_together(conn, [])
        await write_together(conn, [Write(PEOPLE, (project_id, names(["a"])))])
        writes = [Write(PEOPLE, (project_id, names([user, user * 2]))) for user in "bcdefghijkl"]  # past $9
        await write_together(conn, writes)
    assert await users(hub, project_id) == ["a", *sorted(user * n for user in "bcdefghijkl" for n in (1, 2))]


async def test_one_that_fails_undoes_the_others_and_foreign_keys_hold_for_all(hub: Hub, project_id: int) -> None:
    async with hub.db.acquire() as conn:
        with pytest.raises(asyncpg.ForeignKeyViolationError):
            await write_together(conn, [Write(PEOPLE, (project_id, "a")), Write(HEAD, (2**40, 1))])
        assert await users(hub, project_id) == []
        # The first refers to what the second stores.
        await write_together(conn, [Write(HEAD, (2**40, 1)), Write(PERSON, (2**40, project_id, "b"))])
    assert await users(hub, project_id) == ["b"]


async def test_what_is_sent_as_text_arrives_as_it_was(hub: Hub) -> None:
    numbers, texts = [0, -1, 2**62, 7], ["a", "b,c", '{"d\\', " ", "NULL", "é😀", "e"]
    row = await hub.db.fetchrow(
        "SELECT $1::text::bigint[] AS numbers, string_to_array($2::text, E'\\x1f') AS texts",
        array(numbers),
        names(texts),
    )
    assert row is not None
    assert (row["numbers"], row["texts"]) == (numbers, texts)
    for wrong in ([], ["a\x1fb"], ["a", "\x1f"]):
        with pytest.raises(ValueError, match="control character"):
            names(wrong)
