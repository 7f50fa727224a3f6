-- Digests that are open, and their members: deliveries that wait with their digest_id.

-- name: lock_open
-- The open digests of these keys, held: one that is being closed is waited for, and then is none of them any more.
SELECT digest_id, person_id, channel, category, key, opened_at, closes_at, members
FROM digests
WHERE closed_at IS NULL
  AND (person_id, channel, category, key) IN (SELECT * FROM unnest($1::bigint[], $2::text[], $3::text[], $4::text[]))
ORDER BY digest_id
FOR UPDATE

-- name: peek_open
SELECT person_id, channel, category, key, opened_at, closes_at, members
FROM digests
WHERE closed_at IS NULL
  AND (person_id, channel, category, key) IN (SELECT * FROM unnest($1::bigint[], $2::text[], $3::text[], $4::text[]))

-- name: open
-- Those of them that nobody else opened meanwhile.
INSERT INTO digests (digest_id, person_id, project_id, category, channel, key, opened_at, closes_at)
SELECT * FROM unnest($1::uuid[], $2::bigint[], $3::int[], $4::text[], $5::text[], $6::text[], $7::timestamptz[],
                     $8::timestamptz[])
ON CONFLICT (person_id, channel, category, key) WHERE closed_at IS NULL DO NOTHING
RETURNING digest_id

-- name: join
UPDATE digests g SET closes_at = w.closes_at, members = w.members
FROM unnest($1::uuid[], $2::timestamptz[], $3::int[]) AS w (digest_id, closes_at, members)
WHERE g.digest_id = w.digest_id

-- name: lock_closing
-- The longest due digest, for this worker alone.
SELECT digest_id, person_id, project_id, category, channel, key, opened_at FROM digests
WHERE closed_at IS NULL AND closes_at <= now()
ORDER BY closes_at LIMIT 1
FOR UPDATE SKIP LOCKED

-- name: lock_members
SELECT delivery_id FROM deliveries WHERE digest_id = $1 AND state = 'waiting' ORDER BY position, delivery_id FOR UPDATE

-- name: put_off
UPDATE digests SET closes_at = $2 WHERE digest_id = $1

-- name: close
UPDATE digests SET closed_at = clock_timestamp() WHERE digest_id = $1 AND closed_at IS NULL

-- name: purge
DELETE FROM digests WHERE ctid = ANY (ARRAY(
    SELECT ctid FROM digests WHERE closed_at < now() - make_interval(days => $1) LIMIT $2))
