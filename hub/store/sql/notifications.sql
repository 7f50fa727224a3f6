-- name: insert_notifications
-- people_upto: the newest person_id given out; sequences are seen at once by everybody, whoever commits when.
INSERT INTO notifications (
    notification_id, project_id, category, priority, request, send_at, send_local, expires_at, cancellation_key, sandbox,
    recipients, created_at, skipped, people_upto
)
SELECT w.*, (SELECT COALESCE(pg_sequence_last_value(pg_get_serial_sequence('people', 'person_id')::regclass), 0))
FROM unnest(
    $1::uuid[], $2::int[], $3::text[], $4::text[], $5::jsonb[], $6::timestamptz[], $7::timestamp[], $8::timestamptz[],
    $9::text[], $10::boolean[], $11::int[], $12::timestamptz[], $13::jsonb[]
) AS w

-- name: get_notification
SELECT * FROM notifications WHERE project_id = $1 AND notification_id = $2

-- name: list_notifications
-- $2 category, $3 user, $4 since, $5 ids before, $6 limit
SELECT n.* FROM notifications n
WHERE n.project_id = $1
  AND ($2::text IS NULL OR n.category = $2)
  AND ($4::timestamptz IS NULL OR n.created_at >= $4)
  AND ($5::uuid IS NULL OR n.notification_id < $5)
  AND ($3::text IS NULL OR EXISTS (
      SELECT 1 FROM inbox_items i JOIN people p ON p.person_id = i.person_id
      WHERE i.notification_id = n.notification_id AND p.project_id = $1 AND p.user_id = $3)
      OR EXISTS (
      SELECT 1 FROM jsonb_array_elements(n.request -> 'recipients') r
      WHERE r = to_jsonb($3::text) OR r ->> 'id' = $3))
ORDER BY n.notification_id DESC LIMIT $6

-- name: read_many
SELECT * FROM notifications WHERE notification_id = ANY($1::uuid[])

-- name: share_notification
SELECT * FROM notifications WHERE notification_id = $1 FOR SHARE

-- name: lock_notification
SELECT * FROM notifications WHERE project_id = $1 AND notification_id = $2 FOR UPDATE

-- name: ids_of_cancellation_key
SELECT notification_id FROM notifications
WHERE project_id = $1 AND cancellation_key = $2 AND cancelled_at IS NULL
ORDER BY notification_id

-- name: set_cancelled
UPDATE notifications SET cancelled_at = date_trunc('milliseconds', clock_timestamp()) WHERE notification_id = $1

-- name: exclude_users
UPDATE notifications SET excluded_users = (
    SELECT array_agg(DISTINCT u) FROM unnest(COALESCE(excluded_users, '{}') || $2::text[]) AS u
) WHERE notification_id = $1

-- name: set_recipients
UPDATE notifications SET recipients = $2 WHERE notification_id = $1

-- name: insert_broadcast
-- The number is taken under the project's row lock, so that numbers follow the order of commits: a head that has pulled
-- up to n can have missed none below.
WITH taken AS (UPDATE projects SET broadcast_seq = broadcast_seq + 1 WHERE project_id = $1 RETURNING broadcast_seq)
INSERT INTO broadcasts (project_id, broadcast_seq, notification_id, people_upto)
SELECT $1, t.broadcast_seq, n.notification_id, n.people_upto FROM taken t, notifications n WHERE n.notification_id = $2
RETURNING broadcast_seq

-- name: pending_broadcasts
-- For each position of $2, the next $3 broadcasts that are neither cancelled nor expired.
SELECT w.upto, b.broadcast_seq, b.notification_id, b.people_upto
FROM unnest($2::bigint[]) AS w (upto)
CROSS JOIN LATERAL (
    SELECT b.broadcast_seq, b.notification_id, b.people_upto
    FROM broadcasts b JOIN notifications n ON n.notification_id = b.notification_id
    WHERE b.project_id = $1 AND b.broadcast_seq > w.upto AND n.cancelled_at IS NULL
      AND (n.expires_at IS NULL OR n.expires_at > clock_timestamp())
    ORDER BY b.broadcast_seq LIMIT $3
) b
ORDER BY w.upto, b.broadcast_seq

-- name: share_live
-- Unexpired and uncancelled, shared so that a cancellation waits for whoever is pulling.
SELECT * FROM notifications
WHERE notification_id = ANY($1::uuid[]) AND cancelled_at IS NULL
  AND (expires_at IS NULL OR expires_at > clock_timestamp())
ORDER BY notification_id
FOR SHARE

-- name: find_actors
SELECT p.project_id, p.user_id, p.name, p.avatar_url
FROM unnest((SELECT $1::int[]), (SELECT $2::text[])) AS w (project_id, user_id)
CROSS JOIN LATERAL (
    SELECT project_id, user_id, name, avatar_url FROM people
    WHERE project_id = w.project_id AND user_id = w.user_id OFFSET 0
) p

-- name: count_recipients
-- Of a broadcast: who was there when it was accepted, and who got it beside that by name or topic.
UPDATE notifications n SET recipients =
    (SELECT count(*) FROM people p WHERE p.project_id = n.project_id AND p.person_id > 0 AND p.person_id <= n.people_upto)
    + (SELECT count(*) FROM inbox_items i WHERE i.notification_id = n.notification_id AND i.person_id > n.people_upto)
WHERE n.notification_id = $1

-- name: lock_people
-- In the order in which everybody takes people (put_people, ensure_people): by name, not by id.
SELECT person_id FROM people WHERE person_id = ANY($1::bigint[]) ORDER BY project_id, user_id FOR NO KEY UPDATE

-- name: update_people
-- Fields given beside a recipient's id; null leaves what is stored. `lock_people` was run before.
UPDATE people p SET
    name = COALESCE(w.name, p.name), email = COALESCE(w.email, p.email), phone = COALESCE(w.phone, p.phone),
    locale = COALESCE(w.locale, p.locale), timezone = COALESCE(w.timezone, p.timezone),
    avatar_url = COALESCE(w.avatar_url, p.avatar_url), updated_at = now()
FROM unnest($1::bigint[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[])
    AS w (person_id, name, email, phone, locale, timezone, avatar_url)
WHERE p.person_id = w.person_id
  AND (COALESCE(w.name, p.name), COALESCE(w.email, p.email), COALESCE(w.phone, p.phone), COALESCE(w.locale, p.locale),
       COALESCE(w.timezone, p.timezone), COALESCE(w.avatar_url, p.avatar_url))
      IS DISTINCT FROM (p.name, p.email, p.phone, p.locale, p.timezone, p.avatar_url)
