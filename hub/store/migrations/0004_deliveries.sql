-- Deliveries outside the app: preferences, the ladder's rows, digests, and the channel of test projects.

ALTER TABLE projects
    ADD COLUMN preferences jsonb NOT NULL DEFAULT '{}',  -- the project's layer, as the contract writes it
    ADD COLUMN sandbox boolean NOT NULL DEFAULT false,   -- every decision is taken, nothing is sent outside
    ADD COLUMN cap jsonb;                                -- over all categories: {"limit", "per", "overflow"}

CREATE TABLE tenants (
    project_id integer NOT NULL REFERENCES projects ON DELETE CASCADE,
    tenant text NOT NULL,
    preferences jsonb NOT NULL DEFAULT '{}',             -- the tenant's layer
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (project_id, tenant)
);

ALTER TABLE people ADD COLUMN preferences jsonb;         -- the person's layer; null: they never said anything

-- Preferences are read with the head that is locked for dispatch, and again right before sending: nothing to compare.
ALTER TABLE inbox_heads DROP COLUMN prefs_rev;

-- What is skipped for everybody alike, told once instead of in a row for each recipient: {channel: reason}.
ALTER TABLE notifications ADD COLUMN skipped jsonb;

-- One row for one person and one line of the ladder, holding its next step (hub.model.delivery). The table is the queue.
-- No foreign key: checking one would take heads that a publish may hold, against the order of locks; who deletes a person
-- deletes these.
CREATE TABLE deliveries (
    delivery_id uuid PRIMARY KEY,              -- UUIDv7
    person_id bigint NOT NULL,
    notification_id uuid NOT NULL,
    project_id integer NOT NULL,
    category text NOT NULL,
    kind text NOT NULL DEFAULT 'step' CHECK (kind IN ('step', 'withdrawal')),  -- withdrawal: closes a push that shows
    line smallint NOT NULL,
    step smallint NOT NULL,                    -- how many steps of the line are behind it
    channel text NOT NULL,
    condition text NOT NULL,
    after_seconds integer NOT NULL,
    following jsonb NOT NULL,                  -- the line's steps after this one: [[channel, after_seconds, condition], …]
    lane smallint NOT NULL,                    -- 0 critical, 1 normal, 2 bulk
    position bigint NOT NULL,                  -- the person's revision at dispatch: the order within a lane, by no clock
    state text NOT NULL CHECK (state IN ('waiting', 'queued', 'due', 'claimed', 'sent', 'delivered', 'skipped', 'dead',
                                         'cancelled', 'expired')),
    reason text,                               -- of the newest transition
    dispatched_at timestamptz NOT NULL,        -- what after_seconds counts from
    due_at timestamptz NOT NULL,               -- waiting: decided again; due: may be claimed
    ready_at timestamptz,                      -- decided to go, for the first time: what the retry budget's age counts from
    counted_at timestamptz,                    -- counts against caps, since
    attempts smallint NOT NULL DEFAULT 0,
    lease_until timestamptz,
    finished_at timestamptz,
    digest_id uuid,                            -- waiting: gathered there; otherwise: left with it
    shown boolean NOT NULL DEFAULT false,      -- a push that was sent and is still to be closed when the item is seen
    gathered jsonb,                            -- of the delivery that stands for a digest: {"count", "notifications": […]}
    history jsonb NOT NULL                     -- every transition: [[unix ms, channel, event, reason, detail, actor], …]
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_insert_scale_factor = 0.1);

CREATE UNIQUE INDEX deliveries_step ON deliveries (notification_id, person_id, line, step, kind);
CREATE INDEX deliveries_person ON deliveries (person_id, delivery_id);
-- What waits, in two orders: one person's, and a whole lane's. How many wait changes faster than statistics, and a planner
-- that believes in none takes either index for either question, and then reads everybody's rows, or sorts them (17 s to the
-- claim of a critical one in a backlog of 100,000, November 2026). So each can serve its own question only: `person_id > 0`
-- has to be asked to be given the first, `lane + 0` the second.
CREATE INDEX deliveries_next ON deliveries (person_id, channel, lane, due_at)
    WHERE state = 'waiting' AND digest_id IS NULL AND person_id > 0;
CREATE INDEX deliveries_waiting ON deliveries ((lane + 0), due_at, delivery_id)
    WHERE state = 'waiting' AND digest_id IS NULL;
CREATE INDEX deliveries_queued ON deliveries (person_id, channel, lane, position, delivery_id) WHERE state = 'queued';
CREATE INDEX deliveries_due ON deliveries (channel, lane, project_id, due_at, delivery_id) WHERE state = 'due';
CREATE INDEX deliveries_leases ON deliveries (lease_until) WHERE state = 'claimed';
CREATE INDEX deliveries_busy ON deliveries (project_id) WHERE state = 'claimed';
CREATE INDEX deliveries_gathered ON deliveries (digest_id) WHERE state = 'waiting' AND digest_id IS NOT NULL;
CREATE INDEX deliveries_dead ON deliveries (project_id, delivery_id) WHERE state = 'dead';
CREATE INDEX deliveries_counted ON deliveries (person_id, counted_at) WHERE counted_at IS NOT NULL;
CREATE INDEX deliveries_shown ON deliveries (person_id) WHERE shown;

-- Order, held by the database: of one person, channel and lane, one delivery at a time is at its first attempt.
CREATE UNIQUE INDEX deliveries_first ON deliveries (person_id, channel, lane)
    WHERE (state = 'due' AND attempts = 0) OR (state = 'claimed' AND attempts = 1);

CREATE TABLE digests (
    digest_id uuid PRIMARY KEY,
    person_id bigint NOT NULL,
    project_id integer NOT NULL,
    category text NOT NULL,
    channel text NOT NULL,
    key text NOT NULL,
    opened_at timestamptz NOT NULL,
    closes_at timestamptz NOT NULL,
    members integer NOT NULL DEFAULT 0,        -- that ever joined
    closed_at timestamptz
);
CREATE UNIQUE INDEX digests_open ON digests (person_id, channel, category, key) WHERE closed_at IS NULL;
CREATE INDEX digests_due ON digests (closes_at) WHERE closed_at IS NULL;
CREATE INDEX digests_closed ON digests (closed_at) WHERE closed_at IS NOT NULL;

-- Whoever changes a person's zone or preferences, by whatever statement: what quiet hours hold is decided again.
CREATE FUNCTION decide_held_again() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE deliveries SET due_at = clock_timestamp()
    WHERE person_id = NEW.person_id AND person_id > 0 AND state = 'waiting' AND digest_id IS NULL AND reason = 'quiet_hours'
      AND due_at > clock_timestamp();
    RETURN NULL;
END $$;

CREATE TRIGGER people_decide_held_again AFTER UPDATE ON people FOR EACH ROW
    WHEN (OLD.timezone IS DISTINCT FROM NEW.timezone OR OLD.preferences IS DISTINCT FROM NEW.preferences)
    EXECUTE FUNCTION decide_held_again();

-- What would have been sent, in test projects and by notifications with `sandbox`: the channel that writes to a table.
CREATE TABLE sandbox_messages (
    delivery_id uuid PRIMARY KEY,
    project_id integer NOT NULL REFERENCES projects ON DELETE CASCADE,
    person_id bigint NOT NULL,
    channel text NOT NULL,
    message jsonb NOT NULL,
    position bigint GENERATED ALWAYS AS IDENTITY,  -- the order in which they came
    attempts integer NOT NULL DEFAULT 1,       -- how often it was handed over; only the first counts
    created_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX sandbox_messages_person ON sandbox_messages (person_id, position);
CREATE INDEX sandbox_messages_age ON sandbox_messages (created_at);
