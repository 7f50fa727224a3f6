-- Deliveries: the queue and its history. Lock order: heads → items → deliveries → the order of a person's channel.

-- name: insert_deliveries
-- Rows as (delivery, person, position, which of the shared parts); what many have in common comes once, not in each row.
INSERT INTO deliveries (
    delivery_id, person_id, notification_id, project_id, category, kind, line, step, channel, condition, after_seconds,
    following, lane, position, state, reason, dispatched_at, due_at, finished_at, history, dedupe_key
)
SELECT r.delivery_id, r.person_id, s.notification_id, s.project_id, s.category, s.kind, s.line, s.step, s.channel,
       s.condition, s.after_seconds, s.following::jsonb, s.lane, r.position, s.state, s.reason, s.dispatched_at, s.due_at,
       s.finished_at, s.history::jsonb, s.dedupe_key
FROM unnest($1::uuid[], $2::bigint[], $3::bigint[], $4::int[]) AS r (delivery_id, person_id, position, place)
JOIN unnest(
    $5::uuid[], $6::int[], $7::text[], $8::text[], $9::smallint[], $10::smallint[], $11::text[], $12::text[], $13::int[],
    $14::text[], $15::smallint[], $16::text[], $17::text[], $18::timestamptz[], $19::timestamptz[], $20::timestamptz[],
    $21::text[], $22::text[]
) WITH ORDINALITY AS s (notification_id, project_id, category, kind, line, step, channel, condition, after_seconds,
                        following, lane, state, reason, dispatched_at, due_at, finished_at, history, dedupe_key, place)
    ON s.place = r.place
ON CONFLICT (notification_id, person_id, line, step, kind) DO NOTHING

-- name: by_index
-- For this transaction: rows are found by their indexes, in their order. A share is no number that the planner knows; it takes
-- it for a tenth of what waits, and then prefers to read and sort all of it (27 s to the claim of a critical one).
-- And takes the locks $1, one after the other; in a statement of its own, so that the next one sees what whoever held them
-- has committed.
SELECT set_config('enable_bitmapscan', 'off', true), set_config('enable_sort', 'off', true),
       set_config('enable_hashjoin', 'off', true), (SELECT count(pg_advisory_xact_lock(w.key)) FROM unnest($1::bigint[]) AS w (key))

-- name: lock_waiting
-- Whose time has come, of each lane the longest due, at most as many as the lane's share: $1, $2, $3.
SELECT d.delivery_id, l.lane
FROM (VALUES (0::smallint, $1::int), (1::smallint, $2::int), (2::smallint, $3::int)) AS l (lane, share)
CROSS JOIN LATERAL (
    SELECT delivery_id FROM deliveries
    WHERE lane + 0 = l.lane AND state = 'waiting' AND digest_id IS NULL AND due_at <= now()
    ORDER BY due_at, delivery_id LIMIT l.share
    FOR UPDATE SKIP LOCKED
) d

-- name: lock_one
SELECT delivery_id FROM deliveries
WHERE delivery_id = $1 AND state = 'waiting' AND digest_id IS NULL AND due_at <= now() FOR UPDATE SKIP LOCKED

-- name: put_off
UPDATE deliveries SET due_at = clock_timestamp() + make_interval(secs => $2) WHERE delivery_id = $1 AND state = 'waiting'

-- name: put_off_leases
UPDATE deliveries SET lease_until = clock_timestamp() + make_interval(secs => $2)
WHERE delivery_id = ANY($1::uuid[]) AND state = 'claimed'

-- name: read_facts
-- Everything that bears on these deliveries, as it is now; where nobody holds locks it is still one snapshot. Each is looked
-- up by itself: after `by_index` a planner walked everybody's deliveries in the order of people, to join them with those.
SELECT d.delivery_id, d.person_id, d.notification_id, d.project_id, d.category, d.kind, d.line, d.step, d.channel,
       d.condition, d.after_seconds, d.following, d.lane, d.position, d.state, d.reason, d.dispatched_at, d.due_at, d.ready_at, d.lease_until,
       d.attempts, d.attempts_before, d.digest_id, d.gathered, d.reached,
       p.user_id, p.name, p.timezone, p.preferences::text AS preferences, p.email, p.phone, p.push, p.locale,
       n.notification_id IS NOT NULL AS known, n.priority, n.request ->> 'tenant' AS tenant, n.request ->> 'test' AS test, n.expires_at, n.sandbox,
       n.cancelled_at IS NOT NULL OR p.user_id = ANY(n.excluded_users) AS cancelled,
       i.item_id IS NOT NULL AS stored, i.seen_at, i.read_at, i.removed_at,
       i.archived_at IS NOT NULL OR i.snoozed_until IS NOT NULL AS shelved,
       COALESCE(i.seen_at, i.removed_at, i.archived_at) IS NOT NULL AS dealt_with, h.delivered_rev >= i.seq AS acknowledged,
       clock_timestamp() AS now
FROM unnest($1::uuid[]) AS w (delivery_id)
CROSS JOIN LATERAL (SELECT * FROM deliveries WHERE delivery_id = w.delivery_id OFFSET 0) d
JOIN people p ON p.person_id = d.person_id
LEFT JOIN notifications n ON n.notification_id = d.notification_id
LEFT JOIN inbox_heads h ON h.person_id = d.person_id
LEFT JOIN inbox_items i ON i.notification_id = d.notification_id AND i.person_id = d.person_id
ORDER BY d.due_at, d.position, d.line, d.delivery_id

-- name: change
-- Moves deliveries on; each only from the state, attempt and lease in which it was read: a lease that was lost changes
-- nothing, nor does a report that is repeated after the same attempt was put back and claimed anew.
-- Past 50 entries a wait takes the place of the wait before it: for somebody who comes and goes all day they were 6,000.
-- Past 200 what lies in the middle is dropped. A claim that was put back without a word is as if it had not been: in an
-- outage of a day that happens some 300 times.
-- A push that ends otherwise after an attempt of which nothing was heard may show all the same.
-- The ids are asked for besides being joined: a plan made while the table was empty read all of it (11 s for 300 reports).
UPDATE deliveries d SET
    state = w.state, reason = w.reason, due_at = COALESCE(w.due_at, d.due_at), attempts = w.attempts,
    step = w.step, channel = w.channel, condition = w.condition, after_seconds = w.after_seconds,
    following = COALESCE(w.following::jsonb, d.following), digest_id = w.digest_id,
    gathered = COALESCE(w.gathered::jsonb, d.gathered),
    provider = COALESCE(w.provider, d.provider), reference = COALESCE(w.reference, d.reference),
    reached = COALESCE(w.reached::jsonb, d.reached),
    ready_at = CASE WHEN w.ready THEN COALESCE(d.ready_at, clock_timestamp()) ELSE d.ready_at END,
    counted_at = CASE WHEN w.counted THEN COALESCE(d.counted_at, clock_timestamp())
                      WHEN w.state IN ('waiting', 'skipped', 'cancelled', 'expired') THEN NULL ELSE d.counted_at END,
    finished_at = CASE WHEN w.finished THEN clock_timestamp() END,
    shown = w.channel = 'web_push' AND d.kind = 'step' AND d.gathered IS NULL
        AND (w.state = 'sent' OR (w.attempts > 0 AND w.state IN ('skipped', 'cancelled', 'expired'))
             OR (w.attempts > 0 AND w.state = 'dead' AND w.reason = 'attempts_spent')),
    lease_until = NULL,
    history = CASE WHEN w.state = 'waiting' AND w.history <> '[]' AND jsonb_array_length(d.history) >= 50
                        AND d.history #>> '{-1,2}' = 'waiting' THEN d.history - -1
                   WHEN w.state = 'due' AND w.history = '[]' AND d.history #>> '{-1,2}' = 'claimed' THEN d.history - -1
                   WHEN w.state IN ('waiting', 'due') AND jsonb_array_length(d.history) >= 200
                        THEN d.history - 100 - 100 - 100 - 100 - 100
                   ELSE d.history END || w.history::jsonb
FROM unnest(
    $1::uuid[], $2::text[], $3::smallint[], $4::text[], $5::text[], $6::timestamptz[], $7::smallint[], $8::smallint[],
    $9::text[], $10::text[], $11::int[], $12::text[], $13::uuid[], $14::text[], $15::boolean[], $16::boolean[],
    $17::boolean[], $18::text[], $19::text[], $20::text[], $21::text[], $22::timestamptz[]
) AS w (delivery_id, from_state, from_attempts, state, reason, due_at, attempts, step, channel, condition, after_seconds,
        following, digest_id, gathered, ready, counted, finished, history, provider, reference, reached, from_lease)
WHERE d.delivery_id = ANY($1::uuid[]) AND d.delivery_id = w.delivery_id AND d.state = w.from_state AND d.attempts = w.from_attempts
  AND d.lease_until IS NOT DISTINCT FROM w.from_lease
RETURNING d.delivery_id

-- name: clock
SELECT clock_timestamp()

-- name: promote
-- The first that is queued for each (person, channel, lane), where none is at its first attempt, and where none that came
-- before is still being decided on: by another worker, which will come here after it. Each look is a LIMIT 1 of its own, so
-- that no plan made on stale statistics reads all that is due once for each key; after `by_index`, for one that
-- reads all that waits and sorts it took 5 s in a backlog of 100,000, and critical ones waited for 14 s.
UPDATE deliveries d SET state = 'due', due_at = clock_timestamp(),
    history = d.history || jsonb_build_array(jsonb_build_array(
        (EXTRACT(epoch FROM clock_timestamp()) * 1000)::bigint, d.channel, 'due', 'ready', NULL, 'worker'))
WHERE d.state = 'queued' AND d.delivery_id = ANY (ARRAY(
    SELECT q.delivery_id
    FROM unnest($1::bigint[], $2::text[], $3::smallint[]) AS k (person_id, channel, lane)
    CROSS JOIN LATERAL (
        SELECT delivery_id, position FROM deliveries
        WHERE person_id = k.person_id AND channel = k.channel AND lane = k.lane AND state = 'queued'
        ORDER BY position, delivery_id LIMIT 1
    ) q
    LEFT JOIN LATERAL (
        SELECT position, due_at FROM deliveries
        WHERE person_id = k.person_id AND channel = k.channel AND lane = k.lane AND state = 'waiting'
          AND digest_id IS NULL AND person_id > 0
        ORDER BY due_at LIMIT 1
    ) w ON true
    LEFT JOIN LATERAL (
        SELECT delivery_id FROM deliveries
        WHERE person_id = k.person_id AND channel = k.channel AND lane = k.lane
          AND ((state = 'due' AND attempts = 0) OR (state = 'claimed' AND attempts = 1))
        LIMIT 1
    ) a ON true
    WHERE a.delivery_id IS NULL AND (w.position IS NULL OR w.due_at > now() OR w.position >= q.position)
))
RETURNING d.person_id, d.channel, d.lane, d.attempts

-- name: stranded
-- Where something is queued behind nothing: only after a cancellation met a promotion. Walks keys, not rows; the $4 after
-- $1, $2, $3, each with whether it is such. After `by_index`: sorting what is left for each key took 5 s.
WITH RECURSIVE keys AS (
    (SELECT person_id, channel, lane FROM deliveries
     WHERE state = 'queued' AND (person_id, channel, lane) > ($1::bigint, $2::text, $3::smallint)
     ORDER BY person_id, channel, lane LIMIT 1)
    UNION ALL
    SELECT n.person_id, n.channel, n.lane FROM keys k
    CROSS JOIN LATERAL (
        SELECT person_id, channel, lane FROM deliveries
        WHERE state = 'queued' AND (person_id, channel, lane) > (k.person_id, k.channel, k.lane)
        ORDER BY person_id, channel, lane LIMIT 1
    ) n
)
SELECT k.person_id, k.channel, k.lane, a.delivery_id IS NULL AS stranded FROM (SELECT * FROM keys LIMIT $4) k
LEFT JOIN LATERAL (
    SELECT delivery_id FROM deliveries
    WHERE person_id = k.person_id AND channel = k.channel AND lane = k.lane
      AND ((state = 'due' AND attempts = 0) OR (state = 'claimed' AND attempts = 1))
    LIMIT 1
) a ON true
ORDER BY k.person_id, k.channel, k.lane

-- name: busy_projects
-- Projects that have as many claimed as one may have. Each is counted in its own part of an index, which no plan misses.
SELECT j.project_id FROM projects j
CROSS JOIN LATERAL (
    SELECT FROM deliveries WHERE project_id = j.project_id AND state = 'claimed' OFFSET $1 - 1 LIMIT 1
) c

-- name: claim
-- $1 channel; $2, $3, $4 shares of the lanes; $5 projects to leave out; $6 seconds of lease. Each project's queue is
-- searched by itself: what a busy one has waiting is never walked over. The chosen are an array, not a join: the planner
-- cannot know that they are few, and would read the whole table to find them.
UPDATE deliveries d SET state = 'claimed', attempts = attempts + 1,
    lease_until = clock_timestamp() + make_interval(secs => $6),
    history = d.history || jsonb_build_array(jsonb_build_array(
        (EXTRACT(epoch FROM clock_timestamp()) * 1000)::bigint, d.channel, 'claimed', NULL, 'attempt ' || (attempts + 1),
        'worker'))
WHERE d.delivery_id = ANY (ARRAY(
    SELECT o.delivery_id
    FROM (VALUES (0::smallint, $2::int), (1::smallint, $3::int), (2::smallint, $4::int)) AS l (lane, share)
    CROSS JOIN LATERAL (
        SELECT d.delivery_id FROM projects j
        CROSS JOIN LATERAL (
            SELECT delivery_id, due_at FROM deliveries
            WHERE channel = $1 AND lane = l.lane AND project_id = j.project_id AND state = 'due' AND due_at <= now()
            ORDER BY due_at, delivery_id LIMIT l.share
            FOR UPDATE SKIP LOCKED
        ) d
        WHERE j.project_id <> ALL ($5::int[])
        ORDER BY d.due_at, d.delivery_id LIMIT l.share
    ) o
))
RETURNING d.delivery_id, d.lane, d.attempts

-- name: lost_leases
SELECT delivery_id, person_id, channel, lane, attempts FROM deliveries
WHERE state = 'claimed' AND lease_until < now() LIMIT $1
FOR UPDATE SKIP LOCKED

-- name: decide_again
-- What waits for these people to leave: $1 projects, $2 users. An array, and each person looked up by themselves: a plan made
-- on stale statistics would compare all of them with all that waits (5 s).
UPDATE deliveries SET due_at = clock_timestamp()
WHERE state = 'waiting' AND delivery_id = ANY (ARRAY(
    SELECT d.delivery_id
    FROM unnest($1::int[], $2::text[]) AS w (project_id, user_id)
    CROSS JOIN LATERAL (
        SELECT person_id FROM people WHERE project_id = w.project_id AND user_id = w.user_id OFFSET 0
    ) p
    CROSS JOIN LATERAL (
        SELECT delivery_id FROM deliveries
        WHERE person_id = p.person_id AND person_id > 0 AND state = 'waiting' AND digest_id IS NULL
          AND condition IN ('offline', 'away') AND due_at > clock_timestamp()
        OFFSET 0
    ) d
))

-- name: cancel
-- Of these notifications, for these people: what has not been claimed. What is due or claimed finds out right before sending.
UPDATE deliveries SET state = 'cancelled', reason = 'cancelled', finished_at = clock_timestamp(),
    history = history || jsonb_build_array(jsonb_build_array(
        (EXTRACT(epoch FROM clock_timestamp()) * 1000)::bigint, channel, 'cancelled', 'cancelled', NULL, 'backend'))
WHERE notification_id = ANY($1::uuid[]) AND person_id = ANY($2::bigint[]) AND state IN ('waiting', 'queued')
RETURNING person_id

-- name: find_shown
-- Pushes that show and whose item the person has dealt with, or the backend cancelled: of these people ($1) and among these
-- deliveries ($2). Nearly always none. Each is looked up by itself, and whether it shows is asked as a number, so that no
-- plan made on stale statistics walks all that show (170 ms for every report of a batch, where 100,000 did).
SELECT d.delivery_id
FROM (
    SELECT s.delivery_id FROM unnest($1::bigint[]) AS p (person_id)
    CROSS JOIN LATERAL (SELECT delivery_id FROM deliveries WHERE person_id = p.person_id AND shown OFFSET 0) s
    UNION SELECT unnest($2::uuid[])
) w
CROSS JOIN LATERAL (
    SELECT delivery_id, notification_id, person_id FROM deliveries
    WHERE delivery_id = w.delivery_id AND shown::int = 1 OFFSET 0
) d
CROSS JOIN LATERAL (
    SELECT FROM inbox_items
    WHERE notification_id = d.notification_id AND person_id = d.person_id
      AND (seen_at IS NOT NULL OR removed_at IS NOT NULL OR archived_at IS NOT NULL)
    OFFSET 0
) i

-- name: hide_shown
-- Of these, which `find_shown` found; told once: a delivery that closes each follows.
UPDATE deliveries d SET shown = false
FROM inbox_items i
JOIN people p ON p.person_id = i.person_id
LEFT JOIN notifications n ON n.notification_id = i.notification_id
WHERE d.delivery_id = ANY ($1::uuid[])
  AND d.shown::int = 1 AND i.notification_id = d.notification_id AND i.person_id = d.person_id
  AND (i.seen_at IS NOT NULL OR i.removed_at IS NOT NULL OR i.archived_at IS NOT NULL)
RETURNING d.person_id, d.notification_id, d.project_id, d.category, d.line, d.step, d.channel, d.position,
    CASE WHEN i.removed_at >= n.cancelled_at OR (i.removed_at IS NOT NULL AND p.user_id = ANY(n.excluded_users)) THEN 'cancelled'
         WHEN i.read_at IS NOT NULL THEN 'read' WHEN i.seen_at IS NOT NULL THEN 'seen'
         WHEN i.removed_at IS NOT NULL THEN 'removed' ELSE 'archived' END AS why, clock_timestamp() AS now

-- name: delete_of_person
-- A person goes with everything about them.
WITH gone AS (DELETE FROM digests WHERE person_id = $1), messages AS (DELETE FROM sandbox_messages WHERE person_id = $1),
     told AS (DELETE FROM webhook_messages WHERE person_id = $1)
DELETE FROM deliveries WHERE person_id = $1

-- name: delete_orphans
-- Of these, what belongs to nobody any more: rows of a project that was removed, or written while a person was.
DELETE FROM deliveries d
WHERE delivery_id = ANY($1::uuid[]) AND NOT EXISTS (SELECT 1 FROM people p WHERE p.person_id = d.person_id)

-- name: purge_of_gone_projects
-- What is due there is claimed by nobody, and what is queued behind it never comes; everything else is found when its time
-- comes. Walks keys, not rows; who is found goes with everything about them.
WITH RECURSIVE keys AS (
    (SELECT channel, lane, project_id FROM deliveries WHERE state = 'due' ORDER BY channel, lane, project_id LIMIT 1)
    UNION ALL
    SELECT n.channel, n.lane, n.project_id FROM keys k
    CROSS JOIN LATERAL (
        SELECT channel, lane, project_id FROM deliveries
        WHERE state = 'due' AND (channel, lane, project_id) > (k.channel, k.lane, k.project_id)
        ORDER BY channel, lane, project_id LIMIT 1
    ) n
)
DELETE FROM deliveries WHERE person_id = ANY (ARRAY(
    SELECT d.person_id FROM keys k
    CROSS JOIN LATERAL (
        SELECT person_id FROM deliveries
        WHERE channel = k.channel AND lane = k.lane AND project_id = k.project_id AND state = 'due' LIMIT $1
    ) d
    WHERE NOT EXISTS (SELECT 1 FROM projects j WHERE j.project_id = k.project_id)
    LIMIT $1))

-- name: purge
-- Finished ones by age: UUIDv7 begins with its time, so that the oldest are the first of the key.
DELETE FROM deliveries WHERE delivery_id = ANY (ARRAY(
    SELECT delivery_id FROM deliveries
    WHERE delivery_id < $1::uuid AND finished_at IS NOT NULL ORDER BY delivery_id LIMIT $2))

-- name: list_deliveries
-- $2 state, $3 channel, $4 category, $5 user, $6 ids before, $7 limit, $8 the categories of the key, $9 reason, $10 provider,
-- $11 since and $12 until, of the dispatch
SELECT d.delivery_id, d.notification_id, p.user_id, d.category, d.channel, d.state, d.reason, d.condition, d.attempts, d.due_at,
       d.dispatched_at, d.finished_at, d.kind, d.provider, d.history #>> '{-1,4}' AS detail
FROM deliveries d JOIN people p ON p.person_id = d.person_id
WHERE d.project_id = $1
  AND ($2::text IS NULL OR d.state = $2) AND ($3::text IS NULL OR d.channel = $3) AND ($4::text IS NULL OR d.category = $4)
  AND ($5::text IS NULL OR d.person_id = (SELECT person_id FROM people WHERE project_id = $1 AND user_id = $5))
  AND ($6::uuid IS NULL OR d.delivery_id < $6)
  AND ($8::text[] IS NULL OR d.category = ANY($8))
  AND ($9::text IS NULL OR d.reason = $9) AND ($10::text IS NULL OR d.provider = $10)
  AND ($11::timestamptz IS NULL OR d.dispatched_at >= $11) AND ($12::timestamptz IS NULL OR d.dispatched_at < $12)
ORDER BY d.delivery_id DESC LIMIT $7

-- name: get_delivery
SELECT d.*, p.user_id, d.history #>> '{-1,4}' AS detail
FROM deliveries d JOIN people p ON p.person_id = d.person_id
WHERE d.project_id = $1 AND d.delivery_id = $2
