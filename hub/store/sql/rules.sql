-- name: read_rules
-- What is configured for each (project, category, tenant); a category that nobody stored follows `general`.
SELECT w.project_id, w.category, w.tenant, j.timezone, j.sandbox, j.cap, j.preferences AS project_preferences,
       t.preferences AS tenant_preferences, COALESCE(c.policy, g.policy) AS policy
FROM unnest($1::int[], $2::text[], $3::text[]) AS w (project_id, category, tenant)
JOIN projects j ON j.project_id = w.project_id
LEFT JOIN tenants t ON t.project_id = w.project_id AND t.tenant = w.tenant
LEFT JOIN categories c ON c.project_id = w.project_id AND c.category = w.category
LEFT JOIN categories g ON g.project_id = w.project_id AND g.category = $4
