-- name: try_locks
SELECT pg_try_advisory_xact_lock(w.lock) AS locked FROM unnest($1::bigint[]) WITH ORDINALITY AS w (lock, n) ORDER BY w.n

-- name: find
-- Each is looked up by itself, by its name alone: no plan goes through those of a day.
SELECT i.scope, i.key, i.fingerprint, i.status, i.body
FROM unnest((SELECT $1::text[]), (SELECT $2::text[])) AS w (scope, key)
CROSS JOIN LATERAL (SELECT * FROM idempotency WHERE scope = w.scope AND key = w.key OFFSET 0) i
WHERE i.created_at > now() - interval '24 hours'

-- name: remember
INSERT INTO idempotency (scope, key, fingerprint, status, body)
SELECT * FROM unnest($1::text[], $2::text[], $3::bytea[], $4::smallint[], $5::bytea[])
ON CONFLICT (scope, key) DO UPDATE
SET fingerprint = excluded.fingerprint, status = excluded.status, body = excluded.body, created_at = now()

-- name: purge
DELETE FROM idempotency WHERE ctid = ANY (ARRAY(
    SELECT ctid FROM idempotency WHERE created_at < now() - interval '24 hours' LIMIT $1))
