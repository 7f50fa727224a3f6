-- name: find_old
-- People who hold tombstones or bulk marks that no living cursor needs any more.
SELECT person_id FROM inbox_items WHERE removed_at < now() - make_interval(days => $1) GROUP BY person_id LIMIT $2

-- name: find_old_marks
SELECT person_id FROM bulk_marks WHERE created_at < now() - make_interval(days => $1) GROUP BY person_id LIMIT $2

-- name: purge
-- The heads are locked. Cursors below the newest purged revision can no longer be served: the floor rises to it.
WITH gone_items AS (
    DELETE FROM inbox_items WHERE person_id = ANY($1::bigint[]) AND removed_at < now() - make_interval(days => $2)
    RETURNING person_id, item_rev AS rev
), gone_marks AS (
    DELETE FROM bulk_marks WHERE person_id = ANY($1::bigint[]) AND created_at < now() - make_interval(days => $2)
    RETURNING person_id, rev
)
UPDATE inbox_heads h SET floor_rev = GREATEST(h.floor_rev, g.rev)
FROM (SELECT person_id, max(rev) AS rev FROM (SELECT * FROM gone_items UNION ALL SELECT * FROM gone_marks) a
      GROUP BY person_id) g
WHERE h.person_id = g.person_id

-- name: purge_jobs
DELETE FROM jobs WHERE ctid = ANY (ARRAY(
    SELECT ctid FROM jobs WHERE state <> 'waiting' AND finished_at < now() - make_interval(days => $1) LIMIT $2))

-- name: purge_deleted_people
DELETE FROM deleted_people WHERE ctid = ANY (ARRAY(
    SELECT ctid FROM deleted_people WHERE deleted_at < now() - make_interval(hours => $1) LIMIT $2))
