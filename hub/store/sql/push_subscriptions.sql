-- name: of_people
SELECT person_id, subscription_id, endpoint, p256dh, auth FROM push_subscriptions
WHERE person_id = ANY($1::bigint[]) AND gone_at IS NULL
ORDER BY person_id, subscription_id

-- name: list
SELECT subscription_id, endpoint, user_agent, created_at, confirmed_at, expires_at FROM push_subscriptions
WHERE project_id = $1 AND person_id = $2 AND gone_at IS NULL
ORDER BY subscription_id

-- name: lock_endpoint
-- Whose a browser is changes only under this lock: a row cannot be locked that is not there yet.
SELECT pg_advisory_xact_lock(hashtextextended('push ' || $2, $1))

-- name: lock_person
-- Who tells of a browser of this person does so one after the other.
SELECT person_id FROM people WHERE project_id = $1 AND person_id = $2 FOR NO KEY UPDATE

-- name: lock_both
-- The person, and whose the browser is so far. In the order of names, in which everybody takes people.
SELECT person_id FROM people
WHERE project_id = $1 AND person_id IN (
    SELECT $2::bigint UNION ALL SELECT person_id FROM push_subscriptions WHERE project_id = $1 AND endpoint = $3)
ORDER BY user_id FOR NO KEY UPDATE

-- name: lock_owners
-- Whose these are, of any project.
SELECT FROM people
WHERE person_id IN (SELECT person_id FROM push_subscriptions WHERE subscription_id = ANY($1::uuid[]))
ORDER BY project_id, user_id FOR NO KEY UPDATE

-- name: put
-- A browser that was somebody else's is a new subscription: what that person was given to renew it with is void.
INSERT INTO push_subscriptions AS s
    (subscription_id, project_id, person_id, endpoint, p256dh, auth, user_agent, expires_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
ON CONFLICT (project_id, endpoint) DO UPDATE SET
    subscription_id = CASE WHEN s.person_id = excluded.person_id THEN s.subscription_id ELSE excluded.subscription_id END,
    created_at = CASE WHEN s.person_id = excluded.person_id THEN s.created_at ELSE excluded.created_at END,
    person_id = excluded.person_id, p256dh = excluded.p256dh, auth = excluded.auth,
    user_agent = COALESCE(excluded.user_agent, s.user_agent), confirmed_at = clock_timestamp(),
    expires_at = excluded.expires_at, gone_at = NULL
RETURNING subscription_id, endpoint, auth, user_agent, created_at, confirmed_at, expires_at

-- name: trim
-- More than $2 of a person: those go that were not heard of for the longest time.
DELETE FROM push_subscriptions WHERE subscription_id IN (
    SELECT subscription_id FROM push_subscriptions WHERE person_id = $1
    ORDER BY gone_at IS NOT NULL, confirmed_at DESC, subscription_id DESC OFFSET $2)

-- name: find
SELECT subscription_id, endpoint, auth FROM push_subscriptions
WHERE project_id = $1 AND person_id = $2 AND subscription_id = $3

-- name: owner
SELECT person_id FROM push_subscriptions WHERE project_id = $1 AND endpoint = $2

-- name: move
UPDATE push_subscriptions SET endpoint = $4 WHERE project_id = $1 AND person_id = $2 AND subscription_id = $3

-- name: remove
DELETE FROM push_subscriptions
WHERE project_id = $1 AND person_id = $2 AND (subscription_id = $3 OR endpoint = $4)

-- name: mark_gone
-- Each only as it was when it was pushed to: meanwhile the browser may have told of another endpoint.
UPDATE push_subscriptions s SET gone_at = clock_timestamp()
FROM unnest($1::uuid[], $2::text[]) AS w (subscription_id, endpoint)
WHERE s.subscription_id = w.subscription_id AND s.endpoint = w.endpoint AND s.gone_at IS NULL

-- name: long_gone
SELECT subscription_id FROM push_subscriptions
WHERE gone_at < now() - make_interval(days => $1) ORDER BY gone_at LIMIT $2

-- name: purge
-- Each only if it is gone still: a browser may have told of it while its person was waited for.
DELETE FROM push_subscriptions WHERE subscription_id = ANY($1::uuid[]) AND gone_at < now() - make_interval(days => $2)
