-- What notifications say. A version is never changed once it is there: notifications are pinned to it.

CREATE TABLE templates (
    project_id integer NOT NULL REFERENCES projects ON DELETE CASCADE,
    template text NOT NULL,
    kind text NOT NULL CHECK (kind IN ('message', 'layout', 'partial')),
    draft jsonb NOT NULL,                      -- the document as it was last put
    revision integer NOT NULL DEFAULT 1,       -- of the draft; a draft that was sent is kept as version -revision
    published integer,                         -- the version that publishes take; null: none yet
    changed boolean NOT NULL DEFAULT true,     -- whether the draft differs from what is published
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    updated_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    deleted_at timestamptz,                    -- gone for callers; its versions stay for whoever is pinned to them
    PRIMARY KEY (project_id, template)
);

CREATE TABLE template_versions (
    project_id integer NOT NULL,
    template text NOT NULL,
    version integer NOT NULL,                  -- 1, 2, 3 …; below 0: drafts that were sent as a test
    document jsonb NOT NULL,
    uses text[] NOT NULL DEFAULT '{}',         -- layouts and partials that it names
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (project_id, template, version),
    FOREIGN KEY (project_id, template) REFERENCES templates ON DELETE CASCADE
);

ALTER TABLE projects ADD COLUMN brand jsonb;   -- null: none
