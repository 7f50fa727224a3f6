-- name: put_people
-- Whole people, in key order: made where missing, replaced where there.
INSERT INTO people (project_id, user_id, name, email, phone, locale, timezone, avatar_url, properties)
SELECT $1, w.user_id, w.name, w.email, w.phone, w.locale, w.timezone, w.avatar_url, w.properties
FROM unnest($2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[], $9::jsonb[])
    AS w (user_id, name, email, phone, locale, timezone, avatar_url, properties)
ORDER BY w.user_id
ON CONFLICT (project_id, user_id) DO UPDATE SET
    name = excluded.name, email = excluded.email, phone = excluded.phone, locale = excluded.locale,
    timezone = excluded.timezone, avatar_url = excluded.avatar_url, properties = excluded.properties, updated_at = now()

-- name: get_person
SELECT * FROM people WHERE project_id = $1 AND user_id = $2

-- name: lock_person
SELECT * FROM people WHERE project_id = $1 AND user_id = $2 FOR NO KEY UPDATE

-- name: list_people
SELECT * FROM people
WHERE project_id = $1 AND ($2::text IS NULL OR user_id > $2)
ORDER BY user_id LIMIT $3

-- name: lock_to_delete
-- The person before the head, as everybody else takes them (update_people, then lock_heads); deleting takes the head.
SELECT person_id FROM people WHERE project_id = $1 AND user_id = $2 FOR UPDATE

-- name: delete_person
-- What stays for a day is the name: tokens that were issued before must not open a new inbox under it.
WITH gone AS (
    DELETE FROM people WHERE project_id = $1 AND user_id = $2 RETURNING person_id, project_id, user_id
), kept AS (
    INSERT INTO deleted_people (project_id, user_id, deleted_at)
    SELECT project_id, user_id, clock_timestamp() FROM gone
    ON CONFLICT (project_id, user_id) DO UPDATE SET deleted_at = excluded.deleted_at
)
SELECT person_id FROM gone

-- name: revoke_tokens
-- Also for somebody who was never stored: tokens are issued to anybody.
INSERT INTO people (project_id, user_id, tokens_revoked_at) VALUES ($1, $2, clock_timestamp())
ON CONFLICT (project_id, user_id) DO UPDATE SET tokens_revoked_at = clock_timestamp()

-- name: tokens_revoked_at
-- Deleted counts as revoked; who was made again since then has inherited it.
SELECT COALESCE(
    (SELECT tokens_revoked_at FROM people WHERE project_id = $1 AND user_id = $2),
    (SELECT deleted_at FROM deleted_people WHERE project_id = $1 AND user_id = $2)) AS tokens_revoked_at

-- name: record_seen
-- In the order of names, in which everybody takes people, so that nobody waits in a circle. Never backwards: another
-- gateway may have had to wait longer for the database.
UPDATE people p SET last_seen_at = GREATEST(p.last_seen_at, now() - w.ago)
FROM (
    SELECT p.person_id, make_interval(secs => s.seconds_ago) AS ago
    FROM unnest($1::bigint[], $2::float8[]) s (person_id, seconds_ago) JOIN people p USING (person_id)
    ORDER BY p.project_id, p.user_id FOR NO KEY UPDATE OF p
) w
WHERE p.person_id = w.person_id
