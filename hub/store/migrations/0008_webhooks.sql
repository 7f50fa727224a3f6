-- Dead letters that are sent again, and webhooks: what happens here, told to backends.

ALTER TABLE deliveries ADD COLUMN attempts_before smallint NOT NULL DEFAULT 0;  -- the last replay: not of its budget

CREATE TABLE webhook_endpoints (
    endpoint_id uuid PRIMARY KEY,              -- UUIDv7
    project_id integer NOT NULL REFERENCES projects ON DELETE CASCADE,
    url text NOT NULL,
    events text[] NOT NULL,                    -- types that it wants
    description text,
    secret text NOT NULL,                      -- whsec_…
    previous_secret text,                      -- signs too, until
    previous_until timestamptz,
    enabled boolean NOT NULL DEFAULT true,
    disabled_at timestamptz,
    disabled_reason text,                      -- why the hub switched it off; null: it was told to
    failures integer NOT NULL DEFAULT 0,       -- in a row
    failing_since timestamptz,                 -- of the first of those
    paused_until timestamptz,                  -- after several of those nothing goes there for a while
    replay_since timestamptz,                  -- a replay under way: of what happened since then,
    replay_after bigint,                       -- between these positions
    replay_upto bigint,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    updated_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX webhook_endpoints_project ON webhook_endpoints (project_id, endpoint_id);

-- One event for one endpoint; the table is the queue. It is written in the transaction in which the event happens, so that
-- none is missed. No foreign keys: checking one would lock the endpoint's row in every transaction that settles a delivery.
CREATE TABLE webhook_messages (
    position bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    endpoint_id uuid NOT NULL,
    message_id uuid NOT NULL,                  -- UUIDv7; the same for every attempt and replay
    person_id bigint,
    type text NOT NULL,
    at timestamptz NOT NULL,
    data jsonb NOT NULL,
    state text NOT NULL DEFAULT 'due' CHECK (state IN ('due', 'claimed', 'sent', 'failed')),
    due_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    retry_until timestamptz NOT NULL,
    attempts smallint NOT NULL DEFAULT 0,
    attempts_before smallint NOT NULL DEFAULT 0,  -- the last replay
    lease_until timestamptz,
    finished_at timestamptz,
    history jsonb NOT NULL DEFAULT '[]'        -- attempts: [[unix ms, status or null, detail or null, ms it took], …]
) WITH (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.02);
CREATE INDEX webhook_messages_list ON webhook_messages (endpoint_id, position);
CREATE INDEX webhook_messages_due ON webhook_messages (endpoint_id, due_at) WHERE state = 'due';
CREATE INDEX webhook_messages_claimed ON webhook_messages (endpoint_id, lease_until) WHERE state = 'claimed';
CREATE INDEX webhook_messages_person ON webhook_messages (person_id);

-- Whoever writes events, by whatever statement: endpoints that want them get them. What becomes of deliveries is told where
-- it is settled (hub.store.webhooks), because most of it is no event.
CREATE FUNCTION tell_webhooks() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO webhook_messages (endpoint_id, message_id, person_id, type, at, data, retry_until)
    SELECT w.endpoint_id, e.event_id, e.person_id, t.type, e.at,
           jsonb_build_object('user', p.user_id, 'notification_id', e.notification_id, 'delivery_id', e.delivery_id,
                              'category', e.category, 'channel', e.channel, 'provider', e.provider,
                              'automated', e.automated),
           clock_timestamp() + interval '4 days'
    FROM new_events e
    CROSS JOIN LATERAL (SELECT CASE WHEN e.event IN ('sent', 'dead') THEN NULL WHEN e.event = 'unsubscribed' THEN e.event
                                    WHEN e.channel = 'in_app' THEN 'item.' || e.event
                                    ELSE e.channel || '.' || e.event END AS type) t
    JOIN webhook_endpoints w ON w.project_id = e.project_id AND t.type = ANY(w.events)
    JOIN people p ON p.person_id = e.person_id;
    RETURN NULL;
END $$;

CREATE TRIGGER events_tell_webhooks AFTER INSERT ON events REFERENCING NEW TABLE AS new_events
    FOR EACH STATEMENT EXECUTE FUNCTION tell_webhooks();
