-- name: write
INSERT INTO sandbox_messages (delivery_id, project_id, person_id, channel, message)
SELECT * FROM unnest($1::uuid[], $2::int[], $3::bigint[], $4::text[], $5::jsonb[])
ON CONFLICT (delivery_id) DO UPDATE SET attempts = sandbox_messages.attempts + 1

-- name: read_of_person
SELECT delivery_id, channel, message, attempts, created_at FROM sandbox_messages WHERE person_id = $1 ORDER BY position

-- name: purge
DELETE FROM sandbox_messages WHERE ctid = ANY (ARRAY(
    SELECT ctid FROM sandbox_messages WHERE created_at < now() - make_interval(days => $1) LIMIT $2))
