-- Heads, locked in a statement of their own and in key order: in one statement with the reads that follow, a waiter would
-- go on with its old snapshot and miss a sibling that committed meanwhile (facts.md, "Traps"). Each is looked up by itself:
-- as a join, planned while there were three, they read all 100,000 of later.

-- name: lock
-- Of whom, one of the two that follow says, put in by hub.store.heads. Who was deleted while this waited has a row without a rev.
SELECT n.person_id, n.project_id, n.user_id, n.locale, n.timezone, n.preferences::text AS preferences, n.email, n.phone, n.push,
       h.epoch # n.epoch AS epoch, h.rev, h.unseen, h.unread, h.total, h.broadcast_upto, n.broadcast_seq, clock_timestamp() AS now
FROM ({named}) n
LEFT JOIN LATERAL (SELECT * FROM inbox_heads WHERE person_id = n.person_id FOR UPDATE) h ON true

-- name: named_by_id
SELECT p.*, j.epoch, j.broadcast_seq
FROM unnest((SELECT $1::text)::bigint[]) AS w (person_id)
CROSS JOIN LATERAL (
    SELECT person_id, project_id, user_id, locale, timezone, preferences, email, phone, push FROM people
    WHERE person_id = w.person_id OFFSET 0
) p
JOIN projects j ON j.project_id = p.project_id
ORDER BY p.person_id

-- name: named_by_user
-- Of $3 different ones all or none: whoever is missing is made before any is locked.
WITH found AS MATERIALIZED (
    SELECT p.*, j.epoch, j.broadcast_seq
    FROM unnest((SELECT $1::text)::int[], string_to_array((SELECT $2::text), E'\x1f')) AS w (project_id, user_id)
    CROSS JOIN LATERAL (
        SELECT person_id, project_id, user_id, locale, timezone, preferences, email, phone, push FROM people
        WHERE project_id = w.project_id AND user_id = w.user_id OFFSET 0
    ) p
    CROSS JOIN LATERAL (SELECT FROM inbox_heads WHERE person_id = p.person_id OFFSET 0) there
    JOIN projects j ON j.project_id = p.project_id
    WHERE p.preferences ->> 'delegate' IS NULL
)
SELECT * FROM found WHERE (SELECT count(*) FROM found) = $3 ORDER BY person_id

-- name: save_heads
-- All are there, and locked; so nothing is inserted. An UPDATE would join, and a join is planned by how many there are.
INSERT INTO inbox_heads AS h (person_id, rev, unseen, unread, total, broadcast_upto)
SELECT *
FROM unnest($1::text::bigint[], $2::text::bigint[], $3::text::int[], $4::text::int[], $5::text::int[], $6::text::bigint[])
ON CONFLICT (person_id) DO UPDATE
SET rev = excluded.rev, unseen = excluded.unseen, unread = excluded.unread, total = excluded.total,
    broadcast_upto = excluded.broadcast_upto
