-- name: find_by_name
SELECT * FROM projects WHERE name = $1

-- name: find_by_id
SELECT * FROM projects WHERE project_id = $1

-- name: list_projects
SELECT * FROM projects ORDER BY name

-- name: create_project
INSERT INTO projects (name, timezone, signing_secret, sandbox) VALUES ($1, $2, $3, $4)
ON CONFLICT (name) DO NOTHING
RETURNING *

-- name: update_project
-- Each flag says whether its value is meant: null is a value.
UPDATE projects SET
    timezone = CASE WHEN $2::boolean THEN $3::text ELSE timezone END,
    jwks_url = CASE WHEN $4::boolean THEN $5::text ELSE jwks_url END,
    public_keys = CASE WHEN $6::boolean THEN $7::jsonb ELSE public_keys END,
    signing_secret = COALESCE($8::text, signing_secret),
    sandbox = COALESCE($9::boolean, sandbox),
    cap = CASE WHEN $10::boolean THEN $11::jsonb ELSE cap END
WHERE project_id = $1
RETURNING *

-- name: now
SELECT clock_timestamp()
