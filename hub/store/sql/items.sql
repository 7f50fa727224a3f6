-- Writing inbox items; the head is locked by an earlier statement of the same transaction.

-- name: insert_items
-- A row of parameters for all items that say the same; beside it who gets one, with its ids and revisions.
INSERT INTO inbox_items (
    person_id, item_id, notification_id, seq, rev, item_rev, category, tags, tenant, collapse_key, dedupe_key, content,
    created_at, expires_at, removed_at
)
SELECT i.person_id, i.item_id, w.notification_id, i.seq, i.rev, i.rev, w.category,
       COALESCE(string_to_array(w.tags, E'\x1f'), '{}'), w.tenant, w.collapse_key, w.dedupe_key, w.content,
       w.created_at, w.expires_at, w.removed_at
FROM unnest(
    $1::text[], $2::text[], $3::text[], $4::text[], $5::uuid[], $6::text[], $7::text[], $8::text[], $9::text[], $10::text[],
    $11::text[], $12::timestamptz[], $13::timestamptz[], $14::timestamptz[]
) AS w (person_ids, item_ids, seqs, revs, notification_id, category, tags, tenant, collapse_key, dedupe_key, content,
        created_at, expires_at, removed_at)
CROSS JOIN LATERAL unnest(w.person_ids::bigint[], w.item_ids::uuid[], w.seqs::bigint[], w.revs::bigint[])
    AS i (person_id, item_id, seq, rev)

-- name: find_duplicates
-- Which (person, dedupe_key) had an item within 24 hours, or a delivery outside the app, where there was no item.
SELECT DISTINCT i.person_id, i.dedupe_key
FROM unnest($1::bigint[], $2::text[]) AS w (person_id, dedupe_key)
JOIN inbox_items i ON i.person_id = w.person_id AND i.dedupe_key = w.dedupe_key
WHERE i.created_at > clock_timestamp() - interval '24 hours'
UNION
SELECT d.person_id, d.dedupe_key
FROM unnest($1::bigint[], $2::text[]) AS w (person_id, dedupe_key)
JOIN deliveries d ON d.person_id = w.person_id AND d.dedupe_key = w.dedupe_key
WHERE d.dispatched_at > clock_timestamp() - interval '24 hours'

-- name: find_delivered
-- Who holds the item or its tombstone, and for whom deliveries are planned: by now they may hold a later step of their line,
-- so that planning again would find no step in its way.
SELECT notification_id, person_id, bool_or(stored) AS stored, bool_or(planned) AS planned
FROM (
    SELECT notification_id, person_id, true AS stored, false AS planned FROM inbox_items
    WHERE notification_id = ANY($1::uuid[]) AND person_id = ANY($2::bigint[])
    UNION ALL
    SELECT notification_id, person_id, false, true FROM deliveries
    WHERE notification_id = ANY($1::uuid[]) AND person_id = ANY($2::bigint[]) AND line >= 0 AND kind = 'step'
) f
GROUP BY notification_id, person_id

-- name: find_collapsible
-- Older unread items of a collapse key; archived ones were dealt with and stay.
SELECT i.person_id, i.collapse_key, i.item_id, i.seen_at, i.read_at, i.archived_at, i.snoozed_until
FROM unnest($1::bigint[], $2::text[]) AS w (person_id, collapse_key)
JOIN inbox_items i ON i.person_id = w.person_id AND i.collapse_key = w.collapse_key
WHERE i.removed_at IS NULL AND i.read_at IS NULL AND i.archived_at IS NULL

-- name: read_by_ids
SELECT item_id, notification_id, seq, rev, category, tags, tenant, content, created_at, seen_at, read_at, clicked_at,
       archived_at, pinned_at, snoozed_until, expires_at, collapse_key, dedupe_key
FROM inbox_items WHERE person_id = $1 AND item_id = ANY($2::uuid[]) AND removed_at IS NULL
ORDER BY seq

-- name: save_items
-- $10: whether what is seen, read or clicked for the first time is told as an event in the app.
WITH told AS (
    INSERT INTO events (project_id, person_id, notification_id, category, channel, event, at)
    SELECT p.project_id, i.person_id, i.notification_id, i.category, 'in_app', e.event, e.at
    FROM unnest($3::uuid[], $4::timestamptz[], $5::timestamptz[], $6::timestamptz[]) AS w (item_id, seen_at, read_at, clicked_at)
    JOIN inbox_items i ON i.person_id = $1 AND i.item_id = w.item_id
    JOIN people p ON p.person_id = i.person_id
    CROSS JOIN LATERAL (VALUES ('seen', i.seen_at, w.seen_at), ('read', i.read_at, w.read_at),
                               ('clicked', i.clicked_at, w.clicked_at)) AS e (event, before, at)
    WHERE $10::boolean AND e.before IS NULL AND e.at IS NOT NULL
    ON CONFLICT DO NOTHING
)
UPDATE inbox_items i
SET rev = $2, item_rev = $2, seen_at = w.seen_at, read_at = w.read_at, clicked_at = w.clicked_at,
    archived_at = w.archived_at, pinned_at = w.pinned_at, snoozed_until = w.snoozed_until
FROM unnest($3::uuid[], $4::timestamptz[], $5::timestamptz[], $6::timestamptz[], $7::timestamptz[], $8::timestamptz[],
            $9::timestamptz[]) AS w (item_id, seen_at, read_at, clicked_at, archived_at, pinned_at, snoozed_until)
WHERE i.person_id = $1 AND i.item_id = w.item_id

-- name: remove_items
-- Tombstones: content cleared, keys kept (a dedupe key still counts). Rows as (person, item, rev).
UPDATE inbox_items i
SET rev = w.rev, item_rev = w.rev, removed_at = w.removed_at, content = ''
FROM unnest($1::bigint[], $2::uuid[], $3::bigint[], $4::timestamptz[]) AS w (person_id, item_id, rev, removed_at)
WHERE i.person_id = w.person_id AND i.item_id = w.item_id AND i.removed_at IS NULL

-- name: due_people
-- People with items whose expiry or end of snooze has come, oldest first.
SELECT person_id FROM (
    (SELECT person_id, expires_at AS due FROM inbox_items
     WHERE expires_at <= now() AND expires_at IS NOT NULL AND removed_at IS NULL ORDER BY expires_at LIMIT $1)
    UNION ALL
    (SELECT person_id, snoozed_until AS due FROM inbox_items
     WHERE snoozed_until <= now() AND snoozed_until IS NOT NULL AND removed_at IS NULL ORDER BY snoozed_until LIMIT $1)
) d GROUP BY person_id ORDER BY min(due) LIMIT $1

-- name: due_items
SELECT person_id, item_id, notification_id, seq, rev, category, tags, tenant,
       CASE WHEN row_number() OVER (PARTITION BY person_id ORDER BY seq) <= $3 THEN content ELSE '' END AS content,
       created_at, seen_at, read_at, clicked_at, archived_at, pinned_at, snoozed_until, expires_at, collapse_key,
       dedupe_key
FROM inbox_items
WHERE person_id = ANY($1::bigint[]) AND removed_at IS NULL AND (expires_at <= $2 OR snoozed_until <= $2)
ORDER BY person_id, seq

-- name: live_of_notification
-- Who holds an item of it, or has a delivery outside the app waiting, in key order.
SELECT person_id FROM (
    (SELECT person_id FROM inbox_items
     WHERE notification_id = $1 AND removed_at IS NULL AND person_id > $2 ORDER BY person_id LIMIT $3)
    UNION
    (SELECT DISTINCT person_id FROM deliveries
     WHERE notification_id = $1 AND state IN ('waiting', 'queued') AND person_id > $2 ORDER BY person_id LIMIT $3)
) p
ORDER BY person_id LIMIT $3

-- name: items_of_notification
SELECT person_id, item_id, seen_at, read_at, archived_at, snoozed_until FROM inbox_items
WHERE notification_id = ANY($1::uuid[]) AND person_id = ANY($2::bigint[]) AND removed_at IS NULL

-- name: insert_bulk_mark
INSERT INTO bulk_marks (person_id, rev, body) VALUES ($1, $2, $3)

-- name: bulk_effect
-- What a mark by filter will change: $2 upto, $3 category, $4 tag, $5 the action.
SELECT count(*) AS changed,
       count(*) FILTER (WHERE live AND seen_at IS NULL) AS unseen,
       count(*) FILTER (WHERE live AND read_at IS NULL) AS unread,
       count(*) FILTER (WHERE live) AS live
FROM (
    SELECT seen_at, read_at, archived_at IS NULL AND snoozed_until IS NULL AS live
    FROM inbox_items
    WHERE person_id = $1 AND removed_at IS NULL AND seq <= $2
      AND ($3::text IS NULL OR category = $3) AND ($4::text IS NULL OR $4 = ANY(tags))
      AND CASE $5::text
          WHEN 'seen' THEN seen_at IS NULL
          WHEN 'read' THEN read_at IS NULL OR seen_at IS NULL
          WHEN 'click' THEN clicked_at IS NULL OR read_at IS NULL OR seen_at IS NULL
          WHEN 'unread' THEN read_at IS NOT NULL
          WHEN 'archive' THEN archived_at IS NULL
          WHEN 'snooze' THEN snoozed_until IS DISTINCT FROM $6::timestamptz
          WHEN 'unpin' THEN pinned_at IS NOT NULL
          END
) t

-- name: bulk_apply
-- $7 the rev, $8 now. item_rev stays: bulk_marks explains this change. What is seen, read or clicked for the first time is told
-- as an event, too: both halves of the statement see the items as they were.
WITH told AS (
    INSERT INTO events (project_id, person_id, notification_id, category, channel, event, at)
    SELECT p.project_id, i.person_id, i.notification_id, i.category, 'in_app', e.event, $8::timestamptz
    FROM inbox_items i
    JOIN people p ON p.person_id = i.person_id
    CROSS JOIN LATERAL (VALUES ('seen', i.seen_at), ('read', i.read_at), ('clicked', i.clicked_at)) AS e (event, before)
    WHERE i.person_id = $1 AND i.removed_at IS NULL AND i.seq <= $2
      AND ($3::text IS NULL OR i.category = $3) AND ($4::text IS NULL OR $4 = ANY(i.tags))
      AND e.before IS NULL
      AND e.event = ANY (CASE $5::text WHEN 'seen' THEN ARRAY['seen'] WHEN 'read' THEN ARRAY['seen', 'read']
                                 WHEN 'click' THEN ARRAY['seen', 'read', 'clicked'] ELSE ARRAY[]::text[] END)
    ON CONFLICT DO NOTHING
)
UPDATE inbox_items SET
    rev = $7,
    seen_at = CASE WHEN $5 IN ('seen', 'read', 'click') THEN COALESCE(seen_at, $8) ELSE seen_at END,
    read_at = CASE WHEN $5 IN ('read', 'click') THEN COALESCE(read_at, $8) WHEN $5 = 'unread' THEN NULL ELSE read_at END,
    clicked_at = CASE WHEN $5 = 'click' THEN COALESCE(clicked_at, $8) ELSE clicked_at END,
    archived_at = CASE WHEN $5 = 'archive' THEN COALESCE(archived_at, $8) ELSE archived_at END,
    pinned_at = CASE WHEN $5 = 'unpin' THEN NULL ELSE pinned_at END,
    snoozed_until = CASE WHEN $5 = 'snooze' THEN $6::timestamptz ELSE snoozed_until END
WHERE person_id = $1 AND removed_at IS NULL AND seq <= $2
  AND ($3::text IS NULL OR category = $3) AND ($4::text IS NULL OR $4 = ANY(tags))
  AND CASE $5
      WHEN 'seen' THEN seen_at IS NULL
      WHEN 'read' THEN read_at IS NULL OR seen_at IS NULL
      WHEN 'click' THEN clicked_at IS NULL OR read_at IS NULL OR seen_at IS NULL
      WHEN 'unread' THEN read_at IS NOT NULL
      WHEN 'archive' THEN archived_at IS NULL
      WHEN 'snooze' THEN snoozed_until IS DISTINCT FROM $6::timestamptz
      WHEN 'unpin' THEN pinned_at IS NOT NULL
      END

-- name: read_by_filter
-- For actions whose items travel whole or go: items in order, to be marked one by one under one revision. $6: of how many
-- the content is wanted; none of those that go.
SELECT item_id, notification_id, seq, rev, category, tags, tenant,
       CASE WHEN $5::text <> 'delete' AND row_number() OVER (ORDER BY seq) <= $6 THEN content ELSE '' END AS content,
       created_at, seen_at, read_at, clicked_at, archived_at, pinned_at, snoozed_until, expires_at, collapse_key,
       dedupe_key
FROM inbox_items
WHERE person_id = $1 AND removed_at IS NULL AND seq <= $2
  AND ($3::text IS NULL OR category = $3) AND ($4::text IS NULL OR $4 = ANY(tags))
  AND CASE $5
      WHEN 'pin' THEN pinned_at IS NULL
      WHEN 'unarchive' THEN archived_at IS NOT NULL
      WHEN 'unsnooze' THEN snoozed_until IS NOT NULL
      WHEN 'delete' THEN true
      END
ORDER BY seq
