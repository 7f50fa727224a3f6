-- name: find_by_hash
-- Only keys that work now; expiry goes by the database's clock.
SELECT k.*, j.name AS project_name, j.timezone AS project_timezone
FROM keys k JOIN projects j USING (project_id)
WHERE k.hash = $1 AND k.revoked_at IS NULL AND (k.expires_at IS NULL OR k.expires_at > clock_timestamp())

-- name: create_key
INSERT INTO keys (key_id, project_id, name, hash, hint, scopes, categories, rate_per_second, expires_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
ON CONFLICT (hash) DO NOTHING

-- name: list_keys
SELECT k.*, j.name AS project_name, j.timezone AS project_timezone
FROM keys k JOIN projects j USING (project_id)
WHERE $1::int IS NULL OR k.project_id = $1
ORDER BY k.key_id

-- name: revoke_key
UPDATE keys SET revoked_at = COALESCE(revoked_at, clock_timestamp()) WHERE key_id = $1 RETURNING project_id
