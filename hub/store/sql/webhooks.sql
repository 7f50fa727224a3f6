-- Webhooks: endpoints, and the messages to them; the table is the queue.

-- name: lock_project
-- One at a time makes an endpoint in a project, so that the bound of their number holds.
SELECT project_id FROM projects WHERE project_id = $1 FOR NO KEY UPDATE

-- name: count_endpoints
SELECT count(*) FROM webhook_endpoints WHERE project_id = $1

-- name: insert_endpoint
INSERT INTO webhook_endpoints (endpoint_id, project_id, url, events, description, secret, enabled, disabled_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, CASE WHEN NOT $7 THEN clock_timestamp() END)
RETURNING *

-- name: list_endpoints
SELECT * FROM webhook_endpoints WHERE project_id = $1 ORDER BY endpoint_id

-- name: get_endpoint
SELECT * FROM webhook_endpoints WHERE project_id = $1 AND endpoint_id = $2

-- name: lock_endpoint
SELECT * FROM webhook_endpoints WHERE project_id = $1 AND endpoint_id = $2 FOR NO KEY UPDATE

-- name: update_endpoint
-- Whoever changes the URL, or switches it on again, has mended what failed there.
UPDATE webhook_endpoints SET url = $2, events = $3, description = $4, enabled = $5,
    disabled_at = CASE WHEN $5 THEN NULL WHEN enabled THEN clock_timestamp() ELSE disabled_at END,
    disabled_reason = CASE WHEN NOT $5 AND NOT enabled THEN disabled_reason END,
    failures = CASE WHEN $6 THEN 0 ELSE failures END,
    failing_since = CASE WHEN $6 THEN NULL ELSE failing_since END,
    paused_until = CASE WHEN $6 THEN NULL ELSE paused_until END,
    updated_at = clock_timestamp()
WHERE endpoint_id = $1
RETURNING *

-- name: rotate_secret
UPDATE webhook_endpoints SET secret = $3, previous_secret = secret,
    previous_until = clock_timestamp() + make_interval(secs => $4), updated_at = clock_timestamp()
WHERE project_id = $1 AND endpoint_id = $2
RETURNING *

-- name: delete_endpoint
DELETE FROM webhook_endpoints WHERE project_id = $1 AND endpoint_id = $2

-- name: wanted
SELECT EXISTS (SELECT FROM webhook_endpoints WHERE events && $1::text[])

-- name: tell_of_deliveries
-- In the transaction that settles them: $1 deliveries, $2 the ids of their messages.
INSERT INTO webhook_messages (endpoint_id, message_id, person_id, type, at, data, retry_until)
SELECT w.endpoint_id, t.message_id, d.person_id, 'delivery.' || d.state, COALESCE(d.finished_at, clock_timestamp()),
       jsonb_build_object('user', p.user_id, 'notification_id', d.notification_id, 'delivery_id', d.delivery_id,
                          'category', d.category, 'channel', d.channel, 'provider', d.provider, 'reason', d.reason,
                          'attempts', d.attempts),
       clock_timestamp() + make_interval(secs => $3)
FROM unnest($1::uuid[], $2::uuid[]) AS t (delivery_id, message_id)
JOIN deliveries d ON d.delivery_id = t.delivery_id AND d.kind = 'step'
JOIN people p ON p.person_id = d.person_id
JOIN webhook_endpoints w ON w.project_id = d.project_id AND 'delivery.' || d.state = ANY(w.events)

-- name: insert_message
INSERT INTO webhook_messages (endpoint_id, message_id, type, at, data, retry_until)
VALUES ($1, $2, $3, clock_timestamp(), $4, clock_timestamp() + make_interval(secs => $5))

-- name: claim
-- $1 at most so many; $2 of one endpoint at once, over all workers; one at once where the last failed. Endpoints by chance: a
-- backlog of some starves no other. The chosen are an array: no plan reads the table to find them.
UPDATE webhook_messages m SET state = 'claimed', attempts = attempts + 1,
    lease_until = clock_timestamp() + make_interval(secs => $3)
FROM webhook_endpoints w
WHERE w.endpoint_id = m.endpoint_id AND m.state = 'due' AND m.position = ANY (ARRAY(
    SELECT d.position FROM webhook_endpoints e
    CROSS JOIN LATERAL (
        SELECT count(*) AS claimed FROM webhook_messages c WHERE c.endpoint_id = e.endpoint_id AND c.state = 'claimed'
    ) b
    CROSS JOIN LATERAL (
        SELECT position FROM webhook_messages
        WHERE endpoint_id = e.endpoint_id AND state = 'due' AND due_at <= now() AND retry_until > now()
        ORDER BY due_at
        LIMIT GREATEST(0, CASE WHEN e.failures = 0 THEN $2::bigint ELSE 1 END - b.claimed)
        FOR UPDATE SKIP LOCKED
    ) d
    WHERE e.enabled AND (e.paused_until IS NULL OR e.paused_until <= now())
    ORDER BY random() LIMIT $1
))
RETURNING m.position, m.endpoint_id, m.message_id, m.type, m.at, m.data, m.attempts, m.attempts_before, m.retry_until, w.url,
    w.secret, CASE WHEN w.previous_until > clock_timestamp() THEN w.previous_secret END AS previous_secret, w.failures

-- name: settle
-- Each only at the attempt that was claimed. Of attempts the newest 20 are told.
UPDATE webhook_messages m SET state = w.state, due_at = COALESCE(w.due_at, m.due_at), lease_until = NULL,
    finished_at = CASE WHEN w.state IN ('sent', 'failed') THEN clock_timestamp() END,
    history = CASE WHEN jsonb_array_length(m.history) >= 20 THEN m.history - 0 ELSE m.history END || w.history::jsonb
FROM unnest($1::bigint[], $2::smallint[], $3::text[], $4::timestamptz[], $5::text[])
    AS w (position, attempts, state, due_at, history)
WHERE m.position = w.position AND m.state = 'claimed' AND m.attempts = w.attempts

-- name: settle_endpoints
-- What attempts say of their endpoints: $1 endpoints, $2 one was taken, $3 gone for ever, $4 seconds to leave it alone, $5
-- seconds of failure after which one is switched off. In the order of ids: of two reports neither waits for the other.
WITH held AS (
    SELECT endpoint_id FROM webhook_endpoints WHERE endpoint_id = ANY($1::uuid[]) ORDER BY endpoint_id FOR NO KEY UPDATE
)
UPDATE webhook_endpoints e SET
    failures = CASE WHEN w.ok THEN 0 ELSE e.failures + 1 END,
    failing_since = CASE WHEN NOT w.ok THEN COALESCE(e.failing_since, clock_timestamp()) END,
    paused_until = CASE WHEN w.pause IS NOT NULL THEN clock_timestamp() + make_interval(secs => w.pause) END,
    enabled = e.enabled AND NOT o.off,
    disabled_at = CASE WHEN e.enabled AND o.off THEN clock_timestamp() ELSE e.disabled_at END,
    disabled_reason = CASE WHEN e.enabled AND o.off THEN CASE WHEN w.gone THEN 'gone' ELSE 'failing' END
                           ELSE e.disabled_reason END
FROM held h
JOIN unnest($1::uuid[], $2::boolean[], $3::boolean[], $4::float8[]) AS w (endpoint_id, ok, gone, pause)
    ON w.endpoint_id = h.endpoint_id
JOIN webhook_endpoints f ON f.endpoint_id = w.endpoint_id
CROSS JOIN LATERAL (
    SELECT w.gone OR (NOT w.ok AND f.failing_since < clock_timestamp() - make_interval(secs => $5)) IS TRUE AS off
) o
WHERE e.endpoint_id = w.endpoint_id
  AND (NOT w.ok OR e.failures > 0 OR e.failing_since IS NOT NULL OR e.paused_until IS NOT NULL)
RETURNING e.endpoint_id, e.enabled

-- name: recover
-- What workers that went away had claimed; its attempt counts.
UPDATE webhook_messages SET state = 'due', due_at = clock_timestamp(), lease_until = NULL
WHERE position = ANY (ARRAY(
    SELECT position FROM webhook_messages WHERE state = 'claimed' AND lease_until < now() LIMIT $1 FOR UPDATE SKIP LOCKED))

-- name: give_up
-- What nobody took in its time: its endpoint was switched off, or left alone.
UPDATE webhook_messages SET state = 'failed', finished_at = clock_timestamp()
WHERE position = ANY (ARRAY(
    SELECT m.position FROM webhook_endpoints e
    CROSS JOIN LATERAL (
        SELECT position FROM webhook_messages
        WHERE endpoint_id = e.endpoint_id AND state = 'due' AND retry_until <= now()
        ORDER BY due_at LIMIT $1
        FOR UPDATE SKIP LOCKED
    ) m
    LIMIT $1))

-- name: list_messages
SELECT position, message_id, type, at, data, state, attempts, due_at, finished_at, history FROM webhook_messages
WHERE endpoint_id = $1 AND ($2::text IS NULL OR state = $2) AND ($3::bigint IS NULL OR position < $3)
ORDER BY position DESC LIMIT $4

-- name: start_replay
-- Counted, and then done by a worker bit by bit, up to what is there now.
UPDATE webhook_endpoints e SET replay_since = $2, replay_after = 0, replay_upto = c.upto
FROM (SELECT COALESCE(max(position), 0) AS upto, count(*) FILTER (WHERE at >= $2 AND state <> 'claimed') AS messages
      FROM webhook_messages WHERE endpoint_id = $1) c
WHERE e.endpoint_id = $1
RETURNING c.messages

-- name: lock_replay
SELECT endpoint_id, replay_since, replay_after, replay_upto FROM webhook_endpoints WHERE replay_since IS NOT NULL
ORDER BY random() LIMIT 1
FOR NO KEY UPDATE SKIP LOCKED

-- name: replay
-- The next $5 by position; how far that came, and what of it is sent again, with a new budget.
WITH next AS (
    SELECT position FROM webhook_messages WHERE endpoint_id = $1 AND position > $3 AND position <= $4
    ORDER BY position LIMIT $5
), again AS (
    UPDATE webhook_messages SET state = 'due', due_at = clock_timestamp(), attempts_before = attempts, finished_at = NULL,
        retry_until = clock_timestamp() + make_interval(secs => $6)
    WHERE position = ANY (ARRAY(SELECT position FROM next)) AND at >= $2 AND state <> 'claimed' AND attempts < 10000
)
SELECT max(position) FROM next

-- name: advance_replay
UPDATE webhook_endpoints SET replay_since = CASE WHEN $2::bigint IS NOT NULL THEN replay_since END,
    replay_after = $2, replay_upto = CASE WHEN $2::bigint IS NOT NULL THEN replay_upto END
WHERE endpoint_id = $1

-- name: purge
-- The oldest by position, as far as they are too old.
DELETE FROM webhook_messages WHERE position = ANY (ARRAY(
    SELECT position FROM (SELECT position, at FROM webhook_messages ORDER BY position LIMIT $2) m
    WHERE at < clock_timestamp() - make_interval(days => $1)))

-- name: purge_of_gone
-- What was for endpoints that were deleted: key by key.
WITH RECURSIVE keys AS (
    (SELECT endpoint_id FROM webhook_messages ORDER BY endpoint_id LIMIT 1)
    UNION ALL
    SELECT n.endpoint_id FROM keys k
    CROSS JOIN LATERAL (
        SELECT endpoint_id FROM webhook_messages WHERE endpoint_id > k.endpoint_id ORDER BY endpoint_id LIMIT 1
    ) n
)
DELETE FROM webhook_messages WHERE position = ANY (ARRAY(
    SELECT m.position FROM keys k
    CROSS JOIN LATERAL (SELECT position FROM webhook_messages WHERE endpoint_id = k.endpoint_id LIMIT $1) m
    WHERE NOT EXISTS (SELECT FROM webhook_endpoints e WHERE e.endpoint_id = k.endpoint_id)
    LIMIT $1))
