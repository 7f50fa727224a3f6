"""Millions of items as the hub would have written them, by set-based SQL in chunks.

Everybody has the same history, stretched over the same 90 days: items arrive; then everything up to some item is read
by one mark, the older quarter of that archived by another, in a large inbox 20 old ones marked unread by their ids; and
a few items more come after. So revisions have no holes, every one is explained by an item or a mark, and counts follow
from the number of items alone (`check` compares both with the rows). Rows are written in the order of time over all
people: an inbox lies scattered over the table, as it does where it grew.

Left out are events of engagement (two rows an item): no inbox reads them.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

import asyncpg

from benchmarks.report import Progress

CHUNK = 250_000  # items a transaction: a few seconds
PEOPLE_CHUNK = 100_000
GROUP = 10  # recipients of a notification; those of the largest inbox have one each

# What 2 million items of 200,000 people took on two busy cores, November 2026.
BYTES_PER_ITEM = 1_050  # row, index entries, its share of the notification
BYTES_PER_PERSON = 600
LOG_BYTES = 6 * 2**30  # the write-ahead log before it is recycled, see POSTGRES in __main__
ITEMS_PER_SECOND = 11_000


class Refused(Exception):
    """The run cannot start; the message says why."""


@dataclass(frozen=True, slots=True)
class Sizes:
    """What is seeded. One in ten people has eleven times as many items as the others."""

    people: int = 1_000_000
    items: int = 10_000_000
    largest: int = 100_000  # items of one person

    @property
    def bytes(self) -> int:
        return (
            self.people * BYTES_PER_PERSON
            + self.items * BYTES_PER_ITEM
            + min(LOG_BYTES, 3 * self.items * BYTES_PER_ITEM)
        )

    @property
    def seconds(self) -> float:
        return self.items / ITEMS_PER_SECOND + self.people / 100_000

    def describe(self) -> str:
        """How large and how long, for whoever is about to wait."""
        return (
            f"{self.items:,} items of {self.people:,} people take about {self.bytes / 1e9:,.1f} GB "
            f"and {max(1, round(self.seconds / 60)):,} minutes to seed"
        )

    def check_disk(self, directory: Path) -> str:
        """Says how much is free where the database will be.

        Raises:
            Refused: it is less than what is needed and a tenth of the disk, which others may need.
        """
        disk = shutil.disk_usage(directory)
        needed = self.bytes + disk.total // 10
        told = f"{disk.free / 1e9:,.1f} GB are free in {directory}"
        if disk.free < needed:
            raise Refused(
                f"{self.describe()}, but only {told}: with a tenth of the disk left alone that is "
                f"{(needed - disk.free) / 1e9:,.1f} GB too few. Name another place with --directory, or fewer --items."
            )
        return told


def user_of(index: int) -> str:
    return f"person-{index:07d}"


_PLACES = """
CREATE TEMP TABLE seed_people (
    person_id bigint PRIMARY KEY, index int, items int, kept int, archived int, returned int, marks int, phase float8
)"""

_PEOPLE = """
INSERT INTO people (project_id, user_id, timezone)
SELECT $1, 'person-' || lpad(i::text, 7, '0'), (ARRAY['UTC', 'Europe/Berlin', 'America/New_York'])[i % 3 + 1]
FROM generate_series($2::int, $3::int) i ORDER BY i"""

# Weights 5.5 and nine times 0.5: the sum over the first i people, so that rounding loses nothing.
_SHARES = """
INSERT INTO seed_people
SELECT person_id, i, n, n - upto, upto / 4, CASE WHEN upto >= 100 THEN 20 ELSE 0 END,
       (upto >= 1)::int + (upto >= 4)::int + (upto >= 100)::int, phase
FROM (
    SELECT person_id, i, n, n - CASE WHEN n > 60 THEN 30 ELSE ceil(n * 0.4)::int END AS upto,
           (hashint8(person_id) & 1023) / 1024.0::float8 AS phase
    FROM (
        SELECT person_id, i, CASE WHEN i = 0 THEN $3::int ELSE
            (floor($2::float8 * (10 * (i / 10) + CASE WHEN i % 10 > 0 THEN 5 + 0.5 * (i % 10) ELSE 0 END) / $4::float8)
             - floor($2::float8 * (10 * (b / 10) + CASE WHEN b % 10 > 0 THEN 5 + 0.5 * (b % 10) ELSE 0 END)
                     / $4::float8))::int END AS n
        FROM (SELECT person_id, right(user_id, 7)::int AS i, right(user_id, 7)::int - 1 AS b
              FROM people WHERE project_id = $1) p
    ) s
) t"""

# $1 chunk, $2 chunks, $3 the first moment. `number` counts a person's items from 1.
_ROWS = """
CREATE TEMP TABLE seed_rows ON COMMIT DROP AS
SELECT person_id, index, number, kept, items, archived, returned, marks,
       CASE WHEN index = 0 THEN -number
            ELSE (row_number() OVER (PARTITION BY index = 0 ORDER BY at, person_id) - 1) / {group} END AS batch, at
FROM (
    SELECT s.*, n.number, date_trunc('milliseconds', '{start}'::timestamptz
                                     + interval '90 days' * ((n.number - s.phase) / s.items)) AS at
    FROM seed_people s
    CROSS JOIN LATERAL generate_series(floor(s.items::float8 * {chunk} / {chunks} + s.phase)::int + 1,
                                       floor(s.items::float8 * ({chunk} + 1) / {chunks} + s.phase)::int) AS n (number)
) r"""

# Of every thousand notifications: 1 billing, 99 news, 300 mentions, 600 activity.
_BATCHES = """
CREATE TEMP TABLE seed_batches ON COMMIT DROP AS
SELECT batch, at, recipients, users,
       pg_temp.seed_uuid(at, md5('{chunk}/' || batch)) AS notification_id,
       CASE WHEN hash % 1000 < 1 THEN 'billing' WHEN hash % 1000 < 100 THEN 'news'
            WHEN hash % 1000 < 400 THEN 'mentions' ELSE 'activity' END AS category, hash
FROM (
    SELECT batch, min(at) AS at, count(*)::int AS recipients,
           jsonb_agg('person-' || lpad(index::text, 7, '0')) AS users,
           hashint8(batch + {chunk}::bigint * 1000003) & 1048575 AS hash
    FROM seed_rows GROUP BY batch
) b"""

_NOTIFICATIONS = """
INSERT INTO notifications (notification_id, project_id, category, priority, request, recipients, created_at,
                           people_upto)
SELECT notification_id, $1, category, 'normal',
       jsonb_build_object('recipients', users, 'category', category, 'priority', 'normal',
           'title', 'Your order ' || hash || ' is on its way',
           'body', 'It left the warehouse this morning and will be with you on Thursday between 9:00 and 12:00.',
           'action_url', 'https://shop.example/orders/' || hash,
           'data', jsonb_build_object('order', hash, 'carrier', 'example')),
       recipients, at, $2
FROM seed_batches ORDER BY at"""

_ITEMS = """
INSERT INTO inbox_items (person_id, item_id, notification_id, seq, rev, item_rev, category, content, created_at,
                         seen_at, read_at, archived_at)
SELECT person_id, item_id, notification_id, seq, CASE WHEN old THEN upto + GREATEST(1, last) ELSE seq END,
       CASE WHEN old AND last = 3 THEN upto + 3 ELSE seq END, category,
       '{"category":"' || category || '","title":"Your order ' || hash || ' is on its way","body":"It left the '
       || 'warehouse this morning and will be with you on Thursday between 9:00 and 12:00.","action_url":'
       || '"https://shop.example/orders/' || hash || '","actions":[],"image_url":null,"data":{"order":' || hash
       || ',"carrier":"example"},"tags":[],"actor":null,"tenant":null,"thread_key":null,"priority":"normal"}',
       at, CASE WHEN old THEN marked END, CASE WHEN old AND last <> 3 THEN marked END,
       CASE WHEN old AND last = 2 THEN marked END
FROM (
    SELECT r.person_id, b.notification_id, b.category, b.hash, b.at, u.upto, r.number <= u.upto AS old,
           pg_temp.seed_uuid(b.at, md5(r.person_id || '/' || r.number)) AS item_id,
           CASE WHEN r.number <= u.upto THEN r.number ELSE r.number + r.marks END AS seq,
           CASE WHEN r.number <= r.archived THEN 2 WHEN r.number <= r.archived + r.returned THEN 3 ELSE 1 END AS last,
           pg_temp.seed_marked(r.items, r.kept) AS marked
    FROM seed_rows r JOIN seed_batches b USING (batch) CROSS JOIN LATERAL (SELECT r.items - r.kept AS upto) u
) i ORDER BY at"""

_MARKS = """
INSERT INTO bulk_marks (person_id, rev, body)
SELECT person_id, upto + m.step,
       '{"rev":' || upto + m.step || ',"all":true,"upto":' || CASE m.step WHEN 1 THEN upto ELSE archived END
       || ',"set":{'
       || CASE m.step WHEN 1 THEN '"read_at":"' || at || '","seen_at":"' || at || '"}}'
                      ELSE '"archived_at":"' || at || '"}}' END
FROM (SELECT *, items - kept AS upto,
             to_char(pg_temp.seed_marked(items, kept), 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') AS at FROM seed_people) s
JOIN (VALUES (1), (2)) AS m (step) ON m.step <= s.marks"""

_HEADS = """
INSERT INTO inbox_heads (person_id, rev, unseen, unread, total, delivered_rev, broadcast_upto)
SELECT s.person_id, items + marks, kept, kept + returned, items - archived, items + marks, j.broadcast_seq
FROM seed_people s, projects j WHERE j.project_id = $1 ORDER BY s.person_id"""

# UUIDv7 of a moment, with what follows taken from a hash: ids follow time, as the hub's do.
_FUNCTIONS = """
CREATE FUNCTION pg_temp.seed_uuid(at timestamptz, hash text) RETURNS uuid LANGUAGE sql IMMUTABLE AS $$
    SELECT (lpad(to_hex((extract(epoch FROM at) * 1000)::bigint), 12, '0') || '7' || left(hash, 3)
            || '8' || substr(hash, 4, 15))::uuid
$$;
CREATE FUNCTION pg_temp.seed_marked(items int, kept int) RETURNS timestamptz LANGUAGE sql IMMUTABLE AS $$
    SELECT date_trunc('milliseconds', '{start}'::timestamptz
                                      + interval '90 days' * ((items - kept + 1.0) / (items + 1)))
$$;"""

# Revisions of these people that nothing explains, and heads whose counts are not what the rows say.
CHECK = """
SELECT count(*) AS people, count(*) FILTER (WHERE NOT counted) AS miscounted,
       count(*) FILTER (WHERE NOT whole) AS holes, sum(rows)::bigint AS items
FROM (
    SELECT h.person_id, i.rows, (h.unseen, h.unread, h.total) = (i.unseen, i.unread, i.total) AS counted,
           h.rev = e.revs AND h.rev = e.newest AS whole
    FROM inbox_heads h
    CROSS JOIN LATERAL (
        SELECT count(*) AS rows, count(*) FILTER (WHERE live AND seen_at IS NULL) AS unseen,
               count(*) FILTER (WHERE live AND read_at IS NULL) AS unread, count(*) FILTER (WHERE live) AS total
        FROM (SELECT *, archived_at IS NULL AND snoozed_until IS NULL AND removed_at IS NULL AS live
              FROM inbox_items WHERE person_id = h.person_id) l
    ) i
    CROSS JOIN LATERAL (
        SELECT count(DISTINCT rev) AS revs, COALESCE(max(rev), 0) AS newest FROM (
            SELECT unnest(ARRAY[seq, rev, item_rev]) AS rev FROM inbox_items WHERE person_id = h.person_id
            UNION ALL SELECT rev FROM bulk_marks WHERE person_id = h.person_id) r
    ) e
    WHERE h.person_id = ANY($1::bigint[])
) c"""


async def seeded(conn: asyncpg.Connection[asyncpg.Record], sizes: Sizes) -> bool:
    """Whether this database holds what `sizes` asks for already.

    Raises:
        Refused: it holds something else.
    """
    if await conn.fetchval("SELECT to_regclass('benchmark_scale')") is None:
        if await conn.fetchval("SELECT EXISTS (SELECT 1 FROM people)"):
            raise Refused("This directory was left by a run that ended while it seeded: remove it, or name another.")
        return False
    row = await conn.fetchrow("SELECT people, items, largest FROM benchmark_scale")
    if row is None or Sizes(*row) != sizes:
        raise Refused(f"This directory holds other sizes ({tuple(row or ())}): name another, or the same sizes.")
    return True


async def seed(conn: asyncpg.Connection[asyncpg.Record], sizes: Sizes, progress: Progress) -> None:
    """Fills an empty hub's `default` project; analysed and checkpointed when it returns."""
    project = await conn.fetchval("SELECT project_id FROM projects WHERE name = 'default'")
    start = str(await conn.fetchval("SELECT date_trunc('milliseconds', now() - interval '91 days')"))
    began = perf_counter()
    await conn.execute(_FUNCTIONS.replace("{start}", start))
    await conn.execute(_PLACES)
    for first in range(0, sizes.people, PEOPLE_CHUNK):
        await conn.execute(_PEOPLE, project, first, min(first + PEOPLE_CHUNK, sizes.people) - 1)
    progress.say(f"{sizes.people:,} people")
    rest = sizes.people - 1
    weights = 10 * (rest // 10) + (5 + 0.5 * (rest % 10) if rest % 10 else 0)
    await conn.execute(_SHARES, project, sizes.items - sizes.largest, sizes.largest, weights)
    await conn.execute("ANALYZE seed_people")
    upto = await conn.fetchval("SELECT max(person_id) FROM people")
    chunks = max(1, round(sizes.items / CHUNK))
    done = 0
    # What is written refers to what is there, by construction; ten million look-ups would only say so again.
    await conn.execute("SET session_replication_role = replica; SET synchronous_commit = off; SET work_mem = '256MB'")
    for chunk in range(chunks):
        names = {"{chunk}": str(chunk), "{chunks}": str(chunks), "{start}": start, "{group}": str(GROUP)}
        async with conn.transaction():
            await conn.execute(_filled(_ROWS, names))
            await conn.execute(_filled(_BATCHES, names))
            await conn.execute("ANALYZE seed_rows; ANALYZE seed_batches")
            await conn.execute(_NOTIFICATIONS, project, upto)
            done += int((await conn.execute(_ITEMS)).rpartition(" ")[2])
        spent = perf_counter() - began
        left = spent / done * (sizes.items - done) if done else 0
        if chunk % max(1, chunks // 20) == 0 or chunk == chunks - 1:
            progress.say(f"{done:,} of {sizes.items:,} items, {done / spent:,.0f}/s, {left:,.0f} s left")
    await conn.execute(_MARKS)
    await conn.execute(_HEADS, project)
    await conn.execute("RESET session_replication_role; RESET synchronous_commit; RESET work_mem")

    async def step(what: str, statement: str) -> None:
        async with progress.step(what):
            await conn.execute(statement)

    await step("vacuum and analyze", "VACUUM (ANALYZE)")
    await step("checkpoint", "CHECKPOINT")
    await conn.execute("CREATE TABLE benchmark_scale (people int, items int, largest int)")
    await conn.execute("INSERT INTO benchmark_scale VALUES ($1, $2, $3)", sizes.people, sizes.items, sizes.largest)


def _filled(statement: str, names: dict[str, str]) -> str:
    """For CREATE TABLE AS, which takes no parameters; the values are ours."""
    for name, value in names.items():
        statement = statement.replace(name, value)
    return statement
