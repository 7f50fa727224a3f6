-- name: insert_jobs
INSERT INTO jobs (job_id, project_id, notification_id, kind, lane, state, due_at)
SELECT w.job_id, w.project_id, w.notification_id, w.kind, w.lane, 'waiting', COALESCE(w.due_at, clock_timestamp())
FROM unnest($1::uuid[], $2::int[], $3::uuid[], $4::text[], $5::smallint[], $6::timestamptz[])
    AS w (job_id, project_id, notification_id, kind, lane, due_at)

-- name: claim
-- The most urgent due job: lane first, so that bulk never delays critical; then the longest due. Each lane is searched by
-- itself, up to now: what is scheduled for later in a higher lane is never walked over.
UPDATE jobs SET lease_until = clock_timestamp() + make_interval(secs => $1)
WHERE job_id = (
    SELECT j.job_id FROM (VALUES (0::smallint), (1::smallint), (2::smallint)) AS l (lane)
    CROSS JOIN LATERAL (
        SELECT job_id FROM jobs
        WHERE lane = l.lane AND state = 'waiting' AND due_at <= now() AND (lease_until IS NULL OR lease_until < now())
        ORDER BY due_at, job_id LIMIT 1
        FOR UPDATE SKIP LOCKED
    ) j
    LIMIT 1
)
RETURNING *, clock_timestamp() AS now

-- name: advance
-- Compare-and-set: a worker whose lease was lost and whose job went on elsewhere changes nothing and rolls back.
UPDATE jobs SET stage = $4, position = $5, delivered = delivered + $6, due_at = $7, lease_until = NULL, attempts = 0,
    last_error = NULL
WHERE job_id = $1 AND stage = $2 AND position = $3 AND state = 'waiting'

-- name: rearm
UPDATE jobs SET stage = 0, position = 0, due_at = $2, lease_until = NULL WHERE job_id = $1 AND state = 'waiting'

-- name: finish
UPDATE jobs SET state = $2, finished_at = clock_timestamp(), lease_until = NULL WHERE job_id = $1 AND state = 'waiting'

-- name: finish_of_notification
UPDATE jobs SET state = 'cancelled', finished_at = clock_timestamp(), lease_until = NULL
WHERE notification_id = $1 AND kind = 'fanout' AND state = 'waiting'
RETURNING job_id, delivered

-- name: failed
-- Waits before the next try: 1, 2, 4 … 60 s.
UPDATE jobs SET attempts = attempts + 1, last_error = left($2, 500),
    lease_until = clock_timestamp() + make_interval(secs => LEAST(60, power(2, LEAST(attempts, 10))))
WHERE job_id = $1

-- name: subscribers
SELECT s.person_id, p.user_id, p.timezone, p.preferences ->> 'delegate' AS delegate
FROM topics t
JOIN topic_subscribers s ON s.topic_id = t.topic_id
JOIN people p ON p.person_id = s.person_id
WHERE t.project_id = $1 AND t.topic = $2 AND s.person_id > $3
ORDER BY s.person_id LIMIT $4

-- name: everyone
-- `person_id > 0` as the index says it. Compared as a row: any plan follows the index, and none goes through other projects.
SELECT person_id, user_id, timezone, preferences ->> 'delegate' AS delegate FROM people
WHERE person_id > 0 AND (project_id, person_id) > ($1, $3) AND (project_id, person_id) <= ($1, $2)
ORDER BY project_id, person_id LIMIT $4

-- name: zones
SELECT user_id, timezone FROM people WHERE project_id = $1 AND user_id = ANY($2::text[])

-- name: project_zone
SELECT timezone FROM projects WHERE project_id = $1
