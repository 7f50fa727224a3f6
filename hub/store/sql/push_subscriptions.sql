-- name: of_people
SELECT person_id, subscription_id, endpoint, p256dh, auth FROM push_subscriptions
WHERE person_id = ANY($1::bigint[])
ORDER BY person_id, subscription_id
