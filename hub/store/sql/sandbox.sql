-- name: write
-- Not for who was deleted meanwhile: nobody would delete it with them.
INSERT INTO sandbox_messages (delivery_id, project_id, person_id, channel, message)
SELECT m.* FROM unnest($1::uuid[], $2::int[], $3::bigint[], $4::text[], $5::jsonb[])
    AS m (delivery_id, project_id, person_id, channel, message)
JOIN people p USING (person_id) FOR KEY SHARE OF p
ON CONFLICT (delivery_id) DO UPDATE SET attempts = sandbox_messages.attempts + 1

-- name: list_messages
-- $2 channel, $3 category, $4 user, $5 positions before, $6 limit, $7 the categories of the key. Without the HTML of
-- mails, of which a page of a hundred would be megabytes.
SELECT m.position, m.delivery_id, d.notification_id, p.user_id, d.category, m.channel, d.kind,
       m.message #- '{rendered,html}' AS message, m.attempts, m.created_at
FROM sandbox_messages m JOIN deliveries d USING (delivery_id) JOIN people p ON p.person_id = m.person_id
WHERE m.project_id = $1
  AND ($2::text IS NULL OR m.channel = $2) AND ($3::text IS NULL OR d.category = $3)
  AND ($4::text IS NULL OR m.person_id = (SELECT person_id FROM people WHERE project_id = $1 AND user_id = $4))
  AND ($5::bigint IS NULL OR m.position < $5)
  AND ($7::text[] IS NULL OR d.category = ANY($7))
ORDER BY m.position DESC LIMIT $6

-- name: get_message
-- $3 the categories of the key
SELECT m.position, m.delivery_id, d.notification_id, p.user_id, d.category, m.channel, d.kind, m.message, m.attempts, m.created_at
FROM sandbox_messages m JOIN deliveries d USING (delivery_id) JOIN people p ON p.person_id = m.person_id
WHERE m.project_id = $1 AND m.delivery_id = $2 AND ($3::text[] IS NULL OR d.category = ANY($3))

-- name: purge
DELETE FROM sandbox_messages WHERE ctid = ANY (ARRAY(
    SELECT ctid FROM sandbox_messages WHERE created_at < now() - make_interval(days => $1) LIMIT $2))
