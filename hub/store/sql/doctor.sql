-- What `hub doctor` asks; never part of serving.

-- name: server
SELECT current_setting('server_version') AS version, current_setting('server_version_num')::int AS version_number,
       current_setting('fsync') AS fsync, current_setting('synchronous_commit') AS synchronous_commit,
       current_setting('autovacuum') AS autovacuum, current_setting('max_connections')::int AS max_connections

-- name: clock
SELECT clock_timestamp()

-- name: credentials
SELECT (SELECT count(*) FROM projects) AS projects,
       EXISTS (SELECT FROM projects WHERE name = $1) AS has_dev,
       EXISTS (SELECT FROM keys WHERE revoked_at IS NULL AND (expires_at IS NULL OR expires_at > clock_timestamp()))
           AS has_key

-- name: overdue_jobs
-- Jobs that nobody has taken up although they are due.
SELECT count(*) AS waiting, EXTRACT(epoch FROM clock_timestamp() - min(due_at))::float8 AS oldest
FROM jobs
WHERE state = 'waiting' AND due_at < clock_timestamp() AND (lease_until IS NULL OR lease_until < clock_timestamp())

-- name: overdue_deliveries
-- Deliveries whose time has come and that nobody has decided on, sent, or taken over from a worker that went away.
SELECT count(*) AS waiting, EXTRACT(epoch FROM clock_timestamp() - min(d.since))::float8 AS oldest FROM (
    SELECT due_at AS since FROM deliveries
    WHERE state IN ('waiting', 'due') AND digest_id IS NULL AND due_at < clock_timestamp()
    UNION ALL
    SELECT lease_until FROM deliveries WHERE state = 'claimed' AND lease_until < clock_timestamp()
) d

-- name: fresh_dead_letters
SELECT channel, reason, count(*) AS letters FROM deliveries
WHERE state = 'dead' AND finished_at > clock_timestamp() - interval '1 hour'
GROUP BY channel, reason ORDER BY letters DESC, channel, reason

-- name: ailing_webhooks
-- Endpoints that the hub switched off, and those that have taken nothing for an hour.
SELECT endpoint_id, NOT enabled AS off FROM webhook_endpoints
WHERE disabled_reason IS NOT NULL OR (enabled AND failing_since < clock_timestamp() - interval '1 hour')
ORDER BY endpoint_id LIMIT 20

-- name: some_person
-- Somebody to start a sample from, evenly among ids.
SELECT COALESCE(min(person_id) + floor(random() * (max(person_id) - min(person_id) + 1))::bigint, 0) FROM inbox_heads

-- name: inspect_heads
-- The next heads by key, with what their items say. One statement, one snapshot: a change under way shows in both or none.
WITH batch AS (
    SELECT person_id, rev, unseen, unread, total, delivered_rev FROM inbox_heads
    WHERE person_id > $1 ORDER BY person_id LIMIT $2
)
SELECT b.person_id, (b.unseen, b.unread, b.total) IS DISTINCT FROM (c.unseen, c.unread, c.total) AS wrong_counts,
       c.newest > b.rev OR b.delivered_rev > b.rev AS wrong_rev
FROM batch b
CROSS JOIN LATERAL (
    SELECT count(*) FILTER (WHERE i.seen_at IS NULL AND i.live)::int AS unseen,
           count(*) FILTER (WHERE i.read_at IS NULL AND i.live)::int AS unread,
           count(*) FILTER (WHERE i.live)::int AS total,
           COALESCE(max(i.rev), 0) AS newest
    FROM (
        SELECT rev, seen_at, read_at, removed_at IS NULL AND archived_at IS NULL AND snoozed_until IS NULL AS live
        FROM inbox_items WHERE person_id = b.person_id
    ) i
) c
ORDER BY b.person_id

-- name: count_items
-- Counts as the items say, for people whose heads the caller has locked in an earlier statement.
SELECT h.person_id, c.unseen, c.unread, c.total
FROM inbox_heads h
CROSS JOIN LATERAL (
    SELECT count(*) FILTER (WHERE i.seen_at IS NULL)::int AS unseen,
           count(*) FILTER (WHERE i.read_at IS NULL)::int AS unread, count(*)::int AS total
    FROM inbox_items i
    WHERE i.person_id = h.person_id AND i.removed_at IS NULL AND i.archived_at IS NULL AND i.snoozed_until IS NULL
) c
WHERE h.person_id = ANY($1::bigint[])

-- name: marketing_without_address
-- Categories whose e-mail ends as dead letters because it is marketing, and its project has no postal address.
SELECT j.name AS project, c.category
FROM categories c JOIN projects j USING (project_id)
WHERE c.policy ->> 'kind' = 'marketing' AND c.policy -> 'ladder' @> '[{"channel": "email"}]'
  AND COALESCE(j.brand ->> 'address', '') = ''
ORDER BY j.name, c.category LIMIT $1

-- name: in_want_of_links
-- Categories whose e-mail needs links that lead through the hub: marketing to unsubscribe, tracking to count.
SELECT j.name AS project, c.category, c.policy ->> 'kind' = 'marketing' AS marketing
FROM categories c JOIN projects j USING (project_id)
WHERE (c.policy ->> 'kind' = 'marketing' OR c.policy -> 'tracking' ->> 'opens' = 'true'
       OR c.policy -> 'tracking' ->> 'clicks' = 'true')
  AND c.policy -> 'ladder' @> '[{"channel": "email"}]'
ORDER BY marketing DESC, j.name, c.category LIMIT $1
