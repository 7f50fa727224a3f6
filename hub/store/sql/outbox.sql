-- name: insert_outbox
INSERT INTO outbox (outbox_id, changes) VALUES ($1, $2)

-- name: delete_outbox
-- Need not be durable: a row that a crash brings back is announced once more, which readers do not notice.
WITH lazy AS MATERIALIZED (SELECT set_config('synchronous_commit', 'off', true))
DELETE FROM outbox USING lazy WHERE outbox_id = ANY($1::uuid[])

-- name: overdue
-- Rows that nobody announced in time; locked, so that two workers do not announce the same.
SELECT outbox_id, changes FROM outbox
WHERE created_at < clock_timestamp() - make_interval(secs => $1)
ORDER BY created_at LIMIT $2
FOR UPDATE SKIP LOCKED

-- name: heads_to_announce
SELECT h.person_id, p.project_id, p.user_id, h.epoch # j.epoch AS epoch, h.rev
FROM inbox_heads h
JOIN people p ON p.person_id = h.person_id
JOIN projects j ON j.project_id = p.project_id
WHERE h.person_id = ANY($1::bigint[])

-- name: outbox_age
SELECT count(*) AS rows, COALESCE(EXTRACT(epoch FROM clock_timestamp() - min(created_at)), 0)::float8 AS oldest_seconds
FROM outbox
