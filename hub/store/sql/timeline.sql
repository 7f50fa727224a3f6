-- name: read_timeline
-- What the stored facts say happened, oldest first. $2 notification; $3 … $7: at, user, channel, place and event of the last
-- entry of the page before; $8 limit. The notification's own entries have the user ''. `place` orders what a user has at one time,
-- which is told in ms: the item, then the ladder's lines and steps, and of each what came first.
WITH asked AS (
    SELECT * FROM notifications WHERE project_id = $1 AND notification_id = $2
), entries AS (
    SELECT n.created_at AS at, '' AS user_id, '' AS channel, 0::bigint AS place, 'accepted' AS event, NULL::text AS reason,
           CASE WHEN n.send_at > n.created_at
                THEN 'send_at ' || to_char(n.send_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')
                WHEN n.send_local IS NOT NULL
                THEN 'send_at ' || to_char(n.send_local, 'YYYY-MM-DD"T"HH24:MI:SS') || ' local' END AS detail,
           'backend' AS actor
    FROM asked n
    UNION ALL
    SELECT n.created_at, '', s.key, 1, 'skipped', s.value, NULL, 'dispatch'
    FROM asked n CROSS JOIN LATERAL jsonb_each_text(n.skipped) s
    UNION ALL
    SELECT n.cancelled_at, '', '', 2, 'cancelled', NULL, NULL, 'backend' FROM asked n WHERE n.cancelled_at IS NOT NULL
    UNION ALL
    SELECT to_timestamp((h.entry ->> 0)::bigint / 1000.0), p.user_id, h.entry ->> 1,
           ((d.line + 1) * 100 + d.step) * 10000 + CASE d.kind WHEN 'withdrawal' THEN 5000 ELSE 10 END + h.place,
           h.entry ->> 2, h.entry ->> 3,
           CASE WHEN d.kind = 'withdrawal' AND h.entry ->> 2 <> 'withdrawing'
                THEN concat_ws(', ', 'withdrawal', h.entry ->> 4) ELSE h.entry ->> 4 END,
           h.entry ->> 5
    FROM asked n
    JOIN deliveries d ON d.notification_id = n.notification_id
    JOIN people p ON p.person_id = d.person_id
    CROSS JOIN LATERAL jsonb_array_elements(d.history) WITH ORDINALITY AS h (entry, place)
    UNION ALL
    SELECT e.at, p.user_id, 'in_app', e.place, e.event, NULL, NULL, e.actor
    FROM asked n
    JOIN inbox_items i ON i.notification_id = n.notification_id
    JOIN people p ON p.person_id = i.person_id
    CROSS JOIN LATERAL (VALUES
        (i.created_at, 0, 'dispatch', 'stored'),
        (i.seen_at, 1, 'person', 'seen'),
        (i.read_at, 2, 'person', 'read'),
        (i.clicked_at, 3, 'person', 'clicked'),
        (i.archived_at, 4, 'person', 'archived'),
        (i.pinned_at, 5, 'person', 'pinned'),
        (i.removed_at, 6,
         CASE WHEN i.removed_at >= n.cancelled_at OR p.user_id = ANY(n.excluded_users) THEN 'backend' END,
         CASE WHEN i.removed_at >= n.cancelled_at OR p.user_id = ANY(n.excluded_users) THEN 'cancelled'
              WHEN i.removed_at >= i.expires_at THEN 'expired'
              WHEN i.collapse_key IS NOT NULL AND EXISTS (
                  SELECT 1 FROM inbox_items later
                  WHERE later.person_id = i.person_id AND later.collapse_key = i.collapse_key
                    AND later.seq > i.seq AND later.created_at = i.removed_at) THEN 'collapsed'
              ELSE 'deleted' END)
    ) AS e (at, place, actor, event)
    WHERE e.at IS NOT NULL
    UNION ALL
    -- What people and providers did with what was delivered, after its steps; but for what its own history tells already. `sent`
    -- is a step's, and the app's are the item's.
    SELECT e.at, p.user_id, e.channel,
           (COALESCE(d.line, 0) + 1) * 1000000 + COALESCE(d.step, 0) * 10000 + 6000 + (COALESCE(e.link, -1) + 1) * 2
           + e.automated::int,
           e.event, e.detail ->> 'reason', concat_ws(' ', e.provider, e.detail ->> 'url', e.detail ->> 'detail'),
           CASE WHEN e.automated THEN 'automated' ELSE 'person' END
    FROM asked n
    JOIN events e ON e.notification_id = n.notification_id AND e.delivery_id IS NOT NULL AND e.event <> 'sent'
    JOIN people p ON p.person_id = e.person_id
    LEFT JOIN deliveries d ON d.delivery_id = e.delivery_id
    WHERE NOT EXISTS (SELECT 1 FROM jsonb_array_elements(d.history) h WHERE h ->> 2 = e.event)
    UNION ALL
    -- Somebody who was asked for by name, in a notification that was dispatched at once, and holds nothing of it.
    SELECT n.created_at, p.user_id, 'in_app', 0, 'skipped', 'duplicate', NULL, 'dispatch'
    FROM asked n
    CROSS JOIN LATERAL jsonb_array_elements(n.request -> 'recipients') r
    JOIN people p ON p.project_id = n.project_id
        AND p.user_id = CASE jsonb_typeof(r) WHEN 'string' THEN r #>> '{}' ELSE r ->> 'id' END
    WHERE n.request ? 'dedupe_key' AND n.recipients IS NOT NULL AND n.cancelled_at IS NULL
      AND NOT EXISTS (
          SELECT 1 FROM deliveries d WHERE d.notification_id = n.notification_id AND d.person_id = p.person_id)
      AND NOT EXISTS (
          SELECT 1 FROM inbox_items i WHERE i.notification_id = n.notification_id AND i.person_id = p.person_id)
)
SELECT DISTINCT at, user_id, channel, place, event, reason, detail, actor
FROM (SELECT date_trunc('milliseconds', at) AS at, user_id, channel, place, event, reason, detail, actor FROM entries) e
WHERE $3::timestamptz IS NULL OR (at, user_id, place, channel, event) > ($3, $4::text, $6::bigint, $5::text, $7::text)
ORDER BY at, user_id, place, channel, event LIMIT $8
