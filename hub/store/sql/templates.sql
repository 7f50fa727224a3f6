-- name: put_template
-- Makes or replaces the draft; one that was deleted comes back, with its versions counted on.
INSERT INTO templates AS t (project_id, template, kind, draft) VALUES ($1, $2, $3, $4)
ON CONFLICT (project_id, template) DO UPDATE SET
    kind = excluded.kind, draft = excluded.draft, revision = t.revision + 1,
    changed = t.changed OR t.deleted_at IS NOT NULL OR t.draft <> excluded.draft,
    published = CASE WHEN t.deleted_at IS NULL THEN t.published END,
    created_at = CASE WHEN t.deleted_at IS NULL THEN t.created_at ELSE clock_timestamp() END,
    updated_at = clock_timestamp(), deleted_at = NULL
RETURNING *

-- name: lock_project
-- Templates of one project are published and deleted one after the other: what one names stays while it is looked at.
SELECT pg_advisory_xact_lock(hashtextextended('templates', $1))

-- name: count_templates
SELECT count(*) FROM templates WHERE project_id = $1 AND deleted_at IS NULL AND template <> $2

-- name: get_template
SELECT * FROM templates WHERE project_id = $1 AND template = $2 AND deleted_at IS NULL

-- name: list_templates
SELECT * FROM templates
WHERE project_id = $1 AND deleted_at IS NULL AND ($2::text IS NULL OR template > $2) ORDER BY template LIMIT $3

-- name: get_version
SELECT v.* FROM template_versions v JOIN templates t USING (project_id, template)
WHERE v.project_id = $1 AND v.template = $2 AND v.version = $3 AND t.deleted_at IS NULL

-- name: list_versions
SELECT version, created_at, uses FROM template_versions
WHERE project_id = $1 AND template = $2 AND version > 0 AND ($3::int IS NULL OR version < $3) ORDER BY version DESC LIMIT $4

-- name: add_version
-- $5 0: the next version, which is published; else a draft that is sent, as it stands.
WITH made AS (
    INSERT INTO template_versions (project_id, template, version, document, uses)
    SELECT $1, $2, CASE WHEN $5::int = 0 THEN COALESCE(max(version), 0) + 1 ELSE $5 END, $3, $4
    FROM template_versions WHERE project_id = $1 AND template = $2 AND version > 0
    ON CONFLICT (project_id, template, version) DO UPDATE SET created_at = excluded.created_at  -- a draft sent again
    RETURNING version
)
SELECT version FROM made

-- name: set_published
UPDATE templates SET published = $3, changed = false WHERE project_id = $1 AND template = $2

-- name: delete_template
UPDATE templates SET deleted_at = clock_timestamp(), published = NULL
WHERE project_id = $1 AND template = $2 AND deleted_at IS NULL

-- name: users_of
-- Published templates that name this one.
SELECT t.template FROM templates t
JOIN template_versions v ON (v.project_id, v.template, v.version) = (t.project_id, t.template, t.published)
WHERE t.project_id = $1 AND t.deleted_at IS NULL AND $2 = ANY(v.uses) AND t.template <> $2 ORDER BY t.template LIMIT 3

-- name: published
-- What is published of these templates, and of everything that they use.
WITH RECURSIVE found AS (
    SELECT t.template, t.kind, t.published, v.document, v.uses FROM templates t
    JOIN template_versions v ON (v.project_id, v.template, v.version) = (t.project_id, t.template, t.published)
    WHERE t.project_id = $1 AND t.template = ANY($2::text[]) AND t.deleted_at IS NULL
    UNION
    SELECT t.template, t.kind, t.published, v.document, v.uses FROM found f
    JOIN templates t ON t.project_id = $1 AND t.template = ANY(f.uses) AND t.deleted_at IS NULL
    JOIN template_versions v ON (v.project_id, v.template, v.version) = (t.project_id, t.template, t.published)
)
SELECT template, published AS version, document, uses FROM found

-- name: pinned
SELECT v.project_id, v.template, v.version, v.document
FROM unnest($1::int[], $2::text[], $3::int[]) AS w (project_id, template, version)
JOIN template_versions v ON (v.project_id, v.template, v.version) = (w.project_id, w.template, w.version)

-- name: get_brand
SELECT brand FROM projects WHERE project_id = $1

-- name: put_brand
UPDATE projects SET brand = $2 WHERE project_id = $1

-- name: brands
SELECT project_id, brand FROM projects WHERE project_id = ANY($1::int[])

-- name: readers
-- People as templates see them; whoever has no zone is in their project's.
SELECT p.person_id, p.user_id, p.name, p.email, p.locale, COALESCE(p.timezone, j.timezone) AS timezone, p.avatar_url,
       p.properties
FROM people p JOIN projects j USING (project_id) WHERE p.person_id = ANY($1::bigint[])

-- name: reader
SELECT p.user_id, p.name, p.email, p.locale, COALESCE(p.timezone, j.timezone) AS timezone, p.avatar_url, p.properties
FROM projects j LEFT JOIN people p ON p.project_id = j.project_id AND p.user_id = $2 WHERE j.project_id = $1

-- name: purge_drafts
DELETE FROM template_versions WHERE ctid = ANY (ARRAY(
    SELECT ctid FROM template_versions
    WHERE version < 0 AND created_at < now() - make_interval(days => $1) LIMIT $2))
