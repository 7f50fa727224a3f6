-- name: counted
-- What counts against each (person, scope) in its window; '' is every category.
SELECT w.person_id, w.scope, d.delivery_id, d.counted_at
FROM unnest($1::bigint[], $2::text[], $3::float8[]) AS w (person_id, scope, seconds)
JOIN deliveries d ON d.person_id = w.person_id AND d.counted_at > clock_timestamp() - make_interval(secs => w.seconds)
WHERE w.scope = '' OR d.category = w.scope
