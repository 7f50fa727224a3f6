-- Suppressions: addresses that nothing is sent to any more.

-- name: add
-- The first reason stays: what bounced and is then complained about has bounced.
INSERT INTO suppressions (project_id, channel, address, reason, detail) VALUES ($1, $2, lower($3), $4, $5)
ON CONFLICT DO NOTHING

-- name: put
INSERT INTO suppressions (project_id, channel, address, reason) VALUES ($1, $2, lower($3), $4)
ON CONFLICT (project_id, channel, address) DO UPDATE SET reason = excluded.reason,
    detail = CASE WHEN suppressions.reason = excluded.reason THEN suppressions.detail END
RETURNING channel, address, reason, detail, created_at

-- name: remove
DELETE FROM suppressions WHERE project_id = $1 AND channel = $2 AND address = lower($3)

-- name: list_suppressions
SELECT channel, address, reason, detail, created_at FROM suppressions
WHERE project_id = $1 AND ($2::text IS NULL OR channel = $2) AND ($3::text IS NULL OR reason = $3)
  AND ($4::text IS NULL OR address = lower($4)) AND ($5::text IS NULL OR (channel, address) > ($5, $6::text))
ORDER BY channel, address LIMIT $7
