-- What channels to the world need: browsers to push to, addresses not to write to any more, what came of each delivery.

ALTER TABLE people ADD COLUMN push boolean NOT NULL DEFAULT false;  -- has a browser to push to; kept by the trigger below

ALTER TABLE deliveries
    ADD COLUMN provider text,      -- the one that had the last attempt
    ADD COLUMN reference text,     -- the provider's id for it
    ADD COLUMN reached jsonb;      -- of a message to several places: those that have it, while others are tried again

-- The browsers of a person. One browser is one person's: whoever signs in there next takes it over.
CREATE TABLE push_subscriptions (
    subscription_id uuid PRIMARY KEY,          -- UUIDv7
    project_id integer NOT NULL REFERENCES projects ON DELETE CASCADE,
    person_id bigint NOT NULL REFERENCES people ON DELETE CASCADE,
    endpoint text NOT NULL,
    p256dh text NOT NULL,
    auth text NOT NULL,
    user_agent text,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    confirmed_at timestamptz NOT NULL DEFAULT clock_timestamp(),  -- when the browser last told of it
    expires_at timestamptz,                    -- what the browser said, if it did
    gone_at timestamptz,                       -- its push service knows it no more; kept for a while, to be renewed
    UNIQUE (project_id, endpoint)
);
CREATE INDEX push_subscriptions_person ON push_subscriptions (person_id, subscription_id);
CREATE INDEX push_subscriptions_gone ON push_subscriptions (gone_at) WHERE gone_at IS NOT NULL;

CREATE FUNCTION keep_push() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP <> 'INSERT' THEN
        -- In a statement of its own: of two that remove a person's last ones, the second sees what the first has done.
        PERFORM 1 FROM people WHERE person_id = OLD.person_id FOR NO KEY UPDATE;
        UPDATE people p SET push = false
        WHERE p.person_id = OLD.person_id AND p.push AND NOT EXISTS (
            SELECT 1 FROM push_subscriptions s WHERE s.person_id = OLD.person_id AND s.gone_at IS NULL);
    END IF;
    IF TG_OP <> 'DELETE' AND NEW.gone_at IS NULL THEN
        UPDATE people SET push = true WHERE person_id = NEW.person_id AND NOT push;
    END IF;
    RETURN NULL;
END $$;

CREATE TRIGGER push_subscriptions_keep AFTER INSERT OR DELETE OR UPDATE OF person_id, gone_at ON push_subscriptions
    FOR EACH ROW EXECUTE FUNCTION keep_push();

-- Addresses that nothing is sent to any more, and why. Compared in lower case.
CREATE TABLE suppressions (
    project_id integer NOT NULL REFERENCES projects ON DELETE CASCADE,
    channel text NOT NULL,                     -- email, sms
    address text NOT NULL,                     -- lower case
    reason text NOT NULL CHECK (reason IN ('bounced', 'complained', 'unsubscribed', 'manual')),
    detail text,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (project_id, channel, address)
);

-- A UUIDv7 (RFC 9562, section 5.7) for rows that a statement makes of other rows: the time over the front of a random one, and
-- its version's 4 (0100) made a 7 (0111).
CREATE FUNCTION make_uuid7() RETURNS uuid LANGUAGE sql VOLATILE AS $$
    SELECT encode(set_bit(set_bit(
        overlay(uuid_send(gen_random_uuid())
                PLACING substring(int8send((EXTRACT(epoch FROM clock_timestamp()) * 1000)::bigint) FROM 3) FROM 1 FOR 6),
        52, 1), 53, 1), 'hex')::uuid
$$;

-- What people and providers did with what was delivered: sent, opened, clicked, bounced, unsubscribed, seen, read.
CREATE TABLE events (
    event_id uuid PRIMARY KEY DEFAULT make_uuid7(),
    project_id integer NOT NULL,
    person_id bigint NOT NULL,
    notification_id uuid,
    delivery_id uuid,                          -- null: in the app, or by a page that belongs to no message
    category text NOT NULL,
    channel text NOT NULL,
    provider text,
    event text NOT NULL,
    link smallint,                             -- of a click: which link of the message, from 0
    at timestamptz NOT NULL DEFAULT clock_timestamp(),
    automated boolean NOT NULL DEFAULT false,  -- by a scanner or a privacy proxy, not by the person
    detail jsonb
) WITH (autovacuum_vacuum_insert_scale_factor = 0.05);  -- counts are read from the index alone where pages are known as visible
CREATE INDEX events_list ON events (project_id, event_id);
CREATE INDEX events_notification ON events (notification_id) WHERE delivery_id IS NOT NULL;
-- Once for each delivery, event, link, and whether a person did it; in the app once for each item. Whoever writes events says
-- ON CONFLICT DO NOTHING. It also finds what is to go with a person.
CREATE UNIQUE INDEX events_once ON events (person_id, COALESCE(delivery_id, notification_id, event_id), event, automated,
                                           COALESCE(link, -1));
CREATE INDEX events_counts ON events (project_id, at) INCLUDE (category, channel, provider, event, automated);
