-- The first schema. One row per noun; every hot table is keyed by person_id, so that project isolation is in the key
-- (design.md, "The revision log"). Times are timestamptz, truncated to milliseconds by whoever writes them, because the
-- wire format has milliseconds and a snapshot must equal snapshot + frames to the letter.

CREATE TABLE installation (
    singleton boolean PRIMARY KEY DEFAULT true CHECK (singleton),
    name text NOT NULL,                        -- 8 hex digits: prefix of every Redis name, so that hubs can share a Redis
    created_at timestamptz NOT NULL DEFAULT now()
);
INSERT INTO installation (name) VALUES (substr(replace(gen_random_uuid()::text, '-', ''), 1, 8));

CREATE TABLE projects (
    project_id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text NOT NULL UNIQUE,
    timezone text NOT NULL DEFAULT 'UTC',
    signing_secret text NOT NULL,              -- HS256 secret for tokens that a backend signs itself
    jwks_url text,
    public_keys jsonb NOT NULL DEFAULT '[]',   -- [{"kid", "algorithm", "public_key": PEM}]
    epoch bigint NOT NULL DEFAULT (random() * 9007199254740991)::bigint,  -- xor-ed into every cursor; a new value resets all clients
    broadcast_seq bigint NOT NULL DEFAULT 0,   -- newest broadcast; taken under this row's lock, so ids follow commit order
    created_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE keys (
    key_id uuid PRIMARY KEY,
    project_id integer NOT NULL REFERENCES projects ON DELETE CASCADE,
    name text,
    hash bytea NOT NULL UNIQUE,                -- SHA-256 of the whole key: 256 random bits need no slow hash
    hint text NOT NULL,                        -- first characters, to recognise a key in a list
    scopes text[] NOT NULL,
    categories text[],                         -- null: every category
    rate_per_second integer,                   -- null: the installation's
    created_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz,
    revoked_at timestamptz
);
CREATE INDEX keys_project ON keys (project_id);

CREATE TABLE people (
    person_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    project_id integer NOT NULL REFERENCES projects ON DELETE CASCADE,
    user_id text NOT NULL,
    name text,
    email text,
    phone text,
    locale text,
    timezone text,
    avatar_url text,
    properties jsonb NOT NULL DEFAULT '{}',
    tokens_revoked_at timestamptz,             -- client tokens issued before are refused
    last_seen_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (project_id, user_id)
);

CREATE TABLE categories (
    project_id integer NOT NULL REFERENCES projects ON DELETE CASCADE,
    category text NOT NULL,
    policy jsonb NOT NULL,                     -- the category as the contract writes it
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (project_id, category)
);

CREATE TABLE topics (
    topic_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    project_id integer NOT NULL REFERENCES projects ON DELETE CASCADE,
    topic text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (project_id, topic)
);

CREATE TABLE topic_subscribers (
    topic_id bigint NOT NULL REFERENCES topics ON DELETE CASCADE,
    person_id bigint NOT NULL REFERENCES people ON DELETE CASCADE,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (topic_id, person_id)
);
CREATE INDEX topic_subscribers_person ON topic_subscribers (person_id);

-- What a backend asked for. `content` is what every item of it shares; localised texts are still maps here.
CREATE TABLE notifications (
    notification_id uuid PRIMARY KEY,
    project_id integer NOT NULL REFERENCES projects ON DELETE CASCADE,
    category text NOT NULL,
    priority text NOT NULL CHECK (priority IN ('critical', 'normal', 'bulk')),
    request jsonb NOT NULL,                    -- the publish body, defaults filled in
    send_at timestamptz,
    send_local timestamp,                      -- wall-clock time in each recipient's zone
    expires_at timestamptz,
    cancellation_key text,
    sandbox boolean NOT NULL DEFAULT false,
    recipients integer,                        -- distinct people; null while a job counts them
    excluded_users text[],                     -- withdrawn for these people only
    cancelled_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX notifications_list ON notifications (project_id, notification_id DESC);
CREATE INDEX notifications_cancellation ON notifications (project_id, cancellation_key) WHERE cancellation_key IS NOT NULL;

CREATE TABLE inbox_heads (
    person_id bigint PRIMARY KEY REFERENCES people ON DELETE CASCADE,
    epoch bigint NOT NULL DEFAULT (random() * 9007199254740991)::bigint,
    rev bigint NOT NULL DEFAULT 0,
    unseen integer NOT NULL DEFAULT 0,
    unread integer NOT NULL DEFAULT 0,
    total integer NOT NULL DEFAULT 0,
    delivered_rev bigint NOT NULL DEFAULT 0,
    floor_rev bigint NOT NULL DEFAULT 0,       -- changes up to here are no longer complete: older cursors reset
    broadcast_upto bigint NOT NULL DEFAULT 0,
    prefs_rev bigint NOT NULL DEFAULT 0
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02);

-- Items and tombstones: a tombstone is an item with removed_at set and its content cleared.
CREATE TABLE inbox_items (
    person_id bigint NOT NULL REFERENCES inbox_heads ON DELETE CASCADE,
    item_id uuid NOT NULL,
    notification_id uuid NOT NULL,
    seq bigint NOT NULL,                       -- the rev that created it
    rev bigint NOT NULL,                       -- the rev that last changed it
    item_rev bigint NOT NULL,                  -- the last change that bulk_marks does not explain
    category text NOT NULL,
    tags text[] NOT NULL DEFAULT '{}',
    tenant text,
    collapse_key text,
    dedupe_key text,
    content text NOT NULL,                     -- JSON object: the item's fields that never change; '' in a tombstone
    created_at timestamptz NOT NULL,
    seen_at timestamptz,
    read_at timestamptz,
    clicked_at timestamptz,
    archived_at timestamptz,
    pinned_at timestamptz,
    snoozed_until timestamptz,
    expires_at timestamptz,
    removed_at timestamptz,
    PRIMARY KEY (person_id, item_id),
    UNIQUE (notification_id, person_id)
) WITH (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.05);
CREATE INDEX inbox_items_resume ON inbox_items (person_id, item_rev, item_id);
CREATE INDEX inbox_items_list ON inbox_items (person_id, (pinned_at IS NOT NULL), seq) WHERE removed_at IS NULL;
CREATE INDEX inbox_items_collapse ON inbox_items (person_id, collapse_key) WHERE collapse_key IS NOT NULL AND removed_at IS NULL;
CREATE INDEX inbox_items_dedupe ON inbox_items (person_id, dedupe_key) WHERE dedupe_key IS NOT NULL;
CREATE INDEX inbox_items_expiry ON inbox_items (expires_at) WHERE expires_at IS NOT NULL AND removed_at IS NULL;
CREATE INDEX inbox_items_snooze ON inbox_items (snoozed_until) WHERE snoozed_until IS NOT NULL AND removed_at IS NULL;

-- One row per mark that covers many items by filter: resume replays it as one `updates` entry.
CREATE TABLE bulk_marks (
    person_id bigint NOT NULL REFERENCES inbox_heads ON DELETE CASCADE,
    rev bigint NOT NULL,
    body text NOT NULL,                        -- JSON: "all", "upto", "category"?, "tag"?, "set"
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (person_id, rev)
);

-- What was committed but perhaps not yet announced. `changes`: [[person_id, rev], …]
CREATE TABLE outbox (
    outbox_id uuid PRIMARY KEY,
    changes jsonb NOT NULL,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp()
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 500);
CREATE INDEX outbox_age ON outbox (created_at);

CREATE TABLE idempotency (
    scope text NOT NULL,                       -- credential, method, path
    key text NOT NULL,
    fingerprint bytea NOT NULL,                -- SHA-256 of the request's body
    status smallint NOT NULL,
    body bytea NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (scope, key)
);
CREATE INDEX idempotency_age ON idempotency (created_at);

CREATE TABLE broadcasts (
    project_id integer NOT NULL REFERENCES projects ON DELETE CASCADE,
    broadcast_seq bigint NOT NULL,
    notification_id uuid NOT NULL REFERENCES notifications ON DELETE CASCADE,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (project_id, broadcast_seq)
);

-- Fan-out that does not fit the accepting transaction: lists over 100, topics, schedules, cancellations.
CREATE TABLE jobs (
    job_id uuid PRIMARY KEY,
    project_id integer NOT NULL REFERENCES projects ON DELETE CASCADE,
    notification_id uuid NOT NULL REFERENCES notifications ON DELETE CASCADE,
    kind text NOT NULL CHECK (kind IN ('fanout', 'cancel')),
    lane smallint NOT NULL,                    -- 0 critical, 1 normal, 2 bulk
    state text NOT NULL CHECK (state IN ('waiting', 'done', 'cancelled')),
    due_at timestamptz NOT NULL,
    stage integer NOT NULL DEFAULT 0,          -- checkpoint: which recipient entry
    position bigint NOT NULL DEFAULT 0,        -- checkpoint: how far in it (index or person_id)
    delivered integer NOT NULL DEFAULT 0,
    lease_until timestamptz,
    attempts integer NOT NULL DEFAULT 0,
    last_error text,
    created_at timestamptz NOT NULL DEFAULT now(),
    finished_at timestamptz
);
CREATE INDEX jobs_due ON jobs (lane, due_at, job_id) WHERE state = 'waiting';
CREATE INDEX jobs_notification ON jobs (notification_id);
