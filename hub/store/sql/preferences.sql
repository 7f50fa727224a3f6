-- Preferences, one document a layer: of a person, a tenant, a project. Who has said nothing has {}.

-- name: read_person
SELECT preferences FROM people WHERE project_id = $1 AND user_id = $2

-- name: make_person
INSERT INTO people (project_id, user_id) VALUES ($1, $2) ON CONFLICT (project_id, user_id) DO NOTHING

-- name: lock_person
SELECT preferences FROM people WHERE project_id = $1 AND user_id = $2 FOR NO KEY UPDATE

-- name: save_person
UPDATE people SET preferences = $3 WHERE project_id = $1 AND user_id = $2

-- name: read_tenant
SELECT preferences FROM tenants WHERE project_id = $1 AND tenant = $2

-- name: make_tenant
INSERT INTO tenants (project_id, tenant) VALUES ($1, $2) ON CONFLICT (project_id, tenant) DO NOTHING

-- name: lock_tenant
SELECT preferences FROM tenants WHERE project_id = $1 AND tenant = $2 FOR NO KEY UPDATE

-- name: save_tenant
UPDATE tenants SET preferences = $3, updated_at = now() WHERE project_id = $1 AND tenant = $2

-- name: read_project
SELECT preferences FROM projects WHERE project_id = $1

-- name: lock_project
SELECT preferences FROM projects WHERE project_id = $1 FOR NO KEY UPDATE

-- name: save_project
UPDATE projects SET preferences = $2 WHERE project_id = $1

-- name: read_layers
-- $2 the user and $3 the tenant, each null where there is none; people and tenants that nobody stored say nothing.
SELECT p.preferences AS person, t.preferences AS tenant, j.preferences AS project,
       COALESCE(p.timezone, j.timezone) AS timezone
FROM projects j
LEFT JOIN people p ON p.project_id = j.project_id AND p.user_id = $2
LEFT JOIN tenants t ON t.project_id = j.project_id AND t.tenant = $3
WHERE j.project_id = $1

-- name: find_required
-- Of these categories, those whose policy is required. One that nobody stored follows `general` ($3).
SELECT w.category
FROM unnest($2::text[]) AS w (category)
LEFT JOIN categories c ON c.project_id = $1 AND c.category = w.category
LEFT JOIN categories g ON g.project_id = $1 AND g.category = $3
WHERE COALESCE(c.policy, g.policy) ->> 'default' = 'required'

-- name: lock_by_link
-- $2 by its number, which a mail's link holds; its row is held until the transaction ends.
SELECT p.user_id, p.name, p.locale, COALESCE(p.timezone, j.timezone) AS timezone, p.preferences AS person,
       j.preferences AS project, j.name AS project_name
FROM people p JOIN projects j ON j.project_id = p.project_id
WHERE p.project_id = $1 AND p.person_id = $2
FOR NO KEY UPDATE OF p

-- name: read_by_link
SELECT p.user_id, p.name, p.locale, COALESCE(p.timezone, j.timezone) AS timezone, p.preferences AS person,
       j.preferences AS project, j.name AS project_name
FROM people p JOIN projects j ON j.project_id = p.project_id
WHERE p.project_id = $1 AND p.person_id = $2
