-- name: read_timeline
-- What the stored facts say happened, oldest first. $2 notification; $3, $4, $5: at, user and event of the last entry
-- of the page before; $6 limit. The notification's own entries have the user ''.
WITH asked AS (
    SELECT * FROM notifications WHERE project_id = $1 AND notification_id = $2
), entries AS (
    SELECT n.created_at AS at, '' AS user_id, 'accepted' AS event, NULL::text AS reason FROM asked n
    UNION ALL
    SELECT n.cancelled_at, '', 'cancelled', NULL FROM asked n WHERE n.cancelled_at IS NOT NULL
    UNION ALL
    SELECT e.at, p.user_id, e.event, NULL
    FROM asked n
    JOIN inbox_items i ON i.notification_id = n.notification_id
    JOIN people p ON p.person_id = i.person_id
    CROSS JOIN LATERAL (VALUES
        (i.created_at, 'stored'),
        (i.seen_at, 'seen'),
        (i.read_at, 'read'),
        (i.clicked_at, 'clicked'),
        (i.archived_at, 'archived'),
        (i.pinned_at, 'pinned'),
        (i.removed_at,
         CASE WHEN i.removed_at >= n.cancelled_at OR p.user_id = ANY(n.excluded_users) THEN 'cancelled'
              WHEN i.removed_at >= i.expires_at THEN 'expired'
              WHEN i.collapse_key IS NOT NULL AND EXISTS (
                  SELECT 1 FROM inbox_items later
                  WHERE later.person_id = i.person_id AND later.collapse_key = i.collapse_key
                    AND later.seq > i.seq AND later.created_at = i.removed_at) THEN 'collapsed'
              ELSE 'deleted' END)
    ) AS e (at, event)
    WHERE e.at IS NOT NULL
    UNION ALL
    -- Somebody who was asked for by name, in a notification that was dispatched at once, and holds nothing of it.
    SELECT n.created_at, p.user_id, 'skipped',
           CASE WHEN n.request ? 'channels' AND NOT n.request -> 'channels' ? 'in_app' THEN 'channel_not_requested'
                ELSE 'duplicate' END
    FROM asked n
    CROSS JOIN LATERAL jsonb_array_elements(n.request -> 'recipients') r
    JOIN people p ON p.project_id = n.project_id
        AND p.user_id = CASE jsonb_typeof(r) WHEN 'string' THEN r #>> '{}' ELSE r ->> 'id' END
    WHERE (n.request ? 'dedupe_key' OR n.request ? 'channels') AND n.recipients IS NOT NULL AND n.cancelled_at IS NULL
      AND NOT EXISTS (
          SELECT 1 FROM inbox_items i WHERE i.notification_id = n.notification_id AND i.person_id = p.person_id)
)
SELECT DISTINCT at, user_id, event, reason FROM entries
WHERE $3::timestamptz IS NULL OR (at, user_id, event) > ($3, $4::text, $5::text)
ORDER BY at, user_id, event LIMIT $6
