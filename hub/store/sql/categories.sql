-- name: put_category
INSERT INTO categories (project_id, category, policy) VALUES ($1, $2, $3)
ON CONFLICT (project_id, category) DO UPDATE SET policy = excluded.policy, updated_at = now()
RETURNING *

-- name: get_category
SELECT * FROM categories WHERE project_id = $1 AND category = $2

-- name: delete_category
DELETE FROM categories WHERE project_id = $1 AND category = $2

-- name: tracked
SELECT j.name AS project, c.category FROM categories c JOIN projects j USING (project_id)
WHERE c.policy #> '{tracking,opens}' = 'true' OR c.policy #> '{tracking,clicks}' = 'true'
ORDER BY j.name, c.category LIMIT $1

-- name: list_categories
-- With the category that every project starts with, unless it was changed and so is stored.
SELECT category, policy, created_at, updated_at FROM (
    SELECT category, policy, created_at, updated_at FROM categories WHERE project_id = $1
    UNION ALL
    SELECT $4::text, $5::jsonb, j.created_at, j.created_at FROM projects j
    WHERE j.project_id = $1 AND NOT EXISTS (SELECT 1 FROM categories WHERE project_id = $1 AND category = $4)
) c
WHERE $2::text IS NULL OR category > $2
ORDER BY category LIMIT $3

-- name: list_first
SELECT category, policy FROM (
    SELECT category, policy FROM categories WHERE project_id = $1
    UNION ALL
    SELECT $3::text, $4::jsonb
    WHERE NOT EXISTS (SELECT 1 FROM categories WHERE project_id = $1 AND category = $3)
) c
ORDER BY category <> $3, category COLLATE "C" LIMIT $2
