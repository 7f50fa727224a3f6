-- Suppressions: addresses that nothing is sent to any more. Of an address, $n::text[] are all of its spellings.

-- name: add
-- The first reason stays: what bounced and is then complained about has bounced.
INSERT INTO suppressions (project_id, channel, address, reason, detail)
SELECT $1, $2, $3, $4, $5
WHERE NOT EXISTS (SELECT FROM suppressions WHERE project_id = $1 AND channel = $2 AND address = ANY($6::text[]))
ON CONFLICT DO NOTHING

-- name: put
WITH otherwise AS (
    DELETE FROM suppressions WHERE project_id = $1 AND channel = $2 AND address = ANY($5::text[]) AND address <> $3
)
INSERT INTO suppressions (project_id, channel, address, reason) VALUES ($1, $2, $3, $4)
ON CONFLICT (project_id, channel, address) DO UPDATE SET reason = excluded.reason,
    detail = CASE WHEN suppressions.reason = excluded.reason THEN suppressions.detail END
RETURNING channel, address, reason, detail, created_at

-- name: remove
DELETE FROM suppressions WHERE project_id = $1 AND channel = $2 AND address = ANY($3::text[])

-- name: of_people
SELECT w.place, w.channel, s.reason
FROM unnest($1::int[], $2::text[], $3::text[], $4::int[]) AS w (project_id, channel, address, place)
JOIN suppressions s USING (project_id, channel, address)

-- name: list_suppressions
SELECT channel, address, reason, detail, created_at FROM suppressions
WHERE project_id = $1 AND ($2::text IS NULL OR channel = $2) AND ($3::text IS NULL OR reason = $3)
  AND ($4::text[] IS NULL OR address = ANY($4)) AND ($5::text IS NULL OR (channel, address) > ($5, $6::text))
ORDER BY channel, address LIMIT $7
