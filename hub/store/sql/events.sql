-- name: insert_events
-- What is there already (the index events_once) stays as it is.
INSERT INTO events (event_id, project_id, person_id, notification_id, delivery_id, category, channel, event, provider,
                    automated, detail, at, link)
SELECT w.event_id, w.project_id, w.person_id, w.notification_id, w.delivery_id, w.category, w.channel, w.event, w.provider,
       w.automated, w.detail, COALESCE(w.at, clock_timestamp()), w.link
FROM unnest($1::uuid[], $2::int[], $3::bigint[], $4::uuid[], $5::uuid[], $6::text[], $7::text[], $8::text[], $9::text[],
            $10::boolean[], $11::jsonb[], $12::timestamptz[], $13::smallint[])
    AS w (event_id, project_id, person_id, notification_id, delivery_id, category, channel, event, provider, automated,
          detail, at, link)
ON CONFLICT DO NOTHING
RETURNING event_id

-- name: record_sent
-- What closes a push is no message of its own.
INSERT INTO events (project_id, person_id, notification_id, delivery_id, category, channel, provider, event, at)
SELECT project_id, person_id, notification_id, delivery_id, category, channel, provider, 'sent', finished_at
FROM deliveries WHERE delivery_id = ANY($1::uuid[]) AND kind = 'step'
ON CONFLICT DO NOTHING

-- name: sent_messages
-- What is known of these deliveries ($1), of these people ($2): where a link of theirs leads from. `item_id` is null for a
-- digest, which speaks for many items, and where there is none.
SELECT d.delivery_id, d.project_id, d.person_id, d.notification_id, d.category, d.channel, d.provider, p.user_id,
       COALESCE(d.finished_at, clock_timestamp()) AS sent_at, clock_timestamp() AS now,
       CASE WHEN d.gathered IS NULL THEN i.item_id END AS item_id
FROM unnest($1::uuid[], $2::bigint[]) AS w (delivery_id, person_id)
JOIN deliveries d ON d.delivery_id = w.delivery_id AND d.person_id = w.person_id
JOIN people p ON p.person_id = d.person_id
LEFT JOIN inbox_items i ON i.person_id = d.person_id AND i.notification_id = d.notification_id AND i.removed_at IS NULL
FOR KEY SHARE OF p

-- name: count_events
-- $1 project; $2, $3 from, before; $4 category, $5 channel, $6 provider; $7 the categories of the key; $8 by day; $9 limit
SELECT CASE WHEN $8 THEN (at AT TIME ZONE 'UTC')::date END AS day, category, channel, provider, event, automated,
       count(*) AS count
FROM events
WHERE project_id = $1 AND at >= $2 AND at < $3
  AND ($4::text IS NULL OR category = $4) AND ($5::text IS NULL OR channel = $5) AND ($6::text IS NULL OR provider = $6)
  AND ($7::text[] IS NULL OR category = ANY($7))
GROUP BY 1, 2, 3, 4, 5, 6
ORDER BY 1, 2, 3, 4 NULLS FIRST, 5, 6 LIMIT $9

-- name: delete_of_person
DELETE FROM events WHERE person_id = $1

-- name: purge
-- By age: a UUIDv7 begins with its time, so that the oldest are the first of the key.
DELETE FROM events WHERE event_id = ANY (ARRAY(
    SELECT event_id FROM events WHERE event_id < $1::uuid ORDER BY event_id LIMIT $2))
