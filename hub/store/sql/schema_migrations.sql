-- name: lock
SELECT pg_advisory_xact_lock($1)

-- name: create_table
CREATE TABLE IF NOT EXISTS schema_migrations (
    version integer PRIMARY KEY,
    name text NOT NULL,
    checksum text NOT NULL,                    -- SHA-256 of the file, hexadecimal
    applied_at timestamptz NOT NULL DEFAULT now()
)

-- name: table_exists
SELECT to_regclass($1) IS NOT NULL

-- name: read_applied
SELECT version, name, checksum FROM schema_migrations

-- name: record_applied
INSERT INTO schema_migrations (version, name, checksum) VALUES ($1, $2, $3)

-- name: create_first_project
INSERT INTO projects (name, signing_secret) VALUES ($1, $2)
