-- What providers report of mails after they took them; a delivery's history holds it, so that it is told once.

-- name: note_report
-- $1 project, $2 delivery, $3 event, $4 detail. Each event once: a second report of it waits for the first's row, and then
-- sees its entry.
UPDATE deliveries d SET history = d.history || jsonb_build_array(jsonb_build_array(
        (EXTRACT(epoch FROM clock_timestamp()) * 1000)::bigint, d.channel, $3::text, NULL, $4::text, 'provider'))
WHERE d.delivery_id = $2 AND d.project_id = $1 AND d.channel = 'email'
  AND NOT EXISTS (SELECT 1 FROM jsonb_array_elements(d.history) AS h (entry) WHERE h.entry ->> 2 = $3)
RETURNING d.delivery_id, d.project_id, d.person_id, d.notification_id, d.category, d.channel, d.provider

-- name: email_of
SELECT email FROM people WHERE person_id = $1

-- name: is_ours
SELECT EXISTS (SELECT 1 FROM deliveries WHERE delivery_id = $2 AND project_id = $1 AND channel = 'email')
