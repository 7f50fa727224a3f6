-- name: insert_events
INSERT INTO events (event_id, project_id, person_id, notification_id, delivery_id, category, channel, event, provider,
                    automated, detail, at)
SELECT w.event_id, w.project_id, w.person_id, w.notification_id, w.delivery_id, w.category, w.channel, w.event, w.provider,
       w.automated, w.detail, COALESCE(w.at, clock_timestamp())
FROM unnest($1::uuid[], $2::int[], $3::bigint[], $4::uuid[], $5::uuid[], $6::text[], $7::text[], $8::text[], $9::text[],
            $10::boolean[], $11::jsonb[], $12::timestamptz[])
    AS w (event_id, project_id, person_id, notification_id, delivery_id, category, channel, event, provider, automated,
          detail, at)
