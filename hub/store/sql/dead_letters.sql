-- Dead letters: deliveries that were given up.

-- name: began
-- What was dead before this moment was dead when a call began. The next millisecond, because that is what callers are told.
SELECT date_trunc('milliseconds', clock_timestamp()) + interval '1 millisecond'

-- name: lock
-- The next of them by id, after $12, at most $13, held. $2 ids, $3 channel, $4 category, $5 user, $6 reason, $7 provider,
-- $8 since and $9 until (of the dispatch), $10 the categories of the key, $11 died before; $14 only what can be sent again:
-- its notification is still there, and its attempts stay within what the column holds.
SELECT delivery_id FROM deliveries d
WHERE project_id = $1 AND state = 'dead'
  AND ($2::uuid[] IS NULL OR delivery_id = ANY($2)) AND ($3::text IS NULL OR channel = $3)
  AND ($4::text IS NULL OR category = $4) AND ($6::text IS NULL OR reason = $6) AND ($7::text IS NULL OR provider = $7)
  AND ($5::text IS NULL OR person_id = (SELECT person_id FROM people WHERE project_id = $1 AND user_id = $5))
  AND ($8::timestamptz IS NULL OR dispatched_at >= $8) AND ($9::timestamptz IS NULL OR dispatched_at < $9)
  AND ($10::text[] IS NULL OR category = ANY($10)) AND finished_at < $11
  AND ($12::uuid IS NULL OR delivery_id > $12)
  AND (NOT $14 OR (attempts < 10000 AND EXISTS (SELECT FROM notifications n WHERE n.notification_id = d.notification_id)))
ORDER BY delivery_id LIMIT $13
FOR UPDATE OF d

-- name: replay
-- Held ones are decided on again, at once. Their attempts are counted on, so that the report of a worker that lost one long
-- ago fits no attempt to come; what was tried once has had its place in the order of first attempts.
UPDATE deliveries SET state = $2, reason = 'replayed', due_at = clock_timestamp(), attempts_before = attempts,
    ready_at = NULL, counted_at = NULL, finished_at = NULL, digest_id = NULL, shown = false,
    history = history || jsonb_build_array(jsonb_build_array(
        (EXTRACT(epoch FROM clock_timestamp()) * 1000)::bigint, channel, 'waiting', 'replayed', NULL, 'backend'))
WHERE delivery_id = ANY($1::uuid[])

-- name: purge
-- Held ones are no dead letters any more. What was tried stays told until deliveries of their age are deleted.
UPDATE deliveries SET state = $2, reason = 'purged', finished_at = clock_timestamp(),
    history = history || jsonb_build_array(jsonb_build_array(
        (EXTRACT(epoch FROM clock_timestamp()) * 1000)::bigint, channel, 'cancelled', 'purged', NULL, 'backend'))
WHERE delivery_id = ANY($1::uuid[])
