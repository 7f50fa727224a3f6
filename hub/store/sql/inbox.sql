-- Reading inboxes. Every statement is one snapshot: head and rows belong together.

-- name: ensure_people
-- Person and head of each (project, user), made where missing. A new person has seen no broadcast and is owed none.
WITH wanted AS (
    SELECT DISTINCT project_id, user_id FROM unnest($1::int[], $2::text[]) AS w (project_id, user_id)
    ORDER BY project_id, user_id
), made AS (
    INSERT INTO people (project_id, user_id)
    SELECT w.project_id, w.user_id FROM wanted w
    WHERE NOT EXISTS (SELECT 1 FROM people p WHERE p.project_id = w.project_id AND p.user_id = w.user_id)
    ORDER BY w.project_id, w.user_id
    ON CONFLICT (project_id, user_id) DO NOTHING
    RETURNING person_id, project_id
)
INSERT INTO inbox_heads (person_id, broadcast_upto)
SELECT m.person_id, j.broadcast_seq FROM made m JOIN projects j USING (project_id)
ON CONFLICT (person_id) DO NOTHING

-- name: ensure_heads
-- Heads for people who were stored before they had an inbox; they are owed every broadcast accepted since they were stored.
-- Numbers need not follow acceptance (a scheduled one comes late), so the first owed one counts, not the last that is not.
INSERT INTO inbox_heads (person_id, broadcast_upto)
SELECT p.person_id, COALESCE(
    (SELECT b.broadcast_seq - 1 FROM broadcasts b
     WHERE b.project_id = p.project_id AND b.people_upto >= p.person_id ORDER BY b.broadcast_seq LIMIT 1),
    j.broadcast_seq)
FROM people p JOIN projects j ON j.project_id = p.project_id
WHERE p.person_id = ANY((SELECT $1::bigint[])::bigint[])
ORDER BY p.person_id
ON CONFLICT (person_id) DO NOTHING

-- name: find_people
-- Here, and where heads are read, each person is looked up by themselves: a plan made while there were few, and kept, would
-- read everybody's rows (70 ms and more).
SELECT p.person_id, p.project_id, p.user_id, p.name, p.email, p.phone, p.locale, p.timezone, p.avatar_url,
       p.preferences ->> 'delegate' AS delegate,
       h.person_id IS NOT NULL AS has_head
FROM unnest((SELECT $1::text)::int[], string_to_array((SELECT $2::text), E'\x1f')) AS w (project_id, user_id)
CROSS JOIN LATERAL (
    SELECT person_id, project_id, user_id, name, email, phone, locale, timezone, avatar_url, preferences FROM people
    WHERE project_id = w.project_id AND user_id = w.user_id OFFSET 0
) p
LEFT JOIN LATERAL (SELECT person_id FROM inbox_heads WHERE person_id = p.person_id OFFSET 0) h ON true

-- name: read_heads
SELECT h.person_id, h.epoch # j.epoch AS epoch, h.rev, h.unseen, h.unread, h.total, h.delivered_rev, h.floor_rev,
       h.broadcast_upto < j.broadcast_seq AS pending_broadcasts, p.tokens_revoked_at
FROM unnest((SELECT $1::bigint[])) AS w (person_id)
CROSS JOIN LATERAL (SELECT * FROM inbox_heads WHERE person_id = w.person_id OFFSET 0) h
CROSS JOIN LATERAL (SELECT project_id, tokens_revoked_at FROM people WHERE person_id = w.person_id OFFSET 0) p
JOIN projects j ON j.project_id = p.project_id

-- name: find_heads
SELECT p.project_id, p.user_id,
       h.person_id, h.epoch # j.epoch AS epoch, h.rev, h.unseen, h.unread, h.total, h.delivered_rev, h.floor_rev,
       h.broadcast_upto < j.broadcast_seq AS pending_broadcasts, p.tokens_revoked_at
FROM unnest((SELECT $1::text)::int[], string_to_array((SELECT $2::text), E'\x1f')) AS w (project_id, user_id)
CROSS JOIN LATERAL (
    SELECT project_id, user_id, person_id, tokens_revoked_at FROM people
    WHERE project_id = w.project_id AND user_id = w.user_id OFFSET 0
) p
CROSS JOIN LATERAL (SELECT * FROM inbox_heads WHERE person_id = p.person_id OFFSET 0) h
JOIN projects j ON j.project_id = p.project_id

-- name: read_page
-- The page of each of many people. {where} and {limit} are filled in by hub.store.inbox: each kind of list is a statement of its own, because one for all
-- would be planned for none and read the whole inbox for every page.
SELECT h.person_id, h.epoch # j.epoch AS epoch, h.rev AS head_rev, h.unseen, h.unread, h.total, h.delivered_rev, h.floor_rev,
       h.broadcast_upto < j.broadcast_seq AS pending_broadcasts, p.tokens_revoked_at, i.*
FROM inbox_heads h
JOIN people p ON p.person_id = h.person_id
JOIN projects j ON j.project_id = p.project_id
LEFT JOIN LATERAL (
    SELECT item_id, notification_id, seq, rev, content, created_at, seen_at, read_at, clicked_at, archived_at, pinned_at,
           snoozed_until, expires_at
    FROM inbox_items
    WHERE person_id = h.person_id AND removed_at IS NULL AND {where}
    ORDER BY (pinned_at IS NOT NULL) DESC, seq DESC
    LIMIT {limit}
) i ON true
WHERE h.person_id = ANY($1::bigint[])
ORDER BY h.person_id, (i.pinned_at IS NOT NULL) DESC, i.seq DESC

-- name: read_item
SELECT item_id, notification_id, seq, rev, content, created_at, seen_at, read_at, clicked_at, archived_at, pinned_at,
       snoozed_until, expires_at
FROM inbox_items
WHERE person_id = $1 AND item_id = $2 AND removed_at IS NULL

-- name: read_changes
-- $2 and $3: the position after which to read; $4: the client's rev, from which bulk marks count; $5 limit. OFFSET 0 has the
-- marks read once, not once for each item.
SELECT h.*, i.*
FROM (
    SELECT h.person_id, h.epoch # j.epoch AS epoch, h.rev AS head_rev, h.unseen, h.unread, h.total, h.delivered_rev, h.floor_rev,
           h.broadcast_upto < j.broadcast_seq AS pending_broadcasts, p.tokens_revoked_at,
           CASE WHEN h.rev > $4 THEN
               (SELECT array_agg(b.body ORDER BY b.rev) FROM bulk_marks b WHERE b.person_id = h.person_id AND b.rev > $4)
           END AS marks,
           CASE WHEN h.rev > $4 THEN
               (SELECT array_agg(b.rev ORDER BY b.rev) FROM bulk_marks b WHERE b.person_id = h.person_id AND b.rev > $4)
           END AS mark_revs
    FROM inbox_heads h
    JOIN people p ON p.person_id = h.person_id
    JOIN projects j ON j.project_id = p.project_id
    WHERE h.person_id = $1
    OFFSET 0
) h
LEFT JOIN LATERAL (
    SELECT item_id, notification_id, seq, rev, item_rev, content, created_at, seen_at, read_at, clicked_at, archived_at,
           pinned_at, snoozed_until, expires_at, removed_at
    FROM inbox_items
    WHERE person_id = h.person_id AND (item_rev, item_id) > ($2::bigint, $3::uuid)
    ORDER BY item_rev, item_id
    LIMIT $5
) i ON true
ORDER BY i.item_rev, i.item_id

-- name: record_delivered
-- Locks in key order like everybody who takes heads; without it, batches of two gateways and a publish deadlock.
WITH locked AS MATERIALIZED (
    SELECT h.person_id, w.rev
    FROM unnest($1::bigint[], $2::bigint[]) AS w (person_id, rev)
    JOIN inbox_heads h ON h.person_id = w.person_id AND h.delivered_rev < LEAST(w.rev, h.rev)
    ORDER BY h.person_id
    FOR NO KEY UPDATE OF h
)
UPDATE inbox_heads h SET delivered_rev = LEAST(l.rev, h.rev)
FROM locked l
WHERE h.person_id = l.person_id AND h.delivered_rev < LEAST(l.rev, h.rev)
