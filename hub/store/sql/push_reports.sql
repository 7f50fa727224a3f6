-- name: lock
-- A push as its browser reports about it; $1 project, $2 person, $3 delivery.
SELECT d.delivery_id, d.project_id, d.person_id, d.notification_id, d.category, d.channel, d.provider, d.state,
       p.user_id, CASE WHEN d.gathered IS NULL THEN i.item_id END AS item_id
FROM deliveries d
JOIN people p ON p.person_id = d.person_id
LEFT JOIN inbox_items i ON i.notification_id = d.notification_id AND i.person_id = d.person_id
WHERE d.delivery_id = $3 AND d.project_id = $1 AND d.person_id = $2
FOR UPDATE OF d

-- name: delivered
UPDATE deliveries SET state = $2, history = history || $3::jsonb WHERE delivery_id = $1 AND state = 'sent'
